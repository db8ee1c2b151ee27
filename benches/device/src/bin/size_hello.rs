//! As `size_frames`, but it says hello, too.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use device_cost::{LIMIT, LOCK, SERVICE, Ticks, Traces, board, trace_for_ever};
use jaegerling_core::frame::{Device, Encoder, Writer};
use jaegerling_core::{BUFFER_EXTRA, KeepOldest, Packer, SeededIds, TickClock, TickCounter as _};

const DEVICE: Device<'_> = Device::new(SERVICE, Ticks::HZ);
/// Its numbers, and a name that may be longer than this one.
const HELLO_LEN: usize = 100 + BUFFER_EXTRA;

static TRACER: Traces<KeepOldest> = Traces::new(TickClock::new(Ticks), SeededIds::new(), LOCK);

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let mut writer = Writer::new(7);
    trace_for_ever(&TRACER, Packer::lean(LIMIT, SERVICE), |drain, datagram| {
        if writer.is_hello_due(TRACER.clock()) {
            let mut buffer = [0; HELLO_LEN];
            let hello = writer.hello(TRACER.clock(), &DEVICE, &drain.stats(), &mut buffer);
            if let Some(hello) = hello {
                send(hello);
            }
        }
        send(writer.datagram(TRACER.clock(), datagram));
    })
}

#[inline(never)]
fn send(frame: Encoder<'_>) {
    for byte in frame {
        board::transmit(&[byte]);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
