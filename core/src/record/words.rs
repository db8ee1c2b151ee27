//! The words of a record, wherever in its chain of slots they lie.

use super::{number_of, words_for};
use crate::slot::{Slot, bytes_of};
use crate::text::whole_characters;

/// A place in the stream of words.
#[derive(Clone, Copy)]
pub(crate) struct Words<'r, const WORDS: usize> {
    first: &'r Slot<WORDS>,
    /// The slot that was read last, and which word of the record it begins with.
    slot: &'r Slot<WORDS>,
    base: usize,
    /// The next word. Not before `base`.
    at: usize,
    /// How many words there are.
    length: usize,
}

impl<'r, const WORDS: usize> Words<'r, WORDS> {
    /// The first `length` words of the record that begins in a slot.
    ///
    /// # Safety
    ///
    /// So many are committed, and neither this slot nor those chained to it are freed during `'r`.
    pub(super) unsafe fn of(slot: &'r Slot<WORDS>, length: usize) -> Self {
        Self {
            first: slot,
            slot,
            base: 0,
            at: 0,
            length,
        }
    }

    /// Which word is the next one.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// How many words there are in all.
    #[inline(always)]
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Goes to a word, forth or back.
    #[inline(always)]
    pub(crate) fn go_to(&mut self, at: usize) {
        if at < self.base {
            (self.slot, self.base) = (self.first, 0);
        }
        self.at = at;
    }

    /// Leaves out the words that hold so many bytes.
    #[inline(always)]
    pub(super) fn pass(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(words_for(bytes));
    }

    /// The next word; 0 behind the last one. Out of line where code is dear: there, most spans go
    /// another way.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn word(&mut self) -> u32 {
        let word = self.piece(1).and_then(|piece| piece.first());
        self.at += 1;
        word.copied().unwrap_or(0)
    }

    /// Two words as a number, the lower one first.
    #[inline(never)]
    pub(crate) fn number(&mut self) -> u64 {
        number_of([(); 2].map(|()| self.word()))
    }

    /// All that are left, slot by slot.
    pub(super) fn pieces(mut self) -> impl Iterator<Item = &'r [u32]> {
        core::iter::from_fn(move || {
            let piece = self.piece(usize::MAX)?;
            self.at += piece.len();
            Some(piece)
        })
    }

    /// The next words, at most `count`, as far as they lie in one slot. `None` behind the last one.
    #[inline(always)]
    fn piece(&mut self, count: usize) -> Option<&'r [u32]> {
        let left = self.length.checked_sub(self.at)?;
        while self.at - self.base >= WORDS {
            // Behind the last word there need not be another slot.
            if left == 0 {
                return None;
            }
            self.slot = self.slot.next_in_chain()?;
            self.base += WORDS;
        }
        let begin = self.at - self.base;
        // SAFETY: below the committed length, and whoever made this promised that they are not
        // freed.
        let words = unsafe { self.slot.committed(begin + left.min(count)) };
        words.get(begin..).filter(|piece| !piece.is_empty())
    }
}

impl<const WORDS: usize> Iterator for Words<'_, WORDS> {
    type Item = u32;

    #[inline(always)]
    fn next(&mut self) -> Option<u32> {
        Some(self.word())
    }
}

/// Bytes of a record, in as many pieces as slots that they lie in.
#[derive(Clone, Copy)]
pub(crate) struct Pieces<'r, const WORDS: usize> {
    pub(super) words: Words<'r, WORDS>,
    pub(super) len: usize,
}

impl<'r, const WORDS: usize> Pieces<'r, WORDS> {
    /// The pieces, one after another.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'r [u8]> + use<'r, WORDS> {
        let Self { mut words, mut len } = *self;
        core::iter::from_fn(move || {
            let piece = bytes_of(words.piece(words_for(len))?);
            words.pass(piece.len());
            let piece = piece.get(..len).unwrap_or(piece);
            len -= piece.len();
            Some(piece)
        })
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
}
