//! What the ring of a device promises: a `static` that is zero until it is initialised, what gives
//! way when it is full, threads that claim in it without a lock, and a fault handler that reads it.
//! What all of it together does in any order is in `roundtrip.rs`.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "device_ring/threads.rs"]
mod threads;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use jaegerling_core::decode::{TagValue, decode};
use jaegerling_core::{
    AlreadyInit, BUFFER_EXTRA, ClaimLock, Clock, KeepNewest, KeepOldest, LockFree, Packer, Policy,
    Process, Retained, RetainedSlots, SeededIds, SingleContext, Slot, Slots, Tracer, TracerDrain,
};

const WORDS: usize = 24;

/// A clock that goes on by one microsecond with each look, and calls what a thread has put here.
struct Ticking;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
    static FAULT: Cell<Option<fn()>> = const { Cell::new(None) };
}

impl Clock for Ticking {
    fn now(&self) -> u64 {
        if let Some(fault) = FAULT.take() {
            fault();
        }
        NOW.replace(NOW.get() + 1)
    }
    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64 * 1_000
    }
}

type On<L, P, S> = Tracer<Ticking, SeededIds, L, P, S, WORDS>;
type Ring<P, const SLOTS: usize> = On<LockFree, P, [Slot<WORDS>; SLOTS]>;

fn ring<P, const SLOTS: usize>() -> Ring<P, SLOTS> {
    let ring = fresh();
    ring.init(1).unwrap();
    ring
}

const fn fresh<P, const SLOTS: usize>() -> Ring<P, SLOTS> {
    Tracer::new(Ticking, SeededIds::new(), LockFree)
}

/// Sends all that waits. What is said of it is in the names.
fn send<L: ClaimLock, P: Policy, S: Slots<WORDS>>(
    drain: &mut TracerDrain<'_, On<L, P, S>>,
) -> Vec<String> {
    let mut packer = Packer::new(300, "s").unwrap();
    let mut buffer = [0xa5; 300 + BUFFER_EXTRA];
    let mut names = vec![];
    while let Some(packed) = drain.pack(&mut packer, &mut buffer, &Process::new("s")) {
        let spans = decode(packed.bytes).unwrap().spans;
        names.extend(spans.iter().map(|span| span.operation_name.to_string()));
        drain.sent(&mut packer);
    }
    names.retain(|name| name != jaegerling_core::LOSS_SPAN);
    names
}

fn trace_all<P: Policy, const SLOTS: usize>(tracer: &Ring<P, SLOTS>, names: &[&str]) {
    names.iter().for_each(|name| tracer.root(name).end());
}

#[track_caller]
fn refuses_until<L: ClaimLock, P: Policy, S: Slots<WORDS>>(
    tracer: &On<L, P, S>,
    init: impl Fn() -> Result<(), AlreadyInit>,
) {
    let early = tracer.root("early");
    let child = tracer.child_of(&early.context(), "early, too");
    assert!(!early.is_recording() && !child.is_recording() && !tracer.is_init());
    assert_eq!(child.context().trace_id, early.context().trace_id);
    let mut drain = tracer.take_drain().unwrap();
    assert_eq!(
        (drain.stats().started, drain.stats().dropped.ring_full),
        (2, 2)
    );
    drain.for_each_open(|_| panic!("there is none"));
    assert_eq!(init(), Ok(()));
    assert!(tracer.is_init());
    assert_eq!(init(), Err(AlreadyInit));
    drop((early, child));
    tracer.root("in time").end();
    assert_eq!(send(&mut drain), ["in time"]);
    let stats = drain.stats();
    assert_eq!((stats.started, stats.handed_over), (3, 1));
}

#[test]
fn spans_before_the_one_init_are_refused_and_counted() {
    let tracer = fresh::<KeepOldest, 2>();
    refuses_until(&tracer, || tracer.init(1));
    let tracer = fresh::<KeepNewest, 3>();
    refuses_until(&tracer, || tracer.init(1));
    type OnHeap = On<SingleContext, KeepNewest, Box<[Slot<WORDS>]>>;
    let tracer = OnHeap::with_capacity(Ticking, SeededIds::new(), SingleContext::new(), 2);
    refuses_until(&tracer, || tracer.init(1));
    type InRetained = On<LockFree, KeepOldest, RetainedSlots<2, WORDS>>;
    let tracer = InRetained::retained(Ticking, SeededIds::new(), LockFree);
    refuses_until(&tracer, || {
        let memory = Box::leak(Box::new(Retained::new()));
        // SAFETY: nobody holds anything in it.
        unsafe { memory.clear() };
        // SAFETY: a memory of its own for each call.
        unsafe { tracer.init_retained(memory, 1) }.map(|found| assert_eq!(found.session, 0))
    });
}

