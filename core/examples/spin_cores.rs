//! Two cores, each with its own interrupts, trace into one ring.
//!
//! ```sh
//! cargo run -p jaegerling-core --features spin --example spin_cores
//! ```
//!
//! On a chip with two cores, [`Mask`] is `InterruptsOff`. Here, two threads stand in for the cores,
//! and threads have no interrupts.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use jaegerling_core::decode::decode;
use jaegerling_core::{
    KeepOldest, LockFree, Packer, Process, SeededIds, SeveralCores, Slot, SpanContext, TickClock,
    TickCounter, Tracer,
};

/// A timer of 1 MHz that both cores see. On a chip, `count` reads its register.
struct Timer(AtomicU32);

impl TickCounter for Timer {
    const HZ: u32 = 1_000_000;

    fn count(&self) -> u32 {
        self.0.fetch_add(10, Ordering::Relaxed)
    }
}

/// What keeps out the interrupts of the own core while it claims: nothing, here.
type Mask = LockFree;

type Spans =
    Tracer<TickClock<Timer>, SeededIds, SeveralCores<Mask>, KeepOldest, [Slot<40>; 64], 40>;

static TRACER: Spans = Tracer::new(
    TickClock::new(Timer(AtomicU32::new(0))),
    SeededIds::new(),
    SeveralCores::new(LockFree),
);

/// The core that talks to the sensors.
fn core_1(cycle: &SpanContext) {
    for raw in 0..20_i64 {
        let mut span = TRACER.child_of(cycle, "adc.read");
        span.tag("raw", raw);
    }
}

/// The core that computes, and sends.
fn core_0(cycle: &SpanContext) {
    for step in 0..20_i64 {
        let mut span = TRACER.child_of(cycle, "filter");
        span.tag("step", step);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    TRACER.init(0x5eed)?; // By one core, before the other one starts.
    let cycle = TRACER.root("cycle");
    let context = cycle.context();
    let other = thread::spawn(move || core_1(&context));
    core_0(&context);
    other.join().map_err(|_| "the other core panicked")?;
    cycle.end();

    let process = Process::new("motor");
    let mut packer = Packer::new(1_400, "motor")?;
    let mut buffer = [0; 1_403];
    let mut drain = TRACER.take_drain().ok_or("somebody else drains")?;
    let (mut reads, mut filters) = (0, 0);
    while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
        // Here it goes out, over whatever there is. This example reads it back.
        for span in decode(datagram.bytes)?.spans {
            match span.operation_name.as_str() {
                Some("adc.read") => reads += 1,
                Some("filter") => filters += 1,
                name => assert_eq!(name, Some("cycle")),
            }
            assert_eq!(span.trace_id, context.trace_id.get());
        }
        drain.sent(&mut packer);
    }
    println!("{reads} spans of one core, {filters} of the other, in one trace");
    assert_eq!((reads, filters), (20, 20));
    assert_eq!(drain.stats().handed_over, 41);
    Ok(())
}
