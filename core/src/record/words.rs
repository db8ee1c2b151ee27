//! The words of a record, wherever in its chain of slots they lie.

use super::words_for;
use crate::slot::{Slot, bytes_of};
use crate::text::Blob;

/// A place in the stream of words, and how many follow.
#[derive(Clone, Copy)]
pub(super) struct Words<'r, const WORDS: usize> {
    pub(super) slot: &'r Slot<WORDS>,
    pub(super) at: usize,
    pub(super) left: usize,
}

impl<'r, const WORDS: usize> Words<'r, WORDS> {
    /// The words from here to the end of the slot, or of the record.
    pub(super) fn here(&self) -> &'r [u32] {
        let end = WORDS.min(self.at + self.left);
        // SAFETY: `left` counts words below the committed length, and whoever made the record
        // promised that it is not freed.
        let words = unsafe { self.slot.committed(end) };
        words.get(self.at..).unwrap_or(&[])
    }

    pub(super) fn word(&mut self) -> Option<u32> {
        if self.at == WORDS && self.left > 0 {
            self.slot = self.slot.next_in_chain()?;
            self.at = 0;
        }
        let word = *self.here().first()?;
        self.at += 1;
        self.left -= 1;
        Some(word)
    }

    /// The next `len` bytes, with the words that hold them taken.
    pub(super) fn pieces(&mut self, len: usize) -> Option<Pieces<'r, WORDS>> {
        let mut count = words_for(len);
        if count > 0 && self.at == WORDS {
            self.slot = self.slot.next_in_chain()?;
            self.at = 0;
        }
        let here = bytes_of(self.here());
        let first = here.get(..len).unwrap_or(here);
        let pieces = Pieces {
            first,
            slot: self.slot,
            more: len - first.len(),
        };
        self.left = self.left.checked_sub(count)?;
        while count > WORDS - self.at {
            count -= WORDS - self.at;
            self.slot = self.slot.next_in_chain()?;
            self.at = 0;
        }
        self.at += count;
        Some(pieces)
    }
}

/// Bytes of a record, in as many pieces as slots that they lie in.
#[derive(Clone, Copy)]
pub(crate) struct Pieces<'r, const WORDS: usize> {
    /// The first piece, which is all of them in most cases.
    pub(super) first: &'r [u8],
    /// Where it lies; the others are those behind it in the chain.
    pub(super) slot: &'r Slot<WORDS>,
    /// How many bytes lie there.
    pub(super) more: usize,
}

impl<'r, const WORDS: usize> Pieces<'r, WORDS> {
    /// The pieces, one after another.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'r [u8]> + use<'r, WORDS> {
        let Self {
            first,
            mut slot,
            mut more,
        } = *self;
        let others = core::iter::from_fn(move || {
            if more == 0 {
                return None;
            }
            slot = slot.next_in_chain()?;
            // SAFETY: `pieces` has checked that the record's committed length covers `more` bytes
            // behind the first piece; whoever made the record promised that it is not freed.
            let here = bytes_of(unsafe { slot.committed(words_for(more)) });
            let piece = here.get(..more).unwrap_or(here);
            more -= piece.len();
            Some(piece)
        });
        core::iter::once(first).chain(others)
    }

    #[cold]
    #[inline(never)]
    fn copy_pieces_to(&self, out: &mut [u8]) {
        let mut to = out.iter_mut();
        for piece in self.iter() {
            piece.iter().zip(&mut to).for_each(|(from, to)| *to = *from);
        }
    }
}

impl<const WORDS: usize> Blob for Pieces<'_, WORDS> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.first.len() + self.more
    }

    #[inline(always)]
    fn copy_to(&self, out: &mut [u8]) {
        match self.more {
            0 => self.first.copy_to(out),
            _ => self.copy_pieces_to(out),
        }
    }
}
