//! Reading a record: borrowed, checked against its length, never a panic.

use super::words::{Pieces, Words};
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
    state: u32,
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
            state,
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

    /// When the span was ended; `None` if it has not been.
    pub(crate) fn end(&self) -> Option<Time> {
        let ended = self.state & (state::DONE | state::UNFINISHED) == state::DONE;
        ended.then(|| Time::Ticks(self.first.end_ticks()))
    }

    /// The latest time that its entries tell, in ticks.
    #[cold]
    pub(crate) fn last_time(&self) -> Time {
        let told = |entry: Entry<_>| match entry {
            Entry::Log(Time::Ticks(ticks)) => Some(ticks),
            _ => None,
        };
        let last = self.entries().filter_map(told).fold(self.head[4], u64::max);
        Time::Ticks(last)
    }

    /// Whether it is what a writer wrote: for memory that may hold anything. Its chain must be
    /// sound.
    pub(crate) fn is_whole(&self) -> bool {
        if self.trace_id() == 0 || self.span_id() == 0 {
            return false;
        }
        let mut entries = self.entries();
        while entries.0.left > 0 {
            let is_whole = match entries.next() {
                Some(Entry::Name { name, .. }) => name.is_text(),
                Some(Entry::Tag { key, value } | Entry::Field { key, value }) => {
                    let text = match value {
                        RecordedValue::Str(text) => text.is_text(),
                        _ => true,
                    };
                    key.is_text() && text
                }
                Some(_) => true,
                None => false,
            };
            if !is_whole {
                return false;
            }
        }
        true
    }

    /// The flags that the span began with.
    pub(crate) fn first_flags(&self) -> u8 {
        self.first.first_flags()
    }

    /// Whether anything found no room.
    pub(crate) fn is_cut(&self) -> bool {
        let kinds = [Cut::Tag, Cut::Log, Cut::Reference, Cut::Time];
        kinds.into_iter().any(|kind| self.cut(kind) > 0)
    }

    pub(crate) fn cut(&self, kind: Cut) -> u32 {
        self.first.cut(kind)
    }

    /// The entries, if the record lies in one slot, as almost all do.
    #[inline(always)]
    pub(crate) fn slot_entries(&self) -> Option<SlotEntries<'r>> {
        let here = self.words.here();
        (here.len() == self.words.left).then_some(SlotEntries(here))
    }

    /// All that was said of the span, in order.
    pub(crate) fn entries(&self) -> Entries<'r, WORDS> {
        Entries(self.words)
    }
}

/// One entry of a record. Bytes come as `B`: in pieces, or as one slice.
#[derive(Clone, Copy)]
pub(crate) enum Entry<B> {
    Name {
        name: B,
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
        key: B,
        value: RecordedValue<B>,
    },
    Field {
        key: B,
        value: RecordedValue<B>,
    },
}

/// The value of a tag or a field.
#[derive(Clone, Copy)]
pub(crate) enum RecordedValue<B> {
    Str(B),
    Bytes(B),
    Bool(bool),
    I64(i64),
    F64(f64),
}

/// The entries of a record that lies in one slot. Ends early at a long key, and at what no writer
/// wrote.
pub(crate) struct SlotEntries<'r>(&'r [u32]);

impl SlotEntries<'_> {
    /// Whether it has come to the record's end, or has ended early.
    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'r> Iterator for SlotEntries<'r> {
    type Item = Entry<&'r [u8]>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (raw, words) = RawEntry::split_off(self.0)?;
        self.0 = self.0.get(words..)?;
        raw.read()
    }
}

/// The entries of a record. Ends early at what no writer wrote.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'r, const WORDS: usize>(Words<'r, WORDS>);

impl<'r, const WORDS: usize> Iterator for Entries<'r, WORDS> {
    type Item = Entry<Pieces<'r, WORDS>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.left == 0 {
            return None;
        }
        let Some((raw, words)) = RawEntry::split_off(self.0.here()) else {
            return self.next_across()?.read();
        };
        self.0.at += words;
        self.0.left -= words;
        let slot = self.0.slot;
        let whole = |first| Pieces {
            first,
            slot,
            more: 0,
        };
        let raw = RawEntry {
            header: raw.header,
            key: whole(raw.key),
            value: whole(raw.value),
        };
        raw.read()
    }
}

