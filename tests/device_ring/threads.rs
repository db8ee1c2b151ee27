//! Threads that claim in one ring at once, and what they leave of each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use jaegerling_core::decode::{self, TagValue, decode};
use jaegerling_core::{BUFFER_EXTRA, KeepNewest, KeepOldest, Packer, Policy, Process};

use super::{Ring, fresh};

const THREADS: u64 = 3;
/// For each of them: a sanitizer makes it ten times as slow.
const SPANS: u64 = 4_000;

/// What a span says, by its number: anyone can check any part of it.
fn name(number: u64) -> String {
    format!("{number} {}", "é".repeat(number as usize % 30))
}

fn tag(number: u64, index: u64) -> (String, String) {
    let long = "x".repeat(((number * 7 + index * 31) % 150) as usize);
    (format!("tag {index}"), format!("{number}/{index}/{long}"))
}

fn tags(number: u64) -> u64 {
    number % 5
}

fn trace<P: Policy, const SLOTS: usize>(tracer: &Ring<P, SLOTS>, thread: u64) {
    let mut kept = std::collections::VecDeque::new();
    for number in (thread..SPANS * THREADS).step_by(THREADS as usize) {
        let mut span = tracer.root(&name(number));
        for (key, value) in (0..tags(number)).map(|index| tag(number, index)) {
            span.tag(&key, value.as_str());
        }
        match number % 4 {
            0 => kept.push_back(span),
            _ => drop(span),
        }
        if kept.len() > 2 {
            kept.pop_front();
        }
        if number % 32 < THREADS {
            thread::yield_now();
        }
    }
}

/// What is said of a span is what its number says, from the beginning on, or cut.
#[track_caller]
fn check(name_seen: &str, tags_seen: impl Iterator<Item = (String, String)>) -> u64 {
    let number = name_seen.split(' ').next().unwrap().parse().unwrap();
    assert!(name(number).starts_with(name_seen), "{name_seen}");
    let mut expected = (0..tags(number)).map(|index| tag(number, index));
    for seen in tags_seen {
        assert!(expected.any(|tag| tag == seen), "{seen:?} of {number}");
    }
    number
}

fn check_sent(span: decode::Span<'_>) -> u64 {
    let mut cut = 0;
    let mut seen = vec![];
    for tag in span.tags {
        match tag.value {
            TagValue::String(value) => seen.push((tag.key.to_string(), value.to_string())),
            TagValue::Long(count) => cut += count as u64,
            other => panic!("{other:?}"),
        }
    }
    let kept = seen.len() as u64;
    let number = check(span.operation_name.as_str().unwrap(), seen.into_iter());
    assert_eq!(kept + cut, tags(number), "what is missing was counted");
    number
}

fn hammer<P: Policy, const SLOTS: usize>(tracer: &Ring<P, SLOTS>) {
    let mut drain = tracer.take_drain().unwrap();
    let mut packer = Packer::new(2_000, "s").unwrap();
    let mut buffer = [0xa5; 2_000 + BUFFER_EXTRA];
    let mut seen = vec![false; (SPANS * THREADS) as usize];
    let at_work = AtomicUsize::new(THREADS as usize);
    let mut turn = |turn: u64| {
        if turn % 4 == 0 {
            drain.for_each_open(|span| {
                let name = span.name().to_string();
                if !name.is_empty() {
                    let tags = span.tags();
                    let tags = tags.map(|(key, value)| (key.to_string(), value.to_string()));
                    check(&name, tags);
                }
            });
        }
        let packed = drain.pack(&mut packer, &mut buffer, &Process::new("s"));
        let none = packed.is_none();
        let spans = packed.map(|packed| decode(packed.bytes).unwrap().spans);
        let told = |span: &decode::Span<'_>| span.operation_name == jaegerling_core::LOSS_SPAN;
        let spans = spans.into_iter().flatten().filter(|span| !told(span));
        let numbers: Vec<_> = spans.map(check_sent).collect();
        match turn % 5 {
            0 => drain.too_large(&mut packer, 2_000).unwrap(),
            _ => {
                drain.sent(&mut packer);
                for number in numbers {
                    let twice = std::mem::replace(&mut seen[number as usize], true);
                    assert!(!twice, "{number} came twice");
                }
            }
        }
        let stats = drain.stats();
        let accounted = stats.handed_over + stats.in_flight + stats.open + stats.waiting;
        let accounted = accounted + stats.dropped.total();
        assert!(accounted <= stats.started, "{accounted} of {stats:?}");
        (none && stats.waiting == 0).then_some((stats, accounted))
    };
    thread::scope(|scope| {
        for number in 0..THREADS {
            let at_work = &at_work;
            scope.spawn(move || {
                let _working = Working(at_work);
                trace(tracer, number);
            });
        }
        let mut turns = 0;
        while at_work.load(Ordering::Acquire) > 0 {
            turn(turns);
            turns += 1;
        }
    });
    let (stats, accounted) = (1..).find_map(&mut turn).unwrap();
    assert_eq!(stats.started, SPANS * THREADS, "offered");
    assert_eq!(accounted, stats.started, "exact when no call is running");
    assert_eq!(stats.handed_over + stats.dropped.total(), stats.started);
    let sent = seen.iter().filter(|seen| **seen).count();
    assert_eq!(sent as u64, stats.handed_over);
    assert!(stats.handed_over > 0 && stats.dropped.total() > 0);
    assert!(P::KEEPS_NEWEST || stats.dropped.evicted == 0);
    // No slot is lost.
    let all: Vec<_> = (0..SLOTS).map(|_| tracer.root("one")).collect();
    assert!(all.iter().all(|span| span.is_recording()));
}

/// One less is at work when it is dropped, a panic included.
struct Working<'w>(&'w AtomicUsize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

#[test]
fn threads_record_in_one_static_ring_without_a_lock_and_what_is_there_stays() {
    static TRACER: Ring<KeepOldest, 24> = fresh();
    TRACER.init(1).unwrap();
    hammer(&TRACER);
}

#[test]
fn threads_record_in_one_static_ring_without_a_lock_and_the_oldest_gives_way() {
    static TRACER: Ring<KeepNewest, 24> = fresh();
    TRACER.init(1).unwrap();
    hammer(&TRACER);
    static OF_A_POWER_OF_TWO: Ring<KeepNewest, 16> = fresh();
    OF_A_POWER_OF_TWO.init(1).unwrap();
    hammer(&OF_A_POWER_OF_TWO);
}
