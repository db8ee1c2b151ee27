//! CPU of a whole process per span that arrived: each crate in a process of its own, the sink in another.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::peer::Peer;
use crate::sink::{Arrived, Sink};

/// The pause of the sending thread for each span: 200,000 spans a second, about 20 MB.
const PAUSE: Duration = Duration::from_micros(5);

pub struct Delivered {
    pub offered: u64,
    pub arrived: Arrived,
    /// User and system time of the sending process from before its tracer was made until it had sent everything.
    pub cpu: Duration,
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

/// Runs the crate `name` in a process of its own.
pub fn measure(name: &str, spans: usize) -> Delivered {
    let sink = Sink::start();
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .args(["send", name, &sink.address.to_string(), &spans.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("the child starts");
    assert!(output.status.success(), "{name}: its process failed");
    let nanos = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("nanoseconds");
    Delivered {
        offered: spans as u64,
        arrived: sink.finish(),
        cpu: Duration::from_nanos(nanos),
    }
}

/// The child's part: prints the nanoseconds of CPU that it used.
pub fn send<P: Peer>(sink: SocketAddr, spans: usize) {
    let before = cpu();
    let mut peer = P::new();
    peer.send_to(sink);
    for at in 1..=spans {
        peer.span();
        if at % P::BURST == 0 {
            thread::sleep(PAUSE * P::BURST as u32);
        }
    }
    peer.finish();
    println!("{}", (cpu() - before).as_nanos());
}

fn cpu() -> Duration {
    // SAFETY: all-zero is a valid `rusage`, a struct of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a live, writable `rusage`.
    let result = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(result, 0, "getrusage");
    let of = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000);
    of(usage.ru_utime) + of(usage.ru_stime)
}
