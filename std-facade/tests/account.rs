//! The law that binds the counters, and the spans that are still open.
#![allow(missing_docs)]

mod received;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jaegerling::{Span, Stats, TracesIn, TracesOut, builder};

fn tracer(capacity: usize) -> (Arc<TracesIn>, TracesOut) {
    let builder = builder("account").capacity(capacity);
    builder.build().expect("a tracer")
}

fn accounted(stats: &Stats) -> u64 {
    stats.handed_over + stats.in_flight + stats.open + stats.waiting + stats.dropped.total()
}

/// Some spans of all kinds. Returns how many were begun.
fn record(traces_in: &Arc<TracesIn>, kept: &mut Vec<Span>, round: u64) -> u64 {
    let mut parent = traces_in.new_trace("parent");
    parent.add_int_tag("round", round as i64);
    if round % 16 == 0 {
        parent.add_string_tag("long", &"x".repeat(3_000));
    }
    let child = parent.child("child");
    if round % 8 == 0 {
        kept.push(child);
    }
    if round % 64 == 0 {
        kept.clear();
    }
    2
}

#[test]
fn the_account_is_exact_at_rest_and_never_says_too_much_before() {
    // Few slots: some spans are refused.
    let (traces_in, mut out) = tracer(256);
    let stop = AtomicBool::new(false);
    let deadline = Instant::now() + Duration::from_secs(1);
    let begun: u64 = thread::scope(|scope| {
        let recorders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut kept, mut begun) = (Vec::new(), 0);
                    for round in 0.. {
                        begun += record(&traces_in, &mut kept, round);
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                    begun
                })
            })
            .collect();
        let drainer = scope.spawn(|| {
            for round in 0.. {
                match out.lend().expect("not ended") {
                    Some(packet) if round % 7 == 0 => packet.failed(),
                    Some(packet) if round % 11 == 0 => drop(packet),
                    Some(packet) => packet.sent(),
                    None if stop.load(Ordering::Relaxed) => break,
                    None => thread::yield_now(),
                }
            }
        });
        let mut last = Stats::default();
        while Instant::now() < deadline {
            let stats = traces_in.stats();
            assert!(accounted(&stats) <= stats.started, "{stats:?}");
            assert!(last.started <= stats.started && last.handed_over <= stats.handed_over);
            assert!(last.dropped.total() <= stats.dropped.total());
            last = stats;
        }
        stop.store(true, Ordering::Relaxed);
        let begun = recorders
            .into_iter()
            .map(|recorder| recorder.join().expect("no panic"))
            .sum();
        drainer.join().expect("no panic");
        begun
    });
    let stats = traces_in.stats();
    assert_eq!(stats.started, begun);
    assert_eq!(accounted(&stats), begun, "{stats:?}");
    received::drain(&mut out);
    let stats = traces_in.stats();
    assert_eq!(
        stats.handed_over + stats.dropped.total(),
        begun,
        "{stats:?}"
    );
    assert!(stats.dropped.failed > 0 && stats.handed_over > 0);
}

#[test]
fn open_spans_are_seen_whole_from_another_thread_while_they_are_written() {
    let (traces_in, mut out) = tracer(1_024);
    let stop = AtomicBool::new(false);
    let text = |index: usize| format!("value {index} {}", "é".repeat(index % 300));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let mut span = traces_in.new_trace("written");
                    for index in 0..40 {
                        span.add_string_tag(&format!("key {index}"), &text(index));
                    }
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                if let Ok(Some(packet)) = out.lend() {
                    packet.sent();
                }
            }
        });
        let begin = Instant::now();
        let mut seen = 0;
        // On a machine that is busy with other things, the one that drains may not be there for long, and all
        // spans be refused meanwhile.
        while begin.elapsed() < Duration::from_secs(if seen > 0 { 1 } else { 60 }) {
            traces_in.for_each_open(|span| {
                if span.name.is_empty() && span.tags.is_empty() {
                    // It is just beginning.
                    return;
                }
                seen += 1;
                assert_eq!(span.name, "written");
                assert!(span.context.flags.is_sampled());
                assert!(
                    span.since
                        .elapsed()
                        .is_ok_and(|age| age < Duration::from_secs(60))
                );
                for (index, (key, value)) in span.tags.iter().enumerate() {
                    assert_eq!((key, value), (&format!("key {index}"), &text(index)));
                }
            });
        }
        stop.store(true, Ordering::Relaxed);
        assert!(seen > 0);
    });
}

#[test]
fn the_spans_that_are_open_say_what_they_know() {
    let (traces_in, out) = tracer(16);
    let open = traces_in
        .new_trace("GET /")
        .with_int_tag("try", 2)
        .with_bool_tag("ok", true);
    drop(traces_in.new_trace("ended"));
    let mut seen = Vec::new();
    traces_in.for_each_open(|span| {
        // It is called outside of all locks, and may trace.
        drop(traces_in.new_trace("meanwhile"));
        seen.push(span);
    });
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].name, "GET /");
    assert_eq!(seen[0].context, open.context());
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(seen[0].tags, [tag("try", "2"), tag("ok", "true")]);
    drop((open, out));
}

/// A name that takes its time: meanwhile, somebody looks.
struct Looks<'t>(&'t Arc<TracesIn>, &'t mut usize);

impl From<Looks<'_>> for String {
    fn from(Looks(traces_in, seen): Looks<'_>) -> Self {
        traces_in.for_each_open(|_| *seen += 1);
        "named".to_owned()
    }
}

#[test]
fn a_span_that_has_no_name_yet_is_not_among_the_open_ones() {
    let (traces_in, out) = tracer(16);
    let mut seen = 0;
    let span = traces_in.new_trace(Looks(&traces_in, &mut seen));
    assert_eq!(seen, 0);
    let mut names = Vec::new();
    traces_in.for_each_open(|span| names.push(span.name));
    assert_eq!(names, ["named"]);
    drop((span, out));
}
