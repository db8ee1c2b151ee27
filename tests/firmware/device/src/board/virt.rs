//! QEMU's RISC-V board `virt`: a core with compare-and-swap, and a timer at 10 MHz.

use core::sync::atomic::{AtomicU32, Ordering};

use jaegerling_core::{LockFree, TickCounter};
use riscv::register::{mepc, mie, mstatus};

use super::register::Register;

/// The board.
pub const NAME: &str = "virt";
/// Where the program's code begins.
pub const CODE: usize = 0x8000_0000;
/// Who may claim a slot at once: anybody.
pub type Lock = LockFree;
/// The one to give the tracer.
pub const LOCK: Lock = LockFree;

/// The lower half of `mtime`.
pub struct Ticks;

impl TickCounter for Ticks {
    const HZ: u32 = 10_000_000;

    #[inline(always)]
    fn count(&self) -> u32 {
        MTIME.read()
    }
}

// SAFETY: each is a register of the interruptor, or of the device that ends the run.
const MTIMECMP: Register = unsafe { Register::at(0x0200_4000) };
// SAFETY: as above.
const MTIMECMP_HIGH: Register = unsafe { Register::at(0x0200_4004) };
// SAFETY: as above.
const MTIME: Register = unsafe { Register::at(0x0200_bff8) };
// SAFETY: as above.
const MTIME_HIGH: Register = unsafe { Register::at(0x0200_bffc) };
// SAFETY: as above.
const TEST: Register = unsafe { Register::at(0x0010_0000) };

/// The data register of the 16550, which has 8 bits, and its line status.
const UART_THR: *mut u8 = core::ptr::with_exposed_provenance_mut(0x1000_0000);
const UART_LSR: *mut u8 = core::ptr::with_exposed_provenance_mut(0x1000_0005);

/// After how many ticks the interrupt comes again; 0: it does not.
static PERIOD: AtomicU32 = AtomicU32::new(0);

/// Starts the tick counter, and what else needs a start.
pub fn init() {
    stop_timer();
    // SAFETY: nothing here relies on it that interrupts are off.
    unsafe { mie::set_mtimer() };
    // SAFETY: as above.
    unsafe { mstatus::set_mie() };
}

/// Sends bytes over the UART, and waits until it has them.
pub fn transmit(bytes: &[u8]) {
    for &byte in bytes {
        // SAFETY: a register of the UART.
        unsafe { UART_THR.write_volatile(byte) };
    }
}

/// A byte that has come over the UART, if there is one.
pub fn receive() -> Option<u8> {
    // SAFETY: a register of the UART.
    let status = unsafe { UART_LSR.read_volatile() };
    if status & 1 == 0 {
        return None;
    }
    // SAFETY: as above.
    Some(unsafe { UART_THR.read_volatile() })
}

pub(super) fn start_timer(ticks: u32, again: bool) {
    PERIOD.store(if again { ticks } else { 0 }, Ordering::Relaxed);
    compare_in(ticks);
}

fn compare_in(ticks: u32) {
    let high = MTIME_HIGH.read();
    let low = MTIME.read();
    // The lower half may have wrapped between the two.
    let high = if MTIME_HIGH.read() == high {
        high
    } else {
        high.wrapping_add(1)
    };
    let (low, carry) = low.overflowing_add(ticks);
    // Never a moment in the past on the way.
    MTIMECMP.write(u32::MAX);
    MTIMECMP_HIGH.write(high.wrapping_add(carry.into()));
    MTIMECMP.write(low);
}

/// No more interrupts of the timer.
pub fn stop_timer() {
    PERIOD.store(0, Ordering::Relaxed);
    MTIMECMP.write(u32::MAX);
    MTIMECMP_HIGH.write(u32::MAX);
}

#[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineTimer)]
fn machine_timer() {
    match PERIOD.load(Ordering::Relaxed) {
        0 => stop_timer(),
        period => compare_in(period),
    }
    super::interrupted(mepc::read());
}

/// Resets the chip, as its watchdog does.
pub fn reset() -> ! {
    TEST.write(0x7777);
    loop {
        core::hint::spin_loop();
    }
}

/// Ends the run of the emulator.
pub fn exit() -> ! {
    TEST.write(0x5555);
    loop {
        core::hint::spin_loop();
    }
}
