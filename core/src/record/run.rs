//! Words that lie in one piece, read by one pointer up to another: the shortest way to read a record.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::number_of;

/// How many words are copied at once: where words have 64 bits, so many that most strings are one copy.
pub(crate) const CHUNK: usize = if cfg!(target_pointer_width = "64") {
    4
} else {
    1
};

/// Room for the words of a record that lies in several slots, to have them in one piece: for some 50 tags.
pub(crate) struct Gather([MaybeUninit<u32>; 512]);

impl Gather {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self([MaybeUninit::uninit(); 512])
    }

    /// All these pieces, if they have so many words together.
    pub(super) fn of<'r>(
        &mut self,
        words: usize,
        pieces: impl Iterator<Item = &'r [u32]>,
    ) -> Option<Run<'_>> {
        let mut len = 0;
        // Behind them, whatever.
        for piece in pieces.chain([&[0; CHUNK - 1][..]]) {
            let room = self.0.get_mut(len..len + piece.len())?;
            for (to, from) in room.iter_mut().zip(piece) {
                to.write(*from);
            }
            len += piece.len();
        }
        if len != words + CHUNK - 1 {
            return None;
        }
        // SAFETY: so many were written.
        Run::of(unsafe { core::slice::from_raw_parts(self.0.as_ptr().cast(), len) })
    }
}

/// Words that are still to be read: those from `at` to `end`, borrowed for `'r`. So that a last chunk can be
/// read as one, there are `CHUNK - 1` words more behind them, which may be anything.
#[derive(Clone, Copy)]
pub(crate) struct Run<'r> {
    at: *const u32,
    end: *const u32,
    words: PhantomData<&'r [u32]>,
}

impl<'r> Run<'r> {
    /// All but the last words, of which there are `CHUNK - 1`.
    #[inline(always)]
    pub(super) fn of(words: &'r [u32]) -> Option<Self> {
        // Of the whole: what is made of a part may not be used beyond it.
        let at = words.as_ptr();
        Some(Self {
            at,
            end: at.wrapping_add(words.len().checked_sub(CHUNK - 1)?),
            words: PhantomData,
        })
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.end
    }

    #[inline(always)]
    pub(crate) fn bytes_left(&self) -> usize {
        self.end.addr() - self.at.addr()
    }

    /// The words that hold so many bytes, those that hold so many more, and the rest.
    #[inline(always)]
    pub(crate) fn split(&self, first: usize, second: usize) -> Option<[Self; 3]> {
        let (first, second) = (bytes_for(first), bytes_for(second));
        if first + second > self.bytes_left() {
            return None;
        }
        let between = self.at.wrapping_byte_add(first);
        let behind = between.wrapping_byte_add(second);
        let run = |at, end| Self { at, end, ..*self };
        Some([
            run(self.at, between),
            run(between, behind),
            run(behind, self.end),
        ])
    }

    /// A number, if there are just its two words.
    #[inline(always)]
    pub(crate) fn number(&self) -> Option<u64> {
        if self.bytes_left() != 8 {
            return None;
        }
        // SAFETY: two words are left.
        let words = unsafe { self.at.cast::<[u32; 2]>().read() };
        Some(number_of(words))
    }

    /// The next word.
    #[inline(always)]
    pub(crate) fn word(&mut self) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: before the end.
        let word = unsafe { self.at.read() };
        self.at = self.at.wrapping_add(1);
        Some(word)
    }
}

/// Its words, chunk by chunk; in the last one may be some that are behind it.
impl Iterator for Run<'_> {
    type Item = [u32; CHUNK];

    #[inline(always)]
    fn next(&mut self) -> Option<[u32; CHUNK]> {
        if self.at >= self.end {
            return None;
        }
        // SAFETY: a word is left, and behind the last one the rest of a chunk.
        let chunk = unsafe { self.at.cast::<[u32; CHUNK]>().read() };
        self.at = self.at.wrapping_add(CHUNK);
        Some(chunk)
    }
}

/// How many bytes the words have that hold so many.
#[inline(always)]
fn bytes_for(bytes: usize) -> usize {
    (bytes + 3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_last_chunk_ends_within_the_words_that_were_given() {
        for len in 0..70 {
            let words: Vec<u32> = (0..len).collect();
            let Some(run) = Run::of(&words) else {
                assert!(words.len() < CHUNK - 1);
                continue;
            };
            let left = run.bytes_left() / 4;
            let read = run.flatten().collect::<Vec<_>>();
            assert_eq!(left, words.len() - (CHUNK - 1));
            assert!(left <= read.len() && read.len() <= words.len());
            assert_eq!(read[..], words[..read.len()]);
        }
    }
}
