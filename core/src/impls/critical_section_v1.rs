//! [`critical_section`] as a [`ClaimLock`].

use crate::ClaimLock;

/// A critical section, as the program's HAL provides it: crate [`critical_section`], feature
/// `critical-section`.
///
/// Whoever the section keeps out may record. On a single core that is as a rule what
/// [`InterruptsOff`](crate::InterruptsOff) does, with nothing promised by you; on chips with two
/// cores and no compare-and-swap, the RP2040 for one, the HAL's section is the lock to use. Some HALs
/// (those for radio stacks) leave a few interrupts unmasked: those must not record.
#[derive(Clone, Copy, Default, Debug)]
pub struct InCriticalSection;

// SAFETY: that no two critical sections run at once, unless one within the other, is what
// `critical_section::Impl` promises.
unsafe impl ClaimLock for InCriticalSection {
    #[inline(always)]
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
        critical_section::with(|_| claim())
    }
}
