//! How a span begins: in line what most spans need, with the name, whose length the compiler knows there,
//! as a rule; out of line all else.

use std::mem;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;

use jaegerling_core::{self as core, Flags, SpanContext, SpanId};

use crate::Span;
use crate::hub::Hub;
use crate::lane::{Handle, ThreadLane, WORDS, with_lane};
use crate::name::with_str;
use crate::root::Root;
use crate::{counter, global, local, random};

/// A span that has its slot and waits for its name. If that never comes, because what should make it
/// panics, it goes on without: a slot that nobody ends would keep its tracer for ever.
#[must_use]
pub(crate) struct Begun(Unnamed, Flags);

/// The lane and the slot: what fits two registers.
type Unnamed = (&'static ThreadLane, core::Begun<'static, WORDS>);

/// The span; its name is asked for only if it has begun.
#[inline]
pub(crate) fn named(begun: Result<Begun, Span>, name: impl Into<String>) -> Span {
    match begun {
        Ok(begun) => begun.named(name),
        Err(unrecorded) => unrecorded,
    }
}

impl Begun {
    #[inline(always)]
    fn named(self, name: impl Into<String>) -> Span {
        with_str(name, |name| self.go_on(name))
    }

    #[inline(always)]
    fn go_on(self, name: &str) -> Span {
        let Self(unnamed, flags) = self;
        mem::forget(self);
        go_on(unnamed, flags, name)
    }
}

impl Drop for Begun {
    #[inline(always)]
    fn drop(&mut self) {
        let Self(unnamed, flags) = *self;
        drop(go_on(unnamed, flags, ""));
    }
}

#[inline(always)]
fn go_on((lane, begun): Unnamed, flags: Flags, name: &str) -> Span {
    // SAFETY: begun in this lane, with these flags, and given away by what held it.
    Span(unsafe { core::Span::go_on(Handle::Recorded(lane), begun, flags, name) })
}

/// The first span of a trace, with fresh ids.
#[inline(always)]
pub(crate) fn trace(root: &Root, name: impl Into<String>) -> Span {
    match trace_at_hand(root) {
        Some(unnamed) => Begun(unnamed, Flags::SAMPLED).named(name),
        None => match refused_at_hand(root) {
            Some((low, high)) => refused(root.number, trace_context(low, high)),
            None => shown(other_trace(root, name)),
        },
    }
}

#[inline(always)]
fn refused(tracer: u64, context: SpanContext) -> Span {
    Span::unrecorded(Handle::Refused(tracer), context)
}

/// The context of a trace's first span, whose id is the lower half of the trace's.
#[inline(always)]
fn trace_context(low: NonZeroU64, high: u64) -> SpanContext {
    SpanContext {
        trace_id: (NonZeroU128::from(low) | u128::from(high) << 64).into(),
        span_id: low.into(),
        parent_id: None,
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
        let [high, low] = local.trace();
        Some(trace_context(NonZeroU64::new(low)?, high))
    })
}

/// The same for a span that finds the lane full, as the one before: the halves of its trace's id.
#[inline(never)]
fn refused_at_hand(root: &Root) -> Option<(NonZeroU64, u64)> {
    let local = local::at_hand();
    let lane = local.lane(root.number)?;
    let [high, low] = local.trace();
    let low = NonZeroU64::new(low)?;
    if !lane.is_plain() || !lane.ring.refuse_if_full() {
        return None;
    }
    lane.bell.ring_for_loss();
    Some((low, high))
}

/// A child, with a fresh id.
#[inline(always)]
pub(crate) fn child(parent: &Span, name: impl Into<String>) -> Span {
    match child_at_hand(&parent.0) {
        Some(unnamed) => Begun(unnamed, parent.0.flags()).named(name),
        None if matches!(parent.0.lane(), Handle::Off) => {
            unsampled_child(&parent.context(), random_span_id())
        }
        None => shown(other_child(parent, name)),
    }
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
    if !local.is_last(lane) {
        return None;
    }
    let span_id = || Some(NonZeroU64::new(local.random())?.into());
    begin_at_hand(lane, || Some(child_of(&parent.context(), span_id()?)))
}

#[inline(always)]
fn begin_at_hand(
    lane: &'static ThreadLane,
    context: impl FnOnce() -> Option<SpanContext>,
) -> Option<Unnamed> {
    if !lane.is_plain() {
        return None;
    }
    // Before the claim: a slot would be lost.
    let context = context()?;
    // SAFETY: the lane owns its slots; they stay where they are.
    let claimed = unsafe { lane.ring.claim_next() }?;
    // SAFETY: claimed in this lane, whose clock this is. It goes on when it is named, or dropped.
    let begun =
        unsafe { core::Span::<Handle, WORDS>::begin_at(counter::read(), &context, claimed) };
    Some((lane, begun))
}

/// Hidden, so that the span is copied to where it is to be: if that were told to who makes it, all spans
/// would be in memory.
type Other = Option<Span>;

#[inline(always)]
fn shown(other: Other) -> Span {
    match other {
        Some(span) => span,
        None => unreachable!("it is made"),
    }
}

#[cold]
#[inline(never)]
fn other_trace(root: &Root, name: impl Into<String>) -> Other {
    Some(named(begin_trace(root), name))
}

#[cold]
#[inline(never)]
fn other_child(parent: &Span, name: impl Into<String>) -> Other {
    Some(named(begin_child(parent, None), name))
}

/// Begins a span in this thread's lane; or says what it is, if it is not recorded.
#[inline(never)]
pub(crate) fn begin(hub: &Arc<Hub>, context: &SpanContext) -> Result<Begun, Span> {
    if !context.flags.is_sampled() {
        return Err(Span::unrecorded(Handle::Off, *context));
    }
    with_lane(hub, |lane| begin_in(lane, context))
}

#[inline]
fn begin_in(lane: &'static ThreadLane, context: &SpanContext) -> Result<Begun, Span> {
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
    Ok(Begun((lane, begun), context.flags))
}

/// The same for a trace's first span, with fresh ids.
#[inline(never)]
fn begin_trace(root: &Root) -> Result<Begun, Span> {
    let (trace_id, span_id) = root.settings.next_trace();
    let context = SpanContext {
        trace_id,
        span_id,
        parent_id: None,
        flags: Flags::SAMPLED,
    };
    match local::get().lane(root.number) {
        Some(lane) => begin_in(lane, &context),
        None => begin(root.hub(), &context),
    }
}

/// The same for a child, with a fresh id unless it has one.
#[inline(never)]
pub(crate) fn begin_child(parent: &Span, span_id: Option<SpanId>) -> Result<Begun, Span> {
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
fn unsampled_child(parent: &SpanContext, span_id: SpanId) -> Span {
    Span::unrecorded(Handle::Off, child_of(parent, span_id))
}

#[inline(always)]
fn child_of(parent: &SpanContext, span_id: SpanId) -> SpanContext {
    SpanContext {
        span_id,
        parent_id: Some(parent.span_id),
        ..*parent
    }
}
