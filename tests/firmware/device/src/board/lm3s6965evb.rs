//! Luminary's LM3S6965 evaluation board: a Cortex-M3 at 12.5 MHz.

use jaegerling_core::{InterruptsOff, TickCounter};

use super::register::Register;

/// The board.
pub const NAME: &str = "lm3s6965evb";
/// Where the program's code begins.
pub const CODE: usize = 0;
/// Who may claim a slot at once: the core or its interrupts.
pub type Lock = InterruptsOff;
/// The one to give the tracer.
// SAFETY: one core, privileged; HardFault and NMI have no handlers that trace.
pub const LOCK: Lock = unsafe { InterruptsOff::new() };

/// SysTick: 24 bits, which count down.
pub struct Ticks;

impl TickCounter for Ticks {
    const BITS: u32 = 24;
    const HZ: u32 = 12_500_000;

    #[inline(always)]
    fn count(&self) -> u32 {
        0xff_ffff - SYST_CVR.read()
    }
}

// SAFETY: each is a register of the core, a UART, a timer or the system control, by the data sheet.
const SYST_CSR: Register = unsafe { Register::at(0xe000_e010) };
// SAFETY: as above.
const SYST_RVR: Register = unsafe { Register::at(0xe000_e014) };
// SAFETY: as above.
const SYST_CVR: Register = unsafe { Register::at(0xe000_e018) };
// SAFETY: as above.
const RCGC1: Register = unsafe { Register::at(0x400f_e104) };
// SAFETY: as above.
const UART0_DR: Register = unsafe { Register::at(0x4000_c000) };
// SAFETY: as above.
const UART0_FR: Register = unsafe { Register::at(0x4000_c018) };
// SAFETY: as above.
const UART0_LCRH: Register = unsafe { Register::at(0x4000_c02c) };
// SAFETY: as above.
const UART0_CTL: Register = unsafe { Register::at(0x4000_c030) };
// SAFETY: as above.
const TIMER0_TAMR: Register = unsafe { Register::at(0x4003_0004) };
// SAFETY: as above.
const TIMER0_CTL: Register = unsafe { Register::at(0x4003_000c) };
// SAFETY: as above.
const TIMER0_IMR: Register = unsafe { Register::at(0x4003_0018) };
// SAFETY: as above.
const TIMER0_ICR: Register = unsafe { Register::at(0x4003_0024) };
// SAFETY: as above.
const TIMER0_TAILR: Register = unsafe { Register::at(0x4003_0028) };

const TIMER0: u32 = 19;

/// Starts the tick counter, and what else needs a start.
pub fn init() {
    SYST_RVR.write(0xff_ffff);
    SYST_CVR.write(0);
    SYST_CSR.write(1 << 2 | 1);
    RCGC1.write(1 << 16 | 1);
    // Eight bits, and a FIFO.
    UART0_LCRH.write(3 << 5 | 1 << 4);
    UART0_CTL.write(1 << 9 | 1 << 8 | 1);
    super::arm::unmask(TIMER0);
}

/// Sends bytes over the UART, and waits until it has them.
pub fn transmit(bytes: &[u8]) {
    for &byte in bytes {
        while UART0_FR.read() & 1 << 5 != 0 {}
        UART0_DR.write(byte.into());
    }
}

/// A byte that has come over the UART, if there is one.
pub fn receive() -> Option<u8> {
    let is_empty = UART0_FR.read() & 1 << 4 != 0;
    (!is_empty).then(|| UART0_DR.read() as u8)
}

pub(super) fn start_timer(ticks: u32, again: bool) {
    TIMER0_CTL.write(0);
    TIMER0_TAMR.write(if again { 2 } else { 1 });
    TIMER0_TAILR.write(ticks);
    TIMER0_IMR.write(1);
    TIMER0_CTL.write(1);
}

/// No more interrupts of the timer.
pub fn stop_timer() {
    TIMER0_CTL.write(0);
    acknowledge();
}

pub(super) fn acknowledge() {
    TIMER0_ICR.write(1);
}
