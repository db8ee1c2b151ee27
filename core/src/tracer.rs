//! Clock, ids and ring in one: what firmware has one of.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::lock::ClaimLock;
use crate::record::Lane;
use crate::slot::{Claimed, Slot};
use crate::{
    Clock, Drain, Flags, IdSource, LimitTooSmall, LossWatch, Outcome, Packed, Packer, Process,
    Seen, Span, SpanContext, SpanId, SpanRing, SpanView, Stats, TraceId, Value,
};

/// Starts spans in a ring of `SLOTS` slots of `WORDS` words.
///
/// ```
/// use jaegerling_core::{Clock, Packer, Process, SeededIds, SingleContext, Tracer, Value};
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
/// let tracer = Tracer::<_, _, _, 8, 32>::new(Timer, SeededIds::new(7), SingleContext::new());
/// let mut span = tracer.root("adc.read");
/// span.tag("sensor", "bme280");
/// span.tag("raw", 1_734_i64);
/// span.end();
///
/// let process = Process::new("thermostat");
/// let mut packer = Packer::new(200, "thermostat")?;
/// let mut buffer = [0; 203];
/// let mut drain = tracer.take_drain().expect("nobody else drains");
/// while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
///     // Send `datagram.bytes` over whatever there is.
///     assert!(datagram.bytes.len() <= 200);
///     drain.sent(&mut packer);
/// }
/// # Ok::<(), jaegerling_core::LimitTooSmall>(())
/// ```
pub struct Tracer<C, I, L, const SLOTS: usize, const WORDS: usize> {
    clock: C,
    ids: I,
    lock: L,
    drained: AtomicBool,
    ring: SpanRing<[Slot<WORDS>; SLOTS], WORDS>,
}

impl<C, I, L, const SLOTS: usize, const WORDS: usize> Tracer<C, I, L, SLOTS, WORDS> {
    /// A tracer with an empty ring.
    pub const fn new(clock: C, ids: I, lock: L) -> Self {
        Self {
            clock,
            ids,
            lock,
            drained: AtomicBool::new(false),
            ring: SpanRing::new([const { Slot::new() }; SLOTS]),
        }
    }
}

impl<C: Clock, I: IdSource, L: ClaimLock, const SLOTS: usize, const WORDS: usize>
    Tracer<C, I, L, SLOTS, WORDS>
{
    /// A span with no parent, which begins a trace of its own.
    pub fn root(&self, name: &str) -> Span<'_, &Self, WORDS> {
        let [high, low] = self.lock.with(|| [self.ids.next_id(), self.ids.next_id()]);
        let trace_id = u128::from(high) << 64 | u128::from(low);
        let trace_id = TraceId::new(trace_id).unwrap_or(TraceId::MIN);
        self.start(trace_id, None, Flags::SAMPLED, name)
    }

    /// A child of a span of this process or another. Not sampled if that is not.
    pub fn child_of(&self, parent: &SpanContext, name: &str) -> Span<'_, &Self, WORDS> {
        self.start(parent.trace_id, Some(parent.span_id), parent.flags, name)
    }

    fn start(
        &self,
        trace_id: TraceId,
        parent_id: Option<SpanId>,
        flags: Flags,
        name: &str,
    ) -> Span<'_, &Self, WORDS> {
        let (span_id, claimed) = self.lock.with(|| {
            // Before the claim: it may panic, which is no reason to lose a slot, or trace itself.
            let span_id = self.ids.next_id();
            let claimed = if flags.is_sampled() {
                // SAFETY: the lock keeps claims apart: what traces under it, an id source, is not
                // called while one runs.
                unsafe { self.ring.claim() }
            } else {
                None
            };
            (span_id, claimed)
        });
        let context = SpanContext {
            trace_id,
            span_id: SpanId::new(span_id).unwrap_or(SpanId::MIN),
            parent_id,
            flags,
        };
        // SAFETY: a slot of this tracer's one ring.
        unsafe { Span::start(self, context, claimed, name) }
    }

    /// The one drainer of the ring, for the first who asks, and nobody after.
    pub fn take_drain(&self) -> Option<TracerDrain<'_, C, I, L, SLOTS, WORDS>> {
        let free = self.lock.with(|| {
            // A load and a store, because not every core can swap; the lock makes them one.
            let taken = self.drained.load(Ordering::Acquire);
            self.drained.store(true, Ordering::Relaxed);
            !taken
        });
        free.then(|| TracerDrain {
            tracer: self,
            // SAFETY: the only one that is taken, of a ring that is borrowed while it exists.
            drain: unsafe { Drain::new() },
            seen: Seen::default(),
            loss: LossWatch::default(),
        })
    }
}

