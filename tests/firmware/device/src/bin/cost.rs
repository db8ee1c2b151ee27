#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};
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
    for _ in 0..3 {
        site(&context, RAW.load(Ordering::Relaxed).into());
    }
    mark();
    let mut packer = Packer::lean(1000, "thermostat").ok().unwrap();
    let mut buffer = [0; 1003];
    let mut drain = TRACER.take_drain().unwrap();
    let process = Process::new("thermostat");
    pack(&mut drain, &mut packer, &mut buffer, &process);
    mark();
    exit()
}

type D = TracerDrain<'static, Tracer<Timer, SeededIds, Lock, KeepOldest, [Slot<56>; 8], 56>>;
#[inline(never)]
#[unsafe(no_mangle)]
fn pack(drain: &mut D, packer: &mut Packer<Lean>, buffer: &mut [u8; 1003], process: &Process<'static>) {
    if drain.pack(packer, buffer, process).is_some() {
        drain.sent(packer);
    }
}

fn exit() -> ! {
    unsafe {
        core::arch::asm!("bkpt 0xab", in("r0") 0x18, in("r1") 0x20026);
    }
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
