//! What became of the spans of one ring, as its drainer knows it.

use super::{Policy, Slots, SpanRing};
use crate::lock::ClaimLock;
use crate::slot::state;
use crate::stats::{Dropped, Stats, Trimmed};
use core::sync::atomic::{AtomicU32, Ordering};

/// The counters of a drainer. Those of the ring have 32 bits and wrap; here they are carried on,
/// so that the drainer must look once in four billion spans.
pub(crate) struct Account {
    started: u64,
    handed_over: u64,
    dropped: Dropped,
    /// What was cut, in the order of [`Trimmed`](crate::Trimmed).
    pub(crate) cut: [u64; 6],
}

/// Counts on as far as a counter has gone that has only the lowest bits.
fn follow(all: &mut u64, counter: &AtomicU32) {
    let now = counter.load(Ordering::Acquire);
    *all += u64::from(now.wrapping_sub(*all as u32));
}

impl Account {
    pub(crate) const NEW: Self = Self {
        started: 0,
        handed_over: 0,
        dropped: Dropped::NONE,
        cut: [0; 6],
    };

    /// A span fits no datagram.
    pub(crate) fn drop_too_large(&mut self) {
        self.dropped.too_large += 1;
    }

    pub(crate) fn handed_over(&mut self, spans: u32) {
        self.handed_over += u64::from(spans);
    }

    pub(crate) fn failed(&mut self, spans: u32) {
        self.dropped.failed += u64::from(spans);
    }

    /// What was lost so far.
    pub(crate) fn dropped<P: Policy, S, const WORDS: usize>(
        &mut self,
        ring: &SpanRing<P, S, WORDS>,
    ) -> Dropped {
        follow(&mut self.dropped.ring_full, &ring.refused);
        if P::KEEPS_NEWEST {
            follow(&mut self.dropped.evicted, &ring.evicted);
        }
        self.dropped
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
        let (mut open, mut waiting, mut in_flight) = (0, 0, 0);
        for (_, slot) in ring.oldest_first() {
            let head = slot.head();
            open += u64::from(head & state::OPEN != 0);
            waiting += u64::from(state::is_waiting(head));
            in_flight += u64::from(head & state::TAKEN != 0);
        }
        lock.with(|| follow(&mut self.started, &ring.started));
        Stats {
            started: self.started,
            handed_over: self.handed_over,
            in_flight,
            open,
            waiting,
            dropped,
            trimmed: Trimmed::of(self.cut),
        }
    }
}
