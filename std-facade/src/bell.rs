//! How a span that ends wakes a drainer that sleeps.
//!
//! "End the span, then look whether the drainer sleeps" against "say that I sleep, then look for
//! ended spans once more" is Dekker's problem: with release and acquire alone, each side may miss
//! the other. Both put a sequentially consistent fence between the two; where the system can run one
//! in all threads of the process at once, the side that sleeps pays for both, and a span that ends
//! looks at one word. A model of it is checked by loom below.

use std::sync::atomic::compiler_fence;
use std::task::Waker;

use crate::sync::{AtomicU32, Mutex, Ordering, heavy_fence, light_fence, needs_light_fence};
use crate::{global, os};

/// The drainer sleeps: it wants to be woken.
const SLEEPING: u32 = 1;
/// It also wants to know of a span that is refused.
const LOSSES: u32 = 2;
/// The drainer sleeps, though spans wait: it wants to be woken if they become many, or have no room.
const MANY: u32 = 4;
/// The tracer is closed: who ends a span looks whether it was the last one.
const ORPHANED: u32 = 8;
/// Who rings must pass a fence before it looks: nobody can do that for it.
const FENCED: u32 = 16;
/// What ends with the drainer's sleep.
const ASLEEP: u32 = SLEEPING | LOSSES | MANY;

