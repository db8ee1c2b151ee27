//! How much a packer does, chosen at compile time.

/// What a packer does beyond packing whole spans: [`Complete`] or [`Lean`].
pub trait Extent: sealed::Sealed {
    /// Whether a span that is too large for a datagram is cut to fit; else it is dropped.
    const TRIMS: bool;
    /// Whether a loss is told by a span of its own.
    const TELLS_LOSS: bool;
    /// Whether spans with nothing but a few short tags go a shorter way.
    const HURRIES: bool;
    /// Whether a span from which something was cut tells so in tags of its own.
    const TELLS_CUTS: bool;
    /// The most spans in a datagram.
    const MOST_SPANS: usize;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Complete {}
    impl Sealed for super::Lean {}
}

/// All that there is.
#[derive(Clone, Debug)]
pub enum Complete {}

/// For where flash is short: a span, or a process tag, that does not fit is dropped and counted,
/// a loss is told in the counters of each datagram only, what found no room when it was recorded in
/// [`Stats::trimmed`](crate::Stats::trimmed) only, and a datagram has 14 spans at most.
#[derive(Clone, Debug)]
pub enum Lean {}

impl Extent for Complete {
    const TRIMS: bool = true;
    const TELLS_LOSS: bool = true;
    const HURRIES: bool = true;
    const TELLS_CUTS: bool = true;
    const MOST_SPANS: usize = usize::MAX;
}

impl Extent for Lean {
    const TRIMS: bool = false;
    const TELLS_LOSS: bool = false;
    const HURRIES: bool = false;
    const TELLS_CUTS: bool = false;
    const MOST_SPANS: usize = 14;
}
