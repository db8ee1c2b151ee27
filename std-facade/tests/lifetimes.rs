//! Spans that end anywhere, at any time: the rules of the ring, with threads.
//!
//! Best run under AddressSanitizer as well: `.ci/run` does.
#![allow(missing_docs)]

mod received;

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use jaegerling::{Ended, Span, TracesIn, TracesOut, builder};

fn tracer(capacity: usize) -> (Arc<TracesIn>, TracesOut) {
    let builder = builder("lifetimes").capacity(capacity);
    builder.build().expect("a tracer")
}

fn long_text() -> String {
    "long enough to need further slots, ".repeat(40)
}

/// More than a slot's worth, and a child.
fn use_much(span: &mut Span) -> Span {
    let text = long_text();
    for key in ["a", "b", "c"] {
        span.add_string_tag(key, &text);
    }
    span.log().with_string("event", &text);
    span.child("child")
}

#[test]
fn a_span_ends_on_any_thread_and_carries_what_every_thread_said() {
    let (traces_in, mut out) = tracer(1_024);
    const SPANS: usize = 50;
    let (to_second, second) = mpsc::channel::<Span>();
    let (to_third, third) = mpsc::channel::<Span>();
    let first = {
        let traces_in = traces_in.clone();
        thread::spawn(move || {
            for index in 0..SPANS {
                let span = traces_in.new_trace(format!("span {index}"));
                to_second
                    .send(span.with_string_tag("first", &long_text()))
                    .expect("sent");
            }
        })
    };
    let second = thread::spawn(move || {
        for mut span in second {
            span.add_string_tag("second", &long_text());
            to_third.send(span).expect("sent");
        }
    });
    let third = thread::spawn(move || {
        for span in third {
            drop(span.with_string_tag("third", &long_text()));
        }
    });
    drop(traces_in);
    let mut spans = Vec::new();
    while let Ok(next) = out.next_timeout(std::time::Duration::from_secs(60)) {
        spans.extend(received::spans(&next.expect("within a minute")));
    }
    [first, second, third]
        .into_iter()
        .for_each(|thread| thread.join().expect("no panic"));
    assert_eq!(spans.len(), SPANS);
    for span in spans {
        let keys: Vec<_> = span.tags.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["first", "second", "third"]);
        assert!(span.tags.iter().all(|(_, value)| *value == long_text()));
    }
}

/// What a thread does last.
struct AtExit {
    open: Option<Span>,
    traces_in: Arc<TracesIn>,
}

impl Drop for AtExit {
    fn drop(&mut self) {
        let mut open = self.open.take().expect("once");
        let child = use_much(&mut open);
        drop(open);
        let grandchild = child.child("grandchild");
        drop((child, grandchild));
        drop(self.traces_in.new_trace("last words"));
    }
}

thread_local! {
    static AT_EXIT: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

#[test]
fn spans_begin_and_end_in_thread_local_destructors() {
    for ours_first in [false, true] {
        let (traces_in, mut out) = tracer(1_024);
        for _ in 0..20 {
            let traces_in = traces_in.clone();
            let thread = thread::spawn(move || {
                if ours_first {
                    drop(traces_in.new_trace("registers our thread-local first"));
                }
                // The destructor that was registered last runs first: both orders are tried.
                AT_EXIT.with(|_| ());
                let open = Some(traces_in.new_trace("open at exit"));
                AT_EXIT.set(Some(AtExit { open, traces_in }));
            });
            thread.join().expect("no panic");
        }
        drop(traces_in);
        let mut names = received::names(&mut out);
        let expected = 20 * (4 + usize::from(ours_first));
        assert_eq!(names.len(), expected);
        names.sort();
        names.dedup();
        assert!(
            names.contains(&"last words".to_owned()) && names.contains(&"grandchild".to_owned())
        );
        assert_eq!(out.try_next(), Err(Ended));
    }
}

#[test]
fn threads_that_end_while_nothing_is_left_of_the_tracer_do_no_harm() {
    for input_first in [false, true] {
        let (traces_in, out) = tracer(256);
        let begun = Arc::new(Barrier::new(2));
        let gone = Arc::new(Barrier::new(2));
        let thread = {
            let (begun, gone, traces_in) = (begun.clone(), gone.clone(), traces_in.clone());
            thread::spawn(move || {
                let mut span = traces_in.new_trace("survivor");
                drop(traces_in);
                begun.wait();
                gone.wait();
                let child = use_much(&mut span);
                drop(span);
                child
            })
        };
        begun.wait();
        match input_first {
            true => drop((traces_in, out)),
            false => drop((out, traces_in)),
        }
        gone.wait();
        let mut last = thread.join().expect("no panic");
        let child = use_much(&mut last);
        drop(last);
        assert!(child.span_id().get() != 0);
        drop(child);
    }
}

#[test]
fn spans_outlive_their_tracer_and_the_thread_that_began_them() {
    let mut spans = Vec::new();
    for _ in 0..20 {
        let thread = thread::spawn(|| {
            let (traces_in, out) = tracer(64);
            let spans = [traces_in.new_trace("a"), traces_in.new_trace("b")];
            drop((traces_in, out));
            spans
        });
        spans.extend(thread.join().expect("no panic"));
    }
    // Other tracers come and go meanwhile.
    for _ in 0..20 {
        let (traces_in, mut out) = tracer(64);
        drop(traces_in.new_trace("other"));
        assert_eq!(received::names(&mut out), ["other"]);
    }
    for mut span in spans {
        drop(use_much(&mut span));
    }
}

#[test]
fn families_that_survive_their_tracer_keep_its_memory_to_the_last() {
    for _ in 0..40 {
        let (traces_in, out) = tracer(512);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let mut span = traces_in.new_trace("first");
                thread::spawn(move || {
                    for _ in 0..200 {
                        // Somewhere in between the tracer is closed, and who ends a span looks
                        // for open ones in all lanes.
                        let child = span.child("next");
                        span = child;
                    }
                    span
                })
            })
            .collect();
        drop((traces_in, out));
        let last: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect();
        // Each ends on another thread than it began.
        last.into_iter().for_each(drop);
    }
}

