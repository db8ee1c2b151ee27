//! A thermostat that traces itself: a sampling loop, a timer interrupt, a sensor that fails now and
//! then, and a watchdog. Its spans lie in memory that survives a reset, and leave over the UART.
#![no_std]
#![no_main]

use core::cell::Cell;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use critical_section::Mutex;
use firmware::board::{self, Ticks};
use firmware::link;
use jaegerling_core::frame::{Device, RequestListener, Writer};
use jaegerling_core::{
    Clock, KeepNewest, Packed, Packer, Process, Retained, RetainedSlots, SeededIds, SpanContext,
    TickClock, TickCounter, Tracer, TracerDrain, Value,
};

/// 16 spans of up to 40 words each. When they are all in use, the oldest finished one gives way.
const SLOTS: usize = 16;
const WORDS: usize = 40;

type Spans = RetainedSlots<SLOTS, WORDS>;
type Traces = Tracer<TickClock<Ticks>, SeededIds, board::Lock, KeepNewest, Spans, WORDS>;
type Span = jaegerling_core::Span<'static, &'static Traces, WORDS>;

static TRACER: Traces = Tracer::retained(TickClock::new(Ticks), SeededIds::new(), board::LOCK);

/// The start-up code does not clear this section: what was recorded before a reset is found again.
#[unsafe(link_section = ".uninit.spans")]
static SPANS: Retained<SLOTS, WORDS> = Retained::new();

/// The span that the main loop is in, for the interrupt.
static CURRENT: Mutex<Cell<Option<SpanContext>>> = Mutex::new(Cell::new(None));

/// Rounds of the loop before the watchdog bites, and after it.
const ROUNDS: u32 = 6;
/// The longest datagram.
const DATAGRAM: usize = 600;

const fn micros(micros: u32) -> u32 {
    micros * (Ticks::HZ / 100_000) / 10
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    board::init();
    // SAFETY: the only tracer that is given this memory, and here only.
    let found = unsafe { TRACER.init_retained(&SPANS, board::serial_number().into()) };
    let (Ok(found), Some(drain), Ok(packer)) = (
        found,
        TRACER.take_drain(),
        Packer::new(DATAGRAM, "thermostat"),
    ) else {
        panic!("the tracer is started twice");
    };
    let mut sender = Sender {
        drain,
        packer,
        session: found.session,
        writer: Writer::new(found.session),
        requests: RequestListener::new(),
    };
    // What was going on before the reset, if there was one.
    sender.send_all();

    board::interrupt_every(micros(70), on_timer);
    for round in 0..ROUNDS {
        sample(round);
        sender.send_all();
    }
    if found.session == 0 {
        sample(ROUNDS);
        calibrate();
    }
    board::stop_timer();
    sender.report();
    sender.close();
    board::exit()
}

/// One round of the loop.
fn sample(round: u32) {
    let mut span = TRACER.root("sample");
    let context = span.context();
    set_current(Some(context));
    timed(&mut span, |span| {
        span.tag("round", i64::from(round));
        let raw = read_adc(&context, round);
        let filtered = raw.map(|raw| filter(&context, raw));
        publish(&context, filtered);
    });
    set_current(None);
}

/// Reads the sensor, which does not answer in every third round.
fn read_adc(parent: &SpanContext, round: u32) -> Option<i64> {
    let mut span = TRACER.child_of(parent, "adc.read");
    timed(&mut span, |span| {
        span.tag("sensor", "bme280");
        wait(micros(120));
        if round % 3 == 2 {
            span.tag("error", true);
            let mut log = span.log();
            log.field("event", "timeout");
            log.field("retries", 2_i64);
            return None;
        }
        let raw = 1_734 + i64::from(round);
        span.tag("raw", raw);
        Some(raw)
    })
}

/// A moving average over the last samples.
fn filter(parent: &SpanContext, raw: i64) -> i64 {
    static AVERAGE: AtomicU32 = AtomicU32::new(1_734);

    let mut span = TRACER.child_of(parent, "filter");
    timed(&mut span, |span| {
        let average = (i64::from(AVERAGE.load(Ordering::Relaxed)) * 3 + raw) / 4;
        AVERAGE.store(average as u32, Ordering::Relaxed);
        wait(micros(15));
        span.tag("average", average);
        average
    })
}

