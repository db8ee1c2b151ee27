//! A ring in which one context claims, and a clock that stands still.
#![allow(unreachable_pub)]

use jaegerling_core::{Claimed, Clock, Lane, LaneRing, SingleContext, Slot};

pub const WORDS: usize = 24;

pub struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> u64 {
        1
    }
    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64
    }
}

pub type Ring<'s> = LaneRing<SingleContext, &'s [Slot<WORDS>], WORDS>;

/// One context that claims in one ring.
#[derive(Clone, Copy)]
pub struct One<'r>(pub &'r Ring<'r>);

// SAFETY: all slots are in its one ring, which outlives its drainer.
unsafe impl<'r> Lane<'r, WORDS> for One<'r> {
    fn now(&self) -> u64 {
        1
    }
    unsafe fn more(&self) -> Option<Claimed<'r, WORDS>> {
        // SAFETY: the slots are in this ring only.
        unsafe { self.0.claim_more() }
    }
    fn released(&self) {
        self.0.released();
    }
}
