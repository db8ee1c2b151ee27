//! Spans over any UART that waits: frames into the `Write` of `embedded-io`.
//!
//! ```sh
//! cargo run -p jaegerling-core --features embedded-io --example uart_embedded_io
//! ```
//!
//! ```text
//!  spans ─► Telemetry::poll ─► frames ─► uart ─► jaegerling bridge ─► Jaeger
//!                   ▲                      │
//!                   └────── a request ─────┘
//! ```
//!
//! `Telemetry` is what to copy: it says hello at the start, every ten seconds and when it is asked,
//! sends all spans that have ended, and is told what became of them. Here, the other end of the wire
//! reads all of it back.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use jaegerling_core::decode::decode;
use jaegerling_core::frame::{
    Content, Decoder, Device, Losses, REQUEST, RequestListener, Writer, datagram_limit,
};
use jaegerling_core::{
    BUFFER_EXTRA, KeepOldest, LOSS_SPAN, LockFree, Packer, Process, SeededIds, Slot, TickClock,
    TickCounter, Tracer, TracerDrain,
};

/// A timer of 1 MHz. On a chip, `count` reads its register.
struct Timer(AtomicU32);

impl TickCounter for Timer {
    const HZ: u32 = 1_000_000;

    fn count(&self) -> u32 {
        self.0.fetch_add(10, Ordering::Relaxed)
    }
}

type Spans = Tracer<TickClock<Timer>, SeededIds, LockFree, KeepOldest, [Slot<40>; 16], 40>;

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

/// Spans over a UART.
struct Telemetry<U> {
    uart: U,
    drain: TracerDrain<'static, Spans>,
    packer: Packer,
    buffer: [u8; LIMIT + BUFFER_EXTRA],
    writer: Writer,
    requests: RequestListener,
}

impl<U: Read + ReadReady + Write> Telemetry<U> {
    /// `boot` differs from boot to boot: a counter in flash, or a random number.
    fn new(uart: U, boot: u32) -> Option<Self> {
        Some(Self {
            uart,
            drain: TRACER.take_drain()?,
            packer: Packer::new(LIMIT, SERVICE).ok()?,
            buffer: [0; LIMIT + BUFFER_EXTRA],
            writer: Writer::new(boot),
            requests: RequestListener::new(),
        })
    }

    /// Sends what there is. Called whenever there is time.
    fn poll(&mut self) -> Result<(), U::Error> {
        if self.is_asked()? || self.writer.is_hello_due(TRACER.clock()) {
            let stats = self.drain.stats();
            let clock = TRACER.clock();
            let hello = self.writer.hello(clock, &DEVICE, &stats, &mut self.buffer);
            if let Some(hello) = hello {
                hello.write_to(&mut self.uart)?;
            }
        }
        let process = Process::new(SERVICE);
        while let Some(datagram) = self
            .drain
            .pack(&mut self.packer, &mut self.buffer, &process)
        {
            let frame = self.writer.datagram(TRACER.clock(), datagram.bytes);
            match frame.write_to(&mut self.uart) {
                Ok(()) => self.drain.sent(&mut self.packer),
                Err(error) => {
                    self.drain.failed(&mut self.packer);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Whether the other end has asked who is there.
    fn is_asked(&mut self) -> Result<bool, U::Error> {
        let mut is_asked = false;
        let mut bytes = [0; 16];
        while self.uart.read_ready()? {
            let len = self.uart.read(&mut bytes)?;
            if len == 0 {
                break;
            }
            is_asked |= self.requests.hear(bytes.get(..len).unwrap_or_default());
        }
        Ok(is_asked)
    }

    /// The last frame, so that the other end knows what it has missed.
    fn close(&mut self) -> Result<(), U::Error> {
        let stats = self.drain.stats();
        let clock = TRACER.clock();
        let close = self.writer.close(clock, &DEVICE, &stats, &mut self.buffer);
        if let Some(close) = close {
            close.write_to(&mut self.uart)?;
        }
        self.uart.flush()
    }
}

/// One turn of the main loop.
fn control(turn: i64) {
    let mut span = TRACER.root("control");
    span.tag("turn", turn);
    TRACER.child_of(&span.context(), "regulate").end();
}

/// A UART: here, both ends of its wires.
#[derive(Default)]
struct Uart {
    sent: Vec<u8>,
    received: VecDeque<u8>,
    /// After so many more bytes it fails once.
    fails_after: Option<usize>,
}

impl ErrorType for Uart {
    type Error = ErrorKind;
}

impl Write for Uart {
    /// A few bytes at once, as its FIFO holds them.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let mut len = bytes.len().min(16);
        if let Some(left) = &mut self.fails_after {
            len = len.min(*left);
            *left -= len;
            if len == 0 {
                self.fails_after = None;
                return Err(ErrorKind::TimedOut);
            }
        }
        self.sent.extend(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Read for Uart {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ErrorKind> {
        let len = bytes.len().min(self.received.len());
        for (place, byte) in bytes.iter_mut().zip(self.received.drain(..len)) {
            *place = byte;
        }
        Ok(len)
    }
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(!self.received.is_empty())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // What differs from device to device and from boot to boot.
    TRACER.init(0x5eed)?;
    let uart = Uart::default();
    let mut telemetry = Telemetry::new(uart, 7).ok_or("somebody else drains")?;
    for turn in 0..20 {
        control(turn);
        match turn {
            // Somebody has come, and asks who is there.
            5 => telemetry.uart.received.extend(REQUEST),
            // The wire breaks, in the middle of a frame.
            10 => telemetry.uart.fails_after = Some(100),
            _ => {}
        }
        let sent = telemetry.poll();
        assert_eq!(sent.is_err(), turn == 10);
    }
    telemetry.close()?;

    // The other end of the wire.
    let mut decoder = Decoder::new([0; FRAME]);
    let mut losses = Losses::new();
    let mut input = &telemetry.uart.sent[..];
    let (mut hellos, mut spans, mut closed) = (0, 0, false);
    while let Some(read) = decoder.next(&mut input) {
        let Ok(frame) = read else { continue };
        losses.follow(&frame);
        match frame.content {
            Content::Datagram(datagram) => {
                let all = decode(datagram)?.spans.iter();
                spans += all.filter(|span| span.operation_name != LOSS_SPAN).count();
            }
            Content::Hello(_) => hellos += 1,
            Content::Close(last) => {
                closed = true;
                println!(
                    "{} {spans} spans, {hellos} hellos, {} frame missing",
                    last.process.service_name, losses.missing
                );
                // What the device has sent, and what it knows that it could not.
                assert_eq!(last.handed_over, spans as u64);
                assert_eq!(last.handed_over + last.dropped.failed, 40);
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
    assert!(closed && hellos == 2);
    assert_eq!((losses.missing, decoder.bad().total()), (1, 1));
    Ok(())
}
