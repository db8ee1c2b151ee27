#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m_rt::entry;
use jaegerling_core::*;

struct SysTick;
impl TickCounter for SysTick {
    const BITS: u32 = 24;
    const HZ: u32 = 16_000_000;
    #[inline(always)]
    fn count(&self) -> u32 {
        let tick = unsafe { (0xe000_e018 as *const u32).read_volatile() };
        0xff_ffff - tick
    }
}
struct Count;
impl TickCounter for Count {
    const HZ: u32 = 16_000_000;
    #[inline(always)]
    fn count(&self) -> u32 {
        unsafe { (0xe000_e018 as *const u32).read_volatile() }
    }
}
type Timer = TickClock<Count>;
#[cfg(feature = "lockfree")]
type Lock = LockFree;
#[cfg(not(feature = "lockfree"))]
type Lock = InterruptsOff;
#[cfg(feature = "lockfree")]
const fn lock() -> Lock { LockFree }
#[cfg(not(feature = "lockfree"))]
const fn lock() -> Lock { unsafe { InterruptsOff::new() } }

static TRACER: Tracer<Timer, SeededIds, Lock, KeepOldest, [Slot<56>; 8], 56> =
    Tracer::new(TickClock::new(Count), SeededIds::new(), lock());
static RAW: AtomicU32 = AtomicU32::new(1734);

#[inline(never)]
#[unsafe(no_mangle)]
fn site(parent: &SpanContext, raw: i64) {
    mark();
    let mut span = TRACER.child_of(parent, "adc.read");
    span.tag("sensor", "bme280");
    span.tag("raw", raw);
    span.end();
    mark();
}

#[inline(always)]
fn mark() {
    unsafe { core::arch::asm!("mov r10, r10") };
}

#[entry]
fn main() -> ! {
    let _ = TRACER.init(7);
    let parent = TRACER.root("loop");
    let context = parent.context();
    let mut packer = Packer::new(1000, "thermostat").ok().unwrap();
    let mut buffer = [0; 1000 + BUFFER_EXTRA];
    let mut drain = TRACER.take_drain().unwrap();
    let process = Process::new("thermostat");
    for spans in 1..5 {
        for _ in 0..spans {
            site(&context, RAW.load(Ordering::Relaxed).into());
        }
        mark();
        pack(&mut drain, &mut packer, &mut buffer, &process);
        mark();
        drain.sent(&mut packer);
    }
    exit()
}

type D = TracerDrain<'static, Tracer<Timer, SeededIds, Lock, KeepOldest, [Slot<56>; 8], 56>>;
#[inline(never)]
#[unsafe(no_mangle)]
fn pack(drain: &mut D, packer: &mut Packer, buffer: &mut [u8; 1000 + BUFFER_EXTRA], process: &Process<'static>) {
    drain.pack(packer, buffer, process);
}

fn exit() -> ! {
    unsafe {
        core::arch::asm!("bkpt 0xab", in("r0") 0x18, in("r1") 0x20026);
    }
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
