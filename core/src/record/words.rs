//! The words of a record, wherever in its chain of slots they lie.

use super::{number_of, words_for};
use crate::slot::{Slot, bytes_of};
use crate::text::whole_characters;

/// A place in the stream of words.
#[derive(Clone, Copy)]
pub(crate) struct Words<'r, const WORDS: usize> {
    /// What follows in this slot.
    here: &'r [u32],
    /// How many words follow in further slots.
    beyond: usize,
    slot: &'r Slot<WORDS>,
}

impl<'r, const WORDS: usize> Words<'r, WORDS> {
    /// The first `length` words of the record that begins in a slot.
    ///
    /// # Safety
    ///
    /// So many are committed, and neither this slot nor those chained to it are freed during `'r`.
    pub(super) unsafe fn of(slot: &'r Slot<WORDS>, length: usize) -> Self {
        Self {
            // SAFETY: as promised by the caller.
            here: unsafe { slot.committed(length) },
            beyond: length.saturating_sub(WORDS),
            slot,
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.here.is_empty() && self.beyond == 0
    }

    /// The next word. Out of line where code is dear: there, most spans go another way.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn word(&mut self) -> Option<u32> {
        if self.here.is_empty() {
            self.turn()?;
        }
        let (word, rest) = self.here.split_first()?;
        self.here = rest;
        Some(*word)
    }

    /// Two words as a number, the lower one first; 0 for those that are missing.
    #[inline(never)]
    pub(crate) fn number(&mut self) -> u64 {
        number_of([(); 2].map(|()| self.word().unwrap_or_default()))
    }

    /// Leaves out so many.
    #[inline(always)]
    pub(super) fn pass(&mut self, mut count: usize) -> Option<()> {
        loop {
            match self.here.get(count..) {
                Some(rest) => {
                    self.here = rest;
                    return Some(());
                }
                None => {
                    count -= self.here.len();
                    self.turn()?;
                }
            }
        }
    }

    /// Goes on in the next slot, if there is one.
    #[cold]
    #[inline(never)]
    fn turn(&mut self) -> Option<()> {
        if self.beyond == 0 {
            return None;
        }
        self.slot = self.slot.next_in_chain()?;
        // SAFETY: `beyond` counts words below the committed length, and whoever made this promised
        // that they are not freed.
        self.here = unsafe { self.slot.committed(self.beyond) };
        self.beyond -= self.here.len();
        Some(())
    }
}

impl<const WORDS: usize> Iterator for Words<'_, WORDS> {
    type Item = u32;

    #[inline(always)]
    fn next(&mut self) -> Option<u32> {
        self.word()
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
            if len == 0 {
                return None;
            }
            if words.here.is_empty() {
                words.turn()?;
            }
            let count = words_for(len).min(words.here.len());
            let (piece, rest) = words.here.split_at_checked(count)?;
            words.here = rest;
            let piece = bytes_of(piece);
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
