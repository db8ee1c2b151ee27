//! What the measured programs share: the span that all of them record or encode, and markers that
//! show in a trace of the instructions where a measurement begins and ends.
#![no_std]
#![warn(missing_docs)]

use core::arch::asm;
use core::hint::black_box;

use jaegerling_core::{
    BUFFER_EXTRA, Clock, Extent, Flags, LimitTooSmall, Packer, Policy, Process, Slot, Slots,
    SpanContext, SpanId, TickClock, TickCounter, TraceId, Tracer, TracerDrain,
};

pub use firmware::board;

#[cfg(not(feature = "lock-free"))]
pub use firmware::board::{LOCK, Lock};
#[cfg(feature = "lock-free")]
pub use jaegerling_core::{LockFree as LOCK, LockFree as Lock};

/// As most timers are: a register of 32 bits. That the one which is read here always says the same
/// is no matter to what reading it costs.
pub struct Ticks;

impl TickCounter for Ticks {
    const HZ: u32 = 16_000_000;

    #[inline(always)]
    fn count(&self) -> u32 {
        #[cfg(target_arch = "arm")]
        const REGISTER: usize = 0xe000_e014;
        #[cfg(target_arch = "riscv32")]
        const REGISTER: usize = 0x0200_4000;
        let register = core::ptr::with_exposed_provenance::<u32>(REGISTER);
        // SAFETY: SysTick's reload value, or the interruptor's compare value.
        unsafe { register.read_volatile() }
    }
}

/// Words of a slot: 256 bytes with what stands before them.
pub const WORDS: usize = 56;
/// Slots of a ring.
pub const SLOTS: usize = 8;

/// A tracer with its slots in itself.
pub type Traces<P> =
    Tracer<TickClock<Ticks>, jaegerling_core::SeededIds, Lock, P, [Slot<WORDS>; SLOTS], WORDS>;

/// An instruction that does nothing, and that no compiler makes.
#[inline(always)]
pub fn mark() {
    #[cfg(target_arch = "arm")]
    // SAFETY: it does nothing.
    unsafe {
        asm!("mov r10, r10", options(nostack, preserves_flags));
    }
    #[cfg(target_arch = "riscv32")]
    // SAFETY: as above.
    unsafe {
        asm!(
            ".option push",
            ".option norvc",
            "addi s11, s11, 0",
            ".option pop",
            options(nostack, preserves_flags)
        );
    }
}

/// The numbers in decimal, a line each.
pub fn print(numbers: &[usize]) {
    for &number in numbers {
        let digits = [100, 10, 1].map(|place| b'0' + (number / place % 10) as u8);
        board::transmit(&digits);
        board::transmit(b"\n");
    }
}

/// The span of the bars: parent given, a tag that is known ahead, one that is not.
#[inline(always)]
pub fn record<C, I, L, P, S, const W: usize>(
    tracer: &Tracer<C, I, L, P, S, W>,
    parent: &SpanContext,
    raw: i64,
) where
    C: Clock,
    I: jaegerling_core::IdSource,
    L: jaegerling_core::ClaimLock,
    P: Policy,
    S: Slots<W>,
{
    let mut span = tracer.child_of(parent, "adc.read");
    span.tag("sensor", "bme280");
    span.tag("raw", raw);
    span.end();
}

/// The service of [`trace_for_ever`], and its limit of a datagram.
pub const SERVICE: &str = "thermostat";
/// In bytes.
pub const LIMIT: usize = 200;

/// Whoever asked for what the program does: as a message tells it.
static PARENT: SpanContext = match (TraceId::new(1 << 64 | 2), SpanId::new(3)) {
    (Some(trace_id), Some(span_id)) => SpanContext {
        trace_id,
        span_id,
        parent_id: None,
        flags: Flags::SAMPLED,
    },
    _ => panic!("ids are not zero"),
};

