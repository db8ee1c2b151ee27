//! Time on the calling thread: short rounds, those of the crates interleaved, and what the rounds say.

use std::time::{Duration, Instant};

use crate::peer::Peer;

/// The spans that one round times, about; a round is as many full batches.
const SPANS_PER_ROUND: usize = 12_000;

pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// The median, and the first and the last decile.
    pub fn of(times: &mut [f64]) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |part: usize| times[(times.len() - 1) * part / 10];
        Self {
            median: at(5),
            low: at(1),
            high: at(9),
        }
    }
}

/// Nanoseconds per run of `work`, of `count` runs.
pub fn ns_per(count: usize, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        work();
    }
    per(start.elapsed(), count)
}

/// One round after the other of one crate; each call is a round and answers nanoseconds per span.
pub fn rounds_of<P: Peer>() -> impl FnMut() -> f64 {
    let mut peer = P::new();
    move || {
        let batches = SPANS_PER_ROUND.div_ceil(P::BATCH);
        let mut spent = Duration::ZERO;
        for _ in 0..batches {
            let start = Instant::now();
            for _ in 0..P::BATCH {
                peer.span();
            }
            spent += start.elapsed();
            peer.drain(P::BATCH);
        }
        per(spent, batches * P::BATCH)
    }
}

fn per(spent: Duration, count: usize) -> f64 {
    spent.as_nanos() as f64 / count as f64
}
