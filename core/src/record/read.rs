//! Reading a record: borrowed, checked against its length, never a panic.

use super::{HEAD_WORDS, LONG_KEY, kind, words_for};
use crate::slot::{Cut, Slot, bytes_of, state};
use crate::text::Blob;
use crate::{ReferenceKind, Time};

/// What is committed of a span's record.
#[derive(Clone, Copy)]
pub(crate) struct Record<'r, const WORDS: usize> {
    first: &'r Slot<WORDS>,
    words: Words<'r, WORDS>,
    head: [u64; HEAD_WORDS / 2],
    ended: bool,
}

impl<'r, const WORDS: usize> Record<'r, WORDS> {
    /// The record that begins in `first`, or `None` if none does.
    ///
    /// # Safety
    ///
    /// The slot, and those chained to it, are not freed during `'r`.
    pub(crate) unsafe fn read(first: &'r Slot<WORDS>) -> Option<Self> {
        let state = first.head();
        if state & (state::OPEN | state::DONE) == 0 {
            return None;
        }
        let mut words = Words {
            slot: first,
            at: 0,
            left: (state & state::LENGTH) as usize,
        };
        let mut head = [0; HEAD_WORDS / 2];
        for field in &mut head {
            *field = words.number()?;
        }
        Some(Self {
            first,
            words,
            head,
            ended: state & state::DONE != 0,
        })
    }

    pub(crate) fn trace_id(&self) -> u128 {
        u128::from(self.head[0]) | u128::from(self.head[1]) << 64
    }

    pub(crate) fn span_id(&self) -> u64 {
        self.head[2]
    }

    pub(crate) fn parent_id(&self) -> u64 {
        self.head[3]
    }

    /// When the span was started.
    pub(crate) fn start(&self) -> Time {
        Time::Ticks(self.head[4])
    }

    /// When the span was ended; `None` while it is open.
    pub(crate) fn end(&self) -> Option<Time> {
        self.ended.then(|| Time::Ticks(self.first.end_ticks()))
    }

    pub(crate) fn cut(&self, kind: Cut) -> u32 {
        self.first.cut(kind)
    }

    /// All that was said of the span, in order.
    pub(crate) fn entries(&self) -> Entries<'r, WORDS> {
        Entries(self.words)
    }
}

/// One entry of a record.
#[derive(Clone, Copy)]
pub(crate) enum Entry<'r, const WORDS: usize> {
    Name {
        name: Pieces<'r, WORDS>,
        cut: bool,
    },
    Flags(u8),
    Start(Time),
    End(Time),
    Reference {
        kind: ReferenceKind,
        trace_id: u128,
        span_id: u64,
    },
    Log(Time),
    Tag {
        key: Pieces<'r, WORDS>,
        value: RecordedValue<'r, WORDS>,
    },
    Field {
        key: Pieces<'r, WORDS>,
        value: RecordedValue<'r, WORDS>,
    },
}

/// The value of a tag or a field.
#[derive(Clone, Copy)]
pub(crate) enum RecordedValue<'r, const WORDS: usize> {
    Str(Pieces<'r, WORDS>),
    Bytes(Pieces<'r, WORDS>),
    Bool(bool),
    I64(i64),
    F64(f64),
}

/// The entries of a record. Ends early at what no writer wrote.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'r, const WORDS: usize>(Words<'r, WORDS>);

impl<'r, const WORDS: usize> Iterator for Entries<'r, WORDS> {
    type Item = Entry<'r, WORDS>;

    fn next(&mut self) -> Option<Self::Item> {
        let words = &mut self.0;
        let header = words.word()?;
        let low = header & 0xffff;
        let key_len = match (header >> 16) as usize & LONG_KEY {
            LONG_KEY => words.word()? as usize,
            key_len => key_len,
        };
        Some(match header >> 27 {
            kind::NAME => Entry::Name {
                name: words.pieces(low as usize)?,
                cut: key_len != 0,
            },
            kind::FLAGS => Entry::Flags(low as u8),
            kind::START => Entry::Start(words.time(low)?),
            kind::END => Entry::End(words.time(low)?),
            kind::LOG => Entry::Log(words.time(low)?),
            kind::REFERENCE => Entry::Reference {
                kind: match low {
                    0 => ReferenceKind::ChildOf,
                    _ => ReferenceKind::FollowsFrom,
                },
                trace_id: u128::from(words.number()?) | u128::from(words.number()?) << 64,
                span_id: words.number()?,
            },
            tag @ kind::STRING..=kind::F64 => Entry::Tag {
                key: words.pieces(key_len)?,
                value: words.value(tag, low)?,
            },
            field => Entry::Field {
                key: words.pieces(key_len)?,
                // Of no kind at all, if the header is one that no writer writes.
                value: words.value(field.wrapping_sub(kind::FIELD), low)?,
            },
        })
    }
}

/// A place in the stream of words, and how many follow.
#[derive(Clone, Copy)]
struct Words<'r, const WORDS: usize> {
    slot: &'r Slot<WORDS>,
    at: usize,
    left: usize,
}

