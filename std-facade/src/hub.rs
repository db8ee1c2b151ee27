//! A tracer as one process has it: its lanes, and the side that drains them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jaegerling_core::{BUFFER_EXTRA, LimitTooSmall, Outcome, Packed, Packer, Process, Stats};

use crate::bell::Bell;
use crate::drains::{Drains, Waiting};
use crate::global::{self, lock};
use crate::lane::{ThreadLane, WORDS};
use crate::os;
use crate::process::ProcessTags;
use crate::settings::Settings;

/// Lanes that are kept for threads to come.
const MOST_IDLE: usize = 16;

/// How many slots of such a lane may ever have been used: 64 KiB of memory.
const MOST_IDLE_SLOTS: usize = 256;

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
    /// Lanes that wait for a thread: few, and small.
    idle: Mutex<Vec<Arc<ThreadLane>>>,
    /// The lane of threads whose thread-local storage is gone.
    shared: Mutex<Option<Arc<ThreadLane>>>,
    drains: Mutex<Drains>,
}

impl Hub {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let hub = Self {
            bell: global::take_bell(),
            forks: os::forks(),
            closed: AtomicBool::new(false),
            output_gone: AtomicBool::new(false),
            fresh: Mutex::default(),
            idle: Mutex::default(),
            shared: Mutex::default(),
            drains: Mutex::new(Drains::new(&settings)),
            settings,
        };
        // So that a first loss has a time that it was after.
        let dates = hub.settings.clock.dates();
        lock(&hub.drains).look_for_loss(&hub.settings, &dates, false);
        hub
    }

    /// Adds the lane of a thread.
    pub(crate) fn register(&self, lane: &Arc<ThreadLane>) {
        lock(&self.fresh).push(lane.clone());
        // Either this sees that nobody drains any more, or who says so sees the lane.
        if self.output_gone() {
            lane.set_output_gone();
        }
    }

    /// The lanes that were added since.
    pub(crate) fn take_fresh(&self) -> Vec<Arc<ThreadLane>> {
        std::mem::take(&mut lock(&self.fresh))
    }

    /// A lane that another thread has left.
    pub(crate) fn take_idle(&self) -> Option<Arc<ThreadLane>> {
        lock(&self.idle).pop()
    }

    /// Keeps a lane for the next thread, unless enough wait: those of threads that come and go, with
    /// the memory that they take anyway.
    pub(crate) fn keep_idle(&self, lane: &Arc<ThreadLane>) -> bool {
        let mut idle = lock(&self.idle);
        let keep = idle.len() < MOST_IDLE && lane.ring.touched_slots() <= MOST_IDLE_SLOTS;
        if keep {
            lane.idle();
            idle.push(lane.clone());
        }
        keep
    }

    pub(crate) fn with_shared_lane<R>(
        self: &Arc<Self>,
        claim: impl FnOnce(&'static ThreadLane) -> R,
    ) -> R {
        let mut shared = lock(&self.shared);
        let lane = shared.get_or_insert_with(|| {
            let lane = Arc::new(ThreadLane::new(self.clone()));
            self.register(&lane);
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
        let mut drains = lock(&self.drains);
        drains.adopt(self);
        drains
            .lanes
            .iter()
            .for_each(|(lane, _)| lane.set_output_gone());
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
        let idle = std::mem::take(&mut *lock(&self.idle));
        let shared = lock(&self.shared).take();
        drop((lanes, idle, shared));
    }

    /// Takes back a lane that its thread does not use any more.
    pub(crate) fn release(self: Arc<Self>, lane: Arc<ThreadLane>) {
        // If spans of it wait or are open, the next look after they are gone takes care of it. If not,
        // perhaps nobody ever looks again.
        let is_over = lane.is_over();
        // While the hub's own list has it, it is kept by that one: until it is drained, or, once
        // the hub is closed, until no span is open.
        drop(lane);
        if is_over {
            let mut drains = lock(&self.drains);
            drains.adopt(&self);
            drains.retire(&self);
        }
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
        // Nobody told of the last datagram.
        if drains.packer.is_unsettled() {
            drains.settle(Outcome::Failed);
        }
        buffer.resize(drains.packer.limit() + BUFFER_EXTRA, 0);
        let settings = &*self.settings;
        let dates = settings.clock.dates();
        let loss = drains.look_for_loss(settings, &dates, last);
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
            packer.pack(buffer, &process, drain, &dates, &dropped, loss)
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
