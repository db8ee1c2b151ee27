//! A tick counter of 32 bits that wraps while a span is open: once, twice, and in an interrupt
//! between two readings. Each span says in its tags how many ticks it took, by another count.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use firmware::board::{self, Ticks};
use firmware::link;
use jaegerling_core::frame::Writer;
use jaegerling_core::{
    BUFFER_EXTRA, Clock, KeepOldest, Packer, Process, SeededIds, Slot, TickClock, TickCounter,
    Tracer,
};

const WORDS: usize = 32;
const DATAGRAM: usize = 600;

type Traces =
    Tracer<TickClock<Skipping>, SeededIds, board::Lock, KeepOldest, [Slot<WORDS>; 8], WORDS>;

static TRACER: Traces = Tracer::new(TickClock::new(Skipping), SeededIds::new(), board::LOCK);

/// A counter of 32 bits at the pace of the board's own. It can skip, so that a wrap does not take
/// minutes.
struct Skipping;

static SKIPPED: AtomicU32 = AtomicU32::new(0);

impl TickCounter for Skipping {
    const HZ: u32 = Ticks::HZ;

    fn count(&self) -> u32 {
        // Of a counter with fewer bits, no program here runs for a whole wrap.
        Ticks.count().wrapping_add(SKIPPED.load(Ordering::Relaxed))
    }
}

/// Half a minute and more at any pace; less than a wrap.
const LONG: u32 = 0x9000_0000;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    board::init();
    if TRACER.init(board::serial_number().into()).is_err() {
        panic!("the tracer is started twice");
    }

    // The counter stands shortly before its wrap, and the clock knows.
    near_the_wrap();
    let mut span = TRACER.root("once");
    let begin = Ticks.count();
    skip(20_000);
    span.tag("wraps", i64::from(u32::from(Skipping.count() < 20_000)));
    span.tag("ticks", i64::from(20_000 + since(begin)));
    span.end();

    // A span that goes on for two wraps and more, in a program that polls.
    let mut span = TRACER.root("twice");
    let begin = Ticks.count();
    let mut skipped = 0;
    let mut wraps = 0;
    for _ in 0..4 {
        let before = Skipping.count();
        skip(LONG);
        skipped += i64::from(LONG);
        wraps += i64::from(Skipping.count() < before);
        TRACER.clock().poll();
    }
    span.tag("wraps", wraps);
    span.tag("ticks", skipped + i64::from(since(begin)));
    span.end();

    // The wrap comes in an interrupt between two readings of what it has interrupted.
    near_the_wrap();
    let mut span = TRACER.root("interrupted");
    let begin = Ticks.count();
    board::interrupt_once(Ticks::HZ / 10_000, on_timer);
    while WRAPPED.load(Ordering::Relaxed) == 0 {}
    span.tag("ticks", i64::from(20_000 + since(begin)));
    span.end();

    send();
    board::exit()
}

static WRAPPED: AtomicU32 = AtomicU32::new(0);

fn on_timer(_: usize) {
    let mut span = TRACER.root("interrupt");
    let begin = Ticks.count();
    let before = Skipping.count();
    skip(20_000);
    let wrapped = u32::from(Skipping.count() < before);
    span.tag("wraps", i64::from(wrapped));
    span.tag("ticks", i64::from(20_000 + since(begin)));
    span.end();
    WRAPPED.store(1, Ordering::Relaxed);
}

/// Lets the counter go on to 10,000 ticks before its wrap, in steps that the clock follows.
fn near_the_wrap() {
    loop {
        let left = Skipping.count().wrapping_neg().wrapping_sub(10_000);
        skip(left.min(LONG));
        TRACER.clock().poll();
        if left <= LONG {
            return;
        }
    }
}

fn skip(ticks: u32) {
    let skipped = SKIPPED.load(Ordering::Relaxed);
    SKIPPED.store(skipped.wrapping_add(ticks), Ordering::Relaxed);
}

/// How many ticks the board has counted since it was at `begin`.
fn since(begin: u32) -> u32 {
    Ticks.count().wrapping_sub(begin) & (u32::MAX >> (32 - Ticks::BITS))
}

fn send() {
    let (Some(mut drain), Ok(mut packer)) = (TRACER.take_drain(), Packer::new(DATAGRAM, "wrap"))
    else {
        panic!("nobody else drains, and a span fits");
    };
    let process = Process::new("wrap");
    let mut buffer = [0; DATAGRAM + BUFFER_EXTRA];
    let mut writer = Writer::new(0);
    while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
        link::send(writer.datagram(TRACER.clock(), datagram.bytes));
        drain.sent(&mut packer);
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::panicked(info)
}
