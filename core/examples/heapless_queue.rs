//! Datagrams go to a UART that sends by DMA, through a queue that needs no lock.
//!
//! ```sh
//! cargo run -p jaegerling-core --features heapless --example heapless_queue
//! ```
//!
//! ```text
//!  main loop                                            interrupt "DMA done"
//!  spans ─► Sender::poll ─► frames, heapless::spsc ─► Uart ─► DMA reads the frame where it lies
//!               ▲                                       │
//!               └──── outcomes, heapless::spsc ◄────────┘ then it is free
//! ```
//!
//! Telemetry goes the same way, so that the queue may be full: then the spans wait in their ring.
//! What was packed stays in the ring, too, until the transfer is done: one datagram is under way at
//! a time, and of one that fails it is known how many spans it had.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use heapless::Vec;
use heapless::spsc::{Consumer, Producer, Queue};
use jaegerling_core::decode::decode;
use jaegerling_core::{
    KeepOldest, LockFree, Packer, Process, SeededIds, Slot, Stats, TickClock, TickCounter, Tracer,
    TracerDrain,
};

/// The longest datagram that the other end takes, in bytes.
const LIMIT: usize = 400;

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

/// What the UART sends.
struct Frame {
    bytes: Vec<u8, LIMIT>,
    /// Whether it is a datagram, of whose outcome the tracer wants to know.
    spans: bool,
}

/// What became of a datagram.
type Outcome = Result<(), TransferError>;

/// The DMA controller met a bus error.
struct TransferError;

/// The main loop's side. Poll it whenever there is time.
struct Sender<'q> {
    drain: TracerDrain<'static, Spans>,
    packer: Packer,
    buffer: [u8; LIMIT + jaegerling_core::BUFFER_EXTRA],
    frames: Producer<'q, Frame>,
    outcomes: Consumer<'q, Outcome>,
    under_way: bool,
}

impl Sender<'_> {
    fn poll(&mut self) {
        if self.under_way {
            match self.outcomes.dequeue() {
                Some(Ok(())) => self.drain.sent(&mut self.packer),
                Some(Err(TransferError)) => self.drain.failed(&mut self.packer),
                None => return,
            }
            self.under_way = false;
        }
        // First the room, then the datagram: what is not packed waits in the ring, where more of
        // it makes a fuller datagram. Nobody else enqueues, so that there is room until then.
        if !self.frames.ready() {
            return;
        }
        let process = Process::new("thermostat");
        let packed = self
            .drain
            .pack(&mut self.packer, &mut self.buffer, &process);
        let Some(Ok(bytes)) = packed.map(Vec::try_from) else {
            return; // Nothing waits. Too long it cannot be, for that is the packer's limit.
        };
        let frame = Frame { bytes, spans: true };
        self.under_way = self.frames.enqueue(frame).is_ok();
    }

    /// Telemetry that finds no room is not worth waiting for.
    fn telemetry(&mut self, line: &[u8]) -> bool {
        let Ok(bytes) = Vec::from_slice(line) else {
            return false;
        };
        let frame = Frame {
            bytes,
            spans: false,
        };
        self.frames.enqueue(frame).is_ok()
    }

    fn stats(&mut self) -> Stats {
        self.drain.stats()
    }
}

/// The interrupt's side, and the DMA channel.
struct Uart<'q> {
    frames: Consumer<'q, Frame>,
    outcomes: Producer<'q, Outcome>,
    channel: Channel,
    sending: bool,
}

impl Uart<'_> {
    /// The handler of "DMA done"; pended once by software, too, after a frame was enqueued while
    /// nothing was being sent.
    fn on_interrupt(&mut self) {
        if self.sending && !self.channel.is_done() {
            return;
        }
        if self.sending {
            // The frame has stayed in the queue as long as the DMA controller read it.
            if self.frames.dequeue().is_some_and(|frame| frame.spans) {
                // There is one under way at most, so that there is room.
                let _ = self.outcomes.enqueue(self.channel.outcome());
            }
        }
        let next = self.frames.peek();
        self.sending = next.is_some();
        if let Some(frame) = next {
            self.channel.start(&frame.bytes);
        }
    }
}

