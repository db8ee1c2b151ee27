//! Appending to a record, by the one who owns its span.

mod across;

use core::sync::atomic::{Ordering, compiler_fence};

use super::put::{are_in_line, put};
use super::{Entry, Lane, Record};
use super::{
    HEAD_WORDS, LONG_KEY, PARENT_WORDS, RESERVE, header, kind, max_words, number_of, words_for,
};
use crate::part;
use crate::slot::{Claimed, Cut, Slot};
use crate::text;
use crate::{Flags, ReferenceKind, SpanContext, SpanId, Time, TraceId, Value};
use across::{NewEntry, append_across, append_long};

/// Who a span is.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    /// 0: none.
    pub(crate) parent_id: u64,
    pub(crate) flags: Flags,
}

impl From<&SpanContext> for Ids {
    #[inline(always)]
    fn from(context: &SpanContext) -> Self {
        Self {
            trace_id: context.trace_id.get(),
            span_id: context.span_id.get(),
            parent_id: context.parent_id.map_or(0, SpanId::get),
            flags: context.flags,
        }
    }
}

/// The owner's end of a record that is still written. Every entry is either in it whole, or
/// counted as cut.
pub(crate) struct RecordWriter<'r, const WORDS: usize>(Claimed<'r, WORDS>);

impl<'r, const WORDS: usize> RecordWriter<'r, WORDS> {
    /// Begins a record. Nothing is visible before the first [`commit`](Self::commit).
    #[inline(always)]
    pub(crate) fn new(mut claimed: Claimed<'r, WORDS>, ids: Ids, start: u64) -> Self {
        let words = claimed.take(HEAD_WORDS, 0);
        let words = words.and_then(|words| words.first_chunk_mut::<HEAD_WORDS>());
        if let Some([a, b, c, d, e, f, g, h, i, j]) = words {
            let [low, high] = halves_of(ids.trace_id);
            ([*a, *b], [*c, *d]) = (words_of(low), words_of(high));
            // Not all of it in registers at once.
            compiler_fence(Ordering::SeqCst);
            ([*e, *f], [*g, *h]) = (words_of(ids.span_id), words_of(ids.parent_id));
            [*i, *j] = words_of(start);
        }
        claimed.first().set_flags(ids.flags.bits());
        Self(claimed)
    }

    /// Goes on with a record that has nothing but its head.
    ///
    /// # Safety
    ///
    /// It is open in this slot, and no other value goes on with it.
    #[inline(always)]
    pub(crate) unsafe fn go_on(slot: &'r Slot<WORDS>) -> Self {
        // SAFETY: as promised by the caller; the head is written.
        Self(unsafe { Claimed::at(slot, HEAD_WORDS as u32) })
    }

    /// Ends the span without a look at the clock. This value is not used any more.
    pub(crate) fn end_at_no_time(&self, lane: &impl Lane<'r, WORDS>) {
        self.0.first().end(0, |word, head| lane.publish(word, head));
        lane.ended();
    }

    /// Goes on behind what is committed.
    ///
    /// # Safety
    ///
    /// A span is open in this slot, and no other value goes on with it.
    #[inline(always)]
    pub(crate) unsafe fn again(slot: &'r Slot<WORDS>) -> Self {
        // SAFETY: as promised by the caller.
        Self(unsafe { Claimed::again(slot) })
    }