// SAFETY: all slots are in the tracer's one ring. It is borrowed while its drainer is there; what
// moves it before moves all of them.
unsafe impl<'t, C: Clock, I: IdSource, L: ClaimLock, const SLOTS: usize, const WORDS: usize>
    Lane<'t, WORDS> for &'t Tracer<C, I, L, SLOTS, WORDS>
{
    fn now(&self) -> u64 {
        self.clock.now()
    }

    unsafe fn more(&self) -> Option<Claimed<'t, WORDS>> {
        // SAFETY: as for the first slot.
        self.lock.with(|| unsafe { self.ring.claim_more() })
    }

    fn released(&self) {
        self.lock.with(|| self.ring.released());
    }
}

/// The drainer of a [`Tracer`].
pub struct TracerDrain<'t, C, I, L, const SLOTS: usize, const WORDS: usize> {
    tracer: &'t Tracer<C, I, L, SLOTS, WORDS>,
    drain: Drain<'t, WORDS>,
    seen: Seen,
    loss: LossWatch,
}

impl<C: Clock, I: IdSource, L: ClaimLock, const SLOTS: usize, const WORDS: usize>
    TracerDrain<'_, C, I, L, SLOTS, WORDS>
{
    /// The next datagram, or `None` if no ended span waits. Then tell what became of it, by
    /// [`sent`](Self::sent), [`failed`](Self::failed) or [`too_large`](Self::too_large): until
    /// then its spans keep their slots. A datagram that nobody told of counts as failed. A buffer
    /// that is too short for any datagram gets none, and the spans wait: see [`Packer::pack`].
    pub fn pack<'b, 'a>(
        &mut self,
        packer: &mut Packer,
        buffer: &'b mut [u8],
        process: &Process<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
    ) -> Option<Packed<'b>> {
        if packer.is_unsettled() || self.drain.in_flight() > 0 {
            self.failed(packer);
        }
        self.drain.sweep(&self.tracer.ring, &mut self.seen);
        self.drain.recheck();
        let mut dropped = self.drain.dropped();
        dropped.ring_full = self.tracer.ring.refused();
        let clock = &self.tracer.clock;
        let now = clock.unix_nanos(clock.now());
        let loss = self.loss.look(now, &dropped, false).map(|loss| {
            let ids = &self.tracer.ids;
            let [trace, span] = self.tracer.lock.with(|| [ids.next_id(), ids.next_id()]);
            let trace = TraceId::new(trace.into()).unwrap_or(TraceId::MIN);
            (loss, (trace, SpanId::new(span).unwrap_or(SpanId::MIN)))
        });
        let packed = packer.pack(buffer, process, &mut self.drain, clock, &dropped, loss);
        if !packed.is_some_and(|packed| packed.tells_loss) {
            self.loss.take_back();
        }
        // Spans that fitted no datagram are gone already.
        if self.drain.dropped().too_large != dropped.too_large {
            self.drain.tell_freed(&self.tracer.ring);
        }
        packed
    }

    /// The last datagram is somebody else's now.
    pub fn sent(&mut self, packer: &mut Packer) {
        self.settle(packer, Outcome::HandedOver);
    }

    /// The last datagram is lost. If it told of a loss, that is told again.
    pub fn failed(&mut self, packer: &mut Packer) {
        self.untold(packer);
        self.settle(packer, Outcome::Failed);
    }

    fn settle(&mut self, packer: &mut Packer, outcome: Outcome) {
        // First, so that no slot is claimed a second time before it was seen the first time: spans
        // stay in the order in which they were started.
        self.drain.sweep(&self.tracer.ring, &mut self.seen);
        packer.settled(&mut self.drain);
        self.drain.settle(outcome);
        self.drain.tell_freed(&self.tracer.ring);
    }

    /// The link takes only `limit` bytes: the spans wait again, and are packed smaller.
    ///
    /// # Errors
    ///
    /// [`LimitTooSmall`] if no span fits such a datagram. The spans wait all the same.
    pub fn too_large(&mut self, packer: &mut Packer, limit: usize) -> Result<(), LimitTooSmall> {
        self.untold(packer);
        packer.put_back(&mut self.drain);
        packer.set_limit(limit)
    }

    /// The loss that the last datagram told, if nobody has it yet, is still to be told.
    fn untold(&mut self, packer: &Packer) {
        if packer.is_unsettled() {
            self.loss.take_back();
        }
    }

    /// Shows the spans that are open now, the longest open ones first.
    pub fn for_each_open(&mut self, show: impl FnMut(&SpanView<'_, WORDS>)) {
        self.drain.sweep(&self.tracer.ring, &mut self.seen);
        self.drain.for_each_open(show);
    }

    /// The account.
    pub fn stats(&mut self) -> Stats {
        self.drain
            .stats([(&self.tracer.ring, self.seen)].into_iter())
    }
}
