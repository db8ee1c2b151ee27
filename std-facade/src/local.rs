//! What a thread has at hand: random numbers, and the lane that it used last. All of it without a
//! destructor, so that it is there as long as its thread is, and nobody looks first whether it still is.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::ptr;

use crate::lane::ThreadLane;
use crate::os;
use crate::unrecorded::Cells;

thread_local! {
    static LOCAL: Local = const { Local::new() };
}

/// Of Lehmer's generator of 128 bits: <https://doi.org/10.1090/S0025-5718-99-00996-5>, table 4.
pub(crate) const MULTIPLIER: u128 = 0xda94_2042_e4dd_58b5;

/// See the module.
pub(crate) struct Local {
    /// Whether the rest is made, and this process's.
    is_begun: Cell<bool>,
    /// The number of the tracer that was used last; 0: none.
    tracer: Cell<u64>,
    lane: Cell<*const ThreadLane>,
    /// The state of the generator, which is odd.
    random: Cell<u128>,
    /// For spans that are not recorded.
    pub(crate) cells: Cells,
}

/// What this thread has at hand: a lane, if any, and random numbers if there is a lane.
#[inline(always)]
pub(crate) fn at_hand<'t>() -> &'t Local {
    this_thread()
}

/// What this thread has.
#[inline(always)]
pub(crate) fn get<'t>() -> &'t Local {
    let local = this_thread();
    if !local.is_begun.get() {
        local.begin();
    }
    local
}

/// In a child, after a fork: all of it is the parent's. It does nothing that is not safe then.
#[cfg(all(unix, not(jaegerling_portable)))]
pub(crate) fn forget_parent() {
    let local = this_thread();
    local.is_begun.set(false);
    local.forget_lane();
}

/// By reference, because `with` is in line only for so little.
#[inline(always)]
fn this_thread<'t>() -> &'t Local {
    let local = LOCAL.with(ptr::from_ref);
    // SAFETY: it is there as long as the thread, which it cannot leave, as it is not `Sync`; and those
    // who ask for it here use it at once.
    unsafe { &*local }
}

impl Local {
    const fn new() -> Self {
        Self {
            is_begun: Cell::new(false),
            tracer: Cell::new(0),
            lane: Cell::new(ptr::null()),
            random: Cell::new(0),
            cells: Cells::new(),
        }
    }

    #[cold]
    #[inline(never)]
    fn begin(&self) {
        // Perhaps before the first tracer is made.
        os::watch_forks();
        self.forget_lane();
        let [low, high] = [os::random(), os::random()];
        self.random
            .set(u128::from(high) << 64 | u128::from(low | 1));
        self.is_begun.set(true);
    }

    #[inline(always)]
    pub(crate) fn is_begun(&self) -> bool {
        self.is_begun.get()
    }

    /// A random number.
    #[inline(always)]
    pub(crate) fn random(&self) -> u64 {
        (self.next() >> 64) as u64
    }

    /// Random halves of a trace's id, which no other call on this thread gives: low and high.
    #[inline(always)]
    pub(crate) fn trace(&self) -> (NonZeroU64, u64) {
        let state = self.next();
        let high = (state >> 64) as u64;
        // The lowest bits of a state are no good, but together with the others it is unique.
        let low = high ^ state as u64;
        (NonZeroU64::new(low).unwrap_or(NonZeroU64::MIN), high)
    }

    #[inline(always)]
    fn next(&self) -> u128 {
        let state = self.random.get().wrapping_mul(MULTIPLIER);
        self.random.set(state);
        state
    }

    /// The lane of the tracer of this number, if it is the one that was used last: for one claim, and
    /// for what is claimed.
    #[inline(always)]
    pub(crate) fn lane(&self, tracer: u64) -> Option<&'static ThreadLane> {
        if self.tracer.get() != tracer {
            return None;
        }
        // SAFETY: the two are remembered together: this thread has it, and forgets it here before it
        // gives it up. No tracer has the number 0.
        Some(unsafe { &*self.lane.get() })
    }

    /// Whether this is the lane that was used last.
    #[inline(always)]
    pub(crate) fn is_last(&self, lane: &ThreadLane) -> bool {
        ptr::eq(self.lane.get(), lane)
    }

    /// To be called before the thread gives up any lane.
    pub(crate) fn forget_lane(&self) {
        self.tracer.set(0);
        self.lane.set(ptr::null());
    }

    /// The thread has this lane, of the tracer of this number.
    pub(crate) fn remember_lane(&self, tracer: u64, lane: &ThreadLane) {
        self.tracer.set(tracer);
        self.lane.set(lane);
    }
}
