//! Interrupts everywhere: a timer that comes once in each round, a tick later each time, while spans
//! are claimed, written, ended, looked at and taken. Its handler records a span itself, and keeps
//! the address that it came before.
//!
//! | sent | what |
//! |---|---|
//! | `JG` | datagrams |
//! | `AD` | a bit for each halfword of code from its beginning on: an interrupt came before it |
//! | `ST` | numbers, each of 4 bytes: see `report` |
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use firmware::board::{self, Ticks};
use firmware::link;
use jaegerling_core::{
    BUFFER_EXTRA, KeepNewest, Lean, Packer, Process, SeededIds, Slot, Span, TickClock, Tracer,
    TracerDrain,
};

const SLOTS: usize = 4;
const WORDS: usize = 32;
const DATAGRAM: usize = 400;

type Traces = Tracer<TickClock<Ticks>, SeededIds, board::Lock, KeepNewest, [Slot<WORDS>; SLOTS], WORDS>;
type Drain = TracerDrain<'static, Traces>;
type Buffer = [u8; DATAGRAM + BUFFER_EXTRA];

static TRACER: Traces = Tracer::new(TickClock::new(Ticks), SeededIds::new(), board::LOCK);

/// How many rounds there are; written into the image. 0: one, without any interrupt.
#[unsafe(no_mangle)]
#[used]
static ROUNDS: u32 = 0;

/// Spans that somebody wanted to start, in the loop and in the interrupt.
static OFFERED: AtomicU32 = AtomicU32::new(0);
static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
/// Interrupts that came in the part of a round that is looked at.
static INSIDE: AtomicU32 = AtomicU32::new(0);
static IS_INSIDE: AtomicU32 = AtomicU32::new(0);
/// A bit for each two bytes of code.
static CAME_BEFORE: [AtomicU32; CODE_WORDS] = [const { AtomicU32::new(0) }; CODE_WORDS];
const CODE_WORDS: usize = 1024;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    board::init();
    let (Ok(()), Some(mut drain), Ok(mut packer)) = (
        TRACER.init(board::serial_number().into()),
        TRACER.take_drain(),
        Packer::lean(DATAGRAM, "storm"),
    ) else {
        panic!("the tracer is started twice");
    };
    // SAFETY: it is a static; volatile because it is not what the compiler thinks.
    let rounds = unsafe { (&raw const ROUNDS).read_volatile() };
    for round in 0..rounds.max(1) {
        let mut buffers = [[0; DATAGRAM + BUFFER_EXTRA]; 2];
        let before = INTERRUPTS.load(Ordering::Relaxed);
        if rounds > 0 {
            board::interrupt_once(round + 1, on_timer);
        }
        IS_INSIDE.store(1, Ordering::Relaxed);
        let lengths = work(&mut drain, &mut packer, &mut buffers);
        IS_INSIDE.store(0, Ordering::Relaxed);
        while rounds > 0 && INTERRUPTS.load(Ordering::Relaxed) == before {}
        for (buffer, length) in buffers.iter().zip(lengths) {
            if let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) {
                link::send(link::DATAGRAM, 0, bytes);
            }
        }
        send_rest(&mut drain, &mut packer);
    }
    report(&mut drain);
    board::exit()
}

/// What is interrupted: spans enough that the ring overflows, one of them longer than a slot, and
/// the way of the others into datagrams.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn work(
    drain: &mut Drain,
    packer: &mut Packer<Lean>,
    buffers: &mut [Buffer; 2],
) -> [usize; 2] {
    let [first, second] = buffers;
    let outer = start(None, "outer");
    let parent = outer.context();
    let mut long = start(Some(&parent), "long");
    // Three times what is left of a slot: it goes on in a second one, which the others lack.
    long.tag("text", LONG_TEXT);
    long.log().field("event", "half way");
    long.end();
    start(Some(&parent), "short").end();
    start(Some(&parent), "short").end();
    let mut open = 0;
    drain.for_each_open(|_| open += 1);
    let first = pack(drain, packer, first);
    outer.end();
    [first, pack(drain, packer, second)]
}

const LONG_TEXT: &str = "text that is longer than what a slot has left";

/// A span with a number, and the same number once more.
#[inline(never)]
fn start(
    parent: Option<&jaegerling_core::SpanContext>,
    name: &'static str,
) -> Span<'static, &'static Traces, WORDS> {
    let number = i64::from(offer());
    let mut span = match parent {
        Some(parent) => TRACER.child_of(parent, name),
        None => TRACER.root(name),
    };
    span.tag("n", number);
    span.tag("m", !number);
    span
}

/// The number of the next span.
fn offer() -> u32 {
    critical_section::with(|_| {
        let number = OFFERED.load(Ordering::Relaxed);
        OFFERED.store(number + 1, Ordering::Relaxed);
        number
    })
}

fn pack(drain: &mut Drain, packer: &mut Packer<Lean>, buffer: &mut Buffer) -> usize {
    match drain.pack(packer, buffer, &Process::new("storm")) {
        Some(packed) => {
            let length = packed.bytes.len();
            // It is in a buffer of its own now.
            drain.sent(packer);
            length
        }
        None => 0,
    }
}

fn send_rest(drain: &mut Drain, packer: &mut Packer<Lean>) {
    let mut buffer = [0; DATAGRAM + BUFFER_EXTRA];
    loop {
        let length = pack(drain, packer, &mut buffer);
        match buffer.get(..length) {
            Some(bytes) if !bytes.is_empty() => link::send(link::DATAGRAM, 0, bytes),
            _ => return,
        }
    }
}

/// The timer's interrupt.
fn on_timer(came_before: usize) {
    let bit = came_before.wrapping_sub(board::CODE) / 2;
    if IS_INSIDE.load(Ordering::Relaxed) != 0 {
        INSIDE.store(INSIDE.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if let Some(word) = CAME_BEFORE.get(bit / 32) {
            word.store(word.load(Ordering::Relaxed) | 1 << (bit % 32), Ordering::Relaxed);
        }
    }
    start(None, "timer").end();
    INTERRUPTS.store(INTERRUPTS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

fn report(drain: &mut Drain) {
    let stats = drain.stats();
    let numbers = [
        OFFERED.load(Ordering::Relaxed),
        stats.started as u32,
        stats.handed_over as u32,
        stats.dropped.ring_full as u32,
        stats.dropped.evicted as u32,
        stats.dropped.too_large as u32,
        stats.open as u32,
        stats.waiting as u32,
        INTERRUPTS.load(Ordering::Relaxed),
        INSIDE.load(Ordering::Relaxed),
        stats.trimmed.tags as u32,
    ];
    let mut bytes = [0; 44];
    for (to, number) in bytes.chunks_exact_mut(4).zip(numbers) {
        to.copy_from_slice(&number.to_le_bytes());
    }
    link::send(*b"ST", 0, &bytes);
    let mut bits = [0; CODE_WORDS * 4];
    for (to, word) in bits.chunks_exact_mut(4).zip(&CAME_BEFORE) {
        to.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
    }
    link::send(*b"AD", 0, &bits);
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::panicked(info)
}
