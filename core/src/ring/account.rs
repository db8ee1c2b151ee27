//! What became of the spans of one ring, as its drainer knows it.

use super::{Policy, Slots, SpanRing};
use crate::lock::ClaimLock;
use crate::slot::state;
use crate::stats::{Dropped, Stats, Trimmed};
use core::sync::atomic::{AtomicU32, Ordering};

/// The counters of a drainer. Those of the ring have 32 bits and wrap; here they are carried on,
/// so that the drainer must look once in four billion spans.
pub(crate) struct Account {
    started: Total,
    refused: Total,
    evicted: Total,
    handed_over: u64,
    in_flight: u32,
    too_large: u64,
    failed: u64,
    /// What was cut, in the order of [`Trimmed`](crate::Trimmed).
    pub(crate) cut: [u64; 6],
}

struct Total {
    last: u32,
    all: u64,
}

impl Total {
    const NEW: Self = Self { last: 0, all: 0 };

    fn follow(&mut self, counter: &AtomicU32) -> u64 {
        let now = counter.load(Ordering::Acquire);
        self.all += u64::from(now.wrapping_sub(self.last));
        self.last = now;
        self.all
    }
}

impl Account {
    pub(crate) const NEW: Self = Self {
        started: Total::NEW,
        refused: Total::NEW,
        evicted: Total::NEW,
        handed_over: 0,
        in_flight: 0,
        too_large: 0,
        failed: 0,
        cut: [0; 6],
    };

    /// A span was taken for a datagram.
    pub(crate) fn take(&mut self) {
        self.in_flight += 1;
    }

    /// The one that was taken last was not: it waits again.
    pub(crate) fn untake(&mut self) {
        self.in_flight = self.in_flight.wrapping_sub(1);
    }

    /// None of them was: they wait again.
    pub(crate) fn put_back(&mut self) {
        self.in_flight = 0;
    }

    /// It was not: it fits none.
    pub(crate) fn drop_too_large(&mut self) {
        self.untake();
        self.too_large += 1;
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(crate) fn handed_over(&mut self) {
        self.handed_over += u64::from(core::mem::take(&mut self.in_flight));
    }

    pub(crate) fn failed(&mut self) {
        self.failed += u64::from(core::mem::take(&mut self.in_flight));
    }

    /// What was lost so far.
    pub(crate) fn dropped<P: Policy, S, const WORDS: usize>(
        &mut self,
        ring: &SpanRing<P, S, WORDS>,
    ) -> Dropped {
        Dropped {
            ring_full: self.refused.follow(&ring.refused),
            evicted: match P::KEEPS_NEWEST {
                true => self.evicted.follow(&ring.evicted),
                false => 0,
            },
            too_large: self.too_large,
            failed: self.failed,
        }
    }

    /// The whole account.
    pub(crate) fn stats<P: Policy, S: Slots<WORDS>, const WORDS: usize>(
        &mut self,
        ring: &SpanRing<P, S, WORDS>,
        lock: &impl ClaimLock,
    ) -> Stats {
        // In this order: what is lost or started meanwhile is not accounted for before it was
        // started.
        let dropped = self.dropped(ring);
        let (mut open, mut waiting) = (0, 0);
        for (_, slot) in ring.oldest_first() {
            let head = slot.head();
            open += u64::from(head & state::OPEN != 0);
            waiting += u64::from(state::is_waiting(head));
        }
        let started = lock.with(|| self.started.follow(&ring.started));
        Stats {
            started,
            handed_over: self.handed_over,
            in_flight: self.in_flight.into(),
            open,
            waiting,
            dropped,
            trimmed: Trimmed::of(self.cut),
        }
    }
}
