//! The ring of a device: a few slots of fixed size, which any context claims in.
//!
//! A claim looks for a slot with nothing held, and then, under the lock, looks once more whether all
//! is as it was, and takes it: so what is done under the lock never loops, however many slots are
//! held by spans that stay open. Whoever ends a span stores one word, and needs no lock.
//!
//! ```text
//! cursor ─► slot 3   OPEN    a claim goes on behind it
//!           slot 4   DONE    waits for the drainer; keep-newest: gives way if no slot is free
//!           slot 5   FREE    taken next
//!           slot 6   CHAINED goes on with the span of another slot
//!           slot 7   DONE and TAKEN: in a datagram; free again once that is settled
//! ```
//!
//! The oldest span is the one that the cursor comes to first: that is the order of claims. A span
//! that was still open when the cursor came by has kept its slot, and waits until it comes by again.
//! What a ring recovered after a reset is in the order of the slots, as its cursor is not kept.
//!
//! The drainer has no list of its own: it goes once round the slots, from the oldest. That is why
//! it can be taken over in the middle by a fault handler, and why a ring can be read after a reset.

mod account;
mod claim;
mod cursor;
mod retained;
mod scan;

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering, fence};

pub(crate) use account::Account;
pub use retained::{Found, Retained, RetainedSlots};
pub(crate) use scan::Reading;

use crate::lock::{ClaimLock, look, publish, swap};
use crate::slot::{Slot, state};
use cursor::Cursor;

/// What gives way when no slot is free: [`KeepOldest`] or [`KeepNewest`].
pub trait Policy: sealed::Sealed {
    /// Whether the oldest finished span gives way to a new one.
    const KEEPS_NEWEST: bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::KeepOldest {}
    impl Sealed for super::KeepNewest {}
}

/// What is there stays: a span that finds no free slot is refused.
#[derive(Debug)]
pub enum KeepOldest {}

/// The oldest finished span gives way, and is counted in [`Dropped::evicted`]. One that is open,
/// being looked at or being drained never does: if all are, the new span is refused.
///
/// [`Dropped::evicted`]: crate::Dropped::evicted
#[derive(Debug)]
pub enum KeepNewest {}

impl Policy for KeepOldest {
    const KEEPS_NEWEST: bool = false;
}

impl Policy for KeepNewest {
    const KEEPS_NEWEST: bool = true;
}

/// Where the slots of a ring lie: `[Slot<WORDS>; N]` in the ring itself, a `Box<[Slot<WORDS>]>`
/// (feature `alloc`), or [`RetainedSlots`], which survive a reset.
///
/// # Safety
///
/// It gives the same slots each time, which are in no other ring. They stay where they are while
/// it is borrowed, and all bytes of a new one are zero.
///
/// These three are all that there are: no tracer is made with any other.
pub unsafe trait Slots<const WORDS: usize> {
    /// Whether the slots may have spans of before a reset.
    const RETAINED: bool = false;

    /// The slots; none before there are any.
    fn slots(&self) -> &[Slot<WORDS>];

    /// The number of the session that this is, see [`Retained`].
    fn session(&self) -> u32 {
        0
    }
}

// SAFETY: they are what it consists of.
unsafe impl<const SLOTS: usize, const WORDS: usize> Slots<WORDS> for [Slot<WORDS>; SLOTS] {
    #[inline(always)]
    fn slots(&self) -> &[Slot<WORDS>] {
        self
    }
}

// SAFETY: it owns them, and moving it does not move them.
#[cfg(feature = "alloc")]
unsafe impl<const WORDS: usize> Slots<WORDS> for alloc::boxed::Box<[Slot<WORDS>]> {
    #[inline(always)]
    fn slots(&self) -> &[Slot<WORDS>] {
        self
    }
}

/// The slots of a [`Tracer`](crate::Tracer), and what is counted where they are claimed.
pub(crate) struct SpanRing<P, S, const WORDS: usize> {
    /// Where the next claim looks first: the [`Cursor`]. 0 until the ring is open.
    cursor: AtomicU32,
    /// Changes whenever slots become free. 0, as `full` is: the ring is not open yet.
    freed: AtomicU32,
    /// `freed` when a claim last went all round and found no free slot.
    full: AtomicU32,
    /// Spans that wanted a slot. This and the two below wrap: see [`Account`].
    started: AtomicU32,
    /// Those among them that got none.
    refused: AtomicU32,
    /// Spans that gave way.
    evicted: AtomicU32,
    /// One more than the index of the slot that somebody looks at; 0: none.
    pinned: AtomicU32,
    policy: PhantomData<fn() -> P>,
    slots: S,
}