/// A DMA channel: here, it keeps what it was told to send. On a chip, address and length go to its
/// registers.
#[derive(Default)]
struct Channel {
    line: std::vec::Vec<std::vec::Vec<u8>>,
    busy: bool,
    broken: bool,
}

impl Channel {
    fn start(&mut self, bytes: &[u8]) {
        self.busy = true;
        if !self.broken {
            self.line.push(bytes.to_vec());
        }
    }

    fn is_done(&self) -> bool {
        !self.busy
    }

    fn outcome(&self) -> Outcome {
        if self.broken {
            Err(TransferError)
        } else {
            Ok(())
        }
    }

    /// The transfer comes to its end, in the world.
    fn finish(&mut self) {
        self.busy = false;
    }
}

fn sample(raw: i64) {
    let mut span = TRACER.root("adc.read");
    span.tag("sensor", "bme280");
    span.tag("raw", raw);
}

fn main() -> Result<(), Box<dyn Error>> {
    TRACER.init(0x5eed)?;
    // On a chip: in a `StaticCell`, or by `Queue::split_const` in a static.
    let mut frames: Queue<Frame, 4> = Queue::new();
    let mut outcomes: Queue<Outcome, 2> = Queue::new();
    let (frames_in, frames_out) = frames.split();
    let (outcomes_in, outcomes_out) = outcomes.split();
    let mut sender = Sender {
        drain: TRACER.take_drain().ok_or("somebody else drains")?,
        packer: Packer::new(LIMIT, "thermostat")?,
        buffer: [0; LIMIT + jaegerling_core::BUFFER_EXTRA],
        frames: frames_in,
        outcomes: outcomes_out,
        under_way: false,
    };
    let mut uart = Uart {
        frames: frames_out,
        outcomes: outcomes_in,
        channel: Channel::default(),
        sending: false,
    };

    // The queue is full of telemetry: three frames are all that one of four has room for.
    sample(1);
    assert!((0..3).all(|_| sender.telemetry(b"21.5 C")));
    assert!(!sender.telemetry(b"21.6 C"));
    sender.poll();
    assert_eq!(sender.stats().waiting, 1, "the span waits");

    // One frame is out: there is room for a datagram.
    uart.on_interrupt();
    uart.channel.finish();
    uart.on_interrupt();
    sender.poll();
    assert_eq!(sender.stats().in_flight, 1);

    // A span that ends meanwhile waits for the next datagram.
    sample(2);
    sender.poll();
    assert_eq!(sender.stats().waiting, 1);
    for _ in 0..3 {
        uart.channel.finish();
        uart.on_interrupt();
    }
    sender.poll();
    assert_eq!(sender.stats().handed_over, 1);

    // The second datagram meets a bus error: lost, and counted.
    uart.channel.broken = true;
    uart.on_interrupt();
    uart.channel.finish();
    uart.on_interrupt();
    uart.channel.broken = false;
    sample(3);
    sender.poll();
    assert_eq!(sender.stats().dropped.failed, 1);

    // The next one, which is under way by now, tells of the loss.
    uart.on_interrupt();
    uart.channel.finish();
    uart.on_interrupt();
    sender.poll();
    assert_eq!(sender.stats().handed_over, 2);

    let [telemetry @ .., first, last] = &uart.channel.line[..] else {
        return Err("too few frames".into());
    };
    assert!(telemetry.iter().all(|line| line == b"21.5 C"));
    let (first, last) = (decode(first)?, decode(last)?);
    for batch in [&first, &last] {
        for span in batch.spans {
            println!("{:?} {} {:?}", batch.seq_no, span.operation_name, span.tags);
        }
    }
    assert_eq!(first.seq_no, Some(1));
    assert!(
        last.spans
            .iter()
            .any(|span| span.operation_name == "adc.read")
    );
    assert_eq!(last.stats.map(|stats| stats.failed_to_emit_spans), Some(1));
    Ok(())
}