impl<'r, const WORDS: usize> Words<'r, WORDS> {
    /// The words from here to the end of the slot, or of the record.
    fn here(&self) -> &'r [u32] {
        let end = WORDS.min(self.at + self.left);
        // SAFETY: `left` counts words below the committed length, and whoever made the record
        // promised that it is not freed.
        let words = unsafe { self.slot.committed(end) };
        words.get(self.at..).unwrap_or(&[])
    }

    fn word(&mut self) -> Option<u32> {
        if self.at == WORDS && self.left > 0 {
            self.slot = self.slot.next_in_chain()?;
            self.at = 0;
        }
        let word = *self.here().first()?;
        self.at += 1;
        self.left -= 1;
        Some(word)
    }

    fn number(&mut self) -> Option<u64> {
        let pieces = self.pieces(8)?;
        let mut bytes = [0; 8];
        pieces.copy_to(&mut bytes);
        Some(u64::from_le_bytes(bytes))
    }

    fn time(&mut self, unit: u32) -> Option<Time> {
        let value = self.number()?;
        Some(match unit {
            0 => Time::Ticks(value),
            _ => Time::UnixNanos(value as i64),
        })
    }

    fn value(&mut self, kind: u32, low: u32) -> Option<RecordedValue<'r, WORDS>> {
        Some(match kind {
            kind::STRING => RecordedValue::Str(self.pieces(low as usize)?),
            kind::BYTES => RecordedValue::Bytes(self.pieces(low as usize)?),
            kind::BOOL => RecordedValue::Bool(low != 0),
            kind::I64 => RecordedValue::I64(self.number()? as i64),
            kind::F64 => RecordedValue::F64(f64::from_bits(self.number()?)),
            _ => return None,
        })
    }

    /// The next `len` bytes, with the words that hold them taken.
    fn pieces(&mut self, len: usize) -> Option<Pieces<'r, WORDS>> {
        let pieces = Pieces { words: *self, len };
        let mut count = words_for(len);
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
    words: Words<'r, WORDS>,
    len: usize,
}

impl<'r, const WORDS: usize> Pieces<'r, WORDS> {
    /// The pieces, one after another.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'r [u8]> + use<'r, WORDS> {
        let mut words = self.words;
        let mut left = self.len;
        core::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            if words.at == WORDS {
                words.slot = words.slot.next_in_chain()?;
                words.at = 0;
            }
            let here = bytes_of(words.here());
            let piece = here.get(..left).unwrap_or(here);
            words.left -= words_for(piece.len()).min(words.left);
            words.at += words_for(piece.len());
            left -= piece.len();
            (!piece.is_empty()).then_some(piece)
        })
    }
}

impl<const WORDS: usize> Blob for Pieces<'_, WORDS> {
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn copy_to(&self, out: &mut [u8]) {
        let mut to = out.iter_mut();
        if self.words.at + words_for(self.len) <= WORDS {
            let here = bytes_of(self.words.here());
            return here.get(..self.len).unwrap_or(here).copy_to(out);
        }
        for piece in self.iter() {
            piece.iter().zip(&mut to).for_each(|(from, to)| *to = *from);
        }
    }
}
