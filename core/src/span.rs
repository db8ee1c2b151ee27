//! An open span: a small handle on its record. What is said of the span goes into the record as
//! it comes, and is visible to the drainer at once.

mod log;

use crate::record::{Ending, Ids, Lane, RecordWriter};
use crate::slot::{Claimed, Slot};
use crate::{Flags, ReferenceKind, SpanContext, SpanId, Time, TraceId, Value};

pub use log::Log;

/// A span that has not ended. It ends when it is dropped.
///
/// A span that is not recorded, because its ring was full or its trace is not sampled, has its ids
/// and can have children all the same. Nothing that is said of it costs anything.
#[must_use = "a span ends when it is dropped"]
pub struct Span<'r, L: Lane<'r, WORDS>, const WORDS: usize> {
    lane: L,
    state: State<'r, WORDS>,
}

/// Where an open span lies, in one word: all that has to be kept of it.
#[derive(Clone, Copy)]
#[must_use = "its slot is lost unless the span is ended"]
pub struct Place<'r, const WORDS: usize>(&'r Slot<WORDS>);

/// Small, and known to the compiler: as long as what is said of a span has a length that it knows,
/// so has it the place of the next entry, and needs no check. With a tag of its own, which the compiler
/// knows longer than that an id is not zero.
#[repr(u8)]
enum State<'r, const WORDS: usize> {
    /// Ids and flags stand in the slot.
    Recorded(RecordWriter<'r, WORDS>),
    Unrecorded(Context),
}

/// A [`SpanContext`] in five words: what is moved should be small.
struct Context {
    trace_id: [u64; 2],
    span_id: SpanId,
    parent_id: Option<SpanId>,
    flags: Flags,
}

impl Context {
    #[inline(always)]
    fn of(context: SpanContext) -> Self {
        let SpanContext {
            trace_id,
            span_id,
            parent_id,
            flags,
        } = context;
        Self {
            trace_id: [trace_id.low(), trace_id.high()],
            span_id,
            parent_id,
            flags,
        }
    }

    #[inline(always)]
    fn get(&self) -> SpanContext {
        let [low, high] = self.trace_id.map(u128::from);
        SpanContext {
            // It was none of zero.
            trace_id: TraceId::new(low | high << 64).unwrap_or(TraceId::MIN),
            span_id: self.span_id,
            parent_id: self.parent_id,
            flags: self.flags,
        }
    }
}

impl<'r, const WORDS: usize> Place<'r, WORDS> {
    /// Who the span is.
    ///
    /// # Safety
    ///
    /// It has begun, and not ended.
    #[inline(always)]
    pub unsafe fn context(self) -> SpanContext {
        // SAFETY: as promised by the caller; it is only read.
        context(&unsafe { RecordWriter::again(self.0) })
    }

    /// The span, to be ended: by its lane ([`Lane::end`]).
    ///
    /// # Safety
    ///
    /// It has begun, and is not used any more.
    #[inline(always)]
    pub unsafe fn ending(self) -> Ending<'r, WORDS> {
        Ending(self.0)
    }
}

