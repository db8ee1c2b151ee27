//! Lanes: each thread claims in a ring of its own, so that no claim waits for another thread.
//!
//! A lane's memory is shared by its thread, by the tracer's registry, and by the spans that are
//! open in it. A span counts nothing: its open slot is what keeps the lane. Whoever gives up a
//! lane, once nobody can claim in it any more, looks for open slots first.

use std::alloc::Layout;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use jaegerling_core::{ClaimLock, Claimed, Ending, Lane, LaneRing, Slot};

use crate::bell::Bell;
use crate::hub::Hub;
use crate::{counter, local, os};

/// Words of a slot: a slot takes 256 bytes with its header on a 64-bit machine.
pub(crate) const WORDS: usize = 54;

pub(crate) type Ring = LaneRing<ByOne, Slots, WORDS>;

/// Whoever claims in a lane is alone there already: it is the lane's thread, or holds the lock of the
/// lane that is shared. [`with_lane`] and the beginning of a span at hand (see [`crate::begin`]) are the
/// only ways to a claim, and see to that.
pub(crate) struct ByOne;

// SAFETY: as said above.
unsafe impl ClaimLock for ByOne {
    #[inline(always)]
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
        claim()
    }
}

/// A thread's: it claims here.
const OWNED: u8 = 0;
/// Its thread has ended: nobody claims here any more.
const ABANDONED: u8 = 1;
/// Nothing is in it, and it waits for the next thread.
const IDLE: u8 = 2;

/// The ring of one thread.
pub(crate) struct ThreadLane {
    pub(crate) ring: Ring,
    pub(crate) hub: Arc<Hub>,
    /// The tracer's.
    pub(crate) bell: &'static Bell,
    /// Whether the tracer's clock is the processor's counter, which is read without asking.
    counts: bool,
    /// Whether a span that begins here asks for nothing but what is at hand: `counts`, ids are random,
    /// and somebody drains.
    plain: AtomicBool,
    /// Whose it is: one of [`OWNED`], [`ABANDONED`], [`IDLE`].
    owner: AtomicU8,
}

impl ThreadLane {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self {
            ring: Ring::new(ByOne, Slots::new(hub.settings.capacity)),
            bell: hub.bell,
            counts: hub.settings.clock.is_counter(),
            plain: AtomicBool::new(hub.settings.clock.is_counter() && hub.settings.ids.is_none()),
            hub,
            owner: AtomicU8::new(OWNED),
        }
    }

    /// Whether the process has not forked since it was made: else all of it is the parent's.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.hub.forks == os::forks()
    }

    /// Whether nobody claims here any more, and all that was claimed is free again.
    pub(crate) fn is_over(&self) -> bool {
        self.owner.load(Ordering::Acquire) == ABANDONED && !self.ring.is_in_use()
    }

    /// It waits for the next thread now.
    pub(crate) fn idle(&self) {
        self.owner.store(IDLE, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
    }

    /// From now on, each span that begins here asks whether it may.
    pub(crate) fn set_output_gone(&self) {
        self.plain.store(false, Ordering::Relaxed);
    }

    /// The lane for as long as it is needed.
    ///
    /// # Safety
    ///
    /// It is used no longer than a slot of it is claimed, or than an `Arc` of it is held.
    pub(crate) unsafe fn detached(lane: &Arc<Self>) -> &'static Self {
        // SAFETY: as promised by the caller.
        unsafe { &*Arc::as_ptr(lane) }
    }

    #[inline(always)]
    fn now(&self) -> u64 {
        if self.counts {
            counter::read()
        } else {
            self.hub.settings.clock.now()
        }
    }

    /// Out of line: one piece of code for all places that trace.
    #[inline(never)]
    pub(crate) fn end(&'static self, span: Ending<'static, WORDS>) {
        if !self.counts {
            return self.end_by_clock(span);
        }
        let (lane, bell) = (self, self.bell);
        span.at(counter::read(), &LastLook { lane, bell });
    }

    #[inline(never)]
    fn end_by_clock(&'static self, span: Ending<'static, WORDS>) {
        let (lane, bell) = (self, self.bell);
        span.now(&LastLook { lane, bell });
    }
}

/// Free slots in pages that the system gives zeroed: none is touched before its first span, and
/// none stays with the process after the last.
pub(crate) struct Slots {
    first: NonNull<Slot<WORDS>>,
    layout: Layout,
    count: usize,
}

// SAFETY: it owns its slots, as a boxed slice would, and a slot is `Sync`.
unsafe impl Send for Slots {}
// SAFETY: as above.
unsafe impl Sync for Slots {}

impl Slots {
    fn new(count: usize) -> Self {
        let layout = Layout::array::<Slot<WORDS>>(count).ok();
        let mapped = layout
            .filter(|layout| layout.size() > 0)
            // SAFETY: the layout is not empty.
            .and_then(|layout| Some((unsafe { os::map_zeroed(layout) }?, layout)));
        match mapped {
            Some((memory, layout)) => Self {
                first: memory.cast(),
                layout,
                count,
            },
            // Tracing is no reason to end a program: without slots, each span is refused and counted.
            None => Self {
                first: NonNull::dangling(),
                layout: Layout::new::<()>(),
                count: 0,
            },
        }
    }
}

