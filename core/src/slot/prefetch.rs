//! Telling the processor which slot comes next, so that its cache lines are there when it does: for what
//! another core has written, one waits as long as for a hundred instructions.

use super::Slot;

impl<const WORDS: usize> Slot<WORDS> {
    /// The slot so many behind this one is soon wanted; that there may be none there does no harm. Only
    /// where it was measured to help: x86-64.
    #[inline(always)]
    pub(crate) fn prefetch_ahead(&self, count: usize) {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse", not(miri)))]
        {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

            let first = core::ptr::from_ref(self).wrapping_add(count).cast::<i8>();
            // As much as most spans take: two lines.
            for line in [first, first.wrapping_add(64)] {
                // SAFETY: it touches nothing, wherever that is.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
            }
        }
        let _ = count;
    }
}
