//! As `size_ours_lean`, but its datagrams go out in frames.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use device_cost::{LIMIT, LOCK, SERVICE, Ticks, Traces, board, trace_for_ever};
use jaegerling_core::frame::Writer;
use jaegerling_core::{KeepOldest, Packer, SeededIds, TickClock};

static TRACER: Traces<KeepOldest> = Traces::new(TickClock::new(Ticks), SeededIds::new(), LOCK);

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let mut writer = Writer::new(7);
    trace_for_ever(&TRACER, Packer::lean(LIMIT, SERVICE), |_, datagram| {
        send(&mut writer, datagram);
    })
}

/// In a function of its own, as `Encoder` says.
#[inline(never)]
fn send(writer: &mut Writer, datagram: &[u8]) {
    for byte in writer.datagram(TRACER.clock(), datagram) {
        board::transmit(&[byte]);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