#[test]
fn of_a_thousand_threads_with_ten_spans_each_nothing_is_lost() {
    let (traces_in, mut out) = tracer(32_768);
    let mut ids = HashSet::new();
    for _ in 0..50 {
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let traces_in = traces_in.clone();
                thread::spawn(move || (0..10).for_each(|_| drop(traces_in.new_trace("tick"))))
            })
            .collect();
        let mut drain = || ids.extend(received::drain(&mut out).iter().map(|span| span.span_id));
        drain();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("no panic"));
        drain();
    }
    assert_eq!(ids.len(), 10_000);
    let stats = traces_in.stats();
    assert_eq!((stats.started, stats.handed_over), (10_000, 10_000));
    assert_eq!(
        stats.dropped.total() + stats.open + stats.waiting + stats.in_flight,
        0
    );
}

/// How many mappings of a lane's size or more, and how many kilobytes are in memory.
#[cfg(all(target_os = "linux", not(jaegerling_portable)))]
fn memory() -> (usize, usize) {
    let read = |file| std::fs::read_to_string(file).expect("proc");
    let size = |line: &str| {
        let (from, to) = line.split_once(' ')?.0.split_once('-')?;
        let parse = |text| usize::from_str_radix(text, 16).ok();
        Some(parse(to)? - parse(from)?)
    };
    let mapped = read("/proc/self/maps")
        .lines()
        .filter_map(size)
        .sum::<usize>();
    let status = read("/proc/self/status");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.and_then(|line| line.trim().strip_suffix(" kB"));
    (
        mapped,
        resident.and_then(|kb| kb.trim().parse().ok()).expect("kB"),
    )
}

#[cfg(all(target_os = "linux", not(jaegerling_portable)))]
#[test]
fn the_memory_of_lanes_goes_with_their_threads_and_no_lane_takes_more_than_it_uses() {
    // Alone in its process: other tests map memory, too. (Not for sanitizers, which keep what is
    // freed, nor for the portable twin, whose allocator may.)
    let name = "the_memory_of_lanes_goes_with_their_threads_and_no_lane_takes_more_than_it_uses";
    if std::env::var_os("JAEGERLING_ALONE").is_none() {
        let exe = std::env::current_exe().expect("this test");
        let mut alone = std::process::Command::new(exe);
        alone.args([name, "--exact", "--nocapture", "--test-threads=1"]);
        assert!(
            alone
                .env("JAEGERLING_ALONE", "1")
                .status()
                .expect("run")
                .success()
        );
        return;
    }
    let (traces_in, mut out) = tracer(32_768);
    let mut round = |drained_last: bool| {
        let barrier = Arc::new(Barrier::new(21));
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let (traces_in, barrier) = (traces_in.clone(), barrier.clone());
                thread::spawn(move || {
                    (0..10).for_each(|_| drop(traces_in.new_trace("tick")));
                    barrier.wait();
                    barrier.wait();
                })
            })
            .collect();
        barrier.wait();
        if !drained_last {
            assert_eq!(received::drain(&mut out).len(), 200);
        }
        barrier.wait();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("no panic"));
        if drained_last {
            assert_eq!(received::drain(&mut out).len(), 200);
            assert_eq!(out.try_next(), Ok(None));
        }
    };
    round(true);
    round(false);
    let (mapped, resident) = memory();
    for _ in 0..10 {
        round(true);
        round(false);
    }
    let (mapped_after, resident_after) = memory();
    let lane = 32_768 * 256;
    assert!(
        mapped_after < mapped + lane,
        "{mapped} bytes grew to {mapped_after}"
    );
    assert!(
        resident_after < resident + 4_000,
        "{resident} kB grew to {resident_after}"
    );
}

