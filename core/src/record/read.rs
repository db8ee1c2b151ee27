//! Reading a record: borrowed, checked against its length, never a panic.

use super::words::{Pieces, Words};
use super::{HEAD_WORDS, LONG_KEY, kind, words_for};
use crate::slot::{Cut, Slot, state};
use crate::{Flags, ReferenceKind, Time};

/// What is committed of a span's record.
#[derive(Clone, Copy)]
pub(crate) struct Record<'r, const WORDS: usize> {
    first: &'r Slot<WORDS>,
    words: Words<'r, WORDS>,
    head: &'r [u32; HEAD_WORDS],
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
        // SAFETY: so many are committed, and the caller promises the rest.
        let mut words = unsafe { Words::of(first, (state & state::LENGTH) as usize) };
        let head = words.head()?;
        Some(Self {
            first,
            words,
            head,
            state,
        })
    }

    /// One of its numbers: the lower and the upper half of the trace id, the span id, the parent's
    /// span id or 0, the start.
    #[inline(always)]
    pub(crate) fn number(&self, which: usize) -> u64 {
        match self.head.get(2 * which..2 * which + 2) {
            Some(&[low, high]) => {
                u64::from(u32::from_le(low)) | u64::from(u32::from_le(high)) << 32
            }
            _ => 0,
        }
    }

    pub(crate) fn trace_id(&self) -> u128 {
        u128::from(self.number(0)) | u128::from(self.number(1)) << 64
    }

    pub(crate) fn span_id(&self) -> u64 {
        self.number(2)
    }

    pub(crate) fn parent_id(&self) -> u64 {
        self.number(3)
    }

    /// When the span was started.
    pub(crate) fn start(&self) -> Time {
        Time::Ticks(self.number(4))
    }

    /// When the span was ended; `None` if it has not been.
    #[inline(always)]
    pub(crate) fn end(&self) -> Option<Time> {
        let ended = self.state & (state::DONE | state::UNFINISHED) == state::DONE;
        ended.then(|| Time::Ticks(self.first.end_ticks()))
    }

    /// When the span was ended, if it was, and nothing was cut from it.
    #[inline(always)]
    pub(crate) fn plain_end(&self) -> Option<Time> {
        match self.first.is_cut() {
            true => None,
            false => self.end(),
        }
    }

    /// The latest time that its entries tell, in ticks.
    #[cold]
    #[inline(never)]
    pub(crate) fn last_time(&self) -> Time {
        let logs = self.entries().filter(|entry| entry.kind == kind::LOG);
        let last = logs.map(|log| log.number()).fold(self.number(4), u64::max);
        Time::Ticks(last)
    }

    /// Whether it is what a writer wrote: for memory that may hold anything. Its chain must be
    /// sound.
    pub(crate) fn is_whole(&self) -> bool {
        if self.trace_id() == 0 || self.span_id() == 0 || !are_flags(self.first_flags()) {
            return false;
        }
        let mut entries = self.entries();
        entries.by_ref().all(|entry| entry.is_whole()) && entries.0.is_at_end()
    }

    /// The flags that the span began with.
    pub(crate) fn first_flags(&self) -> u8 {
        self.first.first_flags()
    }

    /// Whether anything found no room, or the span has not ended.
    pub(crate) fn is_odd(&self) -> bool {
        self.first.is_cut() || self.end().is_none()
    }

    pub(crate) fn cut(&self, kind: Cut) -> u32 {
        self.first.cut(kind)
    }

    /// The words behind the head, if the record lies in one slot.
    #[inline(always)]
    pub(crate) fn in_one_slot(&self) -> Option<&'r [u32]> {
        self.words.in_one_slot()
    }

    /// All that was said of the span, in order.
    #[inline(always)]
    pub(crate) fn entries(&self) -> Entries<'r, WORDS> {
        Entries(self.words)
    }
}

/// The entries of a record. Ends early at what no writer wrote.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'r, const WORDS: usize>(Words<'r, WORDS>);

impl<'r, const WORDS: usize> Iterator for Entries<'r, WORDS> {
    type Item = Entry<'r, WORDS>;

