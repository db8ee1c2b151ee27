//! How a span begins: in line what most spans need, with the name, whose length the compiler knows there,
//! as a rule; out of line all else.

use std::mem;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;

use jaegerling_core::{self as core, Flags, Place, SpanContext, SpanId, TraceId};

use crate::Span;
use crate::hub::Hub;
use crate::lane::{ThreadLane, WORDS, with_lane};
use crate::local::Local;
use crate::name::Name;
use crate::root::Root;
use crate::span::Kind;
use crate::unrecorded::Unrecorded;
use crate::{counter, global, local, random};

/// A span that has begun, with its name, which is asked for only if the span is recorded.
#[inline(always)]
pub(crate) fn named(span: Span, name: impl Into<String>) -> Span {
    if let Kind::Recorded(lane, place) = span.kind() {
        let name = Name::of(name);
        // SAFETY: begun in this lane just now. This is not its end: that is the handle's.
        mem::forget(unsafe { core::Span::go_on(lane, place, name.as_str()) });
    }
    span
}

/// The first span of a trace, with fresh ids.
#[inline(always)]
pub(crate) fn trace(root: &Root, name: impl Into<String>) -> Span {
    let local = local::at_hand();
    let lane = local.lane(root.number);
    let span = match lane.and_then(|lane| trace_at_hand(lane, local)) {
        Some(span) => span,
        None => refused_or_other_trace(root, lane),
    };
    named(span, name)
}

/// The context of a trace's first span, whose id is the lower half of the trace's.
#[inline(always)]
fn trace_context(low: NonZeroU64, high: u64) -> SpanContext {
    sampled(
        NonZeroU128::from(low) | u128::from(high) << 64,
        low.into(),
        None,
    )
}

/// The context of a span whose trace begins in this process.
#[inline(always)]
pub(crate) fn sampled(
    trace_id: NonZeroU128,
    span_id: SpanId,
    parent_id: Option<NonZeroU64>,
) -> SpanContext {
    SpanContext {
        trace_id: trace_id.into(),
        span_id,
        parent_id: parent_id.map(SpanId::from),
        flags: Flags::SAMPLED,
    }
}

/// The way of most spans: all that it takes is at hand. If not, nothing has happened. In line: the
/// call alone would be a tenth of it.
#[inline(always)]
fn trace_at_hand(lane: &'static ThreadLane, local: &Local) -> Option<Span> {
    begin_at_hand(lane, || {
        let (low, high) = local.trace();
        trace_context(low, high)
    })
}

/// Where that is not at hand: first of all, a span that finds the lane full, as the one before.
#[cold]
#[inline(never)]
fn refused_or_other_trace(root: &Root, lane: Option<&'static ThreadLane>) -> Span {
    match lane {
        Some(lane) if lane.is_plain() && lane.ring.refuse_if_full() => {
            lane.bell.ring_for_loss();
            Unrecorded::root(root.refused, local::at_hand().random()).into()
        }
        _ => other_trace(root),
    }
}

/// A child, with a fresh id.
#[inline(always)]
pub(crate) fn child(parent: &Span, name: impl Into<String>) -> Span {
    let span = match parent.kind() {
        Kind::Recorded(lane, place) => match child_at_hand(parent, lane) {
            Some(span) => span,
            None => child_of_recorded(lane, place),
        },
        Kind::Unrecorded(parent) => child_of_unrecorded(&parent),
    };
    named(span, name)
}

#[inline(always)]
fn child_at_hand(parent: &Span, lane: &'static ThreadLane) -> Option<Span> {
    let local = local::at_hand();
    if !local.is_last(lane) {
        return None;
    }
    begin_at_hand(lane, || {
        let span_id = NonZeroU64::new(local.random()).unwrap_or(NonZeroU64::MIN);
        child_of(&parent.context(), span_id.into())
    })
}

/// By value, as a handle whose address is given away would have to be in memory.
#[cold]
#[inline(never)]
fn child_of_recorded(lane: &'static ThreadLane, parent: Place<'static, WORDS>) -> Span {
    // SAFETY: the caller has its handle.
    begin_child_in(lane, &unsafe { parent.context() }, None)
}

#[cold]
#[inline(never)]
fn child_of_unrecorded(parent: &Unrecorded) -> Span {
    match parent.child() {
        Some(child) => child.into(),
        None => other_child_of_unrecorded(parent),
    }
}

#[inline(never)]
fn other_child_of_unrecorded(parent: &Unrecorded) -> Span {
    begin_child_with(parent.tracer(), &parent.context(), None)
}

/// A child with an id of its own choice.
pub(crate) fn child_with_id(parent: &Span, span_id: SpanId) -> Span {
    let context = parent.context();
    match parent.kind() {
        Kind::Recorded(lane, _) => begin_child_in(lane, &context, Some(span_id)),
        Kind::Unrecorded(parent) => begin_child_with(parent.tracer(), &context, Some(span_id)),
    }
}

#[inline(always)]
fn random_span_id() -> SpanId {
    SpanId::new(random::next()).unwrap_or(SpanId::MIN)
}

