//! A tracer as one process has it: its settings, its lanes, and the side that drains them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jaegerling_core::{
    BUFFER_EXTRA, Clock, Drain, IdSource, LimitTooSmall, Loss, LossWatch, Outcome, Packed, Packer,
    Process, Seen, SpanId, Stats, TraceId,
};

use crate::bell::Bell;
use crate::clock::{AnyClock, SystemClock};
use crate::global::{self, lock};
use crate::lane::{ThreadLane, WORDS};
use crate::process::{OwnTags, ProcessTags, own_tags};
use crate::{os, random};

/// What a tracer was built with.
pub(crate) struct Settings {
    pub(crate) number: u64,
    pub(crate) service_name: String,
    /// Slots of a lane.
    pub(crate) capacity: usize,
    pub(crate) packer: Packer,
    pub(crate) clock: AnyClock,
    pub(crate) ids: Option<Box<dyn IdSource + Send + Sync>>,
    pub(crate) own_tags: OwnTags,
    pub(crate) loss_span: bool,
}

impl Settings {
    /// A fresh id.
    #[inline]
    pub(crate) fn next_id(&self) -> u64 {
        match &self.ids {
            None => random::next(),
            Some(ids) => ids.next_id(),
        }
    }

    #[inline]
    pub(crate) fn next_span_id(&self) -> SpanId {
        SpanId::new(self.next_id()).unwrap_or(SpanId::MIN)
    }

    /// The ids of a trace's first span.
    #[inline]
    pub(crate) fn next_trace(&self) -> (TraceId, SpanId) {
        let [high, low, span] = match &self.ids {
            None => random::numbers(),
            Some(ids) => [ids.next_id(), ids.next_id(), ids.next_id()],
        };
        let trace = TraceId::new(u128::from(high) << 64 | u128::from(low));
        (
            trace.unwrap_or(TraceId::MIN),
            SpanId::new(span).unwrap_or(SpanId::MIN),
        )
    }
}

/// See the module.
pub(crate) struct Hub {
    pub(crate) settings: Arc<Settings>,
    pub(crate) bell: &'static Bell,
    pub(crate) forks: u32,
    /// Neither side is left: no span is recorded any more.
    closed: AtomicBool,
    /// Nobody drains any more: spans are refused.
    output_gone: AtomicBool,
    /// Lanes that the draining side has not seen yet.
    fresh: Mutex<Vec<Arc<ThreadLane>>>,
    /// The lane of threads whose thread-local storage is gone.
    shared: Mutex<Option<Arc<ThreadLane>>>,
    drains: Mutex<Drains>,
}

/// The side that drains: everything that only one may do at a time.
struct Drains {
    drain: Drain<'static, WORDS>,
    lanes: Vec<(Arc<ThreadLane>, Seen)>,
    /// What lanes that are gone have counted.
    retired: Stats,
    packer: Packer,
    loss: LossWatch,
    own_tags: ProcessTags,
    followed: i64,
    /// The lane and the slot of a span that was open when the closed hub was looked at last.
    found_open: (usize, usize),
}

/// What there is to drain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiting {
    /// Spans that wait.
    pub(crate) spans: usize,
    /// Whether they fill a datagram, roughly.
    pub(crate) fill_datagram: bool,
    /// Whether a loss has yet to be told.
    pub(crate) untold_loss: bool,
    /// Spans that are open.
    pub(crate) open: usize,
}

const SECOND: i64 = 1_000_000_000;

