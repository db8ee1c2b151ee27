//! The empty image with the same span, encoded at once with minicbor: no ids, no ring, no counters.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use device_cost::peers;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    peers::encode_for_ever(peers::minicbor)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
