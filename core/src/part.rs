//! Which parts of a span the program ever records: of what it never does, its packer need not know.
//!
//! Each is a flag that is set before the first entry of its kind can be seen. In a program without the
//! code that sets it, a compiler that sees the whole program (`lto`) knows that it never is, and leaves
//! out what only such an entry needs. So nobody has to say which parts there are, and none can be
//! forgotten.

use core::sync::atomic::{AtomicBool, Ordering};

/// A part that some programs do without.
pub(crate) struct Part(AtomicBool);

pub(crate) static LOGS: Part = Part::NEW;
pub(crate) static REFERENCES: Part = Part::NEW;
/// Floating-point numbers.
pub(crate) static DOUBLES: Part = Part::NEW;
/// Another start or end than that of the clock.
pub(crate) static TIMES: Part = Part::NEW;
/// Times in Unix nanoseconds.
pub(crate) static UNIX_TIMES: Part = Part::NEW;
/// Keys whose length has an entry of its own.
pub(crate) static LONG_KEYS: Part = Part::NEW;
/// Further slots.
pub(crate) static CHAINS: Part = Part::NEW;
/// Something that found no room.
pub(crate) static CUTS: Part = Part::NEW;
/// Spans that have no end: what a reset or a fault leaves behind.
pub(crate) static UNFINISHED: Part = Part::NEW;

impl Part {
    /// Where code is cheap, all parts are taken to be there, and recording one costs nothing. But for
    /// tests, which are to see what others have.
    const ALWAYS: bool = cfg!(all(target_pointer_width = "64", not(debug_assertions)));

    #[expect(clippy::declare_interior_mutable_const, reason = "a new one each")]
    const NEW: Self = Self(AtomicBool::new(false));

    /// There is one, or will be at once.
    #[inline(always)]
    pub(crate) fn set(&self) {
        // What makes the entry visible releases this, too.
        if !Self::ALWAYS {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there may be one.
    #[inline(always)]
    pub(crate) fn is_there(&self) -> bool {
        Self::ALWAYS || self.0.load(Ordering::Relaxed)
    }
}

/// There may be anything, as in what was recorded before a reset.
pub(crate) fn set_all() {
    let parts = [
        &LOGS,
        &REFERENCES,
        &DOUBLES,
        &TIMES,
        &UNIX_TIMES,
        &LONG_KEYS,
        &CHAINS,
        &CUTS,
        &UNFINISHED,
    ];
    parts.into_iter().for_each(Part::set);
}
