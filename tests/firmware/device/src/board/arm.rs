//! What the Cortex-M boards share.

use core::arch::global_asm;

// Linked for its `critical-section`, though nothing names it.
use cortex_m as _;

use super::register::Register;
use super::semihosting;

// The one handler of all interrupts: the frame that the exception has put on the stack is told to
// it, for the address in there.
global_asm!(
    ".global DefaultHandler",
    ".thumb_func",
    "DefaultHandler:",
    "mov r0, sp",
    "ldr r1, ={handler}",
    "bx r1",
    ".pool",
    handler = sym default_handler,
);

/// r0 to r3, r12, lr, pc and xpsr, as the exception stored them.
unsafe extern "C" fn default_handler(frame: *const [usize; 8]) {
    super::acknowledge();
    // SAFETY: `DefaultHandler` gives the frame that lies on the stack.
    let [.., pc, _] = unsafe { *frame };
    super::interrupted(pc);
}

/// Lets an interrupt through.
pub(super) fn unmask(interrupt: u32) {
    // SAFETY: NVIC_ISER0. No code relies on interrupts that are off by this.
    const ISER0: Register = unsafe { Register::at(0xe000_e100) };
    ISER0.write(1 << interrupt);
}

/// Resets the chip, as its watchdog does.
pub fn reset() -> ! {
    // SAFETY: AIRCR. A reset leaves nothing that could be unsound.
    const AIRCR: Register = unsafe { Register::at(0xe000_ed0c) };
    const KEY: u32 = 0x05fa << 16;
    const SYSRESETREQ: u32 = 1 << 2;
    AIRCR.write(KEY | SYSRESETREQ);
    loop {
        core::hint::spin_loop();
    }
}

/// Ends the run of the emulator.
pub fn exit() -> ! {
    const APPLICATION_EXIT: usize = 0x20026;
    // SAFETY: this call has a number for its argument.
    unsafe { semihosting::call(0x18, APPLICATION_EXIT) };
    loop {
        core::hint::spin_loop();
    }
}
