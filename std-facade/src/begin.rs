//! How a span begins: in line what most spans need, with the name, whose length the compiler knows there,
//! as a rule; out of line all else.

use std::mem;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;

use jaegerling_core::{self as core, Flags, SpanContext, SpanId};

use crate::Span;
use crate::hub::Hub;
use crate::lane::{Handle, ThreadLane, WORDS, with_lane};
use crate::name::Name;
use crate::root::Root;
use crate::{counter, global, local, random};

/// A span that has its slot and waits for its name. If that never comes, because what should make it
/// panics, it goes on without: a slot that nobody ends would keep its tracer for ever.
#[must_use]
pub(crate) struct Begun(Unnamed);

/// The lane and the slot: what fits two registers.
type Unnamed = (&'static ThreadLane, core::Begun<'static, WORDS>);

/// What a span is that is not recorded. The compiler should know that it is not.
pub(crate) struct Unrecorded(Handle, SpanContext);

/// The span; its name is asked for only if it has begun.
#[inline]
pub(crate) fn named(begun: Result<Begun, Unrecorded>, name: impl Into<String>) -> Span {
    match begun {
        Ok(begun) => begun.named(name),
        Err(unrecorded) => unrecorded.span(),
    }
}

impl Unrecorded {
    #[inline(always)]
    fn span(self) -> Span {
        let Self(handle, context) = self;
        Span::unrecorded(handle, context)
    }
}

impl Begun {
    #[inline(always)]
    fn named(self, name: impl Into<String>) -> Span {
        let name = Name::of(name);
        self.go_on(name.as_str())
    }

    #[inline(always)]
    fn go_on(self, name: &str) -> Span {
        go_on(self.into_unnamed(), name)
    }

    #[inline(always)]
    fn into_unnamed(self) -> Unnamed {
        let Self(unnamed) = self;
        mem::forget(self);
        unnamed
    }
}

impl Drop for Begun {
    #[inline(always)]
    fn drop(&mut self) {
        drop(go_on(self.0, ""));
    }
}

#[inline(always)]
fn go_on((lane, begun): Unnamed, name: &str) -> Span {
    // SAFETY: begun in this lane, and given away by what held it.
    Span(unsafe { core::Span::go_on(Handle::Recorded(lane), begun, name) })
}

/// The first span of a trace, with fresh ids.
#[inline(always)]
pub(crate) fn trace(root: &Root, name: impl Into<String>) -> Span {
    let unnamed = match trace_at_hand(root) {
        Some(unnamed) => unnamed,
        None => match refused_at_hand(root) {
            Some((low, high)) => return refused(root.number, trace_context(low, high)).span(),
            None => match other_trace(root) {
                Ok(unnamed) => unnamed,
                Err(unrecorded) => return unrecorded.span(),
            },
        },
    };
    Begun(unnamed).named(name)
}

