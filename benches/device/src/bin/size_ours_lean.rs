//! The empty image with a tracer, a ring, one place that traces, the encoder and the packer. Without the loss span and trimming.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use device_cost::{LIMIT, LOCK, SERVICE, Ticks, Traces, board, trace_for_ever};
use jaegerling_core::{KeepOldest, Packer, SeededIds, TickClock};

static TRACER: Traces<KeepOldest> = Traces::new(TickClock::new(Ticks), SeededIds::new(), LOCK);

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    trace_for_ever(&TRACER, Packer::lean(LIMIT, SERVICE), |_, datagram| {
        board::transmit(datagram);
    })
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
