//! Telling the processor which slot comes next, so that its cache lines are there when it does: for what
//! another core has written, one waits as long as for a hundred instructions.

use crate::slot::Slot;

/// The slot so many behind this one, if there is one, is soon wanted. Only where that was measured to
/// help: x86-64.
#[inline(always)]
pub(crate) fn ahead<const WORDS: usize>(slot: &Slot<WORDS>, count: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let first = core::ptr::from_ref(slot).wrapping_add(count).cast::<i8>();
        // As much as most spans take: two lines.
        for line in [first, first.wrapping_add(64)] {
            // SAFETY: it touches nothing, wherever that is.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
        }
    }
    let _ = (slot, count);
}