    /// Where it lies.
    #[inline(always)]
    pub(crate) fn place(&self) -> &'r Slot<WORDS> {
        self.0.first()
    }

    /// The span has no parent. Nothing is committed yet.
    pub(crate) fn forget_parent(&self) {
        self.0.clear_words(PARENT_WORDS);
    }

    /// The ids that it began with: trace, span, parent.
    #[inline(always)]
    pub(crate) fn ids(&self) -> (u128, u64, u64) {
        // SAFETY: the owner reads what it wrote, and nobody writes there again while the span is open.
        let head = unsafe { self.0.first().committed(HEAD_WORDS) };
        let Some(&[a, b, c, d, e, f, g, h, ..]) = head.first_chunk::<HEAD_WORDS>() else {
            return (0, 0, 0);
        };
        let [low, high, span, parent] = [[a, b], [c, d], [e, f], [g, h]].map(number_of);
        (u128::from(low) | u128::from(high) << 64, span, parent)
    }

    /// The flags of the span.
    #[inline(always)]
    pub(crate) fn flags(&self) -> Flags {
        Flags::of_bits(self.0.first().flags())
    }

    /// From now on, these are its flags.
    #[inline(always)]
    pub(crate) fn set_flags(&self, flags: Flags) {
        self.0.first().set_flags(flags.bits());
    }

    /// Makes visible what was written so far.
    #[inline(always)]
    pub(crate) fn commit(&self, lane: &impl Lane<'r, WORDS>) {
        self.0.commit(|word, head| lane.publish(word, head));
    }

    /// Names the span. A name that finds no room is cut between two characters.
    #[inline(always)]
    pub(crate) fn name(&mut self, lane: &impl Lane<'r, WORDS>, name: &str) {
        if !self.append(lane, kind::NAME, &[], name.as_bytes(), RESERVE) {
            // SAFETY: it goes on where this one does, which it replaces.
            let length = unsafe { cut_name(self.0.first(), self.0.length(), *lane, name) };
            self.go_on_behind(length);
        }
    }

    /// What was appended elsewhere is the record's, too.
    #[inline(always)]
    fn go_on_behind(&mut self, length: u32) {
        // SAFETY: this one replaces itself, and so many words were handed out.
        self.0 = unsafe { Claimed::at(self.0.first(), length) };
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
                part::DOUBLES.set();
                bits = value.to_le_bytes();
                (kind::F64, &bits)
            }
        };
        if key.len() >= LONG_KEY {
            part::LONG_KEYS.set();
        }
        self.append(lane, kind + field, key.as_bytes(), value, RESERVE);
    }

    /// Begins a log. Says whether it found room, and its fields will be its own.
    pub(crate) fn log(&mut self, lane: &impl Lane<'r, WORDS>, time: Time) -> bool {
        part::LOGS.set();
        self.time(lane, kind::LOG, time, RESERVE)
    }

    /// Lets the span begin at another time.
    pub(crate) fn start_time(&mut self, lane: &impl Lane<'r, WORDS>, time: Time) {
        self.change(lane, kind::START, time);
    }

    /// Lets the span end at another time than the one at which it ends.
    pub(crate) fn end_time(&mut self, lane: &impl Lane<'r, WORDS>, time: Time) {
        self.change(lane, kind::END, time);
    }

    /// Each has room for once in the reserve. An entry that a drainer may look at cannot be
    /// changed in place, so that a second one takes room of its own, and none of the reserve.
    fn change(&mut self, lane: &impl Lane<'r, WORDS>, kind: u32, time: Time) {
        part::TIMES.set();
        let keep = if self.has(kind) { RESERVE } else { 0 };
        self.time(lane, kind, time, keep);
    }

    /// Whether there is a time of this kind, in whatever unit, among the committed entries.
    #[cold]
    fn has(&self, kind: u32) -> bool {
        // SAFETY: the record is open as long as this value is there, and only ended ones are freed.
        let record = unsafe { Record::read(self.0.first()) };
        let such = |entry: Entry<'r, WORDS>| entry.kind & !kind::UNIX == kind;
        record.is_some_and(|record| record.entries().any(such))
    }

    fn time(&mut self, lane: &impl Lane<'r, WORDS>, kind: u32, time: Time, keep: usize) -> bool {
        let (unit, value) = match time {
            Time::Ticks(ticks) => (0, ticks.to_le_bytes()),
            Time::UnixNanos(nanos) => {
                part::UNIX_TIMES.set();
                (kind::UNIX, nanos.to_le_bytes())
            }
        };
        self.append(lane, kind + unit, &[], &value, keep)
    }

    /// Refers to another span.
    pub(crate) fn reference(
        &mut self,
        lane: &impl Lane<'r, WORDS>,
        kind: ReferenceKind,
        trace_id: TraceId,
        span_id: SpanId,
    ) {
        part::REFERENCES.set();
        let mut ids = [0; 24];
        let (trace, span) = ids.split_at_mut(16);
        trace.copy_from_slice(&trace_id.get().to_le_bytes());
        span.copy_from_slice(&span_id.get().to_le_bytes());
        let kind = match kind {
            ReferenceKind::ChildOf => kind::CHILD_OF,
            ReferenceKind::FollowsFrom => kind::FOLLOWS_FROM,
        };
        self.append(lane, kind, &[], &ids, RESERVE);
    }

    /// Appends an entry, and leaves `keep` words. All or nothing; what is nothing, and not a name, is counted
    /// as cut.
    #[inline(always)]
    fn append(
        &mut self,
        lane: &impl Lane<'r, WORDS>,
        kind: u32,
        key: &[u8],
        value: &[u8],
        keep: usize,
    ) -> bool {
        let (first, before) = (self.0.first(), self.0.length());
        // Called as late as it is needed, or the entry would be made in any case.
        let entry = || NewEntry {
            kind,
            key,
            value,
            keep,
        };
        let length = if are_in_line(key, value) {
            if put_entry(&mut self.0, kind, key, value, keep) {
                return true;
            }
            // SAFETY: it goes on where this one does, which it replaces.
            unsafe { append_across(first, before, *lane, &entry()) }
        } else {
            // SAFETY: as above.
            unsafe { append_long(first, before, *lane, &entry()) }
        };
        self.go_on_behind(length);
        length > before
    }
}

