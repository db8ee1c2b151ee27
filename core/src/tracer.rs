//! Clock, ids, lock and ring in one: what firmware has one of.

mod drain;
mod steal;

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

pub use drain::TracerDrain;
pub use steal::Stolen;

use crate::lock::{ClaimLock, publish};
use crate::record::{Ending, Ids, Lane, RecordWriter};
use crate::ring::{Found, Policy, Retained, RetainedSlots, Slots, SpanRing};
use crate::slot::{Claimed, Slot};
use crate::span::begin;
use crate::{Clock, Flags, IdSource, Span, SpanContext, SpanId, TraceId};

/// Starts spans in a ring of slots. Made in a `const` context, it is a `static`, all of it zero
/// until it is [initialised](Self::init):
///
/// ```
/// use jaegerling_core::{
///     BUFFER_EXTRA, Clock, KeepNewest, LockFree, Packer, Process, SeededIds, Slot, Tracer,
/// };
///
/// struct Timer;
/// impl Clock for Timer {
///     fn now(&self) -> u64 {
///         0 // a hardware timer's count
///     }
///     fn unix_nanos(&self, ticks: u64) -> i64 {
///         ticks as i64 * 1_000 // at 1 MHz, since boot
///     }
/// }
///
/// // 16 slots of 32 words.
/// static TRACER: Tracer<Timer, SeededIds, LockFree, KeepNewest, [Slot<32>; 16], 32> =
///     Tracer::new(Timer, SeededIds::new(), LockFree);
///
/// // In `main`, with something that differs from device to device and from boot to boot.
/// TRACER.init(7)?;
///
/// // Anywhere, in interrupts too.
/// let mut span = TRACER.root("adc.read");
/// span.tag("sensor", "bme280");
/// span.tag("raw", 1_734_i64);
/// span.end();
///
/// // Where there is time.
/// let process = Process::new("thermostat");
/// let mut packer = Packer::new(200, "thermostat")?;
/// let mut buffer = [0; 200 + BUFFER_EXTRA];
/// let mut drain = TRACER.take_drain().expect("nobody else drains");
/// while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
///     // Send `datagram.bytes` over whatever there is.
///     assert!(datagram.bytes.len() <= 200);
///     drain.sent(&mut packer);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// | parameter | which |
/// |---|---|
/// | `C` | the [`Clock`] |
/// | `I` | the [`IdSource`] |
/// | `L` | who may record: [`SingleContext`](crate::SingleContext), [`LockFree`](crate::LockFree), or any other [`ClaimLock`] |
/// | `P` | what gives way when the ring is full: [`KeepOldest`](crate::KeepOldest) or [`KeepNewest`](crate::KeepNewest) |
/// | `S` | where the slots lie: in the tracer, on the heap, or in memory that survives a reset, see [`Slots`] |
pub struct Tracer<C, I, L, P, S, const WORDS: usize> {
    clock: C,
    ids: I,
    lock: L,
    drained: AtomicBool,
    ring: SpanRing<P, S, WORDS>,
}

/// A tracer is initialised once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlreadyInit;

impl fmt::Display for AlreadyInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the tracer is initialised already: that is done once, before anyone traces")
    }
}

impl core::error::Error for AlreadyInit {}

impl<C, I, L, P, const SLOTS: usize, const WORDS: usize>
    Tracer<C, I, L, P, [Slot<WORDS>; SLOTS], WORDS>
{
    /// A tracer with its slots in itself, which refuses all spans until it is initialised.
    pub const fn new(clock: C, ids: I, lock: L) -> Self {
        const { assert!(SLOTS <= crate::MAX_SLOTS, "a ring has at most 65536 slots") };
        Self::in_slots(clock, ids, lock, [const { Slot::new() }; SLOTS])
    }
}

#[cfg(feature = "alloc")]
impl<C, I, L, P, const WORDS: usize> Tracer<C, I, L, P, alloc::boxed::Box<[Slot<WORDS>]>, WORDS> {
    /// A tracer with so many slots on the heap, at most [`MAX_SLOTS`](crate::MAX_SLOTS), which
    /// refuses all spans until it is initialised.
    pub fn with_capacity(clock: C, ids: I, lock: L, slots: usize) -> Self {
        let slots = slots.min(crate::MAX_SLOTS);
        let slots = (0..slots).map(|_| Slot::new()).collect();
        Self::in_slots(clock, ids, lock, slots)
    }
}

