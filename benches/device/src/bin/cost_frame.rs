//! Puts a datagram of three spans into frames, between two markers, in each way in which a link may
//! take them. `benches/device.rs` knows the order.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use device_cost::{LOCK, SERVICE, Ticks, Traces, board, mark, print, record};
use jaegerling_core::frame::{Encoder, Writer};
use jaegerling_core::{BUFFER_EXTRA, KeepOldest, Packer, Process, SeededIds, TickClock};

static TRACER: Traces<KeepOldest> = Traces::new(TickClock::new(Ticks), SeededIds::new(), LOCK);

/// How often each is done.
const TIMES: usize = 3;
const LIMIT: usize = 1_000;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    board::init();
    let mut buffer = [0; LIMIT + BUFFER_EXTRA];
    let (Ok(()), Some(mut drain), Ok(mut packer)) = (
        TRACER.init(7),
        TRACER.take_drain(),
        Packer::lean(LIMIT, SERVICE),
    ) else {
        board::exit();
    };
    let context = TRACER.root("loop").context();
    (0..TIMES).for_each(|_| record(&TRACER, &context, black_box(1_734)));
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new(SERVICE));
    let datagram = packed.map_or(&[][..], |packed| packed.bytes);

    let mut writer = Writer::new(7);
    let ways = [in_pieces, byte_by_byte, through_a_buffer];
    let mut len = 0;
    for send in ways {
        for _ in 0..TIMES {
            let datagram = black_box(datagram);
            mark();
            let frame = writer.datagram(TRACER.clock(), datagram);
            len = send(frame);
            mark();
        }
    }
    print(&[datagram.len(), len]);
    board::exit()
}

/// For a link that takes pieces of any length, where they lie.
#[inline(never)]
fn in_pieces(mut frame: Encoder<'_>) -> usize {
    let mut len = 0;
    while let Some(bytes) = frame.next_chunk() {
        len += black_box(bytes).len();
    }
    len
}

/// For one that takes byte by byte.
#[inline(never)]
fn byte_by_byte(frame: Encoder<'_>) -> usize {
    let mut len = 0;
    for byte in frame {
        black_box(byte);
        len += 1;
    }
    len
}

/// For one that takes 64 bytes at once.
#[inline(never)]
fn through_a_buffer(mut frame: Encoder<'_>) -> usize {
    let mut buffer = [0; 64];
    let mut len = 0;
    loop {
        match frame.fill(black_box(&mut buffer)) {
            0 => return len,
            more => len += more,
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    board::exit()
}
