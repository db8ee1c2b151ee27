//! Interrupts everywhere: a timer that comes every so many ticks, in each round a tick later, while
//! spans are claimed, written, ended, looked at and taken. Its handler records a span itself, and
//! keeps the address that it came before.
//!
//! | sent | what |
//! |---|---|
//! | `JG` | datagrams |
//! | `AD` | a bit for each halfword of code from its beginning on: an interrupt came before it |
//! | `ST` | numbers, each of 4 bytes: see `report` |

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use firmware::board::{self, Ticks};
use firmware::link;
use jaegerling_core::{
    BUFFER_EXTRA, Clock, KeepNewest, Lean, Packer, Process, SeededIds, Slot, Span, TickClock,
    Tracer, TracerDrain,
};

use crate::{LOCK, Lock};

const SLOTS: usize = 4;
const WORDS: usize = 32;
const DATAGRAM: usize = 400;

type Traces = Tracer<Wall, SeededIds, Lock, KeepNewest, [Slot<WORDS>; SLOTS], WORDS>;
type Drain = TracerDrain<'static, Traces>;
type Buffer = [u8; DATAGRAM + BUFFER_EXTRA];

static TRACER: Traces = Tracer::new(Wall(TickClock::new(Ticks)), SeededIds::new(), LOCK);

/// A clock that was set, so that times are as long in a datagram in the first round as in the last.
struct Wall(TickClock<Ticks>);

impl Clock for Wall {
    fn now(&self) -> u64 {
        self.0.now()
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        1_700_000_000_000_000_000 + self.0.unix_nanos(ticks)
    }
}

/// How many rounds with interrupts there are; written into the image, as all three.
#[unsafe(no_mangle)]
#[used]
static ROUNDS: u32 = 0;
/// How many ticks the first round's interrupt comes after its beginning.
#[unsafe(no_mangle)]
#[used]
static DELAY: u32 = 1;
/// How many ticks lie between an interrupt and the next one.
#[unsafe(no_mangle)]
#[used]
static PERIOD: u32 = 0;
/// Rounds without interrupts before.
const QUIET: u32 = 2;

/// The first span's number: large, so that the last one's is as long in a datagram.
const FIRST: u32 = 1 << 20;
/// The number of the next span that somebody wants to start, in the loop or in the interrupt.
static NEXT: AtomicU32 = AtomicU32::new(FIRST);
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
    warm_up(&mut drain, &mut packer);
    for round in 0..QUIET + constant(&ROUNDS) {
        let mut buffers = [[0; DATAGRAM + BUFFER_EXTRA]; 2];
        let before = INTERRUPTS.load(Ordering::Relaxed);
        IS_INSIDE.store(1, Ordering::Relaxed);
        let delay = round.checked_sub(QUIET).map(|more| constant(&DELAY) + more);
        if let Some(delay) = delay {
            board::interrupt_once(delay, on_timer);
        }
        // The shortest delay is over before the work begins.
        (0..20).for_each(|_| core::hint::spin_loop());
        let datagrams = work(&mut drain, &mut packer, &mut buffers);
        IS_INSIDE.store(0, Ordering::Relaxed);
        while delay.is_some() && INTERRUPTS.load(Ordering::Relaxed) == before {}
        board::stop_timer();
        for bytes in datagrams.into_iter().flatten() {
            link::send_at_once(link::DATAGRAM, 0, bytes);
        }
        send_rest(&mut drain, &mut packer);
    }
    report(&mut drain);
    board::exit()
}

/// Sends datagrams and loses spans, until the numbers of both are as long in a datagram as they will
/// be.
fn warm_up(drain: &mut Drain, packer: &mut Packer<Lean>) {
    const LONG: usize = 64;
    for _ in 0..LONG {
        start(None, "outer").end();
        send_rest(drain, packer);
    }
    for _ in 0..SLOTS + LONG {
        start(None, "outer").end();
    }
    send_rest(drain, packer);
}

/// What was written into the image.
fn constant(of_image: &'static u32) -> u32 {
    // SAFETY: a static; volatile because it is not what the compiler thinks.
    unsafe { (&raw const *of_image).read_volatile() }
}

/// What is interrupted: spans enough that the ring overflows, one of them longer than a slot, and
/// the way of the others into datagrams.
#[inline(never)]
#[unsafe(no_mangle)]
fn work<'b>(
    drain: &mut Drain,
    packer: &mut Packer<Lean>,
    buffers: &'b mut [Buffer; 2],
) -> [Option<&'b [u8]>; 2] {
    let [first, second] = buffers;
    let outer = start(None, "outer");
    let parent = outer.context();
    let mut long = start(Some(&parent), "long");
    // It goes on in a second slot.
    long.tag("text", LONG_TEXT);
    long.log().field("event", "half way");
    let mut open = 0;
    drain.for_each_open(|_| open += 1);
    long.end();
    let first = pack(drain, packer, first);
    // More than there are slots: the oldest ones give way. So many that no round begins at the slot
    // where the one before did, whether there was an interrupt in it or not.
    for _ in 0..=SLOTS {
        start(Some(&parent), "short").end();
    }
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

/// The number of the next span. Nothing is masked for it where that can be avoided.
#[cfg(target_has_atomic = "32")]
fn offer() -> u32 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The number of the next span.
#[cfg(not(target_has_atomic = "32"))]
fn offer() -> u32 {
    critical_section::with(|_| {
        let number = NEXT.load(Ordering::Relaxed);
        NEXT.store(number + 1, Ordering::Relaxed);
        number
    })
}

/// A datagram, which is handed over as soon as it is in its buffer.
fn pack<'b>(
    drain: &mut Drain,
    packer: &mut Packer<Lean>,
    buffer: &'b mut Buffer,
) -> Option<&'b [u8]> {
    let packed = drain.pack(packer, buffer, &Process::new("storm"))?;
    drain.sent(packer);
    Some(packed.bytes)
}

fn send_rest(drain: &mut Drain, packer: &mut Packer<Lean>) {
    let mut buffer = [0; DATAGRAM + BUFFER_EXTRA];
    while let Some(bytes) = pack(drain, packer, &mut buffer) {
        link::send_at_once(link::DATAGRAM, 0, bytes);
    }
}

/// The timer's interrupt. This and `leave` show in a trace where it begins and ends.
#[unsafe(no_mangle)]
fn on_timer(came_before: usize) {
    let bit = came_before.wrapping_sub(board::CODE) / 2;
    if IS_INSIDE.load(Ordering::Relaxed) != 0 {
        INSIDE.store(INSIDE.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if let Some(word) = CAME_BEFORE.get(bit / 32) {
            word.store(
                word.load(Ordering::Relaxed) | 1 << (bit % 32),
                Ordering::Relaxed,
            );
        }
    }
    start(None, "timer").end();
    if IS_INSIDE.load(Ordering::Relaxed) != 0 {
        board::interrupt_once(constant(&PERIOD), on_timer);
    }
    leave();
}

#[inline(never)]
#[unsafe(no_mangle)]
fn leave() {
    INTERRUPTS.store(INTERRUPTS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

fn report(drain: &mut Drain) {
    let stats = drain.stats();
    let numbers = [
        NEXT.load(Ordering::Relaxed) - FIRST,
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
    link::send_at_once(*b"ST", 0, &bytes);
    let mut bits = [0; CODE_WORDS * 4];
    for (to, word) in bits.chunks_exact_mut(4).zip(&CAME_BEFORE) {
        to.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
    }
    link::send_at_once(*b"AD", 0, &bits);
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::panicked(info)
}
