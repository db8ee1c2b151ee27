//! The empty image with a tracer, a ring, one place that traces, the encoder and the packer. Without the loss span and trimming.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use device_cost::{LOCK, Ticks, Traces, board, record};
use jaegerling_core::{BUFFER_EXTRA, KeepOldest, Packer, Process, SeededIds, TickClock};

static TRACER: Traces<KeepOldest> = Traces::new(TickClock::new(Ticks), SeededIds::new(), LOCK);
const LIMIT: usize = 200;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    board::init();
    let Ok(()) = TRACER.init(7) else { loop {} };
    let Some(mut drain) = TRACER.take_drain() else {
        loop {}
    };
    let Ok(mut packer) = Packer::lean(LIMIT, "thermostat") else {
        loop {}
    };
    let context = TRACER.root("loop").context();
    let process = Process::new("thermostat");
    let mut buffer = [0; LIMIT + BUFFER_EXTRA];
    loop {
        record(&TRACER, &context, black_box(1_734));
        while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
            board::transmit(datagram.bytes);
            drain.sent(&mut packer);
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