impl<'r, const WORDS: usize> Entries<'r, WORDS> {
    /// An entry that begins in the next slot, or goes on there, or has a long key.
    #[cold]
    #[inline(never)]
    fn next_across(&mut self) -> Option<RawEntry<Pieces<'r, WORDS>>> {
        let header = Header(self.0.word()?);
        let key_len = match header.key_len() {
            LONG_KEY => self.0.word()? as usize,
            key_len => key_len,
        };
        Some(RawEntry {
            header,
            key: self.0.pieces(key_len)?,
            value: self.0.pieces(header.value_len())?,
        })
    }
}

/// An entry as it lies there.
#[derive(Clone, Copy)]
struct RawEntry<B> {
    header: Header,
    key: B,
    value: B,
}

impl<'r> RawEntry<&'r [u8]> {
    /// The first entry of some words, if it lies in them whole and has no long key, and how many
    /// words it takes. Almost all entries are like that.
    #[inline(always)]
    fn split_off(words: &'r [u32]) -> Option<(Self, usize)> {
        let (header, rest) = words.split_first()?;
        let header = Header(*header);
        let (key_len, value_len) = (header.key_len(), header.value_len());
        let key_words = words_for(key_len);
        let count = key_words + words_for(value_len);
        let (key, value) = rest.get(..count)?.split_at_checked(key_words)?;
        let raw = Self {
            header,
            key: bytes_of(key).get(..key_len)?,
            value: bytes_of(value).get(..value_len)?,
        };
        (key_len != LONG_KEY).then_some((raw, 1 + count))
    }
}

/// The first word of an entry.
#[derive(Clone, Copy)]
struct Header(u32);

impl Header {
    #[inline(always)]
    fn key_len(self) -> usize {
        (self.0 >> 16) as usize & LONG_KEY
    }

    #[inline(always)]
    fn value_len(self) -> usize {
        (self.0 & 0xffff) as usize
    }
}

impl<B: Blob> RawEntry<B> {
    /// What it says; `None` if no writer wrote it.
    #[inline(always)]
    fn read(self) -> Option<Entry<B>> {
        let Self { header, key, value } = self;
        let ticks = || Time::Ticks(value.number());
        let unix = || Time::UnixNanos(value.number() as i64);
        let kind = header.0 >> 27;
        Some(match kind {
            kind::NAME | kind::CUT_NAME => Entry::Name {
                name: value,
                cut: kind == kind::CUT_NAME,
            },
            kind::FLAGS => Entry::Flags(value.number() as u8),
            kind::START => Entry::Start(ticks()),
            kind::START_UNIX => Entry::Start(unix()),
            kind::END => Entry::End(ticks()),
            kind::END_UNIX => Entry::End(unix()),
            kind::LOG => Entry::Log(ticks()),
            kind::LOG_UNIX => Entry::Log(unix()),
            kind::CHILD_OF => reference(ReferenceKind::ChildOf, &value)?,
            kind::FOLLOWS_FROM => reference(ReferenceKind::FollowsFrom, &value)?,
            kind::STRING..kind::FIELDS => Entry::Tag {
                key,
                value: RecordedValue::of(kind, value),
            },
            kind::FIELDS..kind::FIELDS_END => Entry::Field {
                key,
                value: RecordedValue::of(kind - kind::FIELD, value),
            },
            _ => return None,
        })
    }
}

impl<B: Blob> RecordedValue<B> {
    /// The value of a tag of this kind.
    #[inline(always)]
    fn of(kind: u32, value: B) -> Self {
        match kind {
            kind::STRING => Self::Str(value),
            kind::BYTES => Self::Bytes(value),
            kind::FALSE => Self::Bool(false),
            kind::TRUE => Self::Bool(true),
            kind::I64 => Self::I64(value.number() as i64),
            _ => Self::F64(f64::from_bits(value.number())),
        }
    }
}

fn reference<B: Blob>(kind: ReferenceKind, value: &B) -> Option<Entry<B>> {
    let mut bytes = [0; 24];
    value.copy_to(&mut bytes);
    let mut ids = bytes.chunks_exact(8).map(number_of);
    let [low, high, span_id] = [ids.next()?, ids.next()?, ids.next()?];
    Some(Entry::Reference {
        kind,
        trace_id: u128::from(low) | u128::from(high) << 64,
        span_id,
    })
}

#[inline(always)]
pub(super) fn number_of(bytes: &[u8]) -> u64 {
    bytes
        .first_chunk()
        .map_or(0, |eight| u64::from_le_bytes(*eight))
}