impl<C, I, L, P, const SLOTS: usize, const WORDS: usize>
    Tracer<C, I, L, P, RetainedSlots<SLOTS, WORDS>, WORDS>
{
    /// A tracer with its slots in memory that survives a reset, which refuses all spans until it
    /// is [given that memory](Self::init_retained).
    pub const fn retained(clock: C, ids: I, lock: L) -> Self {
        Self::in_slots(clock, ids, lock, RetainedSlots::new())
    }
}

impl<C, I: IdSource, L: ClaimLock, P, const SLOTS: usize, const WORDS: usize>
    Tracer<C, I, L, P, RetainedSlots<SLOTS, WORDS>, WORDS>
{
    /// Recovers what `memory` holds, and lets spans in. Into `seed` the number of the session is
    /// mixed, so that ids differ from one reset to the next; only after the power was gone does it
    /// begin at 0 again: for that, the seed needs a random word or a boot counter that is kept.
    ///
    /// # Errors
    ///
    /// If the tracer is initialised already.
    ///
    /// # Safety
    ///
    /// The memory is given to one tracer, and this is called once for it.
    pub unsafe fn init_retained(
        &self,
        memory: &'static Retained<SLOTS, WORDS>,
        seed: u64,
    ) -> Result<Found, AlreadyInit> {
        let recover = || {
            // SAFETY: nobody else has been given it, as the caller promises.
            let found = unsafe { self.ring.place().recover(memory) };
            self.ids
                .seed(seed ^ u64::from(found.session).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            (found.finished + found.unfinished, found)
        };
        self.ring.open(&self.lock, recover).ok_or(AlreadyInit)
    }
}

impl<C, I, L, P, S, const WORDS: usize> Tracer<C, I, L, P, S, WORDS> {
    const fn in_slots(clock: C, ids: I, lock: L, slots: S) -> Self {
        Self {
            clock,
            ids,
            lock,
            drained: AtomicBool::new(false),
            ring: SpanRing::new(slots),
        }
    }

    /// Its clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }
}

impl<C, I: IdSource, L: ClaimLock, P, const SLOTS: usize, const WORDS: usize>
    Tracer<C, I, L, P, [Slot<WORDS>; SLOTS], WORDS>
{
    /// Lets spans in. Before, they are refused, and counted. `seed` is for the ids: something that
    /// differs from device to device and from boot to boot, see [`IdSource::seed`].
    ///
    /// # Errors
    ///
    /// If it is initialised already.
    pub fn init(&self, seed: u64) -> Result<(), AlreadyInit> {
        self.open(seed)
    }
}

#[cfg(feature = "alloc")]
impl<C, I: IdSource, L: ClaimLock, P, const WORDS: usize>
    Tracer<C, I, L, P, alloc::boxed::Box<[Slot<WORDS>]>, WORDS>
{
    /// Lets spans in. Before, they are refused, and counted. `seed` is for the ids: see
    /// [`IdSource::seed`].
    ///
    /// # Errors
    ///
    /// If it is initialised already.
    pub fn init(&self, seed: u64) -> Result<(), AlreadyInit> {
        self.open(seed)
    }
}

impl<C, I: IdSource, L: ClaimLock, P, S, const WORDS: usize> Tracer<C, I, L, P, S, WORDS> {
    fn open(&self, seed: u64) -> Result<(), AlreadyInit> {
        let prepare = || {
            self.ids.seed(seed);
            (0, ())
        };
        self.ring.open(&self.lock, prepare).ok_or(AlreadyInit)
    }

    /// Whether it has been initialised.
    pub fn is_init(&self) -> bool {
        self.ring.is_open()
    }

    fn next_id(&self) -> u64 {
        if self.ids.needs_lock() {
            return self.lock.with(|| self.ids.next_id());
        }
        self.ids.next_id()
    }

    /// Out of line, for what is done less often than to begin a child.
    #[inline(never)]
    fn another_id(&self) -> u64 {
        self.next_id()
    }

    fn next_trace_id(&self) -> TraceId {
        let (high, low) = (self.another_id(), self.another_id());
        let trace_id = u128::from(high) << 64 | u128::from(low);
        TraceId::new(trace_id).unwrap_or(TraceId::MIN)
    }

    /// Those of a span that tells of a loss.
    fn next_ids(&self) -> (TraceId, SpanId) {
        (self.next_trace_id(), SpanId::or_min(self.another_id()))
    }

    fn next_span_id(&self) -> SpanId {
        SpanId::or_min(self.next_id())
    }

    /// The one drainer of the ring, for the first who asks, and nobody after.
    pub fn take_drain(&self) -> Option<TracerDrain<'_, Self>> {
        let free = self.lock.with(|| {
            #[cfg(target_has_atomic = "8")]
            return !self.drained.swap(true, Ordering::AcqRel);
            // The lock makes these two one.
            #[cfg(not(target_has_atomic = "8"))]
            {
                let taken = self.drained.load(Ordering::Acquire);
                self.drained.store(true, Ordering::Release);
                !taken
            }
        });
        if !free {
            return None;
        }
        Some(TracerDrain::new(self))
    }
}

