//! Records, between two markers, in a ring that keeps the newest and is full. `benches/device.rs`
//! knows the order.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use device_cost::{LOCK, SLOTS, Ticks, Traces, board, mark, record};
use jaegerling_core::{KeepNewest, SeededIds, SpanContext, TickClock};

static TRACER: Traces<KeepNewest> = Traces::new(TickClock::new(Ticks), SeededIds::new(), LOCK);

/// How often the oldest gives way.
const TIMES: usize = 3;

#[inline(never)]
fn measured(parent: &SpanContext, raw: i64) {
    mark();
    record(&TRACER, parent, raw);
    mark();
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    board::init();
    if TRACER.init(7).is_err() {
        board::exit();
    }
    let context = black_box(TRACER.root("loop").context());
    let raw = || black_box(1_734);
    (0..=SLOTS).for_each(|_| TRACER.child_of(&context, "old").end());
    (0..TIMES).for_each(|_| measured(&context, raw()));
    // The same with half of the slots held open, twice round.
    (0..SLOTS / 2).for_each(|_| core::mem::forget(TRACER.child_of(&context, "open")));
    (0..2 * SLOTS).for_each(|_| measured(&context, raw()));
    board::exit()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    board::exit()
}
