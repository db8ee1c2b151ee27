//! Datagrams over the board's UART, each behind a header with its length: for a wire that loses
//! nothing.
//!
//! | bytes | what |
//! |---|---|
//! | 2 | `JG` for a datagram; programs may send other things under other letters |
//! | 4 | the session that its spans were recorded in, the lowest byte first |
//! | 2 | how many bytes follow, the lowest byte first |

use crate::board;

/// The letters of a datagram.
pub const DATAGRAM: [u8; 2] = *b"JG";

/// Sends a frame over the UART. Of more than 65,535 bytes it sends nothing.
pub fn send(letters: [u8; 2], session: u32, bytes: &[u8]) {
    send_by(board::transmit, letters, session, bytes);
}

/// The same by [`board::transmit_at_once`].
pub fn send_at_once(letters: [u8; 2], session: u32, bytes: &[u8]) {
    send_by(board::transmit_at_once, letters, session, bytes);
}

fn send_by(transmit: fn(&[u8]), letters: [u8; 2], session: u32, bytes: &[u8]) {
    let Ok(length) = u16::try_from(bytes.len()) else {
        return;
    };
    let [l0, l1] = letters;
    let [s0, s1, s2, s3] = session.to_le_bytes();
    let [b0, b1] = length.to_le_bytes();
    transmit(&[l0, l1, s0, s1, s2, s3, b0, b1]);
    transmit(bytes);
}
