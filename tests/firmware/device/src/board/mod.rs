//! One module for each board: its tick counter, its UART, one timer interrupt, its reset.

#[cfg(target_arch = "arm")]
mod arm;
#[cfg(board = "lm3s6965evb")]
mod lm3s6965evb;
#[cfg(board = "microbit")]
mod microbit;
mod register;
mod semihosting;
#[cfg(board = "virt")]
mod virt;

use core::cell::Cell;
use core::panic::PanicInfo;

use critical_section::Mutex;

#[cfg(target_arch = "arm")]
pub use arm::{exit, reset};
#[cfg(board = "lm3s6965evb")]
pub use lm3s6965evb::*;
#[cfg(board = "microbit")]
pub use microbit::*;
pub use semihosting::transmit_at_once;
#[cfg(board = "virt")]
pub use virt::*;

/// What a timer interrupt calls, with the address of the instruction that it came before.
pub type Handler = fn(interrupted: usize);

static HANDLER: Mutex<Cell<Option<Handler>>> = Mutex::new(Cell::new(None));

/// Calls `handler` every so many ticks of the timer, from its interrupt.
pub fn interrupt_every(ticks: u32, handler: Handler) {
    critical_section::with(|cs| HANDLER.borrow(cs).set(Some(handler)));
    start_timer(ticks, true);
}

/// Calls `handler` once, so many ticks of the timer from now, from its interrupt.
pub fn interrupt_once(ticks: u32, handler: Handler) {
    critical_section::with(|cs| HANDLER.borrow(cs).set(Some(handler)));
    start_timer(ticks, false);
}

/// The timer's interrupt, which was acknowledged.
fn interrupted(at: usize) {
    if let Some(handler) = critical_section::with(|cs| HANDLER.borrow(cs).get()) {
        handler(at);
    }
}

/// Written into the image when the board is produced: here, by whoever runs it.
#[unsafe(no_mangle)]
#[used]
static SERIAL_NUMBER: u32 = 0;

/// What no two boards have in common: ids begin with it.
pub fn serial_number() -> u32 {
    // SAFETY: it is a static; volatile because it is not what the compiler thinks.
    unsafe { (&raw const SERIAL_NUMBER).read_volatile() }
}

/// What a panic does: it says so, and goes no further.
pub fn panicked(_: &PanicInfo<'_>) -> ! {
    transmit(b"PANIC");
    exit()
}