impl<'r, L: Lane<'r, WORDS>, const WORDS: usize> Span<'r, L, WORDS> {
    /// A span that is not recorded.
    #[inline]
    pub fn unrecorded(lane: L, context: SpanContext) -> Self {
        Self {
            lane,
            state: State::Unrecorded(Context::of(context)),
        }
    }

    /// Starts a span in a claimed slot, or one that is not recorded.
    ///
    /// # Safety
    ///
    /// The slot comes from [`LaneRing::claim`](crate::LaneRing::claim), and `lane` keeps the
    /// promise of [`Lane`] for its ring.
    #[inline]
    pub unsafe fn start(
        lane: L,
        context: SpanContext,
        claimed: Option<Claimed<'r, WORDS>>,
        name: &str,
    ) -> Self {
        match claimed {
            Some(claimed) => {
                let record = begin(claimed, &lane, || Ids::from(&context));
                let place = Place(record.place());
                // SAFETY: begun there just now.
                unsafe { Self::go_on(lane, place, name) }
            }
            None => Self::unrecorded(lane, context),
        }
    }

    /// Begins a span that has no name yet, in a claimed slot.
    ///
    /// # Safety
    ///
    /// As for [`start`](Self::start).
    #[inline(always)]
    pub unsafe fn begin(
        lane: &L,
        context: &SpanContext,
        claimed: Claimed<'r, WORDS>,
    ) -> Place<'r, WORDS> {
        let record = begin(claimed, lane, || Ids::from(context));
        record.commit(lane);
        Place(record.place())
    }

    /// The same at a time that the lane told.
    ///
    /// # Safety
    ///
    /// As for [`start`](Self::start).
    #[inline(always)]
    pub unsafe fn begin_at(
        lane: &L,
        ticks: u64,
        context: &SpanContext,
        claimed: Claimed<'r, WORDS>,
    ) -> Place<'r, WORDS> {
        let record = RecordWriter::new(claimed, Ids::from(context), ticks);
        record.commit(lane);
        Place(record.place())
    }

    /// The span that was begun there, with its name.
    ///
    /// # Safety
    ///
    /// As for [`resume`](Self::resume), and this comes first.
    #[inline(always)]
    pub unsafe fn go_on(lane: L, place: Place<'r, WORDS>, name: &str) -> Self {
        // SAFETY: as promised by the caller.
        let record = unsafe { RecordWriter::go_on(place.0) };
        Self::named(lane, record, name)
    }

    /// The span that lies there.
    ///
    /// # Safety
    ///
    /// It was begun there, with this lane, and has not ended. Of several that were made of one place, none is
    /// used while another one changes the span.
    #[inline(always)]
    pub unsafe fn resume(lane: L, place: Place<'r, WORDS>) -> Self {
        // SAFETY: as promised by the caller.
        let record = unsafe { RecordWriter::again(place.0) };
        Self {
            lane,
            state: State::Recorded(record),
        }
    }

    /// A span that has begun, with its name.
    #[inline(always)]
    pub(crate) fn named(lane: L, mut record: RecordWriter<'r, WORDS>, name: &str) -> Self {
        record.name(&lane, name);
        record.commit(&lane);
        Self {
            lane,
            state: State::Recorded(record),
        }
    }

    /// Its ids, its parent and its flags.
    #[inline]
    pub fn context(&self) -> SpanContext {
        match &self.state {
            State::Unrecorded(context) => context.get(),
            State::Recorded(record) => context(record),
        }
    }

    /// Its flags.
    #[inline(always)]
    pub fn flags(&self) -> Flags {
        match &self.state {
            State::Recorded(record) => record.flags(),
            State::Unrecorded(context) => context.flags,
        }
    }

    /// Where it is recorded.
    pub fn lane(&self) -> &L {
        &self.lane
    }

    /// Whether anything that is said of it is recorded.
    #[inline]
    pub fn is_recording(&self) -> bool {
        matches!(self.state, State::Recorded(..))
    }

    #[inline(always)]
    fn write(&mut self, write: impl FnOnce(&mut RecordWriter<'r, WORDS>, &L)) {
        if let State::Recorded(record) = &mut self.state {
            write(record, &self.lane);
            record.commit(&self.lane);
        }
    }

    /// Adds a tag.
    #[inline(always)]
    pub fn tag<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        // No closure here: one that is not inlined would have to have the handle in memory.
        if let State::Recorded(record) = &mut self.state {
            record.tag(&self.lane, key, value.into());
            record.commit(&self.lane);
        }
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
        match &mut self.state {
            State::Recorded(record) => record.set_flags(Flags::DEBUG),
            // One that found no room; whatever is not sampled stays that.
            State::Unrecorded(context) if context.flags.is_sampled() => {
                context.flags = Flags::DEBUG;
            }
            State::Unrecorded(_) => {}
        }
    }

    /// Refers to another span.
    pub fn reference(&mut self, kind: ReferenceKind, trace_id: TraceId, span_id: SpanId) {
        self.write(|record, lane| record.reference(lane, kind, trace_id, span_id));
    }

    /// Begins a log at the time now.
    pub fn log(&mut self) -> Log<'r, &mut Self, L, WORDS> {
        Log::of(self)
    }

    /// Begins a log at a given time.
    pub fn log_at(&mut self, time: Time) -> Log<'r, &mut Self, L, WORDS> {
        Log::at(self, time)
    }

    /// Ends the span now. So does dropping it.
    pub fn end(self) {}
}

impl<'r, L: Lane<'r, WORDS>, const WORDS: usize> Drop for Span<'r, L, WORDS> {
    #[inline]
    fn drop(&mut self) {
        if let State::Recorded(record) = &self.state {
            // SAFETY: the span's last word.
            self.lane.end(unsafe { Place(record.place()).ending() });
        }
    }
}

#[inline(always)]
fn context<const WORDS: usize>(record: &RecordWriter<'_, WORDS>) -> SpanContext {
    let (trace_id, span_id, parent_id) = record.ids();
    // SAFETY: it was none of zero when it was written, and nobody writes there again.
    let trace_id = unsafe { TraceId::new_unchecked(trace_id) };
    // SAFETY: as above.
    let span_id = unsafe { SpanId::new_unchecked(span_id) };
    SpanContext {
        trace_id,
        span_id,
        parent_id: SpanId::new(parent_id),
        flags: record.flags(),
    }
}

/// Begins a record, with the time now for its start. If the clock panics, the span begins and ends
/// at no time: a slot that nobody ends is lost for ever.
#[inline(always)]
pub(crate) fn begin<'r, const WORDS: usize>(
    claimed: Claimed<'r, WORDS>,
    lane: &impl Lane<'r, WORDS>,
    ids: impl Fn() -> Ids,
) -> RecordWriter<'r, WORDS> {
    let unbegun = Unbegun {
        // SAFETY: either it or the guard goes on.
        claimed: unsafe { claimed.moved() },
        lane,
        ids: &ids,
    };
    let start = lane.now();
    core::mem::forget(unbegun);
    // Ids as late as here: they lie somewhere, and before the claim they would be in its way.
    RecordWriter::new(claimed, ids(), start)
}

struct Unbegun<'a, 'r, L: Lane<'r, WORDS>, I: Fn() -> Ids, const WORDS: usize> {
    claimed: Claimed<'r, WORDS>,
    lane: &'a L,
    ids: &'a I,
}

impl<'r, L, I, const WORDS: usize> Drop for Unbegun<'_, 'r, L, I, WORDS>
where
    L: Lane<'r, WORDS>,
    I: Fn() -> Ids,
{
    #[cold]
    fn drop(&mut self) {
        // SAFETY: whoever made this does not go on.
        let claimed = unsafe { self.claimed.moved() };
        let record = RecordWriter::new(claimed, (self.ids)(), 0);
        record.commit(self.lane);
        record.end_at_no_time(self.lane);
    }
}