#[inline(always)]
fn refused(tracer: u64, context: SpanContext) -> Unrecorded {
    Unrecorded(Handle::Refused(tracer), context)
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
fn trace_at_hand(root: &Root) -> Option<Unnamed> {
    let local = local::at_hand();
    let lane = local.lane(root.number)?;
    begin_at_hand(lane, || {
        let (low, high) = local.trace();
        trace_context(low, high)
    })
}

/// The same for a span that finds the lane full, as the one before: the halves of its trace's id.
#[cold]
#[inline(never)]
fn refused_at_hand(root: &Root) -> Option<(NonZeroU64, u64)> {
    let local = local::at_hand();
    let lane = local.lane(root.number)?;
    if !lane.is_plain() || !lane.ring.refuse_if_full() {
        return None;
    }
    lane.bell.ring_for_loss();
    Some(local.trace())
}

/// A child, with a fresh id.
#[inline(always)]
pub(crate) fn child(parent: &Span, name: impl Into<String>) -> Span {
    let unnamed = match child_at_hand(&parent.0) {
        Some(unnamed) => unnamed,
        None if matches!(parent.0.lane(), Handle::Off) => {
            return unsampled_child(&parent.context(), random_span_id()).span();
        }
        None => match other_child(parent) {
            Ok(unnamed) => unnamed,
            Err(unrecorded) => return unrecorded.span(),
        },
    };
    Begun(unnamed).named(name)
}

/// Out of line, as it fits a register.
#[inline(never)]
pub(crate) fn random_span_id() -> SpanId {
    SpanId::new(random::next()).unwrap_or(SpanId::MIN)
}

#[inline(always)]
fn child_at_hand(parent: &core::Span<'static, Handle, WORDS>) -> Option<Unnamed> {
    let &Handle::Recorded(lane) = parent.lane() else {
        return None;
    };
    let local = local::at_hand();
    // Both is as the lane says; but the compiler does not know.
    if !parent.is_recording() || !local.is_last(lane) {
        return None;
    }
    begin_at_hand(lane, || {
        let span_id = NonZeroU64::new(local.random()).unwrap_or(NonZeroU64::MIN);
        child_of(&parent.context(), span_id.into())
    })
}

#[inline(always)]
fn begin_at_hand(
    lane: &'static ThreadLane,
    context: impl FnOnce() -> SpanContext,
) -> Option<Unnamed> {
    if !lane.is_plain() {
        return None;
    }
    // SAFETY: the lane owns its slots; they stay where they are.
    let claimed = unsafe { lane.ring.claim_next() }?;
    // Before the clock is read, which takes the registers.
    let context = context();
    let now = counter::read();
    // SAFETY: claimed in this lane, whose clock this is. It goes on when it is named, or dropped.
    let begun = unsafe { core::Span::<Handle, WORDS>::begin_at(now, &context, claimed) };
    Some((lane, begun))
}

/// What is not at hand: another place for what is given than where it is to be, or all spans would be
/// in memory.
type Other = Result<Unnamed, Unrecorded>;

#[cold]
#[inline(never)]
fn other_trace(root: &Root) -> Other {
    begin_trace(root).map(Begun::into_unnamed)
}

#[cold]
#[inline(never)]
fn other_child(parent: &Span) -> Other {
    begin_child(parent, None).map(Begun::into_unnamed)
}

/// Begins a span in this thread's lane; or says what it is, if it is not recorded.
#[inline(never)]
pub(crate) fn begin(hub: &Arc<Hub>, context: &SpanContext) -> Result<Begun, Unrecorded> {
    if !context.flags.is_sampled() {
        return Err(Unrecorded(Handle::Off, *context));
    }
    with_lane(hub, |lane| begin_in(lane, context))
}

#[inline]
fn begin_in(lane: &'static ThreadLane, context: &SpanContext) -> Result<Begun, Unrecorded> {
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
        return Err(refused(lane.hub.settings.number, *context));
    };
    // SAFETY: claimed in this lane. It goes on when it is named, or dropped.
    let begun = unsafe { core::Span::begin(&Handle::Recorded(lane), context, claimed) };
    Ok(Begun((lane, begun)))
}

/// The same for a trace's first span, with fresh ids.
#[inline(never)]
fn begin_trace(root: &Root) -> Result<Begun, Unrecorded> {
    let (trace_id, span_id) = root.settings.next_trace();
    let context = sampled(trace_id.into(), span_id, None);
    match local::get().lane(root.number) {
        Some(lane) => begin_in(lane, &context),
        None => begin(root.hub(), &context),
    }
}

/// The same for a child, with a fresh id unless it has one.
#[inline(never)]
pub(crate) fn begin_child(parent: &Span, span_id: Option<SpanId>) -> Result<Begun, Unrecorded> {
    let handle = parent.0.lane();
    let parent = parent.0.context();
    let begin_in = |hub: &Arc<Hub>| {
        let span_id = span_id.unwrap_or_else(|| hub.settings.next_span_id());
        begin(hub, &child_of(&parent, span_id))
    };
    let unsampled = || {
        let span_id = span_id.unwrap_or_else(random_span_id);
        Err(unsampled_child(&parent, span_id))
    };
    match (handle, handle.lane()) {
        (_, Some(lane)) => begin_in(&lane.hub),
        (Handle::Off, _) => unsampled(),
        // Of one that was refused, or inherited by a fork.
        _ => match handle.number().and_then(global::input) {
            Some(input) => begin_in(input.root.hub()),
            None => unsampled(),
        },
    }
}

/// A child that is not recorded, nor are its own.
#[inline(always)]
fn unsampled_child(parent: &SpanContext, span_id: SpanId) -> Unrecorded {
    Unrecorded(Handle::Off, child_of(parent, span_id))
}

#[inline(always)]
fn child_of(parent: &SpanContext, span_id: SpanId) -> SpanContext {
    SpanContext {
        span_id,
        parent_id: Some(parent.span_id),
        ..*parent
    }
}
