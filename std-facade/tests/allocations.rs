//! Nothing on the way of a span allocates, once its thread is warm.
#![allow(missing_docs)]

mod allocator;

use std::num::NonZeroU128;
use std::sync::Arc;

use allocator::{Counting, allocations};
use jaegerling::{Flags, Span, SpanContext, TracesIn, TracesOut, builder};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SPANS: usize = 100;

/// A tracer in which this thread has its lane, and cells for spans that are not recorded.
fn warm(capacity: usize) -> (Arc<TracesIn>, TracesOut) {
    let builder = builder("allocations").capacity(capacity);
    let (traces_in, out) = builder.build().expect("a tracer");
    drop(traces_in.new_trace("first"));
    let parent = Span::disabled();
    drop([(); 8].map(|()| parent.child("warm")));
    (traces_in, out)
}

#[track_caller]
fn assert_none(run: impl FnMut()) {
    let mut run = run;
    let (count, ()) = allocations(|| (0..SPANS).for_each(|_| run()));
    assert_eq!(count, 0, "allocations for {SPANS} spans");
}

/// Not one that lives as long as the program.
fn borrowed(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_span_with_tags_logs_and_children_does_not_allocate() {
    let (traces_in, _out) = warm(4_096);
    let name = borrowed("a name");
    let trace_id = NonZeroU128::MIN;
    assert_none(|| {
        let mut span = traces_in.span(trace_id, &*name);
        span.add_string_tag("key", &name);
        span.add_int_tag("n", 42);
        span.add_bool_tag("b", true);
        span.add_float_tag("f", 1.5);
        span.add_bytes_tag("bytes", name.as_bytes());
        span.log().with_string("event", "log").with_int("n", 1);
        span.set_name("another name");
        drop(span.child(name.as_str()).with_follows_from(&span));
    });
    assert_none(|| drop(traces_in.new_trace("literal")));
}

#[test]
fn a_span_of_several_slots_does_not_allocate() {
    let (traces_in, _out) = warm(4_096);
    let text = "x".repeat(2_000);
    assert_none(|| drop(traces_in.new_trace("long").with_string_tag("text", &text)));
    assert_eq!(traces_in.stats().dropped.total(), 0);
}

#[test]
fn a_name_that_is_owned_already_is_not_copied() {
    let (traces_in, _out) = warm(4_096);
    let mut names: Vec<_> = (0..SPANS).map(|index| format!("name {index}")).collect();
    assert_none(|| drop(traces_in.new_trace(names.pop().expect("one for each"))));
}

/// A name that must not be asked for.
struct Never;

impl From<Never> for String {
    fn from(_: Never) -> Self {
        panic!("of a span that is not recorded");
    }
}

fn use_unrecorded(span: &mut Span) {
    let text = "x";
    assert!(!span.is_recording());
    span.add_tag_with("closure", || -> String { panic!("not run") });
    span.add_display_tag("display", format_args!("{text}"));
    span.add_debug_tag("debug", text);
    span.add_string_tag("key", text);
    span.log().with_string("event", text);
    span.set_name(Never);
}

#[test]
fn spans_that_are_not_sampled_or_disabled_cost_no_allocation_and_no_closure() {
    let (traces_in, _out) = warm(16);
    let before = traces_in.stats();
    let caller = SpanContext {
        flags: Flags::NONE,
        ..traces_in.new_trace("caller").context()
    };
    assert_none(|| {
        let mut span = traces_in.span_in(&caller, Never);
        use_unrecorded(&mut span);
        let context = span.context();
        assert_eq!(context.trace_id, caller.trace_id);
        assert_eq!(context.parent_id, Some(caller.span_id));
        let mut child = span.child(Never);
        use_unrecorded(&mut child);
        assert_eq!(child.context().parent_id, Some(context.span_id));
        assert_eq!(child.context().flags, Flags::NONE);
        let mut disabled = Span::disabled();
        use_unrecorded(&mut disabled);
        use_unrecorded(&mut disabled.child(Never));
    });
    let stats = traces_in.stats();
    assert_eq!(stats.started, before.started + 1, "the caller alone");
}

#[test]
fn refused_spans_and_their_children_cost_no_allocation_and_no_closure() {
    let (traces_in, _out) = warm(1);
    assert_none(|| {
        let mut span = traces_in.new_trace(Never);
        use_unrecorded(&mut span);
        use_unrecorded(&mut span.child(Never));
    });
    assert_eq!(traces_in.stats().dropped.ring_full, 2 * SPANS as u64);
}

#[test]
fn lend_does_not_allocate_once_its_buffer_is_there() {
    let (traces_in, mut out) = warm(4_096);
    out.add_string_tag("process", "tag");
    out.lend()
        .expect("not ended")
        .expect("the first span")
        .sent();
    assert_none(|| {
        drop(traces_in.new_trace("span").with_string_tag("key", "value"));
        out.lend().expect("not ended").expect("a span").sent();
        assert!(matches!(out.lend(), Ok(None)));
    });
}
