//! Spans over a UART with DMA, beside other tasks: frames into the `Write` of `embedded-io-async`.
//!
//! ```sh
//! cargo run -p jaegerling-core --features embedded-io-async --example uart_embedded_io_async
//! ```
//!
//! ```text
//!  task `control` ─► spans ─► task `telemetry` ─► frames ─► uart, DMA ─► jaegerling bridge ─► Jaeger
//!        goes on while the DMA controller sends ┘
//! ```
//!
//! `telemetry` is what to copy: with `embassy`, it is a task, and `ticker` its `Ticker`. Here, the two
//! are polled in turn, and what came over the wire is read back.

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use embedded_io_async::{ErrorKind, ErrorType, Write};
use jaegerling_core::decode::decode;
use jaegerling_core::frame::{Content, Decoder, Device, Losses, Writer, datagram_limit};
use jaegerling_core::{
    BUFFER_EXTRA, KeepOldest, LockFree, Packer, Process, SeededIds, Slot, TickClock, TickCounter,
    Tracer, TracerDrain,
};

/// A timer of 1 MHz. On a chip, `count` reads its register.
struct Timer(AtomicU32);

impl TickCounter for Timer {
    const HZ: u32 = 1_000_000;

    fn count(&self) -> u32 {
        self.0.fetch_add(10, Ordering::Relaxed)
    }
}

type Spans = Tracer<TickClock<Timer>, SeededIds, LockFree, KeepOldest, [Slot<40>; 64], 40>;

static TRACER: Spans = Tracer::new(
    TickClock::new(Timer(AtomicU32::new(0))),
    SeededIds::new(),
    LockFree,
);

const SERVICE: &str = "thermostat";
const DEVICE: Device = Device::new(SERVICE, Timer::HZ);

/// The longest frame: what the other end takes at once.
const FRAME: usize = 400;
/// The longest datagram in it.
const LIMIT: usize = datagram_limit(FRAME);

/// Whether there is something to control.
static IS_ON: AtomicBool = AtomicBool::new(true);

/// Sends all spans that have ended, at each tick, until it is switched off. `boot` differs from boot to
/// boot: a counter in flash, or a random number.
async fn telemetry<U: Write>(
    mut uart: U,
    boot: u32,
    mut drain: TracerDrain<'static, Spans>,
    mut packer: Packer,
    mut ticker: impl AsyncFnMut(),
) -> Result<U, U::Error> {
    let clock = TRACER.clock();
    let mut writer = Writer::new(boot);
    let mut buffer = [0; LIMIT + BUFFER_EXTRA];
    let mut was_on = true;
    while was_on {
        ticker().await;
        was_on = IS_ON.load(Ordering::Relaxed);
        if writer.is_hello_due(clock) {
            let stats = drain.stats();
            if let Some(hello) = writer.hello(clock, &DEVICE, &stats, &mut buffer) {
                hello.write_to_async(&mut uart).await?;
            }
        }
        let process = Process::new(SERVICE);
        while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
            let frame = writer.datagram(clock, datagram.bytes);
            match frame.write_to_async(&mut uart).await {
                Ok(()) => drain.sent(&mut packer),
                // The link is back with the next tick, perhaps.
                Err(_) => {
                    drain.failed(&mut packer);
                    break;
                }
            }
        }
    }
    let stats = drain.stats();
    if let Some(close) = writer.close(clock, &DEVICE, &stats, &mut buffer) {
        close.write_to_async(&mut uart).await?;
    }
    uart.flush().await?;
    Ok(uart)
}

const TURNS: i64 = 200;

/// Something else to do, turn by turn.
async fn control() {
    for turn in 0..TURNS {
        let mut span = TRACER.root("control");
        span.tag("turn", turn);
        span.end();
        yield_now().await;
    }
    IS_ON.store(false, Ordering::Relaxed);
}

/// Lets the other task go on.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        match std::mem::replace(&mut has_yielded, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

/// A UART whose DMA controller is busy for a while with each piece.
#[derive(Default)]
struct Uart {
    sent: Vec<u8>,
    pieces: usize,
}

impl ErrorType for Uart {
    type Error = ErrorKind;
}

impl Write for Uart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        yield_now().await;
        self.pieces += 1;
        // Once, somebody else had the controller.
        if self.pieces == 30 {
            return Err(ErrorKind::Other);
        }
        self.sent.extend(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // What differs from device to device and from boot to boot.
    TRACER.init(0x5eed)?;
    let drain = TRACER.take_drain().ok_or("somebody else drains")?;
    let packer = Packer::new(LIMIT, SERVICE)?;
    let ticker = async || {
        for _ in 0..5 {
            yield_now().await;
        }
    };
    let mut telemetry = pin!(telemetry(Uart::default(), 7, drain, packer, ticker));
    let mut control = pin!(control());

    // An executor of two tasks that always want to go on.
    let mut context = Context::from_waker(Waker::noop());
    let mut is_controlled = false;
    let uart = loop {
        is_controlled = is_controlled || control.as_mut().poll(&mut context).is_ready();
        if let Poll::Ready(uart) = telemetry.as_mut().poll(&mut context) {
            break uart?;
        }
    };

    // The other end of the wire.
    let mut decoder = Decoder::new([0; FRAME]);
    let mut losses = Losses::new();
    let mut input = &uart.sent[..];
    let mut spans = 0;
    while let Some(read) = decoder.next(&mut input) {
        let Ok(frame) = read else { continue };
        losses.follow(&frame);
        match frame.content {
            Content::Datagram(datagram) => {
                let all = decode(datagram)?.spans.iter();
                spans += all.filter(|span| span.operation_name == "control").count() as u64;
            }
            Content::Close(last) => {
                println!("{spans} of {TURNS} spans, {} frame missing", losses.missing);
                // Nothing is lost in silence.
                assert_eq!(last.handed_over, spans);
                assert_eq!(last.handed_over + last.dropped.total(), TURNS as u64);
                assert!(last.dropped.failed > 0);
            }
            _ => {}
        }
    }
    assert_eq!((losses.missing, decoder.bad().total()), (1, 1));
    Ok(())
}