impl Hub {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let drains = Drains {
            // SAFETY: this hub's only one, shown the lanes of this hub only; a lane is kept until
            // none of its slots is claimed (see `retire`), or until this forgets them (`abandon`).
            drain: unsafe { Drain::new() },
            lanes: Vec::new(),
            retired: Stats::default(),
            packer: settings.packer.clone(),
            loss: LossWatch::default(),
            own_tags: own_tags(settings.own_tags),
            followed: 0,
            found_open: (0, 0),
        };
        let hub = Self {
            bell: global::take_bell(),
            forks: os::forks(),
            closed: AtomicBool::new(false),
            output_gone: AtomicBool::new(false),
            fresh: Mutex::default(),
            shared: Mutex::default(),
            drains: Mutex::new(drains),
            settings,
        };
        // So that a first loss has a time that it was after.
        lock(&hub.drains).look_for_loss(&hub.settings, false);
        hub
    }

    /// Adds the lane of a thread.
    pub(crate) fn register(&self, lane: Arc<ThreadLane>) {
        lock(&self.fresh).push(lane);
    }

    pub(crate) fn with_shared_lane<R>(
        self: &Arc<Self>,
        claim: impl FnOnce(&'static ThreadLane) -> R,
    ) -> R {
        let mut shared = lock(&self.shared);
        let lane = shared.get_or_insert_with(|| {
            let lane = Arc::new(ThreadLane::new(self.clone()));
            self.register(lane.clone());
            lane
        });
        // SAFETY: used for one claim under this lock, and for what is claimed.
        claim(unsafe { ThreadLane::detached(lane) })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn output_gone(&self) -> bool {
        self.output_gone.load(Ordering::Relaxed)
    }

    pub(crate) fn set_output_gone(&self) {
        self.output_gone.store(true, Ordering::Relaxed);
    }

    /// Neither side is left. Lanes stay as long as spans are open in them.
    pub(crate) fn close(self: &Arc<Self>) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            global::adopt(self.clone());
        }
    }

    /// Whether a span is open in any lane. An answer of `false` is final once the hub is closed.
    pub(crate) fn has_open_spans(&self) -> bool {
        let drains = &mut *lock(&self.drains);
        if drains.knows_open() {
            return true;
        }
        let claimed = |drains: &mut Drains| {
            drains.adopt(self);
            let claimed = drains.lanes.iter().map(|(lane, _)| lane.ring.claimed());
            claimed.sum::<u64>()
        };
        // A child can be claimed while its parent is open, in a lane that was looked at already:
        // only if nothing was claimed meanwhile has everything been seen. A claim is counted just
        // before it can be seen, so that one more look is needed for the claims that were counted
        // before the first look and came after it: their parents were open then, have ended since
        // (or the first look had seen them), and so the second look sees the children.
        loop {
            let before = claimed(drains);
            if drains.find_open() || drains.find_open() {
                return true;
            }
            if claimed(drains) == before {
                return false;
            }
        }
    }

    /// Breaks the circle of hub and lanes, once no span is open.
    pub(crate) fn free_lanes(&self) {
        let lanes = lock(&self.drains).abandon(self);
        let shared = lock(&self.shared).take();
        drop((lanes, shared));
    }

    /// Takes back a lane that its thread does not use any more.
    pub(crate) fn release(self: Arc<Self>, lane: Arc<ThreadLane>) {
        // While the hub's own list has it, it is kept by that one: until it is drained, or, once
        // the hub is closed, until no span is open.
        drop(lane);
        // Now, if all its spans are out already: perhaps nobody ever drains again.
        let mut drains = lock(&self.drains);
        drains.adopt(&self);
        drains.retire();
    }

    /// Looks at all lanes for spans that have ended.
    pub(crate) fn gather(&self) -> Waiting {
        let mut drains = lock(&self.drains);
        drains.sweep(self);
        drains.waiting(&self.settings)
    }

    /// Whether nothing is left, and nothing can come: no span is open, none waits. Holds for good
    /// once no `TracesIn` is left.
    pub(crate) fn is_drained(&self) -> bool {
        let mut drains = lock(&self.drains);
        drains.sweep(self);
        let idle = |drains: &Drains| drains.drain.open() == 0 && drains.drain.waiting() == 0;
        // Twice, for the reason given at `has_open_spans`.
        idle(&drains) && !drains.sweep(self) && idle(&drains)
    }

    /// Packs a datagram of what waits. `last` tells a loss that would have to wait its turn.
    pub(crate) fn pack<'b>(
        &self,
        buffer: &'b mut Vec<u8>,
        tags: &ProcessTags,
        last: bool,
    ) -> Option<Packed<'b>> {
        let mut drains = lock(&self.drains);
        if drains.packer.is_unsettled() {
            drains.settle(Outcome::Failed);
        }
        buffer.resize(drains.packer.limit() + BUFFER_EXTRA, 0);
        let settings = &*self.settings;
        let loss = drains.look_for_loss(settings, last);
        let loss = loss.map(|loss| (loss, settings.next_trace()));
        let dropped = drains.dropped();
        let Drains {
            drain,
            packer,
            own_tags,
            loss: watch,
            ..
        } = &mut *drains;
        let packed = {
            let tags = own_tags.iter().chain(tags.iter());
            let process = Process::new(&settings.service_name).with_tags(tags);
            packer.pack(buffer, &process, drain, &settings.clock, &dropped, loss)
        };
        if !packed.is_some_and(|packed| packed.tells_loss) {
            watch.take_back();
        }
        // Spans that fitted no datagram are gone already.
        if drains.drain.dropped().too_large != dropped.too_large {
            drains.tell_freed();
        }
        packed
    }

    /// Tells what became of the datagram that was packed last.
    pub(crate) fn settle(&self, outcome: Outcome) {
        lock(&self.drains).settle(outcome);
    }

    /// The datagram that was packed last is too long: its spans wait again.
    pub(crate) fn too_large(&self, limit: usize) -> Result<(), LimitTooSmall> {
        let drains = &mut *lock(&self.drains);
        drains.packer.put_back(&mut drains.drain);
        drains.loss.take_back();
        drains.packer.set_limit(limit)
    }

    /// Whether a span would fit a datagram of so many bytes.
    pub(crate) fn holds_within(&self, limit: usize) -> bool {
        Packer::new(limit, &self.settings.service_name).is_ok()
    }

    pub(crate) fn stats(&self) -> Stats {
        lock(&self.drains).stats(self)
    }

    /// The spans that are open, as `look` sees them.
    pub(crate) fn open_spans<T>(
        &self,
        mut look: impl FnMut(&jaegerling_core::SpanView<'_, WORDS>) -> Option<T>,
    ) -> Vec<T> {
        let drains = &mut *lock(&self.drains);
        drains.sweep(self);
        let mut seen = Vec::new();
        drains.drain.for_each_open(|span| seen.extend(look(span)));
        seen
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if self.forks == os::forks() {
            global::return_bell(self.bell);
        }
    }
}

