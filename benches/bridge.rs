//! How fast `jaegerling bridge` is: frames in a file, their spans in UTC to a socket, as a multiple of what
//! a UART of 3 Mbit/s carries. `benches/README.md` says what the columns mean.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/firmware/toolchain.rs"]
mod toolchain;

use std::cell::Cell;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jaegerling_core::frame::{Writer, datagram_limit};
use jaegerling_core::{
    BUFFER_EXTRA, Clock, KeepOldest, Packer, Process, SeededIds, SingleContext, Slot, Tracer,
};

/// Bytes a second: a start bit, eight bits, a stop bit.
const UART: f64 = 3e6 / 10.0;
const BAR: f64 = 100.0;
/// What a recording begins with.
const MAGIC: &[u8] = b"jaegerling link\n";
/// Bytes of frames in a file, at least.
const STREAM: usize = 64 << 20;
const ROUNDS: usize = 5;

/// Microseconds since the device was switched on.
struct Uptime(Cell<u64>);

impl Clock for Uptime {
    fn now(&self) -> u64 {
        self.0.set(self.0.get() + 50);
        self.0.get()
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64 * 1_000
    }
}

type Traces = Tracer<Uptime, SeededIds, SingleContext, KeepOldest, [Slot<40>; 64], 40>;

/// A file with frames of at most so many bytes, as full as can be: a recording, in which each comes when it was
/// sent or up to 20 ms later. How many bytes of frames are in it, and how many spans.
fn recording(longest_frame: usize) -> (Vec<u8>, usize, usize) {
    let limit = datagram_limit(longest_frame);
    let tracer = Traces::new(Uptime(Cell::new(0)), SeededIds::new(), SingleContext::new());
    tracer.init(1).unwrap();
    let mut drain = tracer.take_drain().unwrap();
    let mut packer: Packer = Packer::new(limit, "thermostat").unwrap();
    let process = Process::new("thermostat");
    let mut writer = Writer::new(1);
    let mut buffer = vec![0; limit + BUFFER_EXTRA];
    let mut file = MAGIC.to_vec();
    let [mut bytes, mut spans, mut came] = [0; 3];
    while bytes < STREAM {
        for number in 0..64_i64 {
            let mut span = tracer.root("adc.read");
            span.tag("sensor", "bme280");
            span.tag("raw", number);
            span.end();
        }
        spans += 64;
        while let Some(packed) = drain.pack(&mut packer, &mut buffer, &process) {
            let frame: Vec<u8> = writer.datagram(tracer.clock(), packed.bytes).collect();
            bytes += frame.len();
            let sent = tracer.clock().0.get() as usize;
            came = came.max(sent + bytes * 7_919 % 20_000);
            let monotonic = came as i64 * 1_000;
            file.extend(monotonic.to_le_bytes());
            file.extend((monotonic + 1_790_000_000_000_000_000).to_le_bytes());
            file.extend((frame.len() as u32).to_le_bytes());
            file.extend(frame);
            drain.sent(&mut packer);
        }
    }
    (file, bytes, spans)
}

fn main() {
    let program = toolchain::jaegerling("release");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("frames.bin");
    // Nobody reads it: what a receiver costs is not the bridge's.
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = sink.local_addr().unwrap().to_string();

    println!("| longest frame, bytes | MB/s | × 3 Mbit/s: median (least–most) | spans a second |");
    println!("|---:|---:|---:|---:|");
    let mut least = f64::INFINITY;
    for longest in [192, 256, 1_400] {
        let (recording, bytes, spans) = recording(longest);
        fs::write(&file, &recording).unwrap();
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| bytes as f64 / cross(&program, &file, &to, spans).as_secs_f64())
            .collect();
        rounds.sort_by(f64::total_cmp);
        let median = rounds[ROUNDS / 2];
        println!(
            "| {longest} | {:.0} | {:.0} ({:.0}–{:.0}) | {:.0} |",
            median / 1e6,
            median / UART,
            rounds[0] / UART,
            rounds[ROUNDS - 1] / UART,
            median / bytes as f64 * spans as f64,
        );
        least = least.min(median / UART);
    }
    let _ = fs::remove_file(&file);
    let met = if least >= BAR { "met" } else { "MISSED" };
    println!("\nbridge, × 3 Mbit/s: {least:.0}, bar {BAR}: {met}");
}

/// From start to end, with all spans passed on.
fn cross(program: &Path, file: &Path, to: &str, spans: usize) -> Duration {
    let begin = Instant::now();
    let output = Command::new(program)
        .arg("bridge")
        .arg(file)
        .args(["--to", to, "--pace", "0"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let took = begin.elapsed();
    let account = String::from_utf8_lossy(&output.stderr);
    let all = format!(" 0 bad, 0 missing; 1 session; {spans} spans passed on");
    assert!(
        output.status.success() && account.contains(&all),
        "{account}"
    );
    took
}