impl<P, S, const WORDS: usize> SpanRing<P, S, WORDS> {
    /// A ring that is not open yet: it refuses all. All of it is zero if its slots are.
    pub(crate) const fn new(slots: S) -> Self {
        Self {
            cursor: AtomicU32::new(0),
            freed: AtomicU32::new(0),
            full: AtomicU32::new(0),
            started: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            evicted: AtomicU32::new(0),
            pinned: AtomicU32::new(0),
            policy: PhantomData,
            slots,
        }
    }

    /// Calls `prepare` if the ring has never been opened, and opens it. `None`: it is open already.
    pub(crate) fn open<L: ClaimLock, R>(
        &self,
        lock: &L,
        prepare: impl FnOnce() -> (u32, R),
    ) -> Option<R> {
        // Nobody looks at a slot before it is open, so that this word keeps others out.
        let is_open = || look::<L>(&self.freed) != 0;
        if is_open() || !step(lock, &self.pinned, 0, u32::MAX) {
            return None;
        }
        let mut prepared = None;
        if !is_open() {
            let (spans, found) = prepare();
            if spans > 0 {
                add(lock, &self.started, spans);
            }
            self.cursor.store(Cursor::LAP, Ordering::Relaxed);
            publish::<L>(&self.freed, 1);
            prepared = Some(found);
        }
        publish::<L>(&self.pinned, 0);
        prepared
    }

    pub(crate) fn is_open(&self) -> bool {
        self.freed.load(Ordering::Acquire) != 0
    }

    /// Where the slots lie.
    pub(crate) fn place(&self) -> &S {
        &self.slots
    }

    /// Slots have become free.
    pub(crate) fn tell_freed(&self, lock: &impl ClaimLock) {
        // By two, from one: it is never zero again.
        add(lock, &self.freed, 2);
    }
}

impl<P: Policy, S: Slots<WORDS>, const WORDS: usize> SpanRing<P, S, WORDS> {
    /// The index of the oldest slot.
    pub(crate) fn oldest(&self) -> usize {
        let slots = self.slots.slots().len();
        let cursor = Cursor(self.cursor.load(Ordering::Relaxed));
        cursor.within(slots).index(slots)
    }

    /// What [`pinned`](Self::pinned) is for the slot at a place.
    fn pin(&self, at: Cursor) -> u32 {
        at.index(self.slots.slots().len()) as u32 + 1
    }

    /// The slots with their index, once round from the oldest.
    pub(crate) fn oldest_first(&self) -> impl Iterator<Item = (usize, &Slot<WORDS>)> {
        let oldest = self.oldest();
        let slots = self.slots.slots().iter().enumerate();
        slots.clone().skip(oldest).chain(slots.take(oldest))
    }

    /// Takes a finished span, which has this head, for a datagram: from now on it does not give way.
    pub(crate) fn take_done(&self, lock: &impl ClaimLock, slot: &Slot<WORDS>, head: u32) -> bool {
        if !state::is_waiting(head) {
            return false;
        }
        if P::KEEPS_NEWEST {
            return step(lock, slot.state(), head, head | state::TAKEN);
        }
        slot.state().store(head | state::TAKEN, Ordering::Relaxed);
        true
    }

    /// Calls `look` if the span in the slot is open: even if it ends meanwhile, it stays.
    pub(crate) fn with_open<L: ClaimLock>(
        &self,
        lock: &L,
        index: usize,
        slot: &Slot<WORDS>,
        look: impl FnOnce(&Slot<WORDS>),
    ) {
        // Not while it is being opened: that uses the same word.
        if !self.is_open() {
            return;
        }
        let is_open = lock.with(|| {
            // Releases what was read of the slot before.
            self.pinned.store(index as u32 + 1, Ordering::Release);
            if L::SHARED {
                fence(Ordering::SeqCst);
            }
            slot.head() & state::OPEN != 0
        });
        if is_open {
            look(slot);
        }
        self.pinned.store(0, Ordering::Release);
    }
}

/// Compare-and-swap, whatever the lock.
#[inline(always)]
fn step<L: ClaimLock>(lock: &L, word: &AtomicU32, from: u32, to: u32) -> bool {
    if L::SHARED {
        return swap(word, from, to, Ordering::AcqRel);
    }
    lock.with(|| {
        let is_so = look::<L>(word) == from;
        if is_so {
            publish::<L>(word, to);
        }
        is_so
    })
}

/// Adds, whatever the lock.
#[inline(always)]
fn add<L: ClaimLock>(lock: &L, word: &AtomicU32, more: u32) {
    #[cfg(target_has_atomic = "32")]
    if L::SHARED {
        word.fetch_add(more, Ordering::Release);
        return;
    }
    lock.with(|| plus(word, more));
}

/// Adds, under a lock.
#[inline(always)]
fn plus(word: &AtomicU32, more: u32) {
    let now = word.load(Ordering::Relaxed);
    word.store(now.wrapping_add(more), Ordering::Relaxed);
}