impl<C: Clock, I: IdSource, L: ClaimLock, P: Policy, S: Slots<WORDS>, const WORDS: usize>
    Tracer<C, I, L, P, S, WORDS>
{
    /// A span with no parent, which begins a trace of its own.
    #[inline(never)]
    pub fn root(&self, name: &str) -> Span<'_, &Self, WORDS> {
        // The beginning of a child, of a parent that is none.
        let context = SpanContext {
            trace_id: self.next_trace_id(),
            span_id: SpanId::MIN,
            parent_id: None,
            flags: Flags::SAMPLED,
        };
        match self.begin_child(&context) {
            Some(slot) => {
                // SAFETY: begun just now, for this.
                let record = unsafe { RecordWriter::go_on(slot) };
                record.forget_parent();
                Span::named(self, record, name)
            }
            None => Span::unrecorded(self, self.context(context.trace_id, None, context.flags)),
        }
    }

    /// A child of a span of this process or another. Not sampled if that is not.
    #[inline(always)]
    pub fn child_of(&self, parent: &SpanContext, name: &str) -> Span<'_, &Self, WORDS> {
        match self.begin_child(parent) {
            Some(slot) => {
                // SAFETY: begun just now, for this.
                let record = unsafe { RecordWriter::go_on(slot) };
                Span::named(self, record, name)
            }
            None => Span::unrecorded(self, self.child_context(parent)),
        }
    }

    /// A slot with the head of a child: all else about it the caller knows.
    #[inline(never)]
    fn begin_child(&self, parent: &SpanContext) -> Option<&Slot<WORDS>> {
        if !parent.flags.is_sampled() {
            return None;
        }
        // Before the claim: it may panic, which is no reason to lose a slot.
        let span_id = self.next_span_id();
        let claimed = self.ring.claim(&self.lock)?;
        let ids = || Ids {
            trace_id: parent.trace_id.get(),
            span_id: span_id.get(),
            parent_id: parent.span_id.get(),
            flags: parent.flags,
        };
        Some(begin(claimed, &self, ids).place())
    }

    /// Out of line, as the beginning: one piece of code for all places that trace. The slot first,
    /// because it comes from the beginning in the same register.
    #[inline(never)]
    fn end_span<'t>(span: Ending<'t, WORDS>, tracer: &'t Self) {
        span.now(&tracer);
    }

    /// Who a child is that is not recorded.
    #[cold]
    fn child_context(&self, parent: &SpanContext) -> SpanContext {
        self.context(parent.trace_id, Some(parent.span_id), parent.flags)
    }

    fn context(&self, trace_id: TraceId, parent_id: Option<SpanId>, flags: Flags) -> SpanContext {
        SpanContext {
            trace_id,
            span_id: SpanId::or_min(self.another_id()),
            parent_id,
            flags,
        }
    }
}

// SAFETY: all slots are in the tracer's one ring. It is borrowed while its drainer is there; what
// moves it before moves all of them.
unsafe impl<'t, C: Clock, I: IdSource, L: ClaimLock, P: Policy, S: Slots<WORDS>, const WORDS: usize>
    Lane<'t, WORDS> for &'t Tracer<C, I, L, P, S, WORDS>
{
    #[inline(always)]
    fn now(&self) -> u64 {
        self.clock.now()
    }

    #[inline(always)]
    fn publish(&self, word: &AtomicU32, value: u32) {
        publish::<L>(word, value);
    }

    #[inline(always)]
    fn end(&self, span: Ending<'t, WORDS>) {
        Tracer::end_span(span, self);
    }

    unsafe fn more(&self) -> Option<Claimed<'t, WORDS>> {
        self.ring.claim_more(&self.lock)
    }

    fn may_have(&self, slots: usize) -> bool {
        self.ring.may_have(slots)
    }

    fn released(&self) {
        self.ring.tell_freed(&self.lock);
    }
}
