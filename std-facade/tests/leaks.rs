//! Tracers come and go, and nothing of them stays. One test: it counts for the whole process.
#![allow(missing_docs)]

mod allocator;

use allocator::{Counting, live_bytes};
use jaegerling::{Config, builder, init};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CYCLES: usize = 10_000;

/// A tracer that is used in some way and dropped in some order.
fn cycle(index: usize) {
    let config = Config {
        service_name: "leaks".into(),
    };
    let (traces_in, mut out) = init(config);
    let mut span = traces_in.new_trace("span");
    span.add_string_tag("key", "value");
    let forwarder = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(forwarder);
    assert!(std::pin::pin!(out.next()).poll(&mut context).is_pending());
    drop(traces_in.new_trace("ended"));
    match index % 5 {
        0 => drop((span, out.try_next(), traces_in, out)),
        1 => drop((traces_in, out, span)),
        2 => drop((out, traces_in, span.child("child"), span)),
        3 => {
            // Somebody else's span is the last.
            let thread = std::thread::spawn(move || drop(span));
            drop((out, traces_in));
            thread.join().expect("no panic");
        }
        _ => {
            let small = builder("small").capacity(1).build().expect("a tracer");
            let refused = [small.0.new_trace("fits"), small.0.new_trace("refused")];
            drop((out, small, traces_in, refused, span));
        }
    }
}

#[cfg(target_os = "linux")]
fn mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("proc");
    maps.lines().count()
}

#[cfg(not(target_os = "linux"))]
fn mappings() -> usize {
    0
}

use std::future::Future;

#[test]
fn ten_thousand_tracers_on_one_thread_leak_nothing_while_others_are_alive() {
    let alive: Vec<_> = (0..3)
        .map(|_| builder("alive").capacity(64).build().expect("a tracer"))
        .collect();
    let open: Vec<_> = alive
        .iter()
        .map(|alive| alive.0.new_trace("open"))
        .collect();
    (0..100).for_each(cycle);
    let (bytes, maps) = (live_bytes(), mappings());
    (0..CYCLES).for_each(cycle);
    let grown = live_bytes() - bytes;
    assert!(grown < 1_024, "{grown} bytes leaked");
    let grown = mappings().saturating_sub(maps);
    assert!(grown < 10, "{grown} mappings leaked");
    for (alive, open) in alive.iter().zip(&open) {
        assert!(open.is_recording() && alive.0.new_trace("works").is_recording());
    }
}
