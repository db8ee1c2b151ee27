//! The empty image with the same span, encoded at once with postcard: no ids, no ring, no counters.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use device_cost::{board, peers};

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    board::init();
    let mut buffer = [0; 200];
    loop {
        let span = peers::span(
            black_box([1, 2, 3, 4]),
            black_box(5),
            black_box(6),
            black_box(7),
        );
        let length = peers::postcard(&span, &mut buffer);
        board::transmit(buffer.get(..length).unwrap_or_default());
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