/// Says what was measured, or that nothing was.
fn publish(parent: &SpanContext, reading: Option<i64>) {
    let mut span = TRACER.child_of(parent, "publish");
    timed(&mut span, |span| {
        span.tag("topic", "home/temperature");
        span.tag("fresh", reading.is_some());
        wait(micros(40));
    });
}

/// What the watchdog interrupts, as the reference never settles.
fn calibrate() -> ! {
    let mut span = TRACER.root("calibrate");
    span.tag("reference.mv", 1_250_i64);
    wait(micros(30));
    span.log().field("event", "waiting for the reference");
    wait(micros(200));
    board::reset()
}

/// The timer's interrupt: a span of its own, within the one that it has interrupted.
fn on_timer(_: usize) {
    static COUNT: AtomicU32 = AtomicU32::new(0);

    let current = critical_section::with(|cs| CURRENT.borrow(cs).get());
    let Some(current) = current else { return };
    let mut span = TRACER.child_of(&current, "tick.isr");
    timed(&mut span, |span| {
        let count = COUNT.load(Ordering::Relaxed);
        COUNT.store(count + 1, Ordering::Relaxed);
        span.tag("count", i64::from(count));
        wait(micros(4));
    });
}

fn set_current(context: Option<SpanContext>) {
    critical_section::with(|cs| CURRENT.borrow(cs).set(context));
}

/// Does the work of a span, and says how many ticks it took.
fn timed<R>(span: &mut Span, work: impl FnOnce(&mut Span) -> R) -> R {
    let begin = TRACER.clock().now();
    let result = work(span);
    let ticks = TRACER.clock().now() - begin;
    span.tag("ticks", ticks as i64);
    result
}

fn wait(ticks: u32) {
    let begin = TRACER.clock().now();
    while TRACER.clock().now() - begin < ticks.into() {}
}

/// Who sends, for whoever is on the other end of the UART.
const DEVICE: Device = Device::new("thermostat", Ticks::HZ);

/// Sends spans over the UART, in frames.
struct Sender {
    drain: TracerDrain<'static, Traces>,
    packer: Packer,
    session: u32,
    writer: Writer,
    requests: RequestListener,
}

impl Sender {
    /// Sends all that have ended; and before, at the start, on request and now and then, a hello.
    fn send_all(&mut self) {
        let mut buffer = [0; DATAGRAM + jaegerling_core::BUFFER_EXTRA];
        if self.is_asked() || self.writer.is_hello_due(TRACER.clock()) {
            let device = DEVICE.with_tags([("board", Value::from(board::NAME))]);
            let stats = self.drain.stats();
            let hello = self
                .writer
                .hello(TRACER.clock(), &device, &stats, &mut buffer);
            hello.into_iter().for_each(link::send);
        }
        loop {
            // Those of before a reset come first, in datagrams of their own.
            let tags = [
                ("board", Value::from(board::NAME)),
                ("session", Value::from(i64::from(self.drain.session()))),
            ];
            let process = Process::new("thermostat").with_tags(tags);
            let packed = self.drain.pack(&mut self.packer, &mut buffer, &process);
            let Some(Packed { bytes, session, .. }) = packed else {
                return;
            };
            link::send(match session == self.session {
                true => self.writer.datagram(TRACER.clock(), bytes),
                // Their times are those of a clock that began before this one.
                false => self.writer.recovered(TRACER.clock(), bytes, session),
            });
            self.drain.sent(&mut self.packer);
        }
    }

    /// Whether the other end has asked who is there.
    fn is_asked(&mut self) -> bool {
        let mut is_asked = false;
        while let Some(byte) = board::receive() {
            is_asked |= self.requests.hear(&[byte]);
        }
        is_asked
    }

    /// The last frame, so that the other end knows what it has missed.
    fn close(&mut self) {
        let mut buffer = [0; DATAGRAM + jaegerling_core::BUFFER_EXTRA];
        let stats = self.drain.stats();
        let close = self
            .writer
            .close(TRACER.clock(), &DEVICE, &stats, &mut buffer);
        close.into_iter().for_each(link::send);
    }

    /// What became of all spans, in one more.
    fn report(&mut self) {
        self.send_all();
        let stats = self.drain.stats();
        let mut span = TRACER.root("report");
        span.tag("started", stats.started as i64);
        span.tag("sent", stats.handed_over as i64);
        span.tag("dropped", stats.dropped.total() as i64);
        span.end();
        self.send_all();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::panicked(info)
}