#[test]
fn a_span_that_no_slot_is_left_for_is_refused_and_has_children_once_there_is_room() {
    let (traces_in, mut out) = tracer(4);
    let mut open: Vec<_> = (0..4).map(|_| traces_in.new_trace("fits")).collect();
    let mut refused = traces_in.new_trace("refused");
    assert!(!refused.is_recording());
    let also_refused = refused.child("refused, too");
    assert!(!also_refused.is_recording());
    assert_eq!(also_refused.trace_id(), refused.trace_id());
    assert_ne!(also_refused.span_id(), refused.span_id());
    assert_eq!(
        also_refused.context().parent_id.map(|id| id.get()),
        Some(refused.span_id().get())
    );
    refused.add_tag_with("not run", || -> i64 { panic!("of a refused span") });
    refused.log().with_string("event", "nowhere");
    let stats = traces_in.stats();
    assert_eq!(
        (stats.started, stats.open, stats.dropped.ring_full),
        (6, 4, 2)
    );

    open.clear();
    let still_full = traces_in.new_trace("still full: nobody drained");
    assert!(!still_full.is_recording());
    assert_eq!(
        received::names(&mut out)
            .iter()
            .filter(|name| *name == "fits")
            .count(),
        4
    );
    let child = refused.child("child of a refused span");
    assert!(child.is_recording());
    let id = refused.span_id().get();
    drop((child, refused, also_refused));
    let spans = received::drain(&mut out);
    let child = spans
        .iter()
        .find(|span| span.name == "child of a refused span");
    assert_eq!(child.expect("recorded").parent_id, id);
    let stats = traces_in.stats();
    assert_eq!(
        (stats.started, stats.handed_over, stats.dropped.ring_full),
        (8, 5, 3)
    );
    assert_eq!(stats.open + stats.waiting + stats.in_flight, 0);
}

#[test]
fn children_of_refused_spans_have_ids_when_the_tracer_is_gone() {
    let (traces_in, out) = tracer(1);
    let open = traces_in.new_trace("fits");
    let refused = traces_in.new_trace("refused");
    drop((traces_in, out, open));
    let child = refused.child("of nobody");
    assert!(!child.is_recording());
    assert_eq!(child.trace_id(), refused.trace_id());
}

#[test]
fn a_tag_that_no_slot_is_left_for_is_counted_and_the_span_lives() {
    let (traces_in, mut out) = tracer(2);
    let span = traces_in.new_trace("lives");
    let other = traces_in.new_trace("takes the second slot");
    let span = span.with_string_tag("too long", &long_text());
    let span = span.with_int_tag("fits", 1);
    drop((span, other));
    let spans = received::drain(&mut out);
    let span = spans
        .iter()
        .find(|span| span.name == "lives")
        .expect("it lives");
    let tag = |key: &str| {
        span.tags
            .iter()
            .find(|tag| tag.0 == key)
            .map(|tag| tag.1.as_str())
    };
    assert_eq!(tag("fits"), Some("1"));
    assert_eq!(tag("too long"), None);
    assert_eq!(tag("otel.dropped_attributes_count"), Some("1"));
    assert_eq!(traces_in.stats().trimmed.tags, 1);
}

#[test]
fn after_the_output_is_gone_spans_are_refused_and_counted() {
    let (traces_in, out) = tracer(16);
    let before = traces_in.new_trace("before");
    drop(out);
    let after = traces_in.new_trace("after");
    assert!(!after.is_recording());
    drop((before, after));
    let stats = traces_in.stats();
    assert_eq!(
        (stats.started, stats.waiting, stats.dropped.ring_full),
        (2, 1, 1)
    );
}