#[inline(always)]
fn begin_at_hand(lane: &'static ThreadLane, context: impl FnOnce() -> SpanContext) -> Option<Span> {
    if !lane.is_plain() {
        return None;
    }
    // SAFETY: the lane owns its slots; they stay where they are.
    let claimed = unsafe { lane.ring.claim_next() }?;
    // Before the clock is read, which takes the registers.
    let context = context();
    let now = counter::read();
    // SAFETY: claimed in this lane, whose clock this is.
    let place = unsafe { core::Span::begin_at(&lane, now, &context, claimed) };
    Some(Span::recorded_at(lane, place))
}

#[inline(never)]
fn other_trace(root: &Root) -> Span {
    let (trace_id, span_id) = root.settings.next_trace();
    let context = sampled(trace_id.into(), span_id, None);
    match local::get().lane(root.number) {
        Some(lane) => begin_in(lane, &context),
        None => begin(root.hub(), &context),
    }
}

/// A span with whatever ids.
#[inline(always)]
pub(crate) fn in_context(root: &Root, context: SpanContext) -> Span {
    let SpanContext {
        trace_id,
        span_id,
        parent_id,
        flags,
    } = context;
    with_ids(root, trace_id, span_id, parent_id, flags)
}

/// A child of a span of another process.
#[inline(always)]
pub(crate) fn child_in(root: &Root, parent: &SpanContext) -> Span {
    match parent.flags.is_sampled() {
        true => in_context(root, child_of(parent, root.settings.next_span_id())),
        false => unsampled_child_in(local::at_hand(), root, parent).into(),
    }
}

/// Not as a span: so the compiler knows that it is not recorded. With what is at hand, because to find that may be
/// a call, for which all registers are saved.
#[cold]
#[inline(never)]
fn unsampled_child_in(local: &Local, root: &Root, parent: &SpanContext) -> Unrecorded {
    let trace_id = [parent.trace_id.low(), parent.trace_id.high()];
    let child = match root.settings.ids {
        None => Unrecorded::child_at_hand(local, trace_id, parent.span_id, parent.flags),
        Some(_) => None,
    };
    match child {
        Some(child) => child,
        None => other_unsampled_child_in(root, parent),
    }
}

#[inline(never)]
fn other_unsampled_child_in(root: &Root, parent: &SpanContext) -> Unrecorded {
    Unrecorded::new(0, child_of(parent, root.settings.next_span_id()))
}

/// What it is given fits the registers, but does not as one value.
#[inline(never)]
fn with_ids(
    root: &Root,
    trace_id: TraceId,
    span_id: SpanId,
    parent_id: Option<SpanId>,
    flags: Flags,
) -> Span {
    let context = || SpanContext {
        trace_id,
        span_id,
        parent_id,
        flags,
    };
    if !flags.is_sampled() {
        return Span::unrecorded(0, context());
    }
    let lane = local::at_hand().lane(root.number);
    match lane.and_then(|lane| begin_at_hand(lane, context)) {
        Some(span) => span,
        None => begin(root.hub(), &context()),
    }
}

/// Begins a span in this thread's lane, unless it is not sampled.
#[cold]
#[inline(never)]
fn begin(hub: &Arc<Hub>, context: &SpanContext) -> Span {
    match context.flags.is_sampled() {
        true => with_lane(hub, |lane| begin_in(lane, context)),
        false => Span::unrecorded(0, *context),
    }
}

#[inline]
fn begin_in(lane: &'static ThreadLane, context: &SpanContext) -> Span {
    let claimed = match lane.hub.output_gone() {
        // SAFETY: the lane owns its slots; they stay where they are.
        false => unsafe { lane.ring.claim() },
        true => {
            lane.ring.refuse();
            None
        }
    };
    let Some(claimed) = claimed else {
        lane.hub.bell.ring_for_loss();
        return Span::unrecorded(lane.hub.settings.number, *context);
    };
    if lane.ring.is_filling() {
        lane.bell.ring_for_many();
    }
    // SAFETY: claimed in this lane.
    let place = unsafe { core::Span::begin(&lane, context, claimed) };
    Span::recorded_at(lane, place)
}

/// Begins a child of a span that was recorded in this lane, with a fresh id unless it has one.
fn begin_child_in(
    lane: &'static ThreadLane,
    parent: &SpanContext,
    span_id: Option<SpanId>,
) -> Span {
    match lane.is_of_this_process() {
        true => begin_child_of(&lane.hub, parent, span_id),
        // Inherited by a fork.
        false => begin_child_with(lane.hub.settings.number, parent, span_id),
    }
}

/// The same for one that was not recorded, with the tracer of this number; or with none, 0.
fn begin_child_with(tracer: u64, parent: &SpanContext, span_id: Option<SpanId>) -> Span {
    match (tracer != 0).then(|| global::input(tracer)).flatten() {
        Some(input) => begin_child_of(input.root.hub(), parent, span_id),
        None => {
            let span_id = span_id.unwrap_or_else(random_span_id);
            Span::unrecorded(0, child_of(parent, span_id))
        }
    }
}

fn begin_child_of(hub: &Arc<Hub>, parent: &SpanContext, span_id: Option<SpanId>) -> Span {
    let span_id = span_id.unwrap_or_else(|| hub.settings.next_span_id());
    begin(hub, &child_of(parent, span_id))
}

#[inline(always)]
fn child_of(parent: &SpanContext, span_id: SpanId) -> SpanContext {
    SpanContext {
        span_id,
        parent_id: Some(parent.span_id),
        ..*parent
    }
}
