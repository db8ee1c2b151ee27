//! A clock made of a counter of few bits: exact as long as it is looked at once a wrap, whatever
//! interrupts a look.
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::{Cell, RefCell};

use jaegerling_core::decode::decode;
use jaegerling_core::{
    BUFFER_EXTRA, Clock, KeepOldest, Packer, Process, SeededIds, SingleContext, Slot, TickClock,
    TickCounter, Time, Tracer,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A counter that shows the lowest bits of a time that is moved by hand.
#[derive(Default)]
struct Counter<const BITS: u32, const HZ: u32>(Cell<u64>);

impl<const BITS: u32, const HZ: u32> TickCounter for &Counter<BITS, HZ> {
    const BITS: u32 = BITS;
    const HZ: u32 = HZ;

    fn count(&self) -> u32 {
        (self.0.get() % (1 << BITS)) as u32
    }
}

impl<const BITS: u32, const HZ: u32> Counter<BITS, HZ> {
    fn go_on(&self, ticks: u64) -> u64 {
        self.0.set(self.0.get() + ticks);
        self.0.get()
    }
}

/// How far apart two looks may be: a wrap but for the part of it that the clock's page says.
const fn most(bits: u32) -> u64 {
    let parts = if bits == 32 { 128 } else { 8 };
    (1 << bits) - (1 << bits) / parts
}

/// Parts of the longest step, of 2³².
fn step(bits: u32, part: u32) -> u64 {
    match part {
        0..0x1000 => part.into(),
        u32::MAX => most(bits),
        _ => ((u128::from(most(bits)) * u128::from(part)) >> 32) as u64,
    }
}

fn parts() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), 0..0x1000_u32, Just(u32::MAX)]
}

fn is_exact<const BITS: u32>(parts: &[u32]) {
    let counter = Counter::<BITS, 1_000_000>::default();
    let clock = TickClock::new(&counter);
    for part in parts {
        let now = counter.go_on(step(BITS, *part));
        assert_eq!(clock.now(), now, "{BITS} bits");
    }
}

proptest! {
    #[test]
    fn a_clock_that_is_looked_at_once_a_wrap_is_exact(parts in vec(parts(), 1..300)) {
        is_exact::<16>(&parts);
        is_exact::<17>(&parts);
        is_exact::<24>(&parts);
        is_exact::<31>(&parts);
        is_exact::<32>(&parts);
    }

    #[test]
    fn looks_that_interrupt_a_look_do_no_harm(
        looks in vec((parts(), vec(parts(), 0..3), vec(parts(), 0..3)), 1..200),
    ) {
        interrupted::<16>(&looks);
        interrupted::<24>(&looks);
        interrupted::<32>(&looks);
    }

    #[test]
    fn times_are_exact_but_for_what_is_said(ticks in any::<u64>(), bits in 1..57_u32) {
        let ticks = ticks >> (64 - bits);
        scales::<1>(ticks);
        scales::<3>(ticks);
        scales::<32_768>(ticks);
        scales::<1_000_000>(ticks);
        scales::<1_843_200>(ticks);
        scales::<16_000_000>(ticks);
        scales::<64_000_000>(ticks);
        scales::<72_000_000>(ticks);
        scales::<999_999_937>(ticks);
        scales::<1_000_000_000>(ticks);
        scales::<4_000_000_000>(ticks);
        scales::<{ u32::MAX }>(ticks);
    }
}

/// Whole seconds come out whole, however many.
#[test]
fn a_second_is_a_second_after_a_hundred_years() {
    fn seconds<const HZ: u32>() {
        let counter = Counter::<32, HZ>::default();
        let clock = TickClock::new(&counter);
        for seconds in [1, 59, 86_400, 3_155_760_000_u64] {
            let ticks = seconds * u64::from(HZ);
            let seconds = seconds as i64;
            assert_eq!(clock.unix_micros(ticks), seconds * 1_000_000, "{HZ}");
            assert_eq!(clock.unix_nanos(ticks), seconds * 1_000_000_000, "{HZ}");
        }
    }
    seconds::<1>();
    seconds::<32_768>();
    seconds::<12_000_000>();
    seconds::<16_000_000>();
    seconds::<72_000_000>();
}

fn scales<const HZ: u32>(ticks: u64) {
    let counter = Counter::<32, HZ>::default();
    let clock = TickClock::new(&counter);
    is_scaled::<HZ>(ticks, 1_000_000_000, clock.unix_nanos(ticks));
    is_scaled::<HZ>(ticks, 1_000_000, clock.unix_micros(ticks));
}