/// What a program does that traces: one place that does, and a loop that sends.
#[inline(always)]
pub fn trace_for_ever<P: Policy, E: Extent>(
    tracer: &'static Traces<P>,
    packer: Result<Packer<E>, LimitTooSmall>,
    mut send: impl FnMut(&mut TracerDrain<'_, Traces<P>>, &[u8]),
) -> ! {
    board::init();
    let Ok(()) = tracer.init(7) else { loop {} };
    let Some(mut drain) = tracer.take_drain() else {
        loop {}
    };
    let Ok(mut packer) = packer else { loop {} };
    let parent = black_box(&PARENT);
    let process = Process::new(SERVICE);
    let mut buffer = [0; LIMIT + BUFFER_EXTRA];
    loop {
        record(tracer, parent, black_box(1_734));
        while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
            send(&mut drain, datagram.bytes);
            drain.sent(&mut packer);
        }
    }
}

/// The same span for those who encode it at once.
pub mod peers {
    use core::hint::black_box;

    use serde::Serialize;

    use super::board;

    /// What jaeger.thrift has of it.
    #[derive(Serialize)]
    pub struct Span<'a> {
        /// Trace id low and high, span id, parent's span id.
        pub ids: [u64; 4],
        /// Its name.
        pub name: &'a str,
        /// Sampled.
        pub flags: u8,
        /// Microseconds.
        pub start: u64,
        /// Microseconds.
        pub duration: u64,
        /// Its tags.
        pub tags: [(&'a str, Value<'a>); 2],
    }

    /// The value of a tag.
    #[derive(Serialize)]
    pub enum Value<'a> {
        /// Text.
        Str(&'a str),
        /// A number.
        I64(i64),
    }

    /// The span of the bars.
    #[inline(always)]
    pub fn span(ids: [u64; 4], start: u64, duration: u64, raw: i64) -> Span<'static> {
        Span {
            ids,
            name: "adc.read",
            flags: 1,
            start,
            duration,
            tags: [("sensor", Value::Str("bme280")), ("raw", Value::I64(raw))],
        }
    }

    /// What a program does that encodes it at once, and sends.
    #[inline(always)]
    pub fn encode_for_ever(encode: impl Fn(&Span<'_>, &mut [u8]) -> usize) -> ! {
        board::init();
        let mut buffer = [0; 200];
        loop {
            let ids = black_box([1, 2, 3, 4]);
            let span = span(ids, black_box(5), black_box(6), black_box(7));
            let length = encode(&span, &mut buffer);
            board::transmit(buffer.get(..length).unwrap_or_default());
        }
    }

    /// With postcard. How many bytes it takes.
    #[inline(never)]
    pub fn postcard(span: &Span<'_>, buffer: &mut [u8]) -> usize {
        match postcard::to_slice(span, buffer) {
            Ok(bytes) => bytes.len(),
            Err(_) => 0,
        }
    }

    /// With minicbor's encoder. How many bytes it takes.
    #[inline(never)]
    pub fn minicbor(span: &Span<'_>, buffer: &mut [u8]) -> usize {
        let whole = buffer.len();
        let mut rest = buffer;
        let mut encoder = minicbor::Encoder::new(&mut rest);
        match with_minicbor(span, &mut encoder) {
            Ok(()) => whole - encoder.writer().len(),
            Err(_) => 0,
        }
    }

    fn with_minicbor<W: minicbor::encode::Write>(
        span: &Span<'_>,
        encoder: &mut minicbor::Encoder<W>,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.array(9)?;
        for id in span.ids {
            encoder.u64(id)?;
        }
        encoder.str(span.name)?.u8(span.flags)?;
        encoder.u64(span.start)?.u64(span.duration)?;
        encoder.map(2)?;
        for (key, value) in &span.tags {
            encoder.str(key)?;
            match value {
                Value::Str(text) => encoder.str(text)?,
                Value::I64(number) => encoder.i64(*number)?,
            };
        }
        Ok(())
    }
}
