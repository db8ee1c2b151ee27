//! Claiming: a slot is found with nothing held, and taken under the lock.

use core::sync::atomic::{Ordering, fence};

use super::cursor::Cursor;
use super::{Policy, Slots, SpanRing, add, plus};
use crate::lock::{ClaimLock, look, publish, swap};
use crate::slot::{Claimed, Slot, state};

/// A slot that was found, and what must still be so when it is taken.
struct Candidate<'r, const WORDS: usize> {
    slot: &'r Slot<WORDS>,
    head: u32,
    at: Cursor,
}

impl<P: Policy, S: Slots<WORDS>, const WORDS: usize> SpanRing<P, S, WORDS> {
    /// A slot for a new span; or none, which is counted.
    #[inline(always)]
    pub(crate) fn claim<L: ClaimLock>(&self, lock: &L) -> Option<Claimed<'_, WORDS>> {
        // Counted before anyone can see the span: never more is accounted for than started.
        #[cfg(target_has_atomic = "32")]
        if L::SHARED {
            self.started.fetch_add(1, Ordering::Relaxed);
        }
        let claimed = self.seize(lock, state::OPEN);
        if claimed.is_none() {
            self.refuse(lock);
        }
        claimed
    }

    #[inline(never)]
    fn refuse<L: ClaimLock>(&self, lock: &L) {
        if L::SHARED {
            add(lock, &self.refused, 1);
            return;
        }
        lock.with(|| {
            plus(&self.started, 1);
            plus(&self.refused, 1);
        });
    }

    /// Whether so many slots are neither open nor in a datagram. Those that others are chained to may
    /// be, so that not all of them may be had.
    pub(crate) fn may_have(&self, count: usize) -> bool {
        let held = state::OPEN | state::TAKEN;
        let slots = self.slots.slots().iter();
        slots.filter(|slot| slot.head() & held == 0).count() >= count
    }

    /// A further slot for a span that has one.
    pub(crate) fn claim_more(&self, lock: &impl ClaimLock) -> Option<Claimed<'_, WORDS>> {
        self.seize(lock, state::CHAINED)
    }

    #[inline(always)]
    fn seize<L: ClaimLock>(&self, lock: &L, as_state: u32) -> Option<Claimed<'_, WORDS>> {
        loop {
            let cursor = Cursor(self.cursor.load(Ordering::Relaxed));
            // As a rule the next slot is free; but not in a ring that is closed, whose cursor is 0.
            let taken = match self.look::<L>(cursor) {
                Some(found) if cursor.0 != 0 && found.head == state::FREE => self
                    .take_free(lock, &found, cursor, as_state)
                    .then_some(found.slot),
                _ => self.seize_further(lock, cursor, as_state)?,
            };
            if let Some(slot) = taken {
                // SAFETY: taken just now, by nobody else.
                return Some(unsafe { Claimed::of(slot) });
            }
        }
    }

    /// A slot that is not the next one; `Some(None)`: others came before, look again.
    #[inline(never)]
    fn seize_further<L: ClaimLock>(
        &self,
        lock: &L,
        cursor: Cursor,
        as_state: u32,
    ) -> Option<Option<&Slot<WORDS>>> {
        let freed = look::<L>(&self.freed);
        // Not open: there may be spans that were recovered, but nothing gives way yet.
        if freed == 0 {
            return None;
        }
        // Once round without success, and nothing was freed since?
        if self.full.load(Ordering::Relaxed) != freed {
            if let Some(found) = self.find::<L>(cursor, |found| found.head == state::FREE) {
                let taken = self.take_free(lock, &found, cursor, as_state);
                return Some(taken.then_some(found.slot));
            }
            self.full.store(freed, Ordering::Relaxed);
        }
        if !P::KEEPS_NEWEST {
            return None;
        }
        let found = self.find_oldest::<L>(cursor)?;
        let taken = self.evict(lock, &found, cursor, as_state);
        Some(taken.then_some(found.slot))
    }

    /// The slot at a place, unless that is behind the last one.
    #[inline(always)]
    fn look<L: ClaimLock>(&self, at: Cursor) -> Option<Candidate<'_, WORDS>> {
        let slots = self.slots.slots();
        let slot = slots.get(at.index(slots.len()))?;
        // A swap acquires by itself.
        let head = match L::SHARED {
            true => slot.state().load(Ordering::Relaxed),
            false => look::<L>(slot.state()),
        };
        Some(Candidate { slot, head, at })
    }

    /// The first slot from the cursor on that is wanted.
    #[inline(always)]
    fn find<L: ClaimLock>(
        &self,
        cursor: Cursor,
        wanted: impl Fn(&Candidate<'_, WORDS>) -> bool,
    ) -> Option<Candidate<'_, WORDS>> {
        let slots = self.slots.slots().len();
        let mut at = cursor;
        for _ in 0..slots {
            at = at.within(slots);
            let found = self.look::<L>(at)?;
            if wanted(&found) {
                return Some(found);
            }
            at = at.next();
        }
        None
    }

    #[inline(never)]
    fn find_oldest<L: ClaimLock>(&self, cursor: Cursor) -> Option<Candidate<'_, WORDS>> {
        let pinned = self.pinned.load(Ordering::Relaxed);
        self.find::<L>(cursor, |found| {
            state::is_waiting(found.head) && self.pin(found.at) != pinned
        })
    }

    #[inline(always)]
    fn take_free<L: ClaimLock>(
        &self,
        lock: &L,
        found: &Candidate<'_, WORDS>,
        cursor: Cursor,
        as_state: u32,
    ) -> bool {
        let next = found.at.next();
        if L::SHARED {
            let taken = swap(found.slot.state(), state::FREE, as_state, Ordering::AcqRel);
            if taken {
                self.advance(cursor, next);
            }
            return taken;
        }
        lock.with(|| {
            // Only a claim makes a free slot another's, and it moves the cursor. What another core
            // does becomes visible in any order, so that there the slot itself has the last word.
            if self.cursor.load(Ordering::Relaxed) != cursor.0
                || !L::ONE_CORE && look::<L>(found.slot.state()) != state::FREE
            {
                return false;
            }
            if as_state == state::OPEN {
                plus(&self.started, 1);
            }
            self.cursor.store(next.0, Ordering::Relaxed);
            publish::<L>(found.slot.state(), as_state);
            true
        })
    }

    /// Takes the slot of a finished span, and frees those that were chained to it.
    #[inline(never)]
    fn evict<L: ClaimLock>(
        &self,
        lock: &L,
        found: &Candidate<'_, WORDS>,
        cursor: Cursor,
        as_state: u32,
    ) -> bool {
        // The tracer may have been moved since the chain was made.
        Slot::expose(self.slots.slots());
        let evicted = if L::SHARED {
            self.evict_shared(lock, found, cursor, as_state)
        } else {
            lock.with(|| self.evict_alone::<L>(found, cursor, as_state))
        };
        if evicted {
            let chain = found.slot.next_in_chain();
            found.slot.forget();
            if let Some(chained) = chain {
                // SAFETY: its span is gone, and this context has taken it.
                unsafe { chained.free() };
                self.tell_freed(lock);
            }
        }
        evicted
    }

    #[inline(always)]
    fn evict_alone<L: ClaimLock>(
        &self,
        found: &Candidate<'_, WORDS>,
        cursor: Cursor,
        as_state: u32,
    ) -> bool {
        // The drainer may have taken it, or looks at it, or others have claimed.
        if self.cursor.load(Ordering::Relaxed) != cursor.0
            || found.slot.state().load(Ordering::Relaxed) != found.head
            || look::<L>(&self.pinned) == self.pin(found.at)
        {
            return false;
        }
        if as_state == state::OPEN {
            plus(&self.started, 1);
        }
        self.cursor.store(found.at.next().0, Ordering::Relaxed);
        publish::<L>(found.slot.state(), as_state);
        // After it has gone: else, whoever takes the account meanwhile sees it twice.
        let evicted = self.evicted.load(Ordering::Relaxed);
        publish::<L>(&self.evicted, evicted.wrapping_add(1));
        true
    }

    fn evict_shared(
        &self,
        lock: &impl ClaimLock,
        found: &Candidate<'_, WORDS>,
        cursor: Cursor,
        as_state: u32,
    ) -> bool {
        // Nobody's for the moment, so that the drainer can pin it no more; has it done so already?
        let head = found.slot.state();
        if !swap(head, found.head, state::CHAINED, Ordering::AcqRel) {
            return false;
        }
        fence(Ordering::SeqCst);
        // Acquires what whoever looked at the slot before has read of it.
        if self.pinned.load(Ordering::Acquire) == self.pin(found.at) {
            head.store(found.head, Ordering::Release);
            return false;
        }
        add(lock, &self.evicted, 1);
        self.advance(cursor, found.at.next());
        head.store(as_state, Ordering::Release);
        true
    }

    /// Moves the cursor on, unless others have moved it further.
    #[inline(always)]
    fn advance(&self, mut from: Cursor, to: Cursor) {
        while !swap(&self.cursor, from.0, to.0, Ordering::Relaxed) {
            from = Cursor(self.cursor.load(Ordering::Relaxed));
            if !from.is_before(to) {
                return;
            }
        }
    }
}
