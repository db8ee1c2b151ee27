//! Touches every public function of core in a program whose panic handler cannot be linked: it
//! links only if no panic can be reached from any of them, whatever their arguments are.
//!
//! Which functions those are, `tests/no_panic.rs` compares with what rustdoc says.
#![no_std]
#![no_main]

mod decoder;
mod formats;
mod frames;
mod ids;
mod lanes;
mod parts;
mod tracer;
mod values;

/// Each line is a function and its arguments: `path => (name: Type);`. It is compiled for
/// arguments that nothing is known of, but for their types, and its result is dropped.
macro_rules! touch {
    ($($function:expr => ($($arg:ident: $ty:ty),*);)*) => {$({
        #[allow(unused_unsafe, unused_variables, unused_must_use, unreachable_code)]
        fn touched($($arg: $ty),*) {
            // SAFETY: nobody calls it.
            let result = unsafe { $function($($arg),*) };
            let _ = core::hint::black_box(result);
        }
        let touched: fn($($ty),*) = touched;
        core::hint::black_box(touched);
    })*};
}
use touch;

/// Each line is a function that is not touched, and what it prints in which `core::fmt` can panic.
macro_rules! core_fmt {
    ($($function:expr => $prints:literal;)*) => {$(
        const _: &str = $prints;
    )*};
}
use core_fmt;

#[unsafe(no_mangle)]
extern "C" fn touch_all() {
    decoder::touch_all();
    formats::touch_all();
    frames::touch_all();
    ids::touch_all();
    lanes::touch_all();
    parts::touch_all();
    tracer::touch_all();
    values::touch_all();
    #[cfg(feature = "panic")]
    {
        fn touched(bytes: &[u8], index: usize) -> u8 {
            bytes[index]
        }
        let touched: fn(&[u8], usize) -> u8 = touched;
        core::hint::black_box(touched);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(not(feature = "handled"))]
    {
        unsafe extern "C" {
            fn a_panic_can_be_reached() -> !;
        }
        // SAFETY: there is no such function, so that this is never linked.
        unsafe { a_panic_can_be_reached() }
    }
    #[cfg(feature = "handled")]
    loop {
        core::hint::spin_loop();
    }
}
