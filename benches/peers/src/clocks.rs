//! What a span cannot go below: its two clock reads.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use crate::rounds;

/// Name and nanoseconds of two reads of each clock.
pub fn pairs(samples: usize) -> Vec<(&'static str, f64)> {
    let mut all = vec![
        ("Instant::now", pair(samples, Instant::now)),
        ("SystemTime::now", pair(samples, SystemTime::now)),
    ];
    #[cfg(target_arch = "x86_64")]
    all.push(("rdtsc", pair(samples, tsc)));
    all
}

fn pair<T>(samples: usize, read: impl Fn() -> T) -> f64 {
    let mut times: Vec<f64> = (0..samples)
        .map(|_| {
            rounds::ns_per(10_000, || {
                black_box(read());
                black_box(read());
            })
        })
        .collect();
    rounds::Spread::of(&mut times).median
}

#[cfg(target_arch = "x86_64")]
fn tsc() -> u64 {
    // SAFETY: `rdtsc` has no precondition in user mode on any x86-64 system that Rust supports.
    unsafe { core::arch::x86_64::_rdtsc() }
}