impl AsRef<[Slot<WORDS>]> for Slots {
    #[inline]
    fn as_ref(&self) -> &[Slot<WORDS>] {
        // SAFETY: so many slots are there until this is dropped, and a slot of zeros is a free slot.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        if self.count > 0 {
            // SAFETY: mapped with this layout; who claimed a slot had to keep the lane.
            unsafe { os::unmap(self.first.cast(), self.layout) };
        }
    }
}

// SAFETY: slots of lanes, each of which is kept until none of its slots is claimed.
unsafe impl Lane<'static, WORDS> for &'static ThreadLane {
    #[inline]
    fn now(&self) -> u64 {
        ThreadLane::now(self)
    }

    #[cold]
    unsafe fn more(&self) -> Option<Claimed<'static, WORDS>> {
        if !self.is_of_this_process() {
            return None;
        }
        // SAFETY: the lane owns its slots; they stay where they are.
        let claim = |ring: &'static Ring| unsafe { ring.claim_more() };
        // Nothing of a user's is dropped here, which might panic.
        with_lane_untidied(&self.hub, |lane| {
            let claimed = claim(&lane.ring);
            if claimed.is_none() || lane.ring.is_filling() {
                lane.bell.ring_for_many();
            }
            claimed
        })
    }

    #[cold]
    fn released(&self) {
        if self.is_of_this_process() {
            with_lane_untidied(&self.hub, |lane| lane.ring.released());
        }
    }

    #[inline(always)]
    fn end(&self, span: Ending<'static, WORDS>) {
        ThreadLane::end(self, span);
    }
}

/// A lane while one of its spans ends. With that the lane may be gone, while the bell stays.
#[derive(Clone, Copy)]
struct LastLook {
    lane: &'static ThreadLane,
    bell: &'static Bell,
}

// SAFETY: it gives no slots.
unsafe impl Lane<'static, WORDS> for LastLook {
    #[inline(always)]
    fn now(&self) -> u64 {
        self.lane.now()
    }

    unsafe fn more(&self) -> Option<Claimed<'static, WORDS>> {
        None
    }

    fn released(&self) {}

    #[inline(always)]
    fn ended(&self) {
        self.bell.ring();
    }
}

thread_local! {
    static LANES: Lanes = const { Lanes(RefCell::new(Vec::new())) };
}

/// The lanes of a thread, one for each tracer that it has used.
struct Lanes(RefCell<Vec<Arc<ThreadLane>>>);

impl Drop for Lanes {
    fn drop(&mut self) {
        local::get().forget_lane();
        for lane in self.0.take() {
            give_up(lane);
        }
    }
}

/// This thread has no more use for the lane.
fn give_up(lane: Arc<ThreadLane>) {
    if !lane.is_of_this_process() {
        // The parent's; handles may point there.
        std::mem::forget(lane);
        return;
    }
    lane.owner.store(ABANDONED, Ordering::Release);
    lane.hub.clone().release(lane);
}

/// Calls `claim` with the lane of this thread, alone in it. Where thread-local storage is gone
/// already, with one that such threads share under a lock.
pub(crate) fn with_lane<R>(hub: &Arc<Hub>, claim: impl FnOnce(&'static ThreadLane) -> R) -> R {
    match own_lane(hub, forget_closed) {
        Some(lane) => claim(lane),
        None => hub.with_shared_lane(claim),
    }
}

/// The same, and lanes of tracers that are gone stay for another time.
fn with_lane_untidied<R>(hub: &Arc<Hub>, claim: impl FnOnce(&'static ThreadLane) -> R) -> R {
    match own_lane(hub, |_| ()) {
        Some(lane) => claim(lane),
        None => hub.with_shared_lane(claim),
    }
}

/// This thread's lane of a tracer, made if need be; what comes before that.
fn own_lane(
    hub: &Arc<Hub>,
    tidy: impl FnOnce(&mut Vec<Arc<ThreadLane>>),
) -> Option<&'static ThreadLane> {
    let own = LANES.try_with(|lanes| {
        let mut lanes = lanes.0.try_borrow_mut().ok()?;
        let known = lanes.iter().find(|lane| Arc::ptr_eq(&lane.hub, hub));
        let lane = match known {
            Some(lane) => lane,
            None => {
                tidy(&mut lanes);
                new_lane(&mut lanes, hub)
            }
        };
        local::get().remember_lane(hub.settings.number, lane);
        // SAFETY: used for one claim, while this thread holds the lane, and for what is claimed.
        Some(unsafe { ThreadLane::detached(lane) })
    });
    own.ok().flatten()
}

fn new_lane<'a>(lanes: &'a mut Vec<Arc<ThreadLane>>, hub: &Arc<Hub>) -> &'a Arc<ThreadLane> {
    let lane = hub.take_idle().unwrap_or_else(|| {
        let lane = Arc::new(ThreadLane::new(hub.clone()));
        hub.register(&lane);
        lane
    });
    lane.owner.store(OWNED, Ordering::Relaxed);
    lanes.push(lane);
    let last = lanes.len() - 1;
    &lanes[last]
}

