#![no_std]
#![no_main]
use cortex_m_rt::entry;
#[entry]
fn main() -> ! {
    let mut buffer = [0_u8; 203];
    loop {
        buffer[0] = unsafe { (0x4000_0000 as *const u8).read_volatile() };
        for byte in buffer {
            unsafe { (0x4000_c000 as *mut u8).write_volatile(byte) };
        }
    }
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
