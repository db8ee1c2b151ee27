//! What comes in between: interrupts and other cores, in the middle of what a device does once.
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::{Cell, RefCell};

use jaegerling_core::decode::decode;
use jaegerling_core::{
    AlreadyInit, BUFFER_EXTRA, Clock, IdSource, KeepNewest, KeepOldest, LockFree, Packer, Process,
    Retained, RetainedSlots, SeededIds, Slot, SpanContext, TickClock, TickCounter, Tracer,
};

const WORDS: usize = 24;

struct Ticking;

type Hook = Box<dyn FnOnce()>;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
    /// What interrupts the seeding of ids.
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    /// What a counter says next, and what another core reads in the middle of that.
    static SCRIPT: RefCell<Vec<(u32, Option<u32>)>> = const { RefCell::new(vec![]) };
}

impl Clock for Ticking {
    fn now(&self) -> u64 {
        NOW.replace(NOW.get() + 1)
    }
    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64 * 1_000
    }
}

struct Hooked(SeededIds);

impl IdSource for Hooked {
    fn next_id(&self) -> u64 {
        self.0.next_id()
    }
    fn seed(&self, seed: u64) {
        if let Some(hook) = HOOK.take() {
            hook();
        }
        self.0.seed(seed);
    }
}

type On<P, S> = Tracer<Ticking, Hooked, LockFree, P, S, WORDS>;
type Device = On<KeepNewest, RetainedSlots<4, WORDS>>;

fn cold_memory() -> &'static Retained<4, WORDS> {
    let memory: &'static Retained<4, WORDS> = Box::leak(Box::default());
    // SAFETY: nobody has it yet.
    unsafe { memory.clear() };
    memory
}

fn boot(memory: &'static Retained<4, WORDS>, seed: u64) -> &'static Device {
    let device = switched_off();
    // SAFETY: the device before, if there was one, has been reset.
    unsafe { device.init_retained(memory, seed) }.unwrap();
    device
}

fn switched_off() -> &'static Device {
    let ids = Hooked(SeededIds::new());
    Box::leak(Box::new(Tracer::retained(Ticking, ids, LockFree)))
}

#[test]
fn an_interrupt_during_recovery_is_refused_and_takes_no_place() {
    let memory = cold_memory();
    let device = boot(memory, 1);
    (0..4).for_each(|_| device.root("before").end());
    let device = switched_off();
    HOOK.set(Some(Box::new(|| {
        assert!(!device.is_init());
        assert!(!device.root("interrupt").is_recording());
    })));
    // SAFETY: the device before has been reset.
    let found = unsafe { device.init_retained(memory, 1) }.unwrap();
    assert_eq!((found.session, found.finished), (1, 4));
    let stats = device.take_drain().unwrap().stats();
    assert_eq!((stats.started, stats.waiting), (5, 4));
    assert_eq!((stats.dropped.ring_full, stats.dropped.evicted), (1, 0));
}

#[test]
fn a_look_at_open_spans_lets_no_second_init_in() {
    type Plain = On<KeepOldest, [Slot<WORDS>; 4]>;
    let tracer: &'static Plain = Box::leak(Box::new(Tracer::new(
        Ticking,
        Hooked(SeededIds::new()),
        LockFree,
    )));
    let mut drain = tracer.take_drain().unwrap();
    HOOK.set(Some(Box::new(move || {
        drain.for_each_open(|_| {});
        assert_eq!(tracer.init(2), Err(AlreadyInit));
    })));
    tracer.init(1).unwrap();
}

#[test]
fn ids_differ_between_sessions_whatever_part_of_the_seed_the_serial_number_is() {
    let ids = |serial: u64, resets: u32| -> SpanContext {
        let memory = cold_memory();
        for _ in 0..resets {
            let _ = boot(memory, serial);
        }
        boot(memory, serial).root("first").context()
    };
    for shift in [0, 8, 32] {
        let one = ids(5 << shift, 1);
        let other = ids(6 << shift, 0);
        assert_ne!(one.trace_id, other.trace_id, "{shift}");
        assert_ne!(one.span_id, other.span_id, "{shift}");
    }
}

#[test]
fn a_datagram_tells_its_own_session_even_if_the_old_one_has_given_way() {
    let memory = cold_memory();
    boot(memory, 1).root("old").end();
    let device = boot(memory, 1);
    let mut drain = device.take_drain().unwrap();
    assert_eq!(drain.session(), 0);
    (0..4).for_each(|_| device.root("new").end());
    let mut packer = Packer::new(300, "s").unwrap();
    let mut buffer = [0xa5; 300 + BUFFER_EXTRA];
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new("s"));
    assert_eq!(packed.unwrap().session, 1);
}

#[test]
fn a_fault_handler_reads_each_span_once_though_others_are_started_meanwhile() {
    type Plain = On<KeepOldest, [Slot<WORDS>; 16]>;
    let tracer: Plain = Tracer::new(Ticking, Hooked(SeededIds::new()), LockFree);
    tracer.init(1).unwrap();
    let names: Vec<_> = (0..10).map(|number| format!("n{number}")).collect();
    names.iter().for_each(|name| tracer.root(name).end());
    // SAFETY: nobody drains, and the ring keeps the oldest.
    let mut stolen = unsafe { tracer.steal() };
    let mut packer = Packer::new(200, "s").unwrap();
    let mut buffer = [0xa5; 200 + BUFFER_EXTRA];
    let mut read = vec![];
    while let Some(packed) = stolen.pack(&mut packer, &mut buffer, &Process::new("s")) {
        let spans = decode(packed.bytes).unwrap().spans;
        read.extend(spans.iter().map(|span| span.operation_name.to_string()));
        tracer.root("meanwhile").end();
    }
    for name in names {
        assert_eq!(
            read.iter().filter(|read| **read == name).count(),
            1,
            "{name}"
        );
    }
}

struct Scripted;

static SCRIPTED: TickClock<Scripted> = TickClock::new(Scripted);

impl TickCounter for Scripted {
    const BITS: u32 = 16;
    const HZ: u32 = 1_000_000;

    fn count(&self) -> u32 {
        let (count, other) = SCRIPT.with_borrow_mut(Vec::pop).unwrap();
        if let Some(other) = other {
            SCRIPT.with_borrow_mut(|script| script.push((other, None)));
            SCRIPTED.now();
        }
        count
    }
}

#[test]
fn a_count_that_is_older_than_what_another_core_has_stored_is_no_wrap() {
    let read = |count, other| {
        SCRIPT.with_borrow_mut(|script| script.push((count, other)));
        SCRIPTED.now()
    };
    assert_eq!(read(0x7000, None), 0x7000);
    assert_eq!(read(0xe000, None), 0xe000);
    assert_eq!(read(0xf000, None), 0xf000);
    // Read before another core has come to 0x1_0000 and then further, seen after the first.
    assert_eq!(read(0x0010, None), 0x1_0010);
    assert_eq!(read(0xfff0, Some(0x1010)), 0xfff0);
}
