//! The bytes of a frame: COBS over a header and a payload, which stay where they are.

use core::sync::atomic::{Ordering, compiler_fence};

use super::{BLOCK, DELIMITER};

/// A frame on its way out. It gives its bytes in whatever pieces the link takes them, until there
/// are none: [`next_chunk`](Self::next_chunk), [`fill`](Self::fill), or one by one as an
/// [`Iterator`]. A frame that is given up in the middle is lost, and no other.
#[derive(Clone, Debug)]
pub struct Encoder<'w> {
    /// What is to come of the block that was begun; at first, the delimiter.
    block: &'w [u8],
    /// What comes behind that, in further blocks.
    rest: &'w [u8],
    /// What comes behind that.
    payload: &'w [u8],
    /// Whether the last delimiter is to come.
    is_open: bool,
    /// What stood in front of the block.
    code: [u8; 1],
}

impl<'w> Encoder<'w> {
    /// A frame with a header that ends in a zero, and behind that a payload.
    #[inline(always)]
    pub(super) const fn new(delimiter: &'w [u8], header: &'w [u8], payload: &'w [u8]) -> Self {
        Self {
            block: delimiter,
            rest: header,
            payload,
            is_open: true,
            code: [DELIMITER],
        }
    }

    /// The next bytes of the frame, at least one; `None` if that were all.
    ///
    /// ```
    /// # use jaegerling_core::frame::Encoder;
    /// fn send(mut frame: Encoder, uart: impl Fn(&[u8])) {
    ///     while let Some(bytes) = frame.next_chunk() {
    ///         uart(bytes);
    ///     }
    /// }
    /// ```
    // Not inline: where it would be, registers are scarce.
    #[inline(never)]
    pub fn next_chunk(&mut self) -> Option<&[u8]> {
        if !self.block.is_empty() {
            let (block, none) = self.block.split_at(self.block.len());
            self.block = none;
            return Some(block);
        }
        self.code = [self.go_on()?];
        Some(&self.code)
    }

    /// Fills the buffer with the next bytes of the frame, and says how many there are: fewer than
    /// it holds if these were the last ones, 0 if there is none any more.
    ///
    /// ```
    /// # use jaegerling_core::frame::Encoder;
    /// fn send(mut frame: Encoder, transfer: impl Fn(&[u8])) {
    ///     let mut buffer = [0; 64];
    ///     loop {
    ///         let len = frame.fill(&mut buffer);
    ///         if len == 0 {
    ///             break;
    ///         }
    ///         transfer(&buffer[..len]);
    ///     }
    /// }
    /// ```
    pub fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let whole = buffer.len();
        let mut free = buffer;
        loop {
            let len = free.len().min(self.block.len());
            let (block, rest) = self.block.split_at_checked(len).unwrap_or_default();
            let (places, behind) = free.split_at_mut_checked(len).unwrap_or_default();
            self.block = rest;
            free = behind;
            for (place, byte) in places.iter_mut().zip(block) {
                *place = *byte;
                // A loop, and not a call of `memcpy`, which blocks are too short for.
                compiler_fence(Ordering::SeqCst);
            }
            let Some((place, behind)) = free.split_first_mut() else {
                return whole;
            };
            let Some(byte) = self.go_on() else {
                return whole - behind.len() - 1;
            };
            *place = byte;
            free = behind;
        }
    }

    /// The next bytes of the frame, as many as the buffer holds; `None` if that were all.
    #[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
    pub(crate) fn next_bytes<'b>(&mut self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let len = self.fill(buffer);
        buffer.get(..len).filter(|bytes| !bytes.is_empty())
    }

    /// What stands behind a block: the code of the next one, which is begun, or the delimiter.
    #[inline(always)]
    fn go_on(&mut self) -> Option<u8> {
        if self.rest.is_empty() {
            self.rest = core::mem::take(&mut self.payload);
        }
        if self.rest.is_empty() {
            let was_open = core::mem::replace(&mut self.is_open, false);
            return was_open.then_some(DELIMITER);
        }
        Some(self.begin_block())
    }

    /// Looks ahead to the next zero, and begins a block up to there. Returns its code.
    #[inline(always)]
    fn begin_block(&mut self) -> u8 {
        let longest = self.rest.get(..BLOCK).unwrap_or(self.rest);
        let zero = longest.iter().position(|byte| *byte == 0);
        let run = zero.unwrap_or(longest.len());
        let (block, behind) = self.rest.split_at_checked(run).unwrap_or_default();
        self.block = block;
        self.rest = match behind {
            // The block stands for the zero, too.
            [_, behind @ ..] if run < BLOCK => behind,
            _ => behind,
        };
        run as u8 + 1
    }
}

impl Iterator for Encoder<'_> {
    type Item = u8;

    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        match self.block {
            [byte, block @ ..] => {
                self.block = block;
                Some(*byte)
            }
            [] => self.go_on(),
        }
    }
}
