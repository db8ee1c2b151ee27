//! Appending to a record, by the one who owns its span.

use super::{Entry, Pieces, Record};
use super::{HEAD_WORDS, LONG_KEY, MAX_RECORD_WORDS, RESERVE, header, kind, words_for};
use crate::slot::{Claimed, Cut, bytes_of_mut};
use crate::text;
use crate::{ReferenceKind, SpanId, Time, TraceId, Value};

/// What a span needs of where it is recorded.
///
/// # Safety
///
/// What [`more`](Self::more) gives comes from [`SpanRing::claim_more`](crate::SpanRing::claim_more),
/// and stays in its place until the drainer of the ring that the span's first slot is in has freed
/// it: the span's own lifetime is not enough, as the drainer comes later. Slots of the ring that
/// the first one is in may move together with it, while nobody borrows that ring.
///
/// So a lane takes the word `unsafe`:
///
/// ```compile_fail,E0200
/// use jaegerling_core::{Claimed, Lane};
///
/// struct Mine;
/// impl<'r> Lane<'r, 24> for Mine {
///     fn now(&self) -> u64 {
///         0
///     }
///     unsafe fn more(&self) -> Option<Claimed<'r, 24>> {
///         None
///     }
///     fn released(&self) {}
/// }
/// ```
pub unsafe trait Lane<'r, const WORDS: usize> {
    /// The time now, in ticks.
    fn now(&self) -> u64;

    /// Claims one more slot for a record that outgrows its own, or says that there is none.
    ///
    /// # Safety
    ///
    /// It is for a span of this lane, which attaches it or gives it back.
    unsafe fn more(&self) -> Option<Claimed<'r, WORDS>>;

    /// Called after slots that [`more`](Self::more) gave were given back unused. Whoever claims
    /// them calls [`SpanRing::released`](crate::SpanRing::released), claims kept out: else the
    /// ring may still think that it is full.
    fn released(&self);

    /// Called after the store that ended a span. The span's slot may be somebody else's by now.
    fn ended(&self) {}
}

/// What a record begins with.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) parent_id: u64,
    pub(crate) start: u64,
}

/// The owner's end of a record that is still written. Every entry is either in it whole, or
/// counted as cut.
pub(crate) struct RecordWriter<'r, const WORDS: usize>(Claimed<'r, WORDS>);

impl<'r, const WORDS: usize> RecordWriter<'r, WORDS> {
    /// Begins a record. Nothing is visible before the first [`commit`](Self::commit).
    #[inline]
    pub(crate) fn new(mut claimed: Claimed<'r, WORDS>, head: &Head) -> Self {
        if let Some(words) = claimed.take(HEAD_WORDS) {
            let fields = [
                head.trace_id as u64,
                (head.trace_id >> 64) as u64,
                head.span_id,
                head.parent_id,
                head.start,
            ];
            for (words, field) in words.chunks_exact_mut(2).zip(fields) {
                bytes_of_mut(words).copy_from_slice(&field.to_le_bytes());
            }
        }
        Self(claimed)
    }

    /// Makes visible what was written so far.
    #[inline(always)]
    pub(crate) fn commit(&self) {
        self.0.commit();
    }

    /// Ends the span.
    #[inline(always)]
    pub(crate) fn end(self, ticks: u64) {
        self.0.end(ticks);
    }

    /// Names the span. A name that finds no room is cut between two characters.
    #[inline]
    pub(crate) fn name(&mut self, lane: &impl Lane<'r, WORDS>, name: &str) {
        let header = header(kind::NAME, 0, name.len());
        if !self.append(lane, header, &[], name.as_bytes(), RESERVE) {
            self.cut_name(lane, name);
        }
    }

    #[cold]
    fn cut_name(&mut self, lane: &impl Lane<'r, WORDS>, name: &str) {
        let whole = MAX_RECORD_WORDS.saturating_sub(self.0.length() + 1 + RESERVE);
        let here = self.0.room().saturating_sub(1 + RESERVE);
        let written = [whole, here].into_iter().any(|words| {
            let kept = text::cut(name, words * 4);
            let kind = if kept.len() < name.len() {
                kind::CUT_NAME
            } else {
                kind::NAME
            };
            let header = header(kind, 0, kept.len());
            // A name that it had before is better than the beginning of none.
            !kept.is_empty() && self.append(lane, header, &[], kept.as_bytes(), RESERVE)
        });
        if !written {
            self.0.count_cut(Cut::Tag);
        }
    }

