//! What a program has sent at once, split into its parts again.

/// A part, as `send_at_once` of `device/src/link.rs` sends it.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) letters: [u8; 2],
    pub(crate) bytes: &'a [u8],
}

/// The letters of a datagram.
pub(crate) const DATAGRAM: [u8; 2] = *b"JG";

/// All frames, with nothing between them.
#[track_caller]
pub(crate) fn frames(mut sent: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while !sent.is_empty() {
        let Some((&[a, b, _, _, _, _, l0, l1], rest)) = sent.split_first_chunk() else {
            panic!("not a header: {}", beginning(sent));
        };
        let length = u16::from_le_bytes([l0, l1]).into();
        let cut = rest.split_at_checked(length);
        let Some((bytes, rest)) = cut else {
            panic!("a frame is cut: {}", beginning(sent));
        };
        frames.push(Frame {
            letters: [a, b],
            bytes,
        });
        sent = rest;
    }
    frames
}

/// As text, which a panic is.
fn beginning(sent: &[u8]) -> String {
    sent[..sent.len().min(80)].escape_ascii().to_string()
}
