//! An open span: a small handle on its record. What is said of the span goes into the record as
//! it comes, and is visible to the drainer at once.

use crate::record::{Head, Lane, RecordWriter};
use crate::slot::Claimed;
use crate::{Flags, ReferenceKind, SpanContext, SpanId, Time, TraceId, Value};

/// A span that has not ended. It ends when it is dropped.
///
/// A span that is not recorded, because its ring was full or its trace is not sampled, has its ids
/// and can have children all the same. Nothing that is said of it costs anything.
#[must_use = "a span ends when it is dropped"]
pub struct Span<'r, L: Lane<'r, WORDS>, const WORDS: usize> {
    lane: L,
    context: SpanContext,
    record: Option<RecordWriter<'r, WORDS>>,
}

impl<'r, L: Lane<'r, WORDS>, const WORDS: usize> Span<'r, L, WORDS> {
    /// A span that is not recorded.
    #[inline]
    pub fn unrecorded(lane: L, context: SpanContext) -> Self {
        Self {
            lane,
            context,
            record: None,
        }
    }

    /// Starts a span in a claimed slot, or one that is not recorded.
    ///
    /// # Safety
    ///
    /// The slot comes from [`SpanRing::claim`](crate::SpanRing::claim), and `lane` keeps the
    /// promise of [`Lane`] for its ring.
    #[inline]
    pub unsafe fn start(
        lane: L,
        context: SpanContext,
        claimed: Option<Claimed<'r, WORDS>>,
        name: &str,
    ) -> Self {
        let record = claimed.map(|claimed| {
            let mut unbegun = Unbegun {
                claimed: Some(claimed),
                context: &context,
                lane: &lane,
            };
            let start = lane.now();
            let mut record = unbegun.begin(start)?;
            if context.flags != Flags::SAMPLED {
                record.first_flags(&lane, context.flags.bits());
            }
            record.name(&lane, name);
            record.commit();
            Some(record)
        });
        Self {
            lane,
            context,
            record: record.flatten(),
        }
    }

    /// Its ids, its parent and its flags.
    #[inline]
    pub fn context(&self) -> SpanContext {
        self.context
    }

    /// Where it is recorded.
    pub fn lane(&self) -> &L {
        &self.lane
    }

    /// Whether anything that is said of it is recorded.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.record.is_some()
    }

    #[inline(always)]
    fn write(&mut self, write: impl FnOnce(&mut RecordWriter<'r, WORDS>, &L)) {
        if let Some(record) = &mut self.record {
            write(record, &self.lane);
            record.commit();
        }
    }

    /// Adds a tag.
    #[inline(always)]
    pub fn tag<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        self.write(|record, lane| record.tag(lane, key, value.into()));
    }

    /// Gives the span another name.
    pub fn set_name(&mut self, name: &str) {
        self.write(|record, lane| record.name(lane, name));
    }

    /// Lets the span begin at another time than the one at which it was started. The last one
    /// said counts; but if there is no room for another one, the one before it stays, which is
    /// counted in [`Trimmed::times`](crate::Trimmed::times). The first one always has room.
    pub fn set_start(&mut self, time: Time) {
        self.write(|record, lane| record.start_time(lane, time));
    }

    /// Lets the span end at another time than the one at which it ends. The last one said counts,
    /// as for [`set_start`](Self::set_start).
    pub fn set_end(&mut self, time: Time) {
        self.write(|record, lane| record.end_time(lane, time));
    }

    /// Marks the span, and the children that it will have, as ones that somebody debugs.
    pub fn set_debug(&mut self) {
        if self.context.flags.is_sampled() && !self.context.flags.is_debug() {
            self.context.flags = Flags::DEBUG;
            self.write(|record, lane| record.flags(lane, Flags::DEBUG.bits()));
        }
    }

    /// Refers to another span.
    pub fn reference(&mut self, kind: ReferenceKind, trace_id: TraceId, span_id: SpanId) {
        self.write(|record, lane| record.reference(lane, kind, trace_id, span_id));
    }

    /// Begins a log at the time now.
    pub fn log(&mut self) -> Log<'_, 'r, WORDS, L> {
        match self.is_recording() {
            true => self.log_at(Time::Ticks(self.lane.now())),
            false => Log { span: None },
        }
    }

    /// Begins a log at a given time.
    pub fn log_at(&mut self, time: Time) -> Log<'_, 'r, WORDS, L> {
        let logged = match &mut self.record {
            Some(record) => record.log(&self.lane, time),
            None => false,
        };
        Log {
            span: logged.then_some(self),
        }
    }

    /// Ends the span now. So does dropping it.
    pub fn end(self) {}
}

impl<'r, L: Lane<'r, WORDS>, const WORDS: usize> Drop for Span<'r, L, WORDS> {
    #[inline]
    fn drop(&mut self) {
        if self.record.is_some() {
            let mut ending = Ending {
                record: self.record.take(),
                lane: &self.lane,
                ticks: 0,
            };
            ending.ticks = self.lane.now();
        }
    }
}

/// A slot whose span is about to begin. If the clock panics, it begins and ends at no time: a slot
/// that nobody ends is lost for ever.
struct Unbegun<'a, 'r, L: Lane<'r, WORDS>, const WORDS: usize> {
    claimed: Option<Claimed<'r, WORDS>>,
    context: &'a SpanContext,
    lane: &'a L,
}

impl<'r, L: Lane<'r, WORDS>, const WORDS: usize> Unbegun<'_, 'r, L, WORDS> {
    #[inline(always)]
    fn begin(&mut self, start: u64) -> Option<RecordWriter<'r, WORDS>> {
        let context = self.context;
        let head = Head {
            trace_id: context.trace_id.get(),
            span_id: context.span_id.get(),
            parent_id: context.parent_id.map_or(0, SpanId::get),
            start,
        };
        let claimed = self.claimed.take()?;
        Some(RecordWriter::new(claimed, &head))
    }
}

impl<'r, L: Lane<'r, WORDS>, const WORDS: usize> Drop for Unbegun<'_, 'r, L, WORDS> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(record) = self.begin(0) {
            record.end(0);
            self.lane.ended();
        }
    }
}

/// A span that ends when this is dropped, even if that is because the clock panics.
struct Ending<'a, 'r, L: Lane<'r, WORDS>, const WORDS: usize> {
    record: Option<RecordWriter<'r, WORDS>>,
    lane: &'a L,
    ticks: u64,
}

impl<'r, L: Lane<'r, WORDS>, const WORDS: usize> Drop for Ending<'_, 'r, L, WORDS> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            record.end(self.ticks);
            self.lane.ended();
        }
    }
}

/// A point in time within a span, which takes fields until it is dropped. Then it is visible, whole.
pub struct Log<'s, 'r, const WORDS: usize, L: Lane<'r, WORDS>> {
    span: Option<&'s mut Span<'r, L, WORDS>>,
}

impl<'r, const WORDS: usize, L: Lane<'r, WORDS>> Log<'_, 'r, WORDS, L> {
    /// Adds a field.
    pub fn field<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        if let Some(Span {
            record: Some(record),
            lane,
            ..
        }) = self.span.as_deref_mut()
        {
            record.field(lane, key, value.into());
        }
    }

    /// Whether its fields are recorded.
    pub fn is_recording(&self) -> bool {
        self.span.is_some()
    }
}

impl<'r, const WORDS: usize, L: Lane<'r, WORDS>> Drop for Log<'_, 'r, WORDS, L> {
    fn drop(&mut self) {
        if let Some(record) = self.span.as_deref().and_then(|span| span.record.as_ref()) {
            record.commit();
        }
    }
}
