//! What the emulator does for the program that runs in it.

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Gives bytes to the emulator, all at once: it takes from a UART one after the other, which is slow
/// if they are many.
pub fn transmit_at_once(bytes: &[u8]) {
    const NAME: &[u8] = b":tt\0";
    const WRITE: usize = 4;
    static HANDLE: AtomicUsize = AtomicUsize::new(0);
    if HANDLE.load(Ordering::Relaxed) == 0 {
        let open = [NAME.as_ptr() as usize, WRITE, NAME.len() - 1];
        // SAFETY: `SYS_OPEN` takes a name that ends with a zero, its mode, and the name's length.
        let handle = unsafe { call(0x01, open.as_ptr() as usize) };
        HANDLE.store(handle, Ordering::Relaxed);
    }
    let handle = HANDLE.load(Ordering::Relaxed);
    let mut rest = bytes;
    while !rest.is_empty() {
        let write = [handle, rest.as_ptr() as usize, rest.len()];
        // SAFETY: `SYS_WRITE` takes a handle, and bytes by their place and number.
        let left = unsafe { call(0x05, write.as_ptr() as usize) };
        rest = &rest[rest.len().saturating_sub(left)..];
    }
}

/// Asks the emulator, or a debugger, for something.
///
/// # Safety
///
/// The argument is what this operation takes.
pub(super) unsafe fn call(operation: usize, argument: usize) -> usize {
    let result;
    #[cfg(target_arch = "arm")]
    // SAFETY: as promised by the caller.
    unsafe {
        asm!("bkpt 0xab", inlateout("r0") operation => result, in("r1") argument)
    };
    // Three instructions of four bytes each that lie in one page.
    #[cfg(target_arch = "riscv32")]
    // SAFETY: as above.
    unsafe {
        asm!(
            ".option push",
            ".option norvc",
            ".balign 16",
            "slli zero, zero, 0x1f",
            "ebreak",
            "srai zero, zero, 7",
            ".option pop",
            inlateout("a0") operation => result,
            in("a1") argument,
        )
    };
    result
}
