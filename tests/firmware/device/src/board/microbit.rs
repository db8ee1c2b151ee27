//! The BBC micro:bit: an nRF51, a Cortex-M0 at 16 MHz, without compare-and-swap.

use core::sync::atomic::{AtomicU32, Ordering};

use jaegerling_core::{InterruptsOff, TickCounter};

use super::register::Register;

/// The board.
pub const NAME: &str = "microbit";
/// Where the program's code begins.
pub const CODE: usize = 0;
/// Who may claim a slot at once: the core or its interrupts.
pub type Lock = InterruptsOff;
/// The one to give the tracer.
// SAFETY: one core, privileged; HardFault and NMI have no handlers that trace.
pub const LOCK: Lock = unsafe { InterruptsOff::new() };

/// TIMER0 with all its 32 bits. Whoever is interrupted between the two accesses reads what the
/// interrupt has captured, which is as good: the time of an instant within this call.
pub struct Ticks;

impl TickCounter for Ticks {
    const HZ: u32 = 16_000_000;

    #[inline(always)]
    fn count(&self) -> u32 {
        TIMER0_CAPTURE0.write(1);
        TIMER0_CC0.read()
    }
}

// SAFETY: each is a register of a timer or the UART, by the reference manual.
const TIMER0_START: Register = unsafe { Register::at(0x4000_8000) };
// SAFETY: as above.
const TIMER0_CAPTURE0: Register = unsafe { Register::at(0x4000_8040) };
// SAFETY: as above.
const TIMER0_BITMODE: Register = unsafe { Register::at(0x4000_8508) };
// SAFETY: as above.
const TIMER0_PRESCALER: Register = unsafe { Register::at(0x4000_8510) };
// SAFETY: as above.
const TIMER0_CC0: Register = unsafe { Register::at(0x4000_8540) };
// SAFETY: as above.
const TIMER0_COMPARE1: Register = unsafe { Register::at(0x4000_8144) };
// SAFETY: as above.
const TIMER0_INTENSET: Register = unsafe { Register::at(0x4000_8304) };
// SAFETY: as above.
const TIMER0_INTENCLR: Register = unsafe { Register::at(0x4000_8308) };
// SAFETY: as above.
const TIMER0_CC1: Register = unsafe { Register::at(0x4000_8544) };
// SAFETY: as above.
const UART_STARTRX: Register = unsafe { Register::at(0x4000_2000) };
// SAFETY: as above.
const UART_STARTTX: Register = unsafe { Register::at(0x4000_2008) };
// SAFETY: as above.
const UART_RXDRDY: Register = unsafe { Register::at(0x4000_2108) };
// SAFETY: as above.
const UART_TXDRDY: Register = unsafe { Register::at(0x4000_211c) };
// SAFETY: as above.
const UART_ENABLE: Register = unsafe { Register::at(0x4000_2500) };
// SAFETY: as above.
const UART_RXD: Register = unsafe { Register::at(0x4000_2518) };
// SAFETY: as above.
const UART_TXD: Register = unsafe { Register::at(0x4000_251c) };

const TIMER0: u32 = 8;
const COMPARE1: u32 = 1 << 17;

/// After how many ticks the interrupt comes again; 0: it does not.
static PERIOD: AtomicU32 = AtomicU32::new(0);

/// Starts the tick counter, and what else needs a start.
pub fn init() {
    TIMER0_BITMODE.write(3);
    TIMER0_PRESCALER.write(0);
    TIMER0_START.write(1);
    UART_ENABLE.write(4);
    UART_STARTRX.write(1);
    UART_STARTTX.write(1);
    super::arm::unmask(TIMER0);
}

/// Sends bytes over the UART, and waits until it has them.
pub fn transmit(bytes: &[u8]) {
    for &byte in bytes {
        UART_TXDRDY.write(0);
        UART_TXD.write(byte.into());
        while UART_TXDRDY.read() == 0 {}
    }
}

/// A byte that has come over the UART, if there is one.
pub fn receive() -> Option<u8> {
    if UART_RXDRDY.read() == 0 {
        return None;
    }
    UART_RXDRDY.write(0);
    Some(UART_RXD.read() as u8)
}

pub(super) fn start_timer(ticks: u32, again: bool) {
    // What is past already when it is set comes a wrap later.
    const SOON: u32 = 32;
    stop_timer();
    PERIOD.store(if again { ticks } else { 0 }, Ordering::Relaxed);
    TIMER0_INTENSET.write(COMPARE1);
    TIMER0_CC1.write(Ticks.count().wrapping_add(ticks.max(SOON)));
}

/// No more interrupts of the timer.
pub fn stop_timer() {
    TIMER0_INTENCLR.write(COMPARE1);
    TIMER0_COMPARE1.write(0);
}

pub(super) fn acknowledge() {
    match PERIOD.load(Ordering::Relaxed) {
        0 => stop_timer(),
        period => {
            TIMER0_COMPARE1.write(0);
            TIMER0_CC1.write(TIMER0_CC1.read().wrapping_add(period));
        }
    }
}
