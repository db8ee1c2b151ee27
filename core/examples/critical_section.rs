//! Spans from the main loop and from a timer interrupt, with the critical section of the HAL.
//!
//! ```sh
//! cargo run -p jaegerling-core --features critical-section --example critical_section
//! ```
//!
//! On a chip, its HAL provides the section: `cortex-m` with the feature
//! `critical-section-single-core`, `riscv` with the same, `rp2040-hal` for both cores. Here, the
//! feature `std` of `critical-section` does, and a thread stands in for the interrupt.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use jaegerling_core::decode::decode;
use jaegerling_core::{
    InCriticalSection, KeepOldest, Packer, Process, SeededIds, Slot, TickClock, TickCounter, Tracer,
};

/// A timer of 1 MHz. On a chip, `count` reads its register.
struct Timer(AtomicU32);

impl TickCounter for Timer {
    const HZ: u32 = 1_000_000;

    fn count(&self) -> u32 {
        self.0.fetch_add(10, Ordering::Relaxed)
    }
}

type Spans = Tracer<TickClock<Timer>, SeededIds, InCriticalSection, KeepOldest, [Slot<40>; 16], 40>;

static TRACER: Spans = Tracer::new(
    TickClock::new(Timer(AtomicU32::new(0))),
    SeededIds::new(),
    InCriticalSection,
);

/// The interrupt of a timer: it samples.
fn on_timer() {
    let mut span = TRACER.root("adc.read");
    span.tag("sensor", "bme280");
    span.tag("raw", 1_734_i64);
    span.end();
}

/// One turn of the main loop.
fn control() {
    let turn = TRACER.root("control");
    let mut regulate = TRACER.child_of(&turn.context(), "regulate");
    regulate.tag("duty", 0.75_f32);
}

fn main() -> Result<(), Box<dyn Error>> {
    // What differs from device to device and from boot to boot.
    TRACER.init(0x5eed)?;

    let interrupts = thread::spawn(|| {
        for _ in 0..100 {
            on_timer();
            thread::sleep(Duration::from_micros(100));
        }
    });

    let process = Process::new("thermostat");
    let mut packer = Packer::new(400, "thermostat")?;
    let mut buffer = [0; 403];
    let mut drain = TRACER.take_drain().ok_or("somebody else drains")?;
    let mut samples = 0;
    for turn in 0.. {
        let over = turn >= 100 && interrupts.is_finished();
        if turn < 100 {
            control();
        }
        while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
            // Here it goes out, over whatever there is. This example reads it back.
            let spans = decode(datagram.bytes)?.spans.iter();
            samples += spans
                .filter(|span| span.operation_name == "adc.read")
                .count() as u64;
            drain.sent(&mut packer);
        }
        if over {
            break;
        }
    }
    interrupts.join().map_err(|_| "the interrupt panicked")?;

    // Nothing is lost in silence: 100 samples and 200 spans of the main loop were offered.
    let stats = drain.stats();
    println!(
        "{samples} samples sent, {} spans found no room",
        stats.dropped.total()
    );
    assert_eq!(stats.started, 300);
    assert_eq!(stats.handed_over + stats.dropped.total(), 300);
    assert!(samples <= 100 && samples + stats.dropped.total() >= 100);
    Ok(())
}