impl Drains {
    fn adopt(&mut self, hub: &Hub) {
        for lane in lock(&hub.fresh).drain(..) {
            // It may have been full, with what carries on spans of other lanes, and been told of
            // nothing that was freed.
            self.drain.tell_freed(&lane.ring);
            self.lanes.push((lane, Seen::default()));
        }
    }

    /// Whether the span that was found open last still is.
    fn knows_open(&self) -> bool {
        let lane = self.lanes.get(self.found_open.0);
        lane.is_some_and(|(lane, _)| {
            lane.ring.next_open(self.found_open.1) == Some(self.found_open.1)
        })
    }

    /// Looks for an open span, and remembers it: many spans may end one after another when
    /// nobody drains any more, and not each of them must look at all.
    fn find_open(&mut self) -> bool {
        let from = self.found_open;
        let (before, after) = self.lanes.split_at(from.0.min(self.lanes.len()));
        let after = after.iter().enumerate().map(|(at, (lane, _))| {
            let first = if at == 0 { from.1 } else { 0 };
            (before.len() + at, lane.ring.next_open(first))
        });
        let before = before.iter().enumerate();
        let before = before.map(|(at, (lane, _))| (at, lane.ring.next_open(0)));
        let again = self
            .lanes
            .get(from.0)
            .map(|(lane, _)| (from.0, lane.ring.next_open(0)));
        let found = after.chain(before).chain(again);
        let found = found.filter_map(|(lane, slot)| Some((lane, slot?))).next();
        self.found_open = found.unwrap_or_default();
        found.is_some()
    }

