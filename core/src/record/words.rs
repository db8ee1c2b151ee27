//! The words of a record, wherever in its chain of slots they lie.

use super::words_for;
use crate::slot::{Slot, bytes_of};
use crate::text::{Blob, whole_characters};

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

    /// Whether it is UTF-8.
    pub(crate) fn is_text(&self) -> bool {
        self.each_text(|text| text.map(|_| ()).ok_or(())).is_ok()
    }

    /// Calls `take` with one text after another, or with `None` for what is no UTF-8.
    pub(crate) fn each_text<E>(
        &self,
        mut take: impl FnMut(Option<&str>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut carry = [0_u8; 4];
        let mut carried = 0;
        for mut piece in self.iter() {
            // Slots end anywhere: put together the character that lies across two of them.
            while carried > 0 {
                let Some((byte, rest)) = piece.split_first() else {
                    break;
                };
                let Some(at) = carry.get_mut(carried) else {
                    carried = 0;
                    take(None)?;
                    break;
                };
                *at = *byte;
                carried += 1;
                piece = rest;
                if let Some(Ok(whole)) = carry.get(..carried).map(core::str::from_utf8) {
                    take(Some(whole))?;
                    carried = 0;
                }
            }
            let Some((whole, rest)) = piece.split_at_checked(whole_characters(piece)) else {
                continue;
            };
            if !whole.is_empty() {
                take(core::str::from_utf8(whole).ok())?;
            }
            if let Some(carry) = carry.get_mut(..rest.len()).filter(|to| !to.is_empty()) {
                carry.copy_from_slice(rest);
                carried = rest.len();
            }
        }
        if carried > 0 { take(None) } else { Ok(()) }
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
