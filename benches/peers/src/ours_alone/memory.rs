//! The children that look at their own memory, as Linux tells it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Ours, Peer as _};
use crate::shape::OPERATION;

const PAGE: u64 = 4_096;

/// What a thread's lane is at most.
pub struct Lane {
    /// In bytes.
    pub address_space: u64,
    /// Bare spans that it holds.
    pub spans: u64,
}

/// Of a program whose threads record, end and are drained.
pub struct Memory {
    /// Resident bytes, over those at the start, when all threads have recorded.
    pub peak: u64,
    /// The same when all have ended, and their spans are out.
    pub end: u64,
    pub lost: u64,
}

/// Prints the address space that a first span takes, and how many bare spans find room.
pub fn of_a_lane() {
    let ours = Ours::new();
    let before = mapped();
    drop(ours.traces_in.new_trace(OPERATION));
    let lane = length(&less(&mapped(), &before));
    while ours.traces_in.stats().dropped.ring_full == 0 {
        for _ in 0..1_000 {
            drop(ours.traces_in.new_trace(OPERATION));
        }
    }
    println!("{lane} {}", ours.traces_in.stats().waiting);
}

/// Prints what [`Memory`] has.
pub fn of_threads(traced: bool) {
    const THREADS: usize = 10_000;
    const SPANS: usize = 10;
    let mut ours = Ours::new();
    let traces_in = ours.traces_in.clone();
    let start = resident();
    // The spans are recorded; the memory was looked at.
    let gates = [Barrier::new(THREADS + 1), Barrier::new(THREADS + 1)];
    let record = || {
        for _ in 0..SPANS {
            if traced {
                drop(traces_in.new_trace(OPERATION));
            }
        }
        gates.iter().for_each(|gate| {
            gate.wait();
        });
    };
    let peak = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let thread = thread::Builder::new().stack_size(64 << 10);
                thread.spawn_scoped(scope, record).expect("a thread")
            })
            .collect();
        gates[0].wait();
        let peak = resident();
        gates[1].wait();
        // The scope waits for what they do only, not until they are gone.
        for thread in threads {
            thread.join().expect("it records");
        }
        peak
    });
    let taken = ours.take();
    let made = if traced { THREADS * SPANS } else { 0 };
    let grown = |bytes: u64| bytes.saturating_sub(start);
    println!("{} {} {}", grown(peak), grown(resident()), made - taken);
}

/// Prints the resident bytes of what a first span has mapped, after a span a millisecond for that long.
pub fn of_a_slow_thread(time: Duration) {
    let mut ours = Ours::new();
    let before = mapped();
    drop(ours.traces_in.new_trace(OPERATION));
    let lane = less(&mapped(), &before);
    let begin = Instant::now();
    let mut spans = 1;
    while begin.elapsed() < time {
        thread::sleep(Duration::from_millis(1));
        drop(ours.traces_in.new_trace(OPERATION));
        spans += 1;
        // As often as the sender does.
        if spans % 100 == 0 {
            ours.take();
        }
    }
    println!("{}", resident_of(&lane));
}

/// The pages that the process has mapped, by their number.
fn mapped() -> Vec<Range<u64>> {
    let text = fs::read_to_string("/proc/self/maps").expect("Linux");
    let number = |text: &str| u64::from_str_radix(text, 16).expect("an address") / PAGE;
    let ranges = text.lines().map(|line| {
        let (range, _) = line.split_once(' ').expect("a range first");
        let (begin, end) = range.split_once('-').expect("two addresses");
        number(begin)..number(end)
    });
    ranges.collect()
}

/// What is in `all` and not in `known`; mappings may have grown together.
fn less(all: &[Range<u64>], known: &[Range<u64>]) -> Vec<u64> {
    let known: BTreeSet<u64> = known.iter().cloned().flatten().collect();
    let all = all.iter().cloned().flatten();
    all.filter(|page| !known.contains(page)).collect()
}

fn length(pages: &[u64]) -> u64 {
    pages.len() as u64 * PAGE
}

fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = text.split_whitespace().nth(1).expect("a second number");
    pages.parse::<u64>().expect("a number") * PAGE
}

/// Those of the pages that are in memory, in bytes.
fn resident_of(pages: &[u64]) -> u64 {
    const PRESENT: u64 = 1 << 63;
    let mut map = fs::File::open("/proc/self/pagemap").expect("Linux");
    let mut present = 0;
    for page in pages {
        let mut entry = [0; 8];
        map.seek(SeekFrom::Start(page * 8)).expect("an entry");
        map.read_exact(&mut entry).expect("an entry");
        present += u64::from(u64::from_ne_bytes(entry) & PRESENT != 0);
    }
    present * PAGE
}
