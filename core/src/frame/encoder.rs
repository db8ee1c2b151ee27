//! The bytes of a frame: COBS over a payload that stays where it is, and a trailer.

use super::{BLOCK, DELIMITER, crc, trailer};

/// A frame on its way out. It gives its bytes in whatever pieces the link takes them, until there
/// are none: [`next_chunk`](Self::next_chunk), [`fill`](Self::fill), or one by one as an
/// [`Iterator`]. A frame that is given up in the middle is lost, and no other.
#[derive(Clone, Debug)]
pub struct Encoder<'d> {
    /// What of the payload is not out yet.
    payload: &'d [u8],
    /// What of the trailer is not out yet begins at `at`.
    trailer: [u8; trailer::LEN],
    at: u8,
    /// How many bytes of the block that was begun are to come.
    run: u8,
    next: Next,
    /// The delimiter or code that was given as a chunk.
    byte: [u8; 1],
}

/// What follows once the block is out.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The delimiter in front.
    Begin,
    Block,
    /// A zero, for which the block has stood, and then another block.
    ZeroAndBlock,
    /// The delimiter behind.
    End,
    Nothing,
}

impl<'d> Encoder<'d> {
    /// A frame with this payload. Of the trailer, all but the CRC is there; it begins at `at`.
    pub(super) fn new(payload: &'d [u8], mut trailer: [u8; trailer::LEN], at: usize) -> Self {
        let crc = crc::update(crc::BEGIN, payload);
        let before_crc = trailer.get(at..trailer::LEN - trailer::CRC_LEN);
        let crc = crc::update(crc, before_crc.unwrap_or_default());
        if let Some(place) = trailer.last_chunk_mut() {
            *place = (!crc).to_le_bytes();
        }
        Self {
            payload,
            trailer,
            at: at as u8,
            run: 0,
            next: Next::Begin,
            byte: [DELIMITER],
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
        if self.run == 0 {
            self.byte = [self.between()?];
            return Some(&self.byte);
        }
        let run = usize::from(self.run);
        let of_payload = run.min(self.payload.len());
        if of_payload > 0 {
            let (chunk, rest) = self.payload.split_at_checked(of_payload)?;
            self.payload = rest;
            self.run -= of_payload as u8;
            return Some(chunk);
        }
        let at = usize::from(self.at);
        self.at += self.run;
        self.run = 0;
        self.trailer.get(at..at + run)
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
        let mut len = 0;
        for (place, byte) in buffer.iter_mut().zip(self) {
            *place = byte;
            len += 1;
        }
        len
    }

    /// What stands between two blocks: a delimiter, or the code of the next block.
    fn between(&mut self) -> Option<u8> {
        match self.next {
            Next::Begin => self.next = Next::Block,
            Next::Block => return Some(self.block()),
            Next::ZeroAndBlock => {
                self.take_byte();
                return Some(self.block());
            }
            Next::End => self.next = Next::Nothing,
            Next::Nothing => return None,
        }
        Some(DELIMITER)
    }

    /// Looks ahead to the next zero, and begins a block up to there. Returns its code.
    #[inline(always)]
    fn block(&mut self) -> u8 {
        let trailer = self.trailer.get(self.at.into()..).unwrap_or_default();
        let mut run = 0;
        self.next = 'next: {
            for part in [self.payload, trailer] {
                for &byte in part {
                    if run == BLOCK {
                        break 'next Next::Block;
                    }
                    if byte == 0 {
                        break 'next Next::ZeroAndBlock;
                    }
                    run += 1;
                }
            }
            Next::End
        };
        self.run = run as u8;
        self.run + 1
    }

    /// The next byte of payload and trailer.
    #[inline(always)]
    fn take_byte(&mut self) -> Option<u8> {
        match self.payload {
            [byte, rest @ ..] => {
                self.payload = rest;
                Some(*byte)
            }
            [] => {
                let byte = self.trailer.get(usize::from(self.at))?;
                self.at += 1;
                Some(*byte)
            }
        }
    }
}

impl Iterator for Encoder<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        match self.run {
            0 => self.between(),
            _ => {
                self.run -= 1;
                self.take_byte()
            }
        }
    }
}
