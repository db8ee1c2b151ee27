//! The processor's own counter of time, which costs half of what the system's clock does.
//!
//! | | counter | fit |
//! |---|---|---|
//! | x86-64 | time-stamp counter | where it is invariant (CPUID 8000_0007h, EDX bit 8: one rate in all states of all cores) and the system does not distrust it |
//! | AArch64 | `CNTVCT_EL0` | always: one counter for all cores, by the architecture |
//! | others | | never |

use crate::os;

/// Whether [`read`] counts at one rate, on all cores alike.
pub(crate) fn is_fit() -> bool {
    arch::is_invariant() && os::trusts_counter()
}

/// The count now. Meaningless where it is not [fit](is_fit).
#[inline(always)]
pub(crate) fn read() -> u64 {
    arch::read()
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use std::arch::x86_64::{__cpuid, _rdtsc};

    pub(super) fn is_invariant() -> bool {
        const ADVANCED_POWER: u32 = 0x8000_0007;
        const INVARIANT_TSC: u32 = 1 << 8;
        // Newer compilers know that every x86-64 processor has it.
        #[allow(unused_unsafe)]
        // SAFETY: every x86-64 processor has it.
        let cpuid = |leaf| unsafe { __cpuid(leaf) };
        cpuid(0x8000_0000).eax >= ADVANCED_POWER && cpuid(ADVANCED_POWER).edx & INVARIANT_TSC != 0
    }

    #[inline(always)]
    pub(super) fn read() -> u64 {
        // SAFETY: every x86-64 processor has it. A process that was forbidden to use it does not come here.
        unsafe { _rdtsc() }
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    use std::arch::asm;

    pub(super) fn is_invariant() -> bool {
        true
    }

    #[inline(always)]
    pub(super) fn read() -> u64 {
        let count;
        // SAFETY: reads a register that programs may read, and touches nothing else.
        unsafe {
            asm!("mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack, preserves_flags))
        };
        count
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod arch {
    pub(super) fn is_invariant() -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn read() -> u64 {
        0
    }
}
