//! A ring as a thread has it, its drainer, and the spans that go into it.

use std::cell::Cell;

use jaegerling_core::{
    BUFFER_EXTRA, ClaimLock, Claimed, Clock, Drain, Dropped, Flags, IdSource, Lane, LaneRing,
    MAX_DATAGRAM, Outcome, Packed, Packer, Process, SeededIds, Seen, Slot, Span, SpanContext,
    SpanId, TraceId,
};

/// As the facade has them: 256 bytes with what stands before them.
const WORDS: usize = 54;

type Recorded = Span<'static, Handle, WORDS>;

/// Nobody else is there.
struct Alone;

// SAFETY: this program has one thread.
unsafe impl ClaimLock for Alone {
    #[inline(always)]
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
        claim()
    }
}

/// A clock that costs next to nothing, at 1 GHz.
struct Ticks(Cell<u64>);

impl Clock for Ticks {
    #[inline(always)]
    fn now(&self) -> u64 {
        self.0.set(self.0.get() + 1_500);
        self.0.get()
    }

    #[inline(always)]
    fn unix_nanos(&self, ticks: u64) -> i64 {
        1_764_000_000_000_000_000 + ticks as i64
    }
}

struct Place {
    ring: LaneRing<Alone, Box<[Slot<WORDS>]>, WORDS>,
    clock: Ticks,
}

#[derive(Clone, Copy)]
struct Handle(&'static Place);

// SAFETY: one ring, which is leaked, and which alone its spans are in.
unsafe impl Lane<'static, WORDS> for Handle {
    #[inline(always)]
    fn now(&self) -> u64 {
        self.0.clock.now()
    }

    unsafe fn more(&self) -> Option<Claimed<'static, WORDS>> {
        // SAFETY: see `Traces::start`.
        unsafe { self.0.ring.claim_more() }
    }

    fn released(&self) {
        self.0.ring.released();
    }
}

/// What a thread and its drainer have.
pub struct Traces {
    handle: Handle,
    drain: Drain<'static, WORDS>,
    seen: Seen,
    packer: Packer,
    buffer: Vec<u8>,
}

impl Traces {
    pub fn with_slots(slots: usize) -> Self {
        let place = Box::leak(Box::new(Place {
            ring: LaneRing::new(Alone, (0..slots).map(|_| Slot::new()).collect()),
            clock: Ticks(Cell::new(0)),
        }));
        Self {
            handle: Handle(place),
            // SAFETY: the only drainer of the only ring, which is leaked.
            drain: unsafe { Drain::new() },
            seen: Seen::default(),
            packer: Packer::new(MAX_DATAGRAM, "shop").expect("a limit that holds a span"),
            buffer: vec![0; MAX_DATAGRAM + BUFFER_EXTRA],
        }
    }

    #[inline(always)]
    fn start(&self, context: &SpanContext, name: &str) -> Recorded {
        // SAFETY: the slots are in this ring alone.
        let claimed = unsafe { self.handle.0.ring.claim() };
        // SAFETY: claimed in the lane that it is given.
        unsafe { Span::start(self.handle, *context, claimed, name) }
    }

    /// Name and two tags, all of them known to the compiler.
    #[inline(always)]
    pub fn literals(&self, context: &SpanContext) {
        let mut span = self.start(context, "checkout");
        span.tag("http.method", "GET");
        span.tag("peer.service", "inventory");
        span.end();
    }

    /// A name and two tags, known at run time.
    #[inline(always)]
    pub fn strings(&self, context: &SpanContext, name: &str, tags: [(&str, &str); 2]) {
        let mut span = self.start(context, name);
        for (key, value) in tags {
            span.tag(key, value);
        }
        span.end();
    }

    /// Tags of all kinds, and a log: more than one slot holds.
    #[inline(always)]
    pub fn ten_tags_and_log(&self, context: &SpanContext) {
        let mut span = self.start(context, "POST /checkout");
        span.tag("span.kind", "server");
        span.tag("http.method", "POST");
        span.tag("http.status_code", 200_i64);
        span.tag("http.url", "/checkout?cart=77");
        span.tag("user.id", 184_467_i64);
        span.tag("total", 49.9);
        span.tag("cached", false);
        span.tag("error", true);
        span.tag("token", &[0x5f_u8, 0xc1, 0x09][..]);
        span.tag("peer.service", "inventory");
        let mut log = span.log();
        log.field("event", "retry");
        log.field("attempt", 2_i64);
        drop(log);
        span.end();
    }

    /// Tags for a long chain of slots.
    #[inline(always)]
    pub fn many_tags(&self, context: &SpanContext) {
        let mut span = self.start(context, "import");
        for item in 0..1_000 {
            span.tag("item", item);
        }
        span.end();
    }

    /// The spans that found no room.
    pub fn refused(&self) -> u64 {
        self.handle.0.ring.refused()
    }

    /// Finds what waits.
    #[inline(always)]
    pub fn sweep(&mut self) {
        self.drain.sweep(&self.handle.0.ring, &mut self.seen);
    }

    /// The next datagram.
    #[inline(always)]
    pub fn pack(&mut self) -> Option<Packed<'_>> {
        let process = Process::new("shop");
        let clock = &self.handle.0.clock;
        let (buffer, drain) = (&mut self.buffer, &mut self.drain);
        let packer = &mut self.packer;
        packer.pack(buffer, &process, drain, clock, &Dropped::NONE, None)
    }

    /// Frees the slots of the last datagram.
    #[inline(always)]
    pub fn settle(&mut self) {
        self.packer.settled(&mut self.drain);
        self.drain.settle(Outcome::HandedOver);
        self.drain.tell_freed(&self.handle.0.ring);
    }
}

/// Of children, with ids as long as random ones are.
pub fn contexts() -> impl Iterator<Item = SpanContext> {
    let ids = SeededIds::new();
    ids.seed(7);
    std::iter::repeat_with(move || {
        let high = u128::from(ids.next_id());
        SpanContext {
            trace_id: TraceId::new(high << 64 | u128::from(ids.next_id())).unwrap_or(TraceId::MIN),
            span_id: SpanId::new(ids.next_id()).unwrap_or(SpanId::MIN),
            parent_id: SpanId::new(ids.next_id()),
            flags: Flags::SAMPLED,
        }
    })
}
