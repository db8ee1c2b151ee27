//! Who may claim at once: the one step of recording that needs exclusion.
//!
//! | lock | who may record | what a claim costs the others |
//! |---|---|---|
//! | [`SingleContext`] | one context: it is not `Sync` | nothing |
//! | [`InterruptsOff`] | one core and its interrupts | a dozen instructions with interrupts masked |
//! | [`LockFree`] | any context of any core, where there is compare-and-swap | nothing |
//! | `InCriticalSection`, feature `critical-section` | whatever the HAL says | as the HAL has it |
//! | `SeveralCores`, feature `spin` | several cores and their interrupts | the same, and a short wait |
//!
//! What runs under the lock is the claim alone: a slot that was found before is looked at once more
//! and taken. No search, no copy, no call of anything but an [`IdSource`](crate::IdSource) that wants
//! it so.
//!
//! The lanes of threads ([`LaneRing`](crate::LaneRing)) take any of these that is no compare-and-swap, too,
//! but search under it, at worst all of their slots: that is for a lock that costs others nothing. As
//! a thread claims in its lane alone, `jaegerling` gives them one of its own that does nothing.
//!
//! None of them keeps out what cannot be masked: HardFault and NMI under [`InterruptsOff`], and
//! whatever lies above the HAL's critical section. A handler of such an exception must not record
//! with those locks: it may have interrupted a claim, of which it would make a second one. With
//! [`LockFree`] it may, as any other. What every one of them may do is to read: see
//! [`Tracer::steal`](crate::Tracer::steal).

use core::cell::Cell;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};

/// Keeps claims in one ring apart.
///
/// # Safety
///
/// While one call of [`with`](Self::with) runs its closure, no other call on the same value runs
/// its own, in whatever thread, interrupt or core it was made; but for one that the closure itself
/// makes, if its `IdSource` traces: that may run there, or never return. A lock that is
/// [`SHARED`](Self::SHARED) need not promise this. One that says [`ONE_CORE`](Self::ONE_CORE)
/// promises that, too.
pub unsafe trait ClaimLock {
    /// Whether it lets others in, so that each step is a compare-and-swap of its own.
    const SHARED: bool = false;

    /// Whether all who record and drain run on one core, so that what one wrote before a store the
    /// others see after it, without a barrier.
    const ONE_CORE: bool = false;

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
    const ONE_CORE: bool = true;

    #[inline(always)]
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
        claim()
    }
}

/// Compare-and-swap instead of a lock: any thread, interrupt or core may record at once, and none
/// waits for another.
///
/// On cores where compare-and-swap is a load that reserves and a store that fails unless the word is
/// still reserved, an interrupt between the two must make the store fail. A Cortex-M sees to it. A
/// RISC-V need not: where handlers interrupt each other, and the core keeps what is reserved through
/// `mret`, a handler stores conditionally once more, anywhere, before it returns (RISC-V Privileged
/// Architecture, Trap-Return Instructions).
#[cfg(target_has_atomic = "32")]
#[derive(Clone, Copy, Default, Debug)]
pub struct LockFree;

// SAFETY: it promises nothing: it is shared.
#[cfg(target_has_atomic = "32")]
unsafe impl ClaimLock for LockFree {
    const SHARED: bool = true;

    #[inline(always)]
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
        claim()
    }
}

/// Interrupts are masked while a slot is claimed: PRIMASK on Cortex-M, `mstatus.MIE` on RISC-V.
///
/// HardFault and NMI cannot be masked so: their handlers must not record with this lock.
#[cfg(any(
    all(target_arch = "arm", target_os = "none"),
    target_arch = "riscv32",
    doc
))]
#[derive(Debug)]
pub struct InterruptsOff(());

#[cfg(any(
    all(target_arch = "arm", target_os = "none"),
    target_arch = "riscv32",
    doc
))]
impl InterruptsOff {
    /// Chooses it.
    ///
    /// # Safety
    ///
    /// The tracer is used on one core only, in code that may mask interrupts (privileged on
    /// Cortex-M, in machine mode on RISC-V), and not in handlers of exceptions that this does not
    /// mask: HardFault, NMI, and on RISC-V traps that the code under the lock cannot cause. As the
    /// mask of `SeveralCores`, it is used on several cores.
    pub const unsafe fn new() -> Self {
        Self(())
    }
}

// SAFETY: where only one core runs, and nothing interrupts it, nobody else can be in a closure.
#[cfg(any(all(target_arch = "arm", target_os = "none"), target_arch = "riscv32"))]
unsafe impl ClaimLock for InterruptsOff {
    const ONE_CORE: bool = true;

    #[inline(always)]
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
        let before = mask::off();
        let result = claim();
        mask::restore(before);
        result
    }
}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod mask {
    use core::arch::asm;

    #[inline(always)]
    pub(super) fn off() -> u32 {
        let before;
        // SAFETY: as `InterruptsOff::new` was promised. Not `nomem`: what is done between must
        // stay between.
        unsafe {
            asm!("mrs {}, PRIMASK", "cpsid i", out(reg) before, options(nostack, preserves_flags))
        };
        before
    }

    #[inline(always)]
    pub(super) fn restore(before: u32) {
        // SAFETY: as above.
        unsafe { asm!("msr PRIMASK, {}", in(reg) before, options(nostack, preserves_flags)) };
    }
}

#[cfg(target_arch = "riscv32")]
mod mask {
    use core::arch::asm;

    const MIE: u32 = 1 << 3;

    #[inline(always)]
    pub(super) fn off() -> u32 {
        let before: u32;
        // SAFETY: as `InterruptsOff::new` was promised. Not `nomem`: what is done between must
        // stay between.
        unsafe { asm!("csrrci {}, mstatus, 8", out(reg) before, options(nostack)) };
        before & MIE
    }

    #[inline(always)]
    pub(super) fn restore(before: u32) {
        // SAFETY: as above.
        unsafe { asm!("csrs mstatus, {}", in(reg) before, options(nostack)) };
    }
}

/// Stores a word. Whoever sees it sees what was written before.
#[inline(always)]
pub(crate) fn publish<L: ClaimLock>(word: &AtomicU32, value: u32) {
    if L::ONE_CORE {
        compiler_fence(Ordering::Release);
        word.store(value, Ordering::Relaxed);
    } else {
        word.store(value, Ordering::Release);
    }
}

/// Loads a word. What is read after this was written before that word was published.
#[inline(always)]
pub(crate) fn look<L: ClaimLock>(word: &AtomicU32) -> u32 {
    if L::ONE_CORE {
        let value = word.load(Ordering::Relaxed);
        compiler_fence(Ordering::Acquire);
        value
    } else {
        word.load(Ordering::Acquire)
    }
}

/// Compare-and-swap.
#[cfg(target_has_atomic = "32")]
#[inline(always)]
pub(crate) fn swap(word: &AtomicU32, from: u32, to: u32, order: Ordering) -> bool {
    word.compare_exchange(from, to, order, Ordering::Relaxed)
        .is_ok()
}

/// There is none here, and no lock that is shared.
#[cfg(not(target_has_atomic = "32"))]
pub(crate) fn swap(_: &AtomicU32, _: u32, _: u32, _: Ordering) -> bool {
    false
}
