//! Who may claim at once: the one step of recording that needs exclusion.

use core::cell::Cell;
use core::marker::PhantomData;

/// Keeps claims in one ring apart. What runs under it is no copy of a span's data, and no call of
/// anything that the user gave but [`IdSource`](crate::IdSource). A claim is a dozen instructions
/// where a slot is free near by; a ring that is almost full is walked through, once at most (see
/// [`SpanRing::claim`](crate::SpanRing::claim)).
///
/// # Safety
///
/// While one call of [`with`](Self::with) runs its closure, no other call on the same value runs
/// its own, in whatever thread, interrupt or core it was made; but for one that the closure itself
/// makes, if its `IdSource` traces: that may run there, or never return.
pub unsafe trait ClaimLock {
    /// Runs `claim` alone.
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R;
}

/// One context only, and no lock at all. Whatever has it cannot be shared between threads, nor with
/// interrupts: it is not `Sync`.
#[derive(Default, Debug)]
pub struct SingleContext(PhantomData<Cell<()>>);

impl SingleContext {
    /// It is free.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

// SAFETY: it is not `Sync`, so that all calls come from one context, where a second closure can only
// run between two others or within one that calls back.
unsafe impl ClaimLock for SingleContext {
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
        claim()
    }
}
