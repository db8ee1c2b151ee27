//! The ways out of a board: frames over its UART, and what a test wants to know of a program at once.

use jaegerling_core::frame::Encoder;

use crate::board;

/// Sends a frame over the UART.
pub fn send(mut frame: Encoder<'_>) {
    while let Some(bytes) = frame.next_chunk() {
        board::transmit(bytes);
    }
}

/// The letters of a datagram for [`send_at_once`].
pub const DATAGRAM: [u8; 2] = *b"JG";

/// Gives the test some bytes by [`board::transmit_at_once`], which loses nothing: behind a header with
/// two letters for what they are, the session, and their length, each number with its lowest byte
/// first. Of more than 65,535 bytes it gives nothing.
pub fn send_at_once(letters: [u8; 2], session: u32, bytes: &[u8]) {
    let Ok(length) = u16::try_from(bytes.len()) else {
        return;
    };
    let [l0, l1] = letters;
    let [s0, s1, s2, s3] = session.to_le_bytes();
    let [b0, b1] = length.to_le_bytes();
    board::transmit_at_once(&[l0, l1, s0, s1, s2, s3, b0, b1]);
    board::transmit_at_once(bytes);
}
