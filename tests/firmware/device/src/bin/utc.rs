//! A span for each byte that comes over the UART: whoever sends that knows when the span began.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use firmware::board::{self, Ticks};
use firmware::link;
use jaegerling_core::frame::{Device, Writer};
use jaegerling_core::{
    BUFFER_EXTRA, KeepOldest, Packer, Process, SeededIds, Slot, TickClock, TickCounter, Tracer,
};

static TRACER: Tracer<TickClock<Ticks>, SeededIds, board::Lock, KeepOldest, [Slot<40>; 4], 40> =
    Tracer::new(TickClock::new(Ticks), SeededIds::new(), board::LOCK);

const DEVICE: Device = Device::new("utc", Ticks::HZ);
/// The longest datagram.
const DATAGRAM: usize = 300;
/// What calls for a span. All else that comes is for others.
const PING: u8 = 0xaa;
/// After so many spans it ends.
const SPANS: i64 = 40;

#[riscv_rt::entry]
fn main() -> ! {
    board::init();
    let clock = TRACER.clock();
    let (Ok(()), Some(mut drain), Ok(mut packer)) = (
        TRACER.init(board::serial_number().into()),
        TRACER.take_drain(),
        Packer::new(DATAGRAM, "utc"),
    ) else {
        panic!("the tracer is started once, and a span fits");
    };
    let mut writer = Writer::new(0);
    let mut buffer = [0; DATAGRAM + BUFFER_EXTRA];
    let process = Process::new("utc");
    let mut spans = 0;
    while spans < SPANS {
        if board::receive() == Some(PING) {
            let mut span = TRACER.root("ping");
            span.tag("number", spans);
            span.end();
            spans += 1;
        }
        if writer.is_hello_due(clock) {
            let hello = writer.hello(clock, &DEVICE, &drain.stats(), &mut buffer);
            hello.into_iter().for_each(link::send);
        }
        while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
            link::send(writer.datagram(clock, datagram.bytes));
            drain.sent(&mut packer);
        }
    }
    let close = writer.close(clock, &DEVICE, &drain.stats(), &mut buffer);
    close.into_iter().for_each(link::send);
    board::exit()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::panicked(info)
}
