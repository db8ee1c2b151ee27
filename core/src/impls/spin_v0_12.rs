//! [`spin`]'s mutex as a [`ClaimLock`].

use core::fmt;

use crate::ClaimLock;

/// Several cores and their interrupts: `M` keeps out the interrupts of the own core, then it spins
/// until no other core claims. Crate [`spin`], feature `spin`.
///
/// Never the other way round: an interrupt that comes between the two, and records, would wait
/// for a lock that the code beneath it holds, and that it will never give back while it is
/// interrupted. In this order, whoever holds the lock cannot be interrupted on its own core, so that
/// another core waits no longer than the dozen instructions of a claim.
///
/// | `M` | |
/// |---|---|
/// | [`InterruptsOff`](crate::InterruptsOff) | interrupts record, too |
/// | [`LockFree`](crate::LockFree) | masks nothing: no interrupt records. A thread that is suspended in a claim keeps the others waiting |
/// | your own | as the cores need it; one that lets others in is [`SHARED`](ClaimLock::SHARED) |
///
/// Where all cores have compare-and-swap, as this needs it, `LockFree` alone does without any
/// waiting.
///
/// ```
/// use jaegerling_core::{LockFree, SeveralCores};
///
/// // No interrupt records.
/// static LOCK: SeveralCores<LockFree> = SeveralCores::new(LockFree);
/// ```
pub struct SeveralCores<M> {
    mask: M,
    cores: spin::mutex::SpinMutex<()>,
}

impl<M> SeveralCores<M> {
    /// A lock that nobody holds. It keeps claims apart whatever `mask` is; but if that lets in
    /// interrupts of the own core which record, they may wait for ever.
    pub const fn new(mask: M) -> Self {
        Self {
            mask,
            cores: spin::mutex::SpinMutex::new(()),
        }
    }
}

impl<M> fmt::Debug for SeveralCores<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeveralCores").finish_non_exhaustive()
    }
}

// SAFETY: whoever runs its closure holds the mutex. One that the closure itself makes never returns.
unsafe impl<M: ClaimLock> ClaimLock for SeveralCores<M> {
    #[inline(always)]
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
        self.mask.with(|| {
            // Held until the claim is done, and given back before the interrupts.
            let _alone = self.cores.lock();
            claim()
        })
    }
}
