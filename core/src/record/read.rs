//! Reading a record: borrowed, checked against its length, never a panic.

use super::run::{CHUNK, Gather, Run};
use super::words::{Pieces, Words};
use super::{HEAD_WORDS, LONG_KEY, kind, number_of, words_for};
use crate::part;
use crate::slot::{Cut, Slot, state};
use crate::{Flags, Time};

/// What is committed of a span's record.
///
/// The slot, and those chained to it, are not freed during `'r`, and the head is committed.
#[derive(Clone, Copy)]
pub(crate) struct Record<'r, const WORDS: usize> {
    first: &'r Slot<WORDS>,
    state: u32,
}

impl<'r, const WORDS: usize> Record<'r, WORDS> {
    /// The record that begins in `first`, or `None` if none does.
    ///
    /// # Safety
    ///
    /// The slot, and those chained to it, are not freed during `'r`.
    pub(crate) unsafe fn read(first: &'r Slot<WORDS>) -> Option<Self> {
        // SAFETY: as promised by the caller.
        unsafe { Self::of(first, first.head()) }
    }

    /// The same, of a slot whose state was looked at.
    ///
    /// # Safety
    ///
    /// That acquired what was written before, and the slot was not freed since; as for
    /// [`read`](Self::read), it will not be.
    #[inline(always)]
    pub(crate) unsafe fn of(first: &'r Slot<WORDS>, state: u32) -> Option<Self> {
        let is_there = state & (state::OPEN | state::DONE) != 0
            && (state & state::LENGTH) as usize >= HEAD_WORDS;
        is_there.then_some(Self { first, state })
    }

    /// Whether its name, which comes first, is there; or, if it went without, anything else.
    pub(crate) fn has_name(&self) -> bool {
        self.length() > HEAD_WORDS
    }

    fn length(&self) -> usize {
        (self.state & state::LENGTH) as usize
    }

    /// One of its numbers: the lower and the upper half of the trace id, the span id, the parent's
    /// span id or 0, the start.
    #[inline(always)]
    pub(crate) fn number(&self, which: usize) -> u64 {
        // SAFETY: the head is committed.
        let head = unsafe { self.first.committed(HEAD_WORDS) };
        match head.get(2 * which..2 * which + 2) {
            Some(&[low, high]) => number_of([low, high]),
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

    /// When the span was ended, in ticks, if it was.
    #[inline(always)]
    pub(crate) fn end_ticks(&self) -> u64 {
        self.first.end_ticks()
    }

    /// All that was said of the span, if it ended, nothing was cut, and it lies in one slot.
    #[inline(always)]
    pub(crate) fn in_one_slot(&self) -> Option<Run<'r>> {
        if self.length() > WORDS || self.is_unfinished() || self.first.is_cut() {
            return None;
        }
        // SAFETY: the span has ended, and the slot is not freed.
        let words = unsafe { self.first.ended() };
        Run::of(words.get(HEAD_WORDS..self.length() + CHUNK - 1)?)
    }

    /// The same of one that may lie in several slots, if its words can be gathered.
    pub(crate) fn gathered<'g>(&self, gather: &'g mut Gather) -> Option<Run<'g>> {
        if self.is_unfinished() || self.first.is_cut() {
            return None;
        }
        let mut words = self.words();
        words.go_to(HEAD_WORDS);
        gather.of(self.length() - HEAD_WORDS, words.pieces())
    }

    fn words(&self) -> Words<'r, WORDS> {
        // SAFETY: so many are committed, and the slots are not freed.
        unsafe { Words::of(self.first, self.length()) }
    }

    /// Whether it is what a writer wrote: for memory that may hold anything. Its chain must be
    /// sound.
    pub(crate) fn is_whole(&self) -> bool {
        if self.trace_id() == 0 || self.span_id() == 0 || !are_flags(self.flags()) {
            return false;
        }
        let mut entries = self.entries();
        entries.by_ref().all(|entry| entry.is_whole()) && entries.are_done()
    }

    /// The flags, as bits.
    pub(crate) fn flags(&self) -> u8 {
        self.first.flags()
    }

    /// How many tags, logs, references and times found no room.
    #[inline(always)]
    pub(crate) fn cuts(&self) -> [u32; 4] {
        let cut = |kind| self.first.cut(kind);
        [
            cut(Cut::Tag),
            cut(Cut::Log),
            cut(Cut::Reference),
            cut(Cut::Time),
        ]
    }

    /// Whether the span has no end.
    #[inline(always)]
    pub(crate) fn is_unfinished(&self) -> bool {
        part::UNFINISHED.is_there() && self.state & (state::DONE | state::UNFINISHED) != state::DONE
    }

    /// All that was said of the span, in order.
    #[inline(always)]
    pub(crate) fn entries(&self) -> Entries<'r, WORDS> {
        Entries {
            entry: Entry {
                kind: 0,
                key_len: 0,
                len: 0,
                words: self.words(),
            },
            next: HEAD_WORDS,
        }
    }
}

/// The entries of a record, one after another. Ends early at what no writer wrote.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'r, const WORDS: usize> {
    /// The one that was reached last.
    pub(crate) entry: Entry<'r, WORDS>,
    /// Where the next one begins.
    pub(crate) next: usize,
}

