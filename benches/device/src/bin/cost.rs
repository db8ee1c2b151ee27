//! Does each thing that is measured between two markers: in a ring that keeps the oldest, and by
//! the peers. `benches/device.rs` knows the order.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use device_cost::{LOCK, SLOTS, Ticks, Traces, board, mark, peers, print, record};
use jaegerling_core::{
    BUFFER_EXTRA, KeepOldest, Packer, Process, SeededIds, SpanContext, TickClock,
};

static TRACER: Traces<KeepOldest> = Traces::new(TickClock::new(Ticks), SeededIds::new(), LOCK);

/// How often each is done: the first times may go other ways.
const TIMES: usize = 3;
const LIMIT: usize = 1_000;

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
    recording();
    let ours = encoding();
    let [postcard, minicbor] = peers();
    print(&[ours, postcard, minicbor]);
    board::exit()
}

fn recording() {
    let context = black_box(TRACER.root("loop").context());
    let raw = || black_box(1_734);
    // A free slot.
    (0..TIMES).for_each(|_| measured(&context, raw()));
    // None: the ring has eight, of which the loop and these take four.
    (TIMES + 1..SLOTS).for_each(|_| core::mem::forget(TRACER.child_of(&context, "open")));
    (0..TIMES).for_each(|_| measured(&context, raw()));
}

/// Datagrams of one to three spans. Returns how long a span is.
fn encoding() -> usize {
    let (Some(mut drain), Ok(mut packer)) = (TRACER.take_drain(), Packer::new(LIMIT, "thermostat"))
    else {
        board::exit();
    };
    let process = Process::new("thermostat");
    let mut buffer = [0; LIMIT + BUFFER_EXTRA];
    while drain.pack(&mut packer, &mut buffer, &process).is_some() {
        drain.sent(&mut packer);
    }
    let context = black_box(TRACER.root("loop").context());
    let mut lengths = [0; TIMES];
    for (spans, length) in lengths.iter_mut().enumerate() {
        (0..=spans).for_each(|_| record(&TRACER, &context, black_box(1_734)));
        mark();
        let packed = drain.pack(&mut packer, &mut buffer, &process);
        mark();
        *length = packed.map_or(0, |packed| packed.bytes.len());
        drain.sent(&mut packer);
    }
    lengths[TIMES - 1] - lengths[TIMES - 2]
}

fn peers() -> [usize; 2] {
    let mut buffer = [0; 200];
    let context = TRACER.root("loop").context();
    let ids = [
        context.trace_id.low(),
        context.trace_id.high(),
        context.span_id.get(),
        context.span_id.get(),
    ];
    let mut lengths = [0; 2];
    let encoders = [peers::postcard, peers::minicbor];
    for (encode, length) in encoders.into_iter().zip(&mut lengths) {
        for _ in 0..TIMES {
            let span = black_box(peers::span(ids, 12_345_678, 120, 1_734));
            mark();
            *length = encode(&span, &mut buffer);
            mark();
        }
    }
    lengths
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    board::exit()
}
