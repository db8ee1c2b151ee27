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
        // The head never goes on in another slot: all have room for it.
        let fields = bytes_of(words.here().get(..HEAD_WORDS)?).chunks_exact(8);
        let mut head = [0; HEAD_WORDS / 2];
        for (number, bytes) in head.iter_mut().zip(fields) {
            *number = number_of(bytes);
        }
        words.at += HEAD_WORDS;
        words.left -= HEAD_WORDS;
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

    /// Almost all entries lie in one slot, and are read as slices of it.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let here = self.0.here();
        let Some((header, rest)) = here.split_first() else {
            return self.next_across();
        };
        let header = Header(*header);
        let (key_len, value_len) = (header.key_len(), header.value_len());
        let key_words = words_for(key_len);
        let words = key_words + words_for(value_len);
        let (Some((key, value)), true) = (
            rest.get(..words)
                .and_then(|entry| entry.split_at_checked(key_words)),
            key_len != LONG_KEY,
        ) else {
            return self.next_across();
        };
        self.0.at += 1 + words;
        self.0.left -= 1 + words;
        let slot = self.0.slot;
        let whole = |words, len| {
            Some(Pieces {
                first: bytes_of(words).get(..len)?,
                slot,
                more: 0,
            })
        };
        header.entry(whole(key, key_len)?, whole(value, value_len)?)
    }
}

impl<'r, const WORDS: usize> Entries<'r, WORDS> {
    /// The same for an entry that begins in the next slot, or goes on there.
    #[cold]
    #[inline(never)]
    fn next_across(&mut self) -> Option<Entry<'r, WORDS>> {
        let header = Header(self.0.word()?);
        let key_len = match header.key_len() {
            LONG_KEY => self.0.word()? as usize,
            key_len => key_len,
        };
        let key = self.0.pieces(key_len)?;
        header.entry(key, self.0.pieces(header.value_len())?)
    }
}

/// The first word of an entry.
#[derive(Clone, Copy)]
struct Header(u32);

impl Header {
    #[inline(always)]
    fn kind(self) -> u32 {
        self.0 >> 27
    }

    /// The eleven bits above the low half: a key's length, where the kind has a key.
    #[inline(always)]
    fn key_bits(self) -> usize {
        (self.0 >> 16) as usize & LONG_KEY
    }

    #[inline(always)]
    fn low(self) -> u32 {
        self.0 & 0xffff
    }

    #[inline(always)]
    fn key_len(self) -> usize {
        match self.kind() {
            kind::STRING.. => self.key_bits(),
            _ => 0,
        }
    }

    /// The kind of a value, of a tag as of a field.
    #[inline(always)]
    fn value_kind(self) -> u32 {
        match self.kind() {
            field @ kind::FIELDS.. => field - kind::FIELD,
            tag => tag,
        }
    }

    #[inline(always)]
    fn value_len(self) -> usize {
        match self.value_kind() {
            kind::NAME | kind::STRING | kind::BYTES => self.low() as usize,
            kind::START | kind::END | kind::LOG | kind::I64 | kind::F64 => 8,
            kind::REFERENCE => 24,
            _ => 0,
        }
    }

    #[inline(always)]
    fn entry<'r, const WORDS: usize>(
        self,
        key: Pieces<'r, WORDS>,
        value: Pieces<'r, WORDS>,
    ) -> Option<Entry<'r, WORDS>> {
        let low = self.low();
        let time = || match low {
            0 => Time::Ticks(value.number()),
            _ => Time::UnixNanos(value.number() as i64),
        };
        Some(match self.kind() {
            kind::NAME => Entry::Name {
                name: value,
                cut: self.key_bits() != 0,
            },
            kind::FLAGS => Entry::Flags(low as u8),
            kind::START => Entry::Start(time()),
            kind::END => Entry::End(time()),
            kind::LOG => Entry::Log(time()),
            kind::REFERENCE => {
                let mut bytes = [0; 24];
                value.copy_to(&mut bytes);
                let mut ids = bytes.chunks_exact(8).map(number_of);
                let [low_id, high_id, span_id] = [ids.next()?, ids.next()?, ids.next()?];
                Entry::Reference {
                    kind: match low {
                        0 => ReferenceKind::ChildOf,
                        _ => ReferenceKind::FollowsFrom,
                    },
                    trace_id: u128::from(low_id) | u128::from(high_id) << 64,
                    span_id,
                }
            }
            kind => {
                let value = match self.value_kind() {
                    kind::STRING => RecordedValue::Str(value),
                    kind::BYTES => RecordedValue::Bytes(value),
                    kind::BOOL => RecordedValue::Bool(low != 0),
                    kind::I64 => RecordedValue::I64(value.number() as i64),
                    kind::F64 => RecordedValue::F64(f64::from_bits(value.number())),
                    // What no writer writes.
                    _ => return None,
                };
                match kind {
                    kind::FIELDS.. => Entry::Field { key, value },
                    _ => Entry::Tag { key, value },
                }
            }
        })
    }
}

fn number_of(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    bytes.copy_to(&mut eight);
    u64::from_le_bytes(eight)
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

    /// The next `len` bytes, with the words that hold them taken.
    fn pieces(&mut self, len: usize) -> Option<Pieces<'r, WORDS>> {
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
    first: &'r [u8],
    /// Where it lies; the others are those behind it in the chain.
    slot: &'r Slot<WORDS>,
    /// How many bytes lie there.
    more: usize,
}

impl<'r, const WORDS: usize> Pieces<'r, WORDS> {
    #[inline(always)]
    fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.copy_to(&mut bytes);
        u64::from_le_bytes(bytes)
    }

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