impl<'r, const WORDS: usize> Entries<'r, WORDS> {
    /// Goes on to the next entry, if there is one.
    #[inline(never)]
    pub(crate) fn advance(&mut self) -> bool {
        let Entry {
            kind,
            key_len,
            len,
            words,
        } = &mut self.entry;
        words.go_to(self.next);
        if self.next >= words.length() {
            return false;
        }
        // 0, which is of no kind, where nothing stands: a chain that is being freed is shorter than the
        // head says.
        let header = words.word();
        *kind = header >> 27;
        *len = (header & 0xffff) as usize;
        *key_len = (header >> 16) as usize & LONG_KEY;
        if part::LONG_KEYS.is_there() && *key_len == LONG_KEY {
            // No record has a longer one.
            *key_len = words.word().min(1 << 16) as usize;
        }
        self.next = words.at() + words_for(*key_len) + words_for(*len);
        self.next <= words.length()
    }

    /// Goes on to the next entry of some kinds, unless one of others comes before. Kinds are bits.
    #[inline(never)]
    pub(crate) fn advance_to(&mut self, kinds: u32, until: u32) -> bool {
        while self.advance() {
            if self.entry.is_any_of(kinds) {
                return true;
            }
            if self.entry.is_any_of(until) {
                break;
            }
        }
        false
    }

    /// Goes before the first one.
    pub(crate) fn rewind(&mut self) {
        self.next = HEAD_WORDS;
    }

    /// Goes to the entry that begins at a word.
    pub(crate) fn go_to(&mut self, at: usize) {
        self.next = at;
        self.advance();
    }

    /// Whether all of the record was read.
    fn are_done(&self) -> bool {
        self.next == self.entry.words.length()
    }
}

impl<'r, const WORDS: usize> Iterator for Entries<'r, WORDS> {
    type Item = Entry<'r, WORDS>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().then_some(self.entry)
    }
}

/// One entry of a record, as it lies there. What it is tells its [`kind`].
#[derive(Clone, Copy)]
pub(crate) struct Entry<'r, const WORDS: usize> {
    pub(crate) kind: u32,
    /// How long the key of a tag or a field is, in bytes.
    pub(crate) key_len: usize,
    /// How long the value is.
    pub(crate) len: usize,
    /// Key and value.
    pub(crate) words: Words<'r, WORDS>,
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
    /// Whether it is of one of these kinds, which are bits.
    #[inline(always)]
    pub(crate) fn is_any_of(&self, kinds: u32) -> bool {
        kind::is_any_of(self.kind, kinds)
    }

    /// The key of a tag or a field.
    pub(crate) fn key(&self) -> Pieces<'r, WORDS> {
        Pieces {
            words: self.words,
            len: self.key_len,
        }
    }

    /// The value.
    pub(crate) fn bytes(&self) -> Pieces<'r, WORDS> {
        let mut words = self.words;
        words.pass(self.key_len);
        Pieces {
            words,
            len: self.len,
        }
    }

    /// The time of a start, an end or a log.
    pub(crate) fn time(&self) -> Time {
        let mut words = self.words;
        time(self.kind, words.number())
    }

    /// The value of a tag or a field.
    pub(crate) fn value(&self) -> RecordedValue<Pieces<'r, WORDS>> {
        let mut bytes = self.bytes();
        match self.value_kind() {
            kind::STRING => RecordedValue::Str(bytes),
            kind::BYTES => RecordedValue::Bytes(bytes),
            kind::FALSE => RecordedValue::Bool(false),
            kind::TRUE => RecordedValue::Bool(true),
            kind::I64 => RecordedValue::I64(bytes.words.number() as i64),
            _ => RecordedValue::F64(f64::from_bits(bytes.words.number())),
        }
    }

    /// The kind of a tag that has the value of this one, or of this field.
    #[inline(always)]
    pub(crate) fn value_kind(&self) -> u32 {
        match self.kind {
            field @ kind::FIELDS.. if part::LOGS.is_there() => field - kind::FIELD,
            tag => tag,
        }
    }

    /// Whether a writer may have written it.
    fn is_whole(&self) -> bool {
        let lengths = (self.key_len, self.len);
        match self.kind {
            kind::NAME | kind::CUT_NAME => self.key_len == 0 && self.bytes().is_text(),
            kind::START..=kind::LOG_UNIX => lengths == (0, 8),
            kind::CHILD_OF | kind::FOLLOWS_FROM => lengths == (0, 24),
            kind::STRING..kind::FIELDS_END => {
                let value = match self.value() {
                    RecordedValue::Str(text) => text.is_text(),
                    RecordedValue::Bytes(_) => true,
                    RecordedValue::Bool(_) => self.len == 0,
                    RecordedValue::I64(_) | RecordedValue::F64(_) => self.len == 8,
                };
                value && self.key().is_text()
            }
            _ => false,
        }
    }
}

/// The time of a start, an end or a log of a kind.
#[inline(always)]
pub(crate) fn time(kind: u32, number: u64) -> Time {
    if part::UNIX_TIMES.is_there() && kind & kind::UNIX != 0 {
        return Time::UnixNanos(number as i64);
    }
    Time::Ticks(number)
}

/// Whether a recorded span can have these.
fn are_flags(bits: u8) -> bool {
    let flags = Flags::from_bits(bits.into());
    flags.is_sampled() && flags.bits() == bits
}