/// Rounded down, or up if no more than 2⁻⁶⁴ a tick is missing.
fn is_scaled<const HZ: u32>(ticks: u64, per_second: u128, scaled: i64) {
    let hz = u128::from(HZ);
    let product = u128::from(ticks) * per_second;
    let (whole, rest) = (product / hz, product % hz);
    if whole > i64::MAX as u128 {
        return;
    }
    let nearly = (hz - rest) << 64 <= u128::from(ticks) * hz;
    let scaled = scaled as u128;
    assert!(
        scaled == whole || nearly && scaled == whole + 1,
        "{ticks} at {HZ} Hz: {scaled}, not {whole}"
    );
}

/// A counter that is interrupted before and after it is read, by looks at its own clock.
struct Interrupted<const BITS: u32> {
    counter: Counter<BITS, 1_000_000>,
    /// How far time goes on before each interrupt of the next look.
    interrupts: RefCell<[Vec<u64>; 2]>,
    is_interrupted: Cell<bool>,
    /// The time at which it was read last by what was interrupted.
    read_at: Cell<u64>,
}

thread_local! {
    /// What the interrupts look at.
    static LOOK: Cell<Option<*const ()>> = const { Cell::new(None) };
}

impl<const BITS: u32> Interrupted<BITS> {
    fn interrupt(&self, which: usize) {
        let steps = std::mem::take(&mut self.interrupts.borrow_mut()[which]);
        for step in steps {
            let now = self.counter.go_on(step);
            let clock = LOOK.get().unwrap().cast::<TickClock<&Self>>();
            // SAFETY: `interrupted` has put it there, and is still running.
            let clock = unsafe { &*clock };
            assert_eq!(clock.now(), now, "of an interrupt, {BITS} bits");
        }
    }
}

impl<const BITS: u32> TickCounter for &Interrupted<BITS> {
    const BITS: u32 = BITS;
    const HZ: u32 = 1_000_000;

    fn count(&self) -> u32 {
        let is_interrupt = self.is_interrupted.replace(true);
        if !is_interrupt {
            self.interrupt(0);
        }
        let count = (&self.counter).count();
        if !is_interrupt {
            self.read_at.set(self.counter.0.get());
            self.interrupt(1);
        }
        self.is_interrupted.set(is_interrupt);
        count
    }
}

type Look = (u32, Vec<u32>, Vec<u32>);

fn interrupted<const BITS: u32>(looks: &[Look]) {
    let counter = Interrupted::<BITS> {
        counter: Counter::default(),
        interrupts: RefCell::default(),
        is_interrupted: Cell::new(false),
        read_at: Cell::new(0),
    };
    let clock = TickClock::new(&counter);
    LOOK.set(Some((&raw const clock).cast()));
    for (part, before, after) in looks {
        // From the last look that is done to the next one that is done it is less than a wrap. A
        // look that was interrupted is done late, and does not set the clock back then.
        let seventh = |part: &u32| step(BITS, *part) / 7;
        let after = after.iter().enumerate().map(|(at, part)| match at {
            0 => seventh(part),
            _ => step(BITS, *part),
        });
        let before = before.iter().map(seventh).collect();
        counter.interrupts.replace([before, after.collect()]);
        counter.counter.go_on(seventh(part));
        assert_eq!(clock.now(), counter.read_at.get(), "{BITS} bits");
    }
}

#[test]
fn a_span_is_as_long_as_it_took_over_a_wrap_and_over_many() {
    type Device<'c> = Tracer<
        TickClock<&'c Counter<16, 1_000_000>>,
        SeededIds,
        SingleContext,
        KeepOldest,
        [Slot<24>; 2],
        24,
    >;
    let counter = Counter::default();
    counter.go_on(0xfff0);
    let tracer = Device::new(
        TickClock::new(&counter),
        SeededIds::new(),
        SingleContext::new(),
    );
    tracer.init(0).unwrap();
    tracer.clock().poll();
    let over_many = tracer.root("over many");
    let over_one = tracer.root("over one");
    counter.go_on(0x20);
    over_one.end();
    for _ in 0..1_000 {
        counter.go_on(57_000);
        tracer.clock().poll();
    }
    over_many.end();

    let mut drain = tracer.take_drain().unwrap();
    let mut packer = Packer::new(1_000, "s").unwrap();
    let mut buffer = [0xa5; 1_000 + BUFFER_EXTRA];
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new("s"));
    let spans = decode(packed.unwrap().bytes).unwrap().spans;
    let times = spans.iter().map(|span| (span.start_time, span.duration));
    assert_eq!(
        times.collect::<Vec<_>>(),
        [(0xfff0, 57_000_020 + 12), (0xfff0, 0x20)]
    );
    assert_eq!(
        Time::Ticks(5).unix_nanos(tracer.clock()),
        5_000,
        "one tick is a microsecond"
    );
}