/// What a span rings when it has ended.
///
/// A bell is never freed (see [`crate::global`]), because the span that rings it holds nothing else:
/// its slot, and with it lane and tracer, may be gone by then. A bell that serves another tracer
/// meanwhile wakes it for nothing.
pub(crate) struct Bell {
    wanted: AtomicU32,
    sleeper: Mutex<Option<Waker>>,
    forks: u32,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Self {
            wanted: AtomicU32::new(nothing()),
            sleeper: Mutex::new(None),
            forks: os::forks(),
        }
    }

    /// Wakes the drainer if it sleeps: call after the store that it should see.
    #[inline(always)]
    pub(crate) fn ring(&self) {
        self.ring_for(SLEEPING | ORPHANED);
    }

    /// The same after a span was refused: call after it was counted.
    #[inline(always)]
    pub(crate) fn ring_for_loss(&self) {
        self.ring_for(LOSSES | MANY);
    }

    /// The same after so many slots were claimed that somebody should look, or one was asked for and there was none.
    pub(crate) fn ring_for_many(&self) {
        self.ring_for(MANY);
    }

    #[inline(always)]
    fn ring_for(&self, what: u32) {
        compiler_fence(Ordering::SeqCst);
        if self.wanted.load(Ordering::Relaxed) & (what | FENCED) != 0 {
            self.look_again(what);
        }
    }

    #[inline(never)]
    fn look_again(&self, what: u32) {
        light_fence();
        if self.wanted.load(Ordering::Relaxed) & what != 0 {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        // After a fork, the parent's lock may be held by a thread that is not here.
        if self.forks != os::forks() {
            return;
        }
        let wanted = self.wanted.fetch_and(!ASLEEP, Ordering::Relaxed);
        if wanted & (SLEEPING | MANY) != 0 {
            let sleeper = self.lock_sleeper().take();
            if let Some(sleeper) = sleeper {
                sleeper.wake();
            }
        }
        if wanted & ORPHANED != 0 {
            global::free_orphans();
        }
    }

    /// Says that the drainer will sleep. It looks for work once more after this, then sleeps until
    /// `waker` wakes it. Once only: then it says so again. `losses`: for refused spans, too.
    pub(crate) fn listen(&self, waker: &Waker, losses: bool) {
        self.replace_sleeper(Some(waker.clone()));
        let wanted = SLEEPING | if losses { LOSSES } else { 0 };
        self.want(wanted);
    }

    /// Says that the drainer will sleep for a while, and wants to be woken if many spans come. One ring may
    /// be missed: no fence is paid for it, as the next one comes while there is still much room.
    pub(crate) fn listen_for_many(&self, waker: &Waker) {
        self.replace_sleeper(Some(waker.clone()));
        self.wanted.fetch_or(MANY, Ordering::Relaxed);
    }

    /// Says that the drainer is awake. Tells whether somebody has rung since it listened.
    pub(crate) fn awake(&self) -> bool {
        let wanted = self.wanted.fetch_and(!ASLEEP, Ordering::Relaxed);
        wanted & ASLEEP == 0
    }

    /// Says that nobody drains any more.
    pub(crate) fn forget_sleeper(&self) {
        self.awake();
        self.replace_sleeper(None);
    }

    /// From now on each span that ends looks for tracers that can be freed: look once more after
    /// this for what ended before.
    pub(crate) fn orphan(&self) {
        self.want(ORPHANED);
    }

    fn want(&self, wanted: u32) {
        self.wanted.fetch_or(wanted, Ordering::Relaxed);
        heavy_fence();
        if needs_light_fence() {
            // If it was not so before, from now on.
            self.wanted.fetch_or(FENCED, Ordering::Relaxed);
        }
    }

    /// Makes it as good as new, for another tracer.
    pub(crate) fn reset(&self) {
        self.wanted.store(nothing(), Ordering::Relaxed);
        self.replace_sleeper(None);
    }

    fn replace_sleeper(&self, sleeper: Option<Waker>) {
        let before = std::mem::replace(&mut *self.lock_sleeper(), sleeper);
        // Only now that the lock is free: a waker may hold the last of a task, and the task a span,
        // which rings as it ends.
        drop(before);
    }

    fn lock_sleeper(&self) -> impl std::ops::DerefMut<Target = Option<Waker>> + '_ {
        // No code of others runs while it is held, so that poison is of no meaning.
        self.sleeper
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// What is wanted at first.
fn nothing() -> u32 {
    if needs_light_fence() { FENCED } else { 0 }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU32;
    use loom::thread;
    use std::task::{RawWaker, RawWakerVTable};

    /// What the drainer sleeps on.
    struct Alarm(loom::sync::Notify);

    fn waker(alarm: &Arc<Alarm>) -> Waker {
        const TABLE: RawWakerVTable = RawWakerVTable::new(
            |data| {
                // SAFETY: `data` came from `Arc::into_raw`.
                let alarm = unsafe { Arc::from_raw(data.cast::<Alarm>()) };
                let clone = alarm.clone();
                std::mem::forget(alarm);
                RawWaker::new(Arc::into_raw(clone).cast(), &TABLE)
            },
            |data| {
                // SAFETY: as above; waking by value takes the reference.
                let alarm = unsafe { Arc::from_raw(data.cast::<Alarm>()) };
                alarm.0.notify();
            },
            |data| {
                // SAFETY: as above; borrowed only.
                let alarm = unsafe { &*data.cast::<Alarm>() };
                alarm.0.notify();
            },
            // SAFETY: as above; dropping takes the reference.
            |data| drop(unsafe { Arc::from_raw(data.cast::<Alarm>()) }),
        );
        let raw = RawWaker::new(Arc::into_raw(alarm.clone()).cast(), &TABLE);
        // SAFETY: the table keeps to the contract of `RawWaker`.
        unsafe { Waker::from_raw(raw) }
    }

    const OPEN: u32 = 1;
    const DONE: u32 = 2;

    // Both fail if either of the fences in `Bell` is taken away.

    #[test]
    fn loom_no_ended_span_is_slept_through() {
        loom::model(|| drainer_gets_all_spans::<1>());
    }

    #[test]
    fn loom_no_span_of_two_threads_is_slept_through() {
        let mut model = loom::model::Builder::new();
        // More take hours.
        model.preemption_bound = Some(2);
        model.check(|| drainer_gets_all_spans::<2>());
    }

    /// Spans end on threads of their own, and a drainer that sleeps gets all.
    fn drainer_gets_all_spans<const SPANS: usize>() {
        let bell = Arc::new(Bell::new());
        let slots = Arc::new([(); SPANS].map(|()| AtomicU32::new(OPEN)));
        let recorders: Vec<_> = (0..SPANS)
            .map(|index| {
                let (bell, slots) = (bell.clone(), slots.clone());
                thread::spawn(move || {
                    slots[index].store(DONE, Ordering::Release);
                    bell.ring();
                })
            })
            .collect();
        let alarm = Arc::new(Alarm(loom::sync::Notify::new()));
        let waker = waker(&alarm);
        let mut taken = [false; SPANS];
        // Only looks, as the drainer does: a swap always sees the latest value.
        let mut take = || {
            let mut new = false;
            for (slot, taken) in slots.iter().zip(&mut taken) {
                if !*taken && slot.load(Ordering::Acquire) == DONE {
                    *taken = true;
                    new = true;
                }
            }
            (new, taken == [true; SPANS])
        };
        loop {
            if let (_, true) = take() {
                break;
            }
            bell.listen(&waker, false);
            match take() {
                (_, true) => break,
                (true, false) => _ = bell.awake(),
                // Deadlocks, which loom reports, if a wake-up was lost.
                (false, false) => alarm.0.wait(),
            }
        }
        recorders
            .into_iter()
            .for_each(|thread| thread.join().expect("no panic"));
        bell.reset();
    }
}