    /// Adds a tag to the span.
    #[inline(always)]
    pub(crate) fn tag(&mut self, lane: &impl Lane<'r, WORDS>, key: &str, value: Value<'_>) {
        self.key_value(lane, 0, key, value);
    }

    /// Adds a field to the last log.
    #[inline(always)]
    pub(crate) fn field(&mut self, lane: &impl Lane<'r, WORDS>, key: &str, value: Value<'_>) {
        self.key_value(lane, kind::FIELD, key, value);
    }

    #[inline(always)]
    fn key_value(&mut self, lane: &impl Lane<'r, WORDS>, field: u32, key: &str, value: Value<'_>) {
        let bits;
        let (kind, value): (u32, &[u8]) = match value {
            Value::Str(text) => (kind::STRING, text.as_bytes()),
            Value::Bytes(bytes) => (kind::BYTES, bytes),
            Value::Bool(value) => (kind::FALSE + u32::from(value), &[]),
            Value::I64(value) => {
                bits = value.to_le_bytes();
                (kind::I64, &bits)
            }
            Value::F64(value) => {
                bits = value.to_le_bytes();
                (kind::F64, &bits)
            }
        };
        let header = header(kind + field, key.len(), value.len());
        let appended = match key.len() {
            ..LONG_KEY => self.append(lane, header, key.as_bytes(), value, RESERVE),
            _ => self.append_long_key(lane, header, key, value),
        };
        if !appended {
            self.0.count_cut(Cut::Tag);
        }
    }

    #[cold]
    fn append_long_key(
        &mut self,
        lane: &impl Lane<'r, WORDS>,
        header: u32,
        key: &str,
        value: &[u8],
    ) -> bool {
        let need = 2 + words_for(key.len()) + words_for(value.len()) + RESERVE;
        let len = (key.len() as u32).to_ne_bytes();
        self.append_across(lane, header, [&len, key.as_bytes(), value], need)
    }

    /// Begins a log. Says whether it found room, and its fields will be its own.
    pub(crate) fn log(&mut self, lane: &impl Lane<'r, WORDS>, time: Time) -> bool {
        let logged = self.time(lane, kind::LOG, time, RESERVE);
        if !logged {
            self.0.count_cut(Cut::Log);
        }
        logged
    }

    /// Lets the span begin at another time.
    pub(crate) fn start_time(&mut self, lane: &impl Lane<'r, WORDS>, time: Time) {
        let again = self.has(|entry| matches!(entry, Entry::Start(_)));
        self.change(lane, kind::START, time, again);
    }

    /// Lets the span end at another time than the one at which it ends.
    pub(crate) fn end_time(&mut self, lane: &impl Lane<'r, WORDS>, time: Time) {
        let again = self.has(|entry| matches!(entry, Entry::End(_)));
        self.change(lane, kind::END, time, again);
    }

    /// Each has room for once in the reserve. An entry that a drainer may look at cannot be
    /// changed in place, so that a second one takes room of its own, and none of the reserve.
    fn change(&mut self, lane: &impl Lane<'r, WORDS>, kind: u32, time: Time, again: bool) {
        let keep = if again { RESERVE } else { 0 };
        if !self.time(lane, kind, time, keep) {
            self.0.count_cut(Cut::Time);
        }
    }

