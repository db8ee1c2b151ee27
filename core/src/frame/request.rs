//! The way back: a host that has just come asks for a hello.

/// What the host sends to ask for a [hello](super::Content::Hello): a frame that is always the same.
#[rustfmt::skip]
pub const REQUEST: [u8; 16] = [
    0,
    // CRC.
    5, 0x91, 0xb8, 0x79, 0x0b,
    // Sent at, session, sequence: eight zeros, of which the first is told already.
    1, 1, 1, 1, 1, 1, 1,
    // Version and kind, and a zero.
    2, 0x25,
    0,
];

/// Hears [`REQUEST`] in what arrives on a device, at the price of a byte of memory. Whatever else
/// arrives is left alone.
///
/// ```
/// use jaegerling_core::frame::{REQUEST, RequestListener};
///
/// let mut listener = RequestListener::new();
/// assert!(!listener.hear(b"something else, and then: "));
/// assert!(listener.hear(&REQUEST));
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct RequestListener {
    /// How much of it the last bytes were.
    heard: u8,
}

impl RequestListener {
    /// One that has heard nothing.
    pub const fn new() -> Self {
        Self { heard: 0 }
    }

    /// Hears some more bytes, one or many. Says whether a request has ended among them.
    pub fn hear(&mut self, bytes: &[u8]) -> bool {
        let mut requested = false;
        for &byte in bytes {
            // A zero can only be its beginning or its end: nothing else of it has to be tried again.
            self.heard = match REQUEST.get(usize::from(self.heard)) {
                Some(&expected) if expected == byte => self.heard + 1,
                _ => u8::from(byte == 0),
            };
            if usize::from(self.heard) == REQUEST.len() {
                requested = true;
                // The delimiter behind it may be the one in front of the next.
                self.heard = 1;
            }
        }
        requested
    }
}