#[test]
fn of_many_who_initialise_or_take_the_drain_one_does() {
    for _ in 0..50 {
        let tracer = fresh::<KeepOldest, 2>();
        let [inits, drains] = [const { AtomicUsize::new(0) }; 2];
        thread::scope(|scope| {
            for seed in 0..3 {
                let (tracer, inits, drains) = (&tracer, &inits, &drains);
                scope.spawn(move || {
                    inits.fetch_add(tracer.init(seed).is_ok().into(), Ordering::Relaxed);
                    drains.fetch_add(tracer.take_drain().is_some().into(), Ordering::Relaxed);
                });
            }
        });
        assert_eq!((inits.into_inner(), drains.into_inner()), (1, 1));
        assert!(tracer.is_init() && tracer.take_drain().is_none());
        assert!(tracer.root("recorded").is_recording());
    }
}

/// What is not zero lies in flash and is copied to memory when a device starts: the whole ring.
#[test]
fn a_static_tracer_is_all_zero_until_it_is_initialised() {
    type Large = Ring<KeepNewest, 100>;
    static TRACER: Large = fresh();
    let bytes = || {
        let start = (&raw const TRACER).cast::<u8>();
        (0..size_of::<Large>()).map(move |at| {
            // SAFETY: within the tracer.
            let byte = unsafe { start.add(at) };
            // SAFETY: nobody else has it now, and in a `static` gaps are bytes, too.
            unsafe { byte.read_volatile() }
        })
    };
    assert_eq!(bytes().filter(|byte| *byte != 0).count(), 0);
    TRACER.init(7).unwrap();
    assert!(bytes().filter(|byte| *byte != 0).count() > 4);
    assert_eq!(std::mem::align_of::<Large>(), align_of::<usize>());
}

#[test]
fn the_oldest_finished_span_gives_way_if_no_slot_is_free() {
    let tracer = ring::<KeepNewest, 4>();
    let mut drain = tracer.take_drain().unwrap();
    let open = tracer.root("open");
    for name in ["a", "b", "c", "d"] {
        assert!(tracer.root(name).is_recording());
    }
    assert_eq!(drain.stats().dropped.evicted, 1);
    assert_eq!(send(&mut drain), ["b", "c", "d"]);
    // Three slots are free again: none gives way.
    trace_all(&tracer, &["e", "f", "g"]);
    assert_eq!(drain.stats().dropped.evicted, 1);
    open.end();
    assert_eq!(send(&mut drain).len(), 4);
}

#[test]
fn a_tag_that_no_ring_could_hold_costs_no_other_span() {
    let tracer = ring::<KeepNewest, 4>();
    let mut drain = tracer.take_drain().unwrap();
    trace_all(&tracer, &["a", "b", "c"]);
    let mut span = tracer.root("d");
    span.tag("too long", "x".repeat(4 * WORDS * 4).as_str());
    span.end();
    assert_eq!(send(&mut drain), ["a", "b", "c", "d"]);
    assert_eq!(drain.stats().trimmed.tags, 1);
}

#[test]
fn what_is_open_or_in_a_datagram_never_gives_way() {
    let tracer = ring::<KeepNewest, 3>();
    let mut drain = tracer.take_drain().unwrap();
    let mut packer = Packer::new(300, "s").unwrap();
    let mut buffer = [0xa5; 300 + BUFFER_EXTRA];
    let open = tracer.root("open");
    trace_all(&tracer, &["in a datagram", "in it, too"]);
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new("s"));
    assert_eq!(packed.unwrap().spans, 2);
    assert!(!tracer.root("refused").is_recording());
    open.end();
    tracer.root("instead of the open one").end();
    let Dropped { ring_full, evicted } = dropped(&mut drain);
    assert_eq!((ring_full, evicted), (1, 1));
    // It is packed smaller: from now on it may give way.
    drain.too_large(&mut packer, 200).unwrap();
    trace_all(&tracer, &["x", "y", "z"]);
    assert_eq!(dropped(&mut drain).evicted, 4);
    drain.sent(&mut packer);
    assert_eq!(send(&mut drain), ["x", "y", "z"]);
}

struct Dropped {
    ring_full: u64,
    evicted: u64,
}

fn dropped<P: Policy, const SLOTS: usize>(drain: &mut TracerDrain<'_, Ring<P, SLOTS>>) -> Dropped {
    let dropped = drain.stats().dropped;
    Dropped {
        ring_full: dropped.ring_full,
        evicted: dropped.evicted,
    }
}

#[test]
fn a_span_that_is_being_looked_at_does_not_give_way_even_if_it_ends() {
    let tracer = ring::<KeepNewest, 2>();
    let mut drain = tracer.take_drain().unwrap();
    tracer.root("ended").end();
    let mut looked_at = Some(tracer.root("looked at"));
    let mut looks = 0;
    drain.for_each_open(|span| {
        looked_at.take();
        // One gives way to the first, the first to the second, and so on.
        (0..5).for_each(|_| tracer.root("new").end());
        assert_eq!(span.name().to_string(), "looked at");
        looks += 1;
    });
    assert_eq!((looks, dropped(&mut drain).evicted), (1, 5));
    assert_eq!(send(&mut drain), ["looked at", "new"]);
}