    /// Whether there is such an entry among the committed ones.
    #[cold]
    fn has(&self, such: impl Fn(Entry<Pieces<'r, WORDS>>) -> bool) -> bool {
        // SAFETY: the record is open as long as this value is there, and only ended ones are freed.
        let record = unsafe { Record::read(self.0.first()) };
        record.is_some_and(|record| record.entries().any(such))
    }

    fn time(&mut self, lane: &impl Lane<'r, WORDS>, kind: u32, time: Time, keep: usize) -> bool {
        let (unit, value) = match time {
            Time::Ticks(ticks) => (0, ticks.to_le_bytes()),
            Time::UnixNanos(nanos) => (kind::UNIX, nanos.to_le_bytes()),
        };
        self.append(lane, header(kind + unit, 0, value.len()), &[], &value, keep)
    }

    /// The flags that the span begins with, in a slot that has nothing but its head: there is room.
    pub(crate) fn first_flags(&mut self, lane: &impl Lane<'r, WORDS>, bits: u8) {
        self.put_flags(lane, bits, RESERVE);
    }

    /// Changes the flags of the span, once: that has room in the reserve.
    pub(crate) fn flags(&mut self, lane: &impl Lane<'r, WORDS>, bits: u8) {
        self.put_flags(lane, bits, 0);
    }

    fn put_flags(&mut self, lane: &impl Lane<'r, WORDS>, bits: u8, keep: usize) {
        let value = u32::from(bits).to_le_bytes();
        let header = header(kind::FLAGS, 0, value.len());
        if !self.append(lane, header, &[], &value, keep) {
            self.0.count_cut(Cut::Tag);
        }
    }

    /// Refers to another span.
    pub(crate) fn reference(
        &mut self,
        lane: &impl Lane<'r, WORDS>,
        kind: ReferenceKind,
        trace_id: TraceId,
        span_id: SpanId,
    ) {
        let mut ids = [0; 24];
        let (trace, span) = ids.split_at_mut(16);
        trace.copy_from_slice(&trace_id.get().to_le_bytes());
        span.copy_from_slice(&span_id.get().to_le_bytes());
        let kind = match kind {
            ReferenceKind::ChildOf => kind::CHILD_OF,
            ReferenceKind::FollowsFrom => kind::FOLLOWS_FROM,
        };
        let header = header(kind, 0, ids.len());
        if !self.append(lane, header, &[], &ids, RESERVE) {
            self.0.count_cut(Cut::Reference);
        }
    }

    /// Appends an entry, and leaves `keep` words of the last slot. All or nothing.
    #[inline(always)]
    fn append(
        &mut self,
        lane: &impl Lane<'r, WORDS>,
        header: u32,
        key: &[u8],
        value: &[u8],
        keep: usize,
    ) -> bool {
        let key_words = words_for(key.len());
        let need = 1 + key_words + words_for(value.len());
        if need + keep > self.0.room() {
            return self.append_across(lane, header, [&[], key, value], need + keep);
        }
        let Some((first, rest)) = self.0.take(need).and_then(<[u32]>::split_first_mut) else {
            return false;
        };
        *first = header;
        if let Some((key_at, value_at)) = rest.split_at_mut_checked(key_words) {
            put(key_at, key);
            put(value_at, value);
        }
        true
    }

    /// The same through slots that are claimed for it.
    #[cold]
    #[inline(never)]
    fn append_across(
        &mut self,
        lane: &impl Lane<'r, WORDS>,
        header: u32,
        parts: [&[u8]; 3],
        need: usize,
    ) -> bool {
        if self.0.length() + need > MAX_RECORD_WORDS {
            return false;
        }
        let missing = need.saturating_sub(self.0.room_in_chain());
        if missing > 0 {
            match claim_chain(lane, missing.div_ceil(WORDS)) {
                Some(chain) => self.0.attach(chain),
                None => return false,
            }
        }
        self.put_across(&header.to_ne_bytes());
        parts.into_iter().for_each(|part| self.put_across(part));
        true
    }

    fn put_across(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.0.room() == 0 && !self.0.advance() {
                return;
            }
            let words = words_for(bytes.len()).min(self.0.room());
            let (now, later) = bytes.split_at(bytes.len().min(words * 4));
            if let Some(words) = self.0.take(words) {
                put(words, now);
            }
            bytes = later;
        }
    }
}

/// Claims `count` chained slots, at least one, or none at all.
fn claim_chain<'r, const WORDS: usize>(
    lane: &impl Lane<'r, WORDS>,
    count: usize,
) -> Option<Claimed<'r, WORDS>> {
    // SAFETY: for the span whose lane it is; attached, or released below.
    let more = || unsafe { lane.more() };
    let mut chain = more()?;
    for _ in 1..count {
        match more() {
            // The new one first: so it takes no walk to the chain's end.
            Some(mut next) => {
                next.attach(chain);
                chain = next;
            }
            None => {
                chain.release();
                lane.released();
                return None;
            }
        }
    }
    Some(chain)
}

#[inline(always)]
fn put(words: &mut [u32], bytes: &[u8]) {
    if let Some(to) = bytes_of_mut(words).get_mut(..bytes.len()) {
        to.copy_from_slice(bytes);
    }
}
