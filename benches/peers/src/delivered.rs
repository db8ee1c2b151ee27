//! What it takes until spans have arrived: each crate in a process of its own, the sink in another.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Peer, Recorder};
use crate::shape::Shape;
use crate::sink::{Arrived, Sink};

/// How spans are spread over time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// 200,000 spans a second, in bursts, with a pause after each: about 20 MB.
    Bursts,
    /// 1,000,000 spans a second, a hundred at a time, by a thread that never sleeps.
    Steady,
    /// One a millisecond, by a thread that sleeps in between.
    Slow,
}

impl Rate {
    fn name(self) -> &'static str {
        match self {
            Self::Bursts => "bursts",
            Self::Steady => "steady",
            Self::Slow => "slow",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let all = [Self::Bursts, Self::Steady, Self::Slow];
        all.into_iter().find(|rate| rate.name() == name)
    }
}

const PAUSE: Duration = Duration::from_micros(5);
const STEADY_BURST: usize = 100;
const STEADY_GAP: Duration = Duration::from_micros(100);

pub struct Delivered {
    pub offered: u64,
    pub arrived: Arrived,
    /// Nanoseconds per span on the thread that traces.
    pub calling: f64,
    /// User and system time of the sending process from before its tracer was made until it had sent everything. At a
    /// steady or slow rate, without the thread that traces: it spends most of its CPU with waiting.
    pub cpu: Duration,
    /// The most memory that it had, in bytes.
    pub resident: u64,
    /// Lost, by its own account.
    pub told: Option<u64>,
}

impl Delivered {
    pub fn cpu_ns_per_span(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.arrived.spans.max(1) as f64
    }

    pub fn bytes_per_span(&self) -> f64 {
        self.arrived.bytes as f64 / self.arrived.spans.max(1) as f64
    }

    pub fn lost(&self) -> i64 {
        self.offered as i64 - self.arrived.spans as i64
    }
}

/// What the child is to do, as arguments of a command line.
pub struct Order {
    pub shape: Shape,
    pub rate: Rate,
    pub sink: SocketAddr,
    /// About so many spans.
    pub spans: usize,
}

impl Order {
    pub fn parse(arguments: &[&str]) -> Option<Self> {
        let [shape, rate, sink, spans] = arguments else {
            return None;
        };
        Some(Self {
            shape: Shape::sent(shape)?,
            rate: Rate::named(rate)?,
            sink: sink.parse().ok()?,
            spans: spans.parse().ok()?,
        })
    }

    fn times(&self) -> usize {
        self.spans / self.shape.spans()
    }
}

/// Runs the crate `name` in a process of its own.
pub fn measure(name: &str, shape: Shape, rate: Rate, spans: usize) -> Delivered {
    let sink = Sink::start(shape);
    let order = Order {
        shape,
        rate,
        sink: sink.address,
        spans,
    };
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .args(["send", name, shape.name(), rate.name()])
        .args([sink.address.to_string(), spans.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("the child starts");
    assert!(output.status.success(), "{name}: its process failed");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<i64> = text
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    let [cpu, calling, resident, told] = numbers[..] else {
        panic!("{name}: its process said {text:?}");
    };
    let offered = order.times() * shape.spans();
    Delivered {
        offered: offered as u64,
        arrived: sink.finish(),
        calling: calling as f64 / offered as f64,
        cpu: Duration::from_nanos(cpu as u64),
        resident: resident as u64,
        told: u64::try_from(told).ok(),
    }
}

/// The child's part: prints CPU and time of the thread that traces in nanoseconds, its memory, and its losses.
pub fn send<P: Peer>(order: &Order) {
    let before = cpu(libc::RUSAGE_SELF);
    let mut peer = P::new();
    peer.send_to(order.sink);
    let mut recorder = peer.recorder();
    let calling = match order.rate {
        Rate::Bursts => bursts::<P>(&mut recorder, order),
        Rate::Steady => steady(&mut recorder, order),
        Rate::Slow => slow(&mut recorder, order),
    };
    drop(recorder);
    let told = peer.finish().map_or(-1, |lost| lost as i64);
    let cpu = match order.rate {
        Rate::Bursts => cpu(libc::RUSAGE_SELF) - before,
        Rate::Steady | Rate::Slow => {
            cpu(libc::RUSAGE_SELF).saturating_sub(cpu(libc::RUSAGE_THREAD))
        }
    };
    println!(
        "{} {} {} {told}",
        cpu.as_nanos(),
        calling.as_nanos(),
        most_resident()
    );
}

fn bursts<P: Peer>(recorder: &mut impl Recorder, order: &Order) -> Duration {
    let mut calling = Duration::ZERO;
    let mut left = order.times();
    while left > 0 {
        let times = left.min(P::BURST / order.shape.spans());
        calling += timed(recorder, order.shape, times);
        thread::sleep(PAUSE * (times * order.shape.spans()) as u32);
        left -= times;
    }
    calling
}

fn steady(recorder: &mut impl Recorder, order: &Order) -> Duration {
    let mut calling = Duration::ZERO;
    let mut next = Instant::now();
    for _ in 0..order.times() / STEADY_BURST {
        calling += timed(recorder, order.shape, STEADY_BURST);
        next += STEADY_GAP;
        while Instant::now() < next {
            std::hint::spin_loop();
        }
    }
    calling
}

fn slow(recorder: &mut impl Recorder, order: &Order) -> Duration {
    let mut calling = Duration::ZERO;
    for _ in 0..order.times() {
        calling += timed(recorder, order.shape, 1);
        thread::sleep(Duration::from_millis(1));
    }
    calling
}

fn timed(recorder: &mut impl Recorder, shape: Shape, times: usize) -> Duration {
    let start = Instant::now();
    // Without tracing, there is a loop for one shape only.
    let _ = recorder.record(shape, times);
    start.elapsed()
}

/// In bytes. What `getrusage` says is at least that of the parent.
fn most_resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("Linux");
    let mut lines = text.lines();
    let most = lines.find_map(|line| line.strip_prefix("VmHWM:"));
    let number = most.and_then(|most| most.split_whitespace().next()?.parse::<u64>().ok());
    number.expect("a number of KiB") * 1_024
}

/// User and system time.
fn cpu(whose: libc::c_int) -> Duration {
    // SAFETY: all-zero is a valid `rusage`, a struct of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a live, writable `rusage`.
    let result = unsafe { libc::getrusage(whose, &raw mut usage) };
    assert_eq!(result, 0, "getrusage");
    let of = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000);
    of(usage.ru_utime) + of(usage.ru_stime)
}
