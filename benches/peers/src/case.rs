//! The cases, and one crate that runs them: each call is one round.

use std::time::{Duration, Instant};

use crate::heap;
use crate::peer::{Lacks, Peer, Recorder};
use crate::shape::{Shape, fence, repeat};
use crate::situation;

/// What is timed on the thread that traces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// One span after the other on one thread; from time to time the queue is emptied, not timed.
    Hot(Shape),
    /// One span a millisecond, and nothing in between.
    Cold,
    /// The queue is full, and nobody empties it.
    Full,
    /// Begun and tagged on one thread, ended on another.
    Elsewhere,
    /// So many threads at once; between batches the queue is emptied.
    Threads(usize),
}

impl Case {
    pub const ALL: [Self; 16] = [
        Self::Hot(Shape::Root),
        Self::Hot(Shape::Fenced),
        Self::Hot(Shape::Strings),
        Self::Hot(Shape::Moved),
        Self::Hot(Shape::Child),
        Self::Hot(Shape::Chain),
        Self::Hot(Shape::Ten),
        Self::Hot(Shape::Disabled),
        Self::Hot(Shape::Unsampled),
        Self::Cold,
        Self::Full,
        Self::Elsewhere,
        Self::Threads(1),
        Self::Threads(2),
        Self::Threads(4),
        Self::Threads(8),
    ];

    pub fn name(self) -> String {
        match self {
            Self::Hot(shape) => shape.name().into(),
            Self::Cold => "cold: one a millisecond".into(),
            Self::Full => "ring or queue full".into(),
            Self::Elsewhere => "ended on another thread".into(),
            Self::Threads(1) => "1 thread".into(),
            Self::Threads(count) => format!("{count} threads"),
        }
    }
}

/// A crate at work, whose types differ.
pub trait Runner {
    /// Nanoseconds per span.
    fn round(&mut self, case: Case) -> Result<f64, Lacks>;
    /// Nanoseconds that two reads of the crate's clock take in the same circumstances.
    fn floor(&mut self, case: Case) -> f64;
    /// Allocations per span on the thread that traces, once that is warm.
    fn allocations(&mut self, shape: Shape) -> Result<f64, Lacks>;
}

pub struct Running<P: Peer> {
    pub peer: P,
    pub recorder: P::Recorder,
}

/// The spans that one round times, about; a round is as many full batches.
const SPANS_PER_ROUND: usize = 12_000;

/// How often two reads are done in a round.
const READS: usize = 10_000;

impl<P: Peer> Running<P> {
    pub fn new() -> Self {
        let peer = P::new();
        let recorder = peer.recorder();
        Self { peer, recorder }
    }

    /// How often a shape may be recorded before the queue is emptied.
    pub fn batch(shape: Shape) -> usize {
        // The parent of the children is a span, too.
        (P::BATCH - 1) / shape.spans()
    }

    fn hot(&mut self, shape: Shape) -> Result<f64, Lacks> {
        let times = Self::batch(shape);
        let batches = SPANS_PER_ROUND.div_ceil(P::BATCH);
        let mut spent = Duration::ZERO;
        for batch in 0..=batches {
            let start = Instant::now();
            self.recorder.record(shape, times)?;
            // The first one is not hot: the caches are full of the other crates.
            if batch > 0 {
                spent += start.elapsed();
            }
            self.peer.drain(shape.waiting(times));
        }
        Ok(per(spent, batches * times * shape.spans()))
    }
}

impl<P: Peer> Runner for Running<P> {
    fn round(&mut self, case: Case) -> Result<f64, Lacks> {
        match case {
            Case::Hot(shape) => self.hot(shape),
            Case::Cold => situation::cold(self),
            Case::Full => situation::full(self),
            Case::Elsewhere => situation::elsewhere(self),
            Case::Threads(count) => situation::threads(self, count),
        }
    }

    fn floor(&mut self, case: Case) -> f64 {
        let two_reads = || {
            P::read_clock();
            P::read_clock();
        };
        match case {
            Case::Cold => situation::cold_median(two_reads),
            Case::Hot(Shape::Fenced) => ns_per(READS, || {
                fence();
                two_reads();
            }),
            _ => ns_per(READS, two_reads),
        }
    }

    fn allocations(&mut self, shape: Shape) -> Result<f64, Lacks> {
        let times = Self::batch(shape);
        // Once, to be warm.
        self.recorder.record(shape, times)?;
        self.peer.drain(shape.waiting(times));
        let mut result = Ok(());
        let count = heap::allocations(|| result = self.recorder.record(shape, times));
        self.peer.drain(shape.waiting(times));
        result.map(|()| count as f64 / (times * shape.spans()) as f64)
    }
}

fn ns_per(count: usize, work: impl FnMut()) -> f64 {
    let start = Instant::now();
    repeat(count, work);
    per(start.elapsed(), count)
}

pub fn per(spent: Duration, count: usize) -> f64 {
    spent.as_nanos() as f64 / count as f64
}