    fn stats(&mut self, hub: &Hub) -> Stats {
        self.adopt(hub);
        let rings = self.lanes.iter().map(|(lane, seen)| (&lane.ring, *seen));
        let mut stats = self.drain.stats(rings);
        stats.started += self.retired.started;
        stats.handed_over += self.retired.handed_over;
        stats.dropped.ring_full += self.retired.dropped.ring_full;
        stats.dropped.too_large += self.retired.dropped.too_large;
        stats.dropped.failed += self.retired.dropped.failed;
        stats.trimmed += self.retired.trimmed;
        stats
    }

    /// Gives away the lanes, and forgets all slots. What was still in them is lost.
    fn abandon(&mut self, hub: &Hub) -> Vec<(Arc<ThreadLane>, Seen)> {
        let mut last = self.stats(hub);
        last.dropped.failed += last.open + last.waiting + last.in_flight;
        (last.open, last.waiting, last.in_flight) = (0, 0, 0);
        self.retired = last;
        // SAFETY: what the old one knew of the slots goes with it.
        self.drain = unsafe { Drain::new() };
        std::mem::take(&mut self.lanes)
    }

    /// Looks at what was claimed since, and again at what was open. Says whether anything was new.
    fn sweep(&mut self, hub: &Hub) -> bool {
        self.adopt(hub);
        self.drain.recheck();
        let new = self.sweep_lanes();
        self.retire();
        new
    }

    fn sweep_lanes(&mut self) -> bool {
        let mut new = false;
        for (lane, seen) in &mut self.lanes {
            // SAFETY: kept until none of its slots is claimed.
            let lane = unsafe { ThreadLane::detached(lane) };
            new |= self.drain.sweep(&lane.ring, seen);
        }
        new
    }

    /// Frees the lanes of threads that have ended, once all their slots are free.
    fn retire(&mut self) {
        let retired = &mut self.retired;
        self.lanes.retain(|(lane, _)| {
            let over = lane.abandoned.load(Ordering::Acquire) && !lane.ring.is_in_use();
            if over {
                retired.started += lane.ring.claimed() + lane.ring.refused();
                retired.dropped.ring_full += lane.ring.refused();
            }
            !over
        });
    }

    fn dropped(&self) -> jaegerling_core::Dropped {
        let mut dropped = self.drain.dropped();
        let refused = self.lanes.iter().map(|(lane, _)| lane.ring.refused());
        dropped.ring_full = self.retired.dropped.ring_full + refused.sum::<u64>();
        dropped
    }

    fn look_for_loss(&mut self, settings: &Settings, last: bool) -> Option<Loss> {
        let now = settings.clock.unix_nanos(settings.clock.now());
        if matches!(settings.clock, AnyClock::System)
            && !(0..SECOND).contains(&(now - self.followed))
        {
            SystemClock::follow_wall_clock();
            self.followed = now;
        }
        if !settings.loss_span {
            return None;
        }
        let dropped = self.dropped();
        self.loss.look(now, &dropped, last)
    }

    fn waiting(&self, settings: &Settings) -> Waiting {
        Waiting {
            spans: self.drain.waiting(),
            fill_datagram: self.drain.waiting_bytes() + settings.service_name.len()
                >= self.packer.limit(),
            untold_loss: settings.loss_span && self.loss.is_pending(&self.dropped()),
            open: self.drain.open(),
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        if outcome == Outcome::Failed {
            self.loss.take_back();
        }
        self.packer.settled(&mut self.drain);
        // What was claimed before slots are freed behind it is seen first, and so stays in order.
        self.sweep_lanes();
        self.drain.settle(outcome);
        self.tell_freed();
    }

    fn tell_freed(&self) {
        for (lane, _) in &self.lanes {
            self.drain.tell_freed(&lane.ring);
        }
    }
}