/// What a span that comes out of a stolen ring is called, and whether it had not ended.
fn stolen<P: Policy, const SLOTS: usize>(
    tracer: &Ring<P, SLOTS>,
    limit: usize,
) -> Vec<(String, bool)> {
    let mut packer = Packer::new(limit, "s").unwrap();
    let mut buffer = vec![0xa5; limit + BUFFER_EXTRA];
    // SAFETY: this is the only thread here that has it.
    let mut stolen = unsafe { tracer.steal() };
    let mut spans = vec![];
    while let Some(packed) = stolen.pack(&mut packer, &mut buffer, &Process::new("s")) {
        let batch = decode(packed.bytes).unwrap();
        assert_eq!(batch.spans.len(), packed.spans);
        for span in batch.spans {
            let unfinished = span.tags.iter().filter(|tag| tag.key == "unfinished");
            let values: Vec<_> = unfinished.map(|tag| tag.value).collect();
            assert!(matches!(values[..], [] | [TagValue::Bool(true)]));
            spans.push((span.operation_name.to_string(), !values.is_empty()));
        }
        assert!(spans.len() <= SLOTS, "each span is read once");
    }
    spans
}

#[test]
fn a_fault_handler_reads_all_spans_while_the_drain_is_taken_and_changes_nothing() {
    let tracer = ring::<KeepNewest, 9>();
    let mut drain = tracer.take_drain().unwrap();
    let mut packer = Packer::new(150, "s").unwrap();
    let mut buffer = [0xa5; 150 + BUFFER_EXTRA];
    let mut first = tracer.root("open, with a chain");
    first.tag("long", "x".repeat(200).as_str());
    trace_all(&tracer, &["in a datagram"]);
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new("s"));
    assert_eq!(packed.unwrap().spans, 1);
    trace_all(&tracer, &["waits"]);
    let mut last = tracer.root("open");
    last.log().field("event", "just now");
    let before = drain.stats();
    let expected = [
        ("open, with a chain", true),
        ("in a datagram", false),
        ("waits", false),
        ("open", true),
    ];
    // Full datagrams, ones of one span each, and where a span is longer than any.
    for limit in [5_000, 400, 300] {
        let mut spans = stolen(&tracer, limit);
        spans.sort_unstable();
        let mut expected = expected.map(|(name, open)| (name.to_owned(), open));
        expected.sort_unstable();
        assert_eq!(spans, expected, "{limit}");
        assert_eq!(drain.stats(), before);
    }
    drain.sent(&mut packer);
    drop((first, last));
    assert_eq!(send(&mut drain).len(), 3);
}

#[test]
fn what_finds_no_room_for_anyone_ends_the_reading_of_a_stolen_ring_too() {
    let tracer = ring::<KeepOldest, 9>();
    let mut span = tracer.root("longer than any datagram");
    span.tag("long", "x".repeat(400).as_str());
    span.end();
    tracer.root("short").end();
    let mut packer = Packer::lean(200, "s").unwrap();
    let mut buffer = [0xa5; 200 + BUFFER_EXTRA];
    // SAFETY: this is the only thread here that has it.
    let mut stolen = unsafe { tracer.steal() };
    let process = Process::new("s");
    let none = stolen.pack(&mut packer, &mut buffer[..20], &process);
    assert!(none.is_none(), "a buffer for no datagram");
    let packed = stolen.pack(&mut packer, &mut buffer, &process).unwrap();
    let batch = decode(packed.bytes).unwrap();
    let names = batch
        .spans
        .iter()
        .map(|span| span.operation_name.to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["short"]);
    assert!(stolen.pack(&mut packer, &mut buffer, &process).is_none());
}

/// The clock is looked at when a slot is claimed and nothing is in it, within a log, and last of
/// all when a span ends.
#[test]
fn a_fault_in_the_middle_of_recording_shows_what_is_whole() {
    static TRACER: Ring<KeepNewest, 4> = fresh();
    thread_local! {
        static SEEN: Cell<Vec<(String, bool)>> = const { Cell::new(vec![]) };
    }
    let fault = || FAULT.set(Some(|| SEEN.set(stolen(&TRACER, 1_000))));
    let seen = |expected: &[(&str, bool)]| {
        let expected = expected
            .iter()
            .map(|(name, open)| (name.to_string(), *open));
        assert_eq!(SEEN.take(), expected.collect::<Vec<_>>());
    };
    TRACER.init(1).unwrap();
    fault();
    let mut one = TRACER.root("one");
    seen(&[]);
    fault();
    drop(one.log());
    seen(&[("one", true)]);
    fault();
    one.end();
    seen(&[("one", true)]);
    // And where something gives way.
    trace_all(&TRACER, &["two", "three", "four"]);
    fault();
    TRACER.root("five").end();
    seen(&[("two", false), ("three", false), ("four", false)]);
}