/// Writes an entry into the last slot, if that has room for it.
#[inline(always)]
fn put_entry<const WORDS: usize>(
    claimed: &mut Claimed<'_, WORDS>,
    kind: u32,
    key: &[u8],
    value: &[u8],
    keep: usize,
) -> bool {
    let key_words = words_for(key.len());
    let need = 1 + key_words + words_for(value.len());
    let words = claimed.take(need, keep);
    let Some((first, rest)) = words.and_then(<[u32]>::split_first_mut) else {
        return false;
    };
    *first = header(kind, key.len(), value.len());
    if let Some((key_at, value_at)) = rest.split_at_mut_checked(key_words) {
        put(key_at, key);
        put(value_at, value);
    }
    true
}

/// Names a span whose name finds no room, by its beginning. How many words the record has then.
///
/// # Safety
///
/// As for [`Claimed::at`].
#[cold]
#[inline(never)]
#[expect(improper_ctypes_definitions, reason = "it is called from here alone")]
unsafe extern "C" fn cut_name<'r, const WORDS: usize>(
    first: &'r Slot<WORDS>,
    length: u32,
    lane: impl Lane<'r, WORDS>,
    name: &str,
) -> u32 {
    // SAFETY: as promised by the caller.
    let mut record = RecordWriter(unsafe { Claimed::at(first, length) });
    let whole = max_words(WORDS).saturating_sub(length as usize + 1 + RESERVE);
    // SAFETY: as promised by the caller.
    let (_, used) = unsafe { first.end_of_record(length) };
    let here = (WORDS - used as usize).saturating_sub(1 + RESERVE);
    let written = [whole, here].into_iter().any(|words| {
        let kept = text::cut(name, words * 4);
        let kind = if kept.len() < name.len() {
            kind::CUT_NAME
        } else {
            kind::NAME
        };
        // A name that it had before is better than the beginning of none.
        !kept.is_empty() && record.append(&lane, kind, &[], kept.as_bytes(), RESERVE)
    });
    if !written {
        first.count_cut(Cut::Tag);
    }
    record.0.length()
}

/// The lower half first.
fn halves_of(number: u128) -> [u64; 2] {
    [number as u64, (number >> 64) as u64]
}

/// As two words in the order of memory, the lowest byte first.
fn words_of(number: u64) -> [u32; 2] {
    [(number as u32).to_le(), ((number >> 32) as u32).to_le()]
}
