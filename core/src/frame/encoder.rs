//! The bytes of a frame: COBS over a header and a payload, which stay where they are.

use core::sync::atomic::{Ordering, compiler_fence};

use super::{BLOCK, DELIMITER};

/// A frame on its way out. It gives its bytes in whatever pieces the link takes them, until there
/// are none: one by one as an [`Iterator`], [`next_chunk`](Self::next_chunk), or
/// [`fill`](Self::fill). A frame that is given up in the middle is lost, and no other.
///
/// One by one takes the least flash, in a function of its own: there, all of it is in registers.
///
/// ```
/// # use jaegerling_core::{Clock, frame::Writer};
/// #[inline(never)]
/// fn send(writer: &mut Writer, clock: &impl Clock, datagram: &[u8], uart: impl Fn(u8)) {
///     for byte in writer.datagram(clock, datagram) {
///         uart(byte);
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Encoder<'w> {
    /// What is to come of the block that was begun; at first, all up to the payload.
    block: &'w [u8],
    /// What comes behind that, in further blocks.
    rest: &'w [u8],
    /// What stood in front of the block; once the last delimiter is told, that.
    code: [u8; 1],
}

impl<'w> Encoder<'w> {
    /// A frame that begins with `front`, delimiter and all, and ends with a payload.
    #[inline(always)]
    pub(super) const fn new(front: &'w [u8], payload: &'w [u8]) -> Self {
        Self {
            block: front,
            rest: payload,
            code: [1],
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
    pub fn next_chunk(&mut self) -> Option<&[u8]> {
        if !self.block.is_empty() {
            return Some(core::mem::take(&mut self.block));
        }
        self.go_on()?;
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
        let rest = self.rest;
        let code = match rest {
            [] if self.code == [DELIMITER] => return None,
            [] => DELIMITER,
            _ => {
                let longest = rest.get(..BLOCK).unwrap_or(rest);
                let mut runs = longest.split(|byte| *byte == 0);
                self.block = runs.next().unwrap_or_default();
                let len = self.block.len();
                // A shorter block stands for the zero behind it, too.
                let past = rest.len().min(len + usize::from(len < BLOCK));
                self.rest = rest.get(past..).unwrap_or_default();
                len as u8 + 1
            }
        };
        self.code = [code];
        Some(code)
    }
}

/// Stuffs what begins with the place of a code, and has a zero behind it: fewer bytes than a block.
pub(super) fn stuff(bytes: &mut [u8]) {
    let mut code = 1;
    for byte in bytes.iter_mut().rev() {
        if *byte == 0 {
            *byte = code;
            code = 0;
        }
        code += 1;
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