    #[inline(never)]
    fn next(&mut self) -> Option<Self::Item> {
        let header = self.0.word()?;
        let mut key_len = (header >> 16) as usize & LONG_KEY;
        if key_len == LONG_KEY {
            key_len = self.0.word()? as usize;
        }
        let mut bytes = |len| {
            let bytes = Pieces { words: self.0, len };
            self.0.skip(words_for(len))?;
            Some(bytes)
        };
        Some(Entry {
            kind: header >> 27,
            key: bytes(key_len)?,
            bytes: bytes((header & 0xffff) as usize)?,
        })
    }
}

/// One entry of a record, as it lies there. What it is tells its [`kind`].
#[derive(Clone, Copy)]
pub(crate) struct Entry<'r, const WORDS: usize> {
    pub(crate) kind: u32,
    /// The key of a tag or a field.
    pub(crate) key: Pieces<'r, WORDS>,
    /// The value.
    pub(crate) bytes: Pieces<'r, WORDS>,
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

impl<'r, const WORDS: usize> Entry<'r, WORDS> {
    /// The value as a number, the lowest word first; 0 if there is none.
    #[inline(always)]
    pub(crate) fn number(&self) -> u64 {
        let mut words = self.bytes.words;
        words.number().unwrap_or_default()
    }

    /// The flags, as bits.
    pub(crate) fn flags(&self) -> u8 {
        let mut words = self.bytes.words;
        let bits = words.word().unwrap_or_default();
        u32::from_le(bits) as u8
    }

    /// The time of a start, an end or a log.
    pub(crate) fn time(&self) -> Time {
        match self.kind & kind::UNIX {
            0 => Time::Ticks(self.number()),
            _ => Time::UnixNanos(self.number() as i64),
        }
    }

    /// The span that a reference leads to: how, its trace, and itself.
    pub(crate) fn reference(&self) -> (ReferenceKind, u128, u64) {
        let how = match self.kind {
            kind::CHILD_OF => ReferenceKind::ChildOf,
            _ => ReferenceKind::FollowsFrom,
        };
        let mut words = self.bytes.words;
        let mut number = || words.number().unwrap_or_default();
        let (low, high, span_id) = (number(), number(), number());
        (how, u128::from(low) | u128::from(high) << 64, span_id)
    }

    /// Whether it is a tag of the span.
    #[inline(always)]
    pub(crate) fn is_tag(&self) -> bool {
        (kind::STRING..kind::FIELDS).contains(&self.kind)
    }

    /// Whether it is a field of the log before it.
    pub(crate) fn is_field(&self) -> bool {
        (kind::FIELDS..kind::FIELDS_END).contains(&self.kind)
    }

    /// Whether it begins a log.
    pub(crate) fn is_log(&self) -> bool {
        self.kind & !kind::UNIX == kind::LOG
    }

    /// The value of a tag or a field.
    #[inline(always)]
    pub(crate) fn value(&self) -> RecordedValue<Pieces<'r, WORDS>> {
        let kind = match self.kind {
            ..kind::FIELDS => self.kind,
            field => field - kind::FIELD,
        };
        match kind {
            kind::STRING => RecordedValue::Str(self.bytes),
            kind::BYTES => RecordedValue::Bytes(self.bytes),
            kind::FALSE => RecordedValue::Bool(false),
            kind::TRUE => RecordedValue::Bool(true),
            kind::I64 => RecordedValue::I64(self.number() as i64),
            _ => RecordedValue::F64(f64::from_bits(self.number())),
        }
    }

    /// Whether a writer may have written it.
    fn is_whole(&self) -> bool {
        let lengths = (self.key.len, self.bytes.len);
        match self.kind {
            kind::NAME | kind::CUT_NAME => self.key.len == 0 && self.bytes.is_text(),
            kind::FLAGS => lengths == (0, 4) && are_flags(self.flags()),
            kind::START..=kind::LOG_UNIX => lengths == (0, 8),
            kind::CHILD_OF | kind::FOLLOWS_FROM => lengths == (0, 24),
            kind::STRING..kind::FIELDS_END => {
                let value = match self.value() {
                    RecordedValue::Str(text) => text.is_text(),
                    RecordedValue::Bytes(_) => true,
                    RecordedValue::Bool(_) => self.bytes.len == 0,
                    RecordedValue::I64(_) | RecordedValue::F64(_) => self.bytes.len == 8,
                };
                value && self.key.is_text()
            }
            _ => false,
        }
    }
}

/// Whether a recorded span can have these.
fn are_flags(bits: u8) -> bool {
    let flags = Flags::from_bits(bits.into());
    flags.is_sampled() && flags.bits() == bits
}
