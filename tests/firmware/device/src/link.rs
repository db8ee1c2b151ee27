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

/// Sends a frame. Of more than 65,535 bytes it sends nothing.
pub fn send(letters: [u8; 2], session: u32, bytes: &[u8]) {
    let Ok(length) = u16::try_from(bytes.len()) else {
        return;
    };
    board::transmit(&letters);
    board::transmit(&session.to_le_bytes());
    board::transmit(&length.to_le_bytes());
    board::transmit(bytes);
}
