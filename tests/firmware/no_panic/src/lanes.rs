//! The rings of threads, and spans in them.

use core::sync::atomic::AtomicU32;

use jaegerling_core::{
    Claimed, Flags, Lane, Outcome, ReferenceKind, Seen, SingleContext, SpanContext, SpanId, Time,
    TraceId, Value,
};

use crate::parts::{SLOTS, Slot, WORDS};

type S = [Slot; SLOTS];
type LaneRing = jaegerling_core::LaneRing<SingleContext, S, WORDS>;
type Drain = jaegerling_core::Drain<'static, WORDS>;
type Ending = jaegerling_core::Ending<'static, WORDS>;
type Place = jaegerling_core::Place<'static, WORDS>;
type Span = jaegerling_core::Span<'static, L, WORDS>;
type Log = jaegerling_core::Log<'static, &'static mut Span, L, WORDS>;
type SpanView<'r> = jaegerling_core::SpanView<'r, WORDS>;
type TagView = jaegerling_core::TagView<'static, WORDS>;
pub type Text = jaegerling_core::Text<'static, WORDS>;

/// A lane that does what it must, and no more.
#[derive(Clone, Copy)]
pub struct L(&'static LaneRing, fn() -> u64);

// SAFETY: nobody runs it.
unsafe impl Lane<'static, WORDS> for L {
    fn now(&self) -> u64 {
        (self.1)()
    }

    unsafe fn more(&self) -> Option<Claimed<'static, WORDS>> {
        // SAFETY: as above.
        unsafe { self.0.claim_more() }
    }

    fn released(&self) {
        self.0.released();
    }
}

pub fn touch_all() {
    crate::touch! {
        drop::<Log> => (it: Log);
        drop::<Span> => (it: Span);
        Drain::dropped => (it: &'static Drain);
        Drain::for_each_open => (it: &'static mut Drain, show: fn(&SpanView));
        Drain::in_flight => (it: &'static Drain);
        Drain::new => ();
        Drain::open => (it: &'static Drain);
        Drain::recheck => (it: &'static mut Drain);
        Drain::settle => (it: &'static mut Drain, outcome: Outcome);
        Drain::stats => (it: &'static mut Drain, rings: core::iter::Copied<core::slice::Iter<'static, (&'static LaneRing, Seen)>>);
        Drain::sweep => (it: &'static mut Drain, ring: &'static LaneRing, seen: &'static mut Seen);
        Drain::tell_freed => (it: &'static Drain, ring: &'static LaneRing);
        Drain::waiting => (it: &'static Drain);
        Drain::waiting_bytes => (it: &'static Drain);
        Ending::at => (it: Ending, ticks: u64, lane: &'static L);
        Ending::now => (it: Ending, lane: &'static L);
        Lane::end => (it: &'static L, span: Ending);
        Lane::ended => (it: &'static L);
        Lane::may_have => (it: &'static L, slots: usize);
        Lane::publish => (it: &'static L, word: &'static AtomicU32, value: u32);
        LaneRing::claim => (it: &'static LaneRing);
        LaneRing::claim_more => (it: &'static LaneRing);
        LaneRing::claim_next => (it: &'static LaneRing);
        LaneRing::claimed => (it: &'static LaneRing);
        LaneRing::is_filling => (it: &'static LaneRing);
        LaneRing::is_in_use => (it: &'static LaneRing);
        LaneRing::new => (lock: SingleContext, slots: S);
        LaneRing::next_open => (it: &'static LaneRing, from: usize);
        LaneRing::refuse => (it: &'static LaneRing);
        LaneRing::refuse_if_full => (it: &'static LaneRing);
        LaneRing::refused => (it: &'static LaneRing);
        LaneRing::released => (it: &'static LaneRing);
        LaneRing::touched_slots => (it: &'static LaneRing);
        Log::field => (it: &'static mut Log, key: &'static str, value: Value<'static>);
        Log::at => (span: &'static mut Span, time: Time);
        Log::is_recording => (it: &'static Log);
        <Place as Clone>::clone => (it: &'static Place);
        Log::nowhere => ();
        Log::of => (span: &'static mut Span);
        Place::context => (it: Place);
        Place::ending => (it: Place);
        Span::begin => (lane: &'static L, context: &'static SpanContext, claimed: Claimed<'static, WORDS>);
        Span::begin_at => (lane: &'static L, ticks: u64, context: &'static SpanContext, claimed: Claimed<'static, WORDS>);
        Span::context => (it: &'static Span);
        Span::end => (it: Span);
        Span::flags => (it: &'static Span);
        Span::go_on => (lane: L, place: Place, name: &'static str);
        Span::is_recording => (it: &'static Span);
        Span::lane => (it: &'static Span);
        Span::log => (it: &'static mut Span);
        Span::log_at => (it: &'static mut Span, time: Time);
        Span::reference => (it: &'static mut Span, kind: ReferenceKind, trace_id: TraceId, span_id: SpanId);
        Span::resume => (lane: L, place: Place);
        Span::set_debug => (it: &'static mut Span);
        Span::set_end => (it: &'static mut Span, time: Time);
        Span::set_name => (it: &'static mut Span, name: &'static str);
        Span::set_start => (it: &'static mut Span, time: Time);
        Span::start => (lane: L, context: SpanContext, claimed: Option<Claimed<'static, WORDS>>, name: &'static str);
        Span::tag => (it: &'static mut Span, key: &'static str, value: Value<'static>);
        Span::unrecorded => (lane: L, context: SpanContext);
        SpanView::context => (it: &'static SpanView);
        SpanView::name => (it: &'static SpanView);
        SpanView::start => (it: &'static SpanView);
        SpanView::tags => (it: &'static SpanView);
        <TagView as Clone>::clone => (it: &'static TagView);
        <Text as Clone>::clone => (it: &'static Text);
    }
}