/// Gives up the lanes of tracers that are gone.
fn forget_closed(lanes: &mut Vec<Arc<ThreadLane>>) {
    local::get().forget_lane();
    let (closed, open) = std::mem::take(lanes)
        .into_iter()
        .partition(|lane| lane.hub.is_closed());
    *lanes = open;
    let closed: Vec<_> = closed;
    closed.into_iter().for_each(give_up);
}

/// Gives up this thread's lanes of tracers that are gone.
pub(crate) fn tidy_thread() {
    let _ = LANES.try_with(|lanes| {
        if let Ok(mut lanes) = lanes.0.try_borrow_mut() {
            forget_closed(&mut lanes);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TracesIn, TracesOut, builder};

    fn tracer() -> (Arc<TracesIn>, TracesOut) {
        builder("lanes").build().expect("a tracer")
    }

    /// The lane of a thread that records so many spans, and ends.
    fn lane_of_thread(traces_in: &Arc<TracesIn>, spans: usize) -> Arc<ThreadLane> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                (0..spans).for_each(|_| drop(traces_in.new_trace("tick")));
                LANES.with(|lanes| lanes.0.borrow()[0].clone())
            });
            thread.join().expect("no panic")
        })
    }

    fn drain(out: &mut TracesOut) {
        while out.try_next().expect("it goes on").is_some() {}
    }

    #[test]
    fn the_next_thread_gets_the_lane_of_one_that_has_ended_once_it_is_drained() {
        let (traces_in, mut out) = tracer();
        let first = lane_of_thread(&traces_in, 10);
        let second = lane_of_thread(&traces_in, 10);
        assert!(!Arc::ptr_eq(&first, &second), "spans still wait in it");
        drain(&mut out);
        let third = lane_of_thread(&traces_in, 10);
        assert!(Arc::ptr_eq(&third, &first) || Arc::ptr_eq(&third, &second));
        drain(&mut out);
        let stats = traces_in.stats();
        assert_eq!((stats.started, stats.handed_over), (30, 30));
    }

    /// Whether `work` wakes one who sleeps while spans wait.
    fn wakes(out: &TracesOut, work: impl FnOnce()) -> bool {
        let bell = out.root().hub().bell;
        out.gather();
        bell.listen_for_many(std::task::Waker::noop());
        work();
        bell.awake()
    }

    #[test]
    fn who_sleeps_is_woken_once_many_slots_are_taken_by_whatever() {
        let (traces_in, out) = builder("lanes").capacity(64).build().expect("a tracer");
        let mut open = traces_in.new_trace("open");
        let spans = |count| (0..count).for_each(|_| drop(traces_in.new_trace("short")));
        assert!(!wakes(&out, || spans(15)));
        assert!(wakes(&out, || spans(16)));
        let mut tags =
            |count| (0..count).for_each(|_| open.add_string_tag("", &"x".repeat(4 * WORDS)));
        assert!(!wakes(&out, || tags(14)));
        assert!(wakes(&out, || tags(17)));
    }

    #[test]
    fn who_sleeps_is_woken_if_there_is_no_room() {
        let (traces_in, out) = builder("lanes").capacity(4).build().expect("a tracer");
        let mut spans: Vec<_> = (0..4).map(|_| traces_in.new_trace("open")).collect();
        assert!(wakes(&out, || drop(traces_in.new_trace("refused"))));
        assert!(wakes(&out, || spans[0].add_string_tag("", &"x".repeat(4 * WORDS))));
        assert!(!wakes(&out, || spans.clear()));
    }

    #[test]
    fn a_lane_that_took_much_memory_is_not_kept() {
        let (traces_in, mut out) = tracer();
        let large = Arc::downgrade(&lane_of_thread(&traces_in, 5_000));
        drain(&mut out);
        assert!(large.upgrade().is_none());
        assert_eq!(traces_in.stats().started, 5_000);
    }

    #[test]
    fn few_lanes_are_kept() {
        let (traces_in, mut out) = tracer();
        let lanes: Vec<_> = (0..40)
            .map(|_| Arc::downgrade(&lane_of_thread(&traces_in, 1)))
            .collect();
        drain(&mut out);
        let kept = lanes.iter().filter(|lane| lane.upgrade().is_some()).count();
        assert!((1..=16).contains(&kept), "{kept}");
        let lanes: Vec<_> = lanes.iter().filter_map(std::sync::Weak::upgrade).collect();
        drop((traces_in, out));
        assert!(
            lanes.iter().all(|lane| Arc::strong_count(lane) == 1),
            "the tracer is gone"
        );
    }
}
