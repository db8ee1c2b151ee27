//! What only this project's crate is asked: what taking a span costs, and how its memory follows use. What looks at
//! memory does so in a process of its own.

mod huge_pages;
mod memory;

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Effort;
use crate::case::per;
use crate::peer::{Lacks, Ours, Peer as _, Recorder as _};
use crate::rounds::Spread;
use crate::shape::Shape;
pub use memory::{Lane, Memory};

pub struct Alone {
    /// Nanoseconds to take a span: encoding and packing it, and freeing its slot.
    pub taking: Spread,
    /// Nanoseconds of two clock reads meanwhile.
    pub reads: f64,
    /// Nanoseconds of the first span of a thread.
    pub first: Spread,
    pub lane: Lane,
    /// Of 10,000 threads, and of the same without tracing.
    pub threads: Memory,
    pub untraced: Memory,
    /// Bytes of memory that a lane has come to, in which a span a millisecond was recorded.
    pub slow: u64,
    /// The same where the system gives huge pages.
    pub huge: u64,
}

/// The child's part: what it is sent for, and for how long.
pub fn run(errand: &str, seconds: u64) {
    let time = Duration::from_secs(seconds);
    match errand {
        "lane" => memory::of_a_lane(),
        "threads" => memory::of_threads(true),
        "untraced" => memory::of_threads(false),
        "slow" => memory::of_a_slow_thread(time),
        "huge" => {
            huge_pages::always();
            memory::of_a_slow_thread(time);
        }
        _ => panic!("{errand} is no errand"),
    }
}

pub fn measure(effort: &Effort) -> Alone {
    let seconds = effort.slow.as_secs();
    let (taking, reads) = taking(effort.rounds);
    let memory = |name: &str| {
        let [peak, end, lost] = child(name, 0);
        Memory { peak, end, lost }
    };
    let [address_space, spans] = child("lane", 0);
    let [slow] = child("slow", seconds);
    let [huge] = child("huge", seconds);
    Alone {
        taking,
        reads,
        first: first(effort.rounds),
        lane: Lane {
            address_space,
            spans,
        },
        threads: memory("threads"),
        untraced: memory("untraced"),
        slow,
        huge,
    }
}

/// The numbers that a child prints.
fn child<const N: usize>(errand: &str, seconds: u64) -> [u64; N] {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .args(["alone", errand, &seconds.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("the child starts");
    assert!(output.status.success(), "{errand}: its process failed");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers = text.split_whitespace().map(|number| number.parse());
    let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().expect("numbers");
    numbers.try_into().expect("as many numbers as are asked")
}

fn taking(rounds: usize) -> (Spread, f64) {
    const SPANS: usize = 12_000;
    let mut ours = Ours::new();
    let mut recorder = ours.recorder();
    let (mut times, mut reads) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let recorded: Result<(), Lacks> = recorder.record(Shape::Root, SPANS);
        recorded.expect("it can");
        let start = Instant::now();
        let taken = ours.take();
        let spent = start.elapsed();
        assert_eq!(taken, SPANS, "each span is taken");
        // The first one warms up.
        if round > 0 {
            times.push(per(spent, SPANS));
            let start = Instant::now();
            for _ in 0..SPANS {
                Ours::read_clock();
                Ours::read_clock();
            }
            reads.push(per(start.elapsed(), SPANS));
        }
    }
    let spread = |times: &mut [f64]| Spread::of(times).expect("a round");
    (spread(&mut times), spread(&mut reads).median)
}

fn first(rounds: usize) -> Spread {
    let ours = Ours::new();
    let time = |_| {
        let mut recorder = ours.recorder();
        let thread = thread::spawn(move || {
            let start = Instant::now();
            let recorded = recorder.record(Shape::Root, 1);
            let spent = start.elapsed();
            recorded.expect("it can");
            spent.as_nanos() as f64
        });
        thread.join().expect("it records")
    };
    let mut times: Vec<f64> = (0..rounds).map(time).collect();
    Spread::of(&mut times).expect("a round")
}
