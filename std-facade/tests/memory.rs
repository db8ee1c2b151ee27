//! Memory follows use: what lanes take, while threads come and go and while one traces on and on.
#![cfg(all(target_os = "linux", not(jaegerling_portable)))]
#![allow(missing_docs)]

use std::sync::Arc;
use std::thread;

use jaegerling::{TracesIn, TracesOut, builder};

/// Slots of a lane. Nothing else that this program maps is as long.
const CAPACITY: usize = 30_000;
const LANE: usize = CAPACITY * 256;

/// Runs a test alone in a process: others map memory, too.
fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os("JAEGERLING_ALONE").is_some() {
        return test();
    }
    let mut alone = std::process::Command::new(std::env::current_exe().expect("this test"));
    alone.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    let status = alone.env("JAEGERLING_ALONE", "1").status().expect("run");
    assert!(status.success());
}

fn tracer() -> (Arc<TracesIn>, TracesOut) {
    let builder = builder("memory").capacity(CAPACITY);
    builder.build().expect("a tracer")
}

fn record(traces_in: &Arc<TracesIn>, spans: usize) {
    for number in 0..spans {
        let mut span = traces_in.new_trace("tick");
        span.add_tag("number", number);
    }
}

/// Sends all that waits, and says how many spans that was.
fn drain(out: &mut TracesOut) -> usize {
    let mut spans = 0;
    while let Some(packet) = out.lend().expect("it goes on") {
        spans += packet.span_count();
        packet.sent();
    }
    spans
}

/// Kilobytes of a line like `Rss:  32 kB`.
fn kilobytes(text: &str, key: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    kilobytes(&status, "VmRSS:").expect("kB")
}

/// Kilobytes in memory, and the flags, of mappings that may hold lanes.
fn lanes() -> Vec<(usize, String)> {
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("proc");
    // Each mapping ends with its flags.
    let mappings = maps
        .split_inclusive("VmFlags:")
        .zip(maps.split("VmFlags:").skip(1));
    let long = mappings.filter_map(|(mapping, after)| {
        let is_long = kilobytes(mapping, "Size:")? >= LANE / 1024;
        let flags = after.lines().next()?;
        let is_lane = is_long && flags.contains(" wr ");
        is_lane.then_some((kilobytes(mapping, "Rss:")?, flags.to_owned()))
    });
    long.collect()
}

#[test]
fn threads_that_come_and_go_lose_nothing_and_leave_nothing() {
    alone(
        "threads_that_come_and_go_lose_nothing_and_leave_nothing",
        || {
            let (traces_in, mut out) = tracer();
            let traced = |threads: usize| {
                for _ in 0..threads / 8 {
                    thread::scope(|scope| {
                        (0..8).for_each(|_| drop(scope.spawn(|| record(&traces_in, 10))));
                    });
                }
            };
            traced(80);
            assert_eq!(drain(&mut out), 800);
            let before = resident();
            // None of them is drained before the last one has ended.
            traced(10_000);
            let most = resident();
            assert!(most < before + 100_000, "{before} kB grew to {most}");
            assert_eq!(drain(&mut out), 100_000);
            assert_eq!(out.try_next(), Ok(None));
            let after = resident();
            assert!(after < before + 8_000, "{before} kB grew to {after}");
            assert_eq!(traces_in.stats().dropped.total(), 0);
        },
    );
}

#[test]
fn a_thread_that_is_drained_holds_what_it_has_at_once() {
    alone("a_thread_that_is_drained_holds_what_it_has_at_once", || {
        let (traces_in, mut out) = tracer();
        // As one that records a span each millisecond, and is drained ten times a second.
        for _ in 0..600 {
            record(&traces_in, 100);
            assert_eq!(drain(&mut out), 100);
        }
        let lanes = lanes();
        assert_eq!(lanes.len(), 1, "{lanes:?}");
        let (resident, flags) = &lanes[0];
        assert!((4..=64).contains(resident), "{resident} kB");
        // No huge page, whatever the system's setting: a page of 2 MiB would be held for one span.
        assert!(flags.split_whitespace().any(|flag| flag == "nh"), "{flags}");
    });
}
