#![no_std]
#![no_main]
use jaegerling_core::*;
use cortex_m_rt::entry;

struct SysTick;
impl TickCounter for SysTick {
    const HZ: u32 = 16_000_000;
    #[inline(always)]
    fn count(&self) -> u32 {
        unsafe { (0xe000_e018 as *const u32).read_volatile() }
    }
}
type T = Tracer<TickClock<SysTick>, SeededIds, InterruptsOff, KeepOldest, [Slot<56>; 8], 56>;
static TRACER: T = Tracer::new(TickClock::new(SysTick), SeededIds::new(), unsafe { InterruptsOff::new() });

#[inline(never)]
fn site(parent: &SpanContext, raw: i64) {
    let mut span = TRACER.child_of(parent, "adc.read");
    span.tag("sensor", "bme280");
    span.tag("raw", raw);
}

#[entry]
fn main() -> ! {
    let _ = TRACER.init(7);
    let context = TRACER.root("loop").context();
    let process = Process::new("thermostat");
    #[cfg(not(feature = "full"))]
    let packer = Packer::lean(200, "thermostat");
    #[cfg(feature = "full")]
    let packer = Packer::new(200, "thermostat");
    let Ok(mut packer) = packer else { loop {} };
    let Some(mut drain) = TRACER.take_drain() else { loop {} };
    let mut buffer = [0; 203];
    loop {
        site(&context, unsafe { (0x4000_0000 as *const u32).read_volatile() }.into());
        while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
            for byte in datagram.bytes {
                unsafe { (0x4000_c000 as *mut u8).write_volatile(*byte) };
            }
            drain.sent(&mut packer);
        }
    }
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
