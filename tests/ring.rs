//! What a ring promises about its slots, one promise at a time. What all of them together are to
//! do in any order is in `roundtrip.rs`.
#![allow(missing_docs, clippy::unwrap_used)]

mod one;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use jaegerling_core::{
    BUFFER_EXTRA, Claimed, Drain, Dropped, Flags, IdSource, KeepOldest, LaneRing, MAX_SLOTS,
    Outcome, Packer, Process, SeededIds, Seen, SingleContext, Slot, Span, SpanContext, SpanId,
    TraceId, Tracer,
};

use one::{NoClock, One, Ring, WORDS};

type Device<const SLOTS: usize, I = SeededIds> =
    Tracer<NoClock, I, SingleContext, KeepOldest, [Slot<WORDS>; SLOTS], WORDS>;

fn tracer<const SLOTS: usize>() -> Device<SLOTS> {
    let tracer = Device::new(NoClock, SeededIds::new(), SingleContext::new());
    tracer.init(1).unwrap();
    tracer
}

fn start<'r>(ring: &'r Ring<'r>, name: &str) -> Span<'r, One<'r>, WORDS> {
    // SAFETY: the slots are in this ring only.
    let claimed = unsafe { ring.claim() };
    begin(ring, claimed, name)
}

fn begin<'r>(
    ring: &'r Ring<'r>,
    claimed: Option<Claimed<'r, WORDS>>,
    name: &str,
) -> Span<'r, One<'r>, WORDS> {
    let context = SpanContext {
        trace_id: TraceId::MIN,
        span_id: SpanId::MIN,
        parent_id: None,
        flags: Flags::SAMPLED,
    };
    // SAFETY: a slot of that ring.
    unsafe { Span::start(One(ring), context, claimed, name) }
}

fn slots(count: usize) -> Vec<Slot<WORDS>> {
    (0..count).map(|_| Slot::new()).collect()
}

/// How many slots were ever written to. All of a fresh one is zero, and little of a freed one is.
fn used(slots: &[Slot<WORDS>]) -> usize {
    let words = size_of::<Slot<WORDS>>() / 8;
    let start = slots.as_ptr().cast::<u64>();
    // SAFETY: slots have no padding, all their bits are numbers or pointers, and nobody else
    // has them now.
    let all = unsafe { slice::from_raw_parts(start, slots.len() * words) };
    let used = all
        .chunks(words)
        .filter(|slot| slot.iter().any(|word| *word != 0));
    used.count()
}

/// A drainer of one ring, that hands over all that it packs.
struct Sink<'r> {
    ring: &'r Ring<'r>,
    drain: Drain<'r, WORDS>,
    seen: Seen,
    packer: Packer,
}

impl<'r> Sink<'r> {
    fn new(ring: &'r Ring<'r>) -> Self {
        Self {
            ring,
            // SAFETY: there is one for each ring here.
            drain: unsafe { Drain::new() },
            seen: Seen::default(),
            packer: Packer::new(65_000, "s").unwrap(),
        }
    }

    /// How many spans went out.
    fn drain(&mut self) -> usize {
        let mut buffer = vec![0xa5; 65_000 + BUFFER_EXTRA];
        let mut spans = 0;
        self.drain.sweep(self.ring, &mut self.seen);
        self.drain.recheck();
        let (process, none) = (Process::new("s"), Dropped::default());
        while let Some(packed) = self.packer.pack(
            &mut buffer,
            &process,
            &mut self.drain,
            &NoClock,
            &none,
            None,
        ) {
            spans += packed.spans;
            self.packer.settled(&mut self.drain);
            self.drain.settle(Outcome::HandedOver);
            self.drain.tell_freed(self.ring);
        }
        spans
    }
}

#[test]
fn a_ring_touches_no_memory_that_it_does_not_need() {
    let slots = slots(10_000);
    {
        let ring = LaneRing::new(SingleContext::new(), &slots[..]);
        let mut sink = Sink::new(&ring);
        for round in 0..5_000 {
            let mut span = start(&ring, "one");
            // Every third one takes more than one slot.
            if round % 3 == 0 {
                span.tag("long", "x".repeat(200).as_str());
            }
            span.end();
            assert_eq!(sink.drain(), 1);
        }
        // And with some that stay open.
        let open: Vec<_> = (0..5).map(|_| start(&ring, "open")).collect();
        for _ in 0..1_000 {
            start(&ring, "two").end();
            start(&ring, "three").end();
            assert_eq!(sink.drain(), 2);
        }
        drop(open);
        assert_eq!(sink.drain(), 5);
        assert!(!ring.is_in_use());
    }
    assert!(used(&slots) < 12, "{} slots", used(&slots));
}

#[test]
fn spans_that_stay_open_cost_their_slots_and_nothing_else() {
    let slots = slots(200);
    let ring = LaneRing::new(SingleContext::new(), &slots[..]);
    let mut sink = Sink::new(&ring);
    // Everywhere in the ring, so that claims meet them all the time.
    let mut all: Vec<_> = (0..200).map(|_| Some(start(&ring, "long"))).collect();
    assert!(!start(&ring, "refused").is_recording());
    for freed in [100, 50, 25] {
        all.iter_mut()
            .filter(|span| span.is_some())
            .step_by(2)
            .for_each(|span| *span = None);
        assert_eq!(sink.drain(), freed);
        for _ in 0..10 {
            let free = all.iter().filter(|span| span.is_none()).count();
            let short: Vec<_> = (0..free).map(|_| start(&ring, "short")).collect();
            assert!(short.iter().all(Span::is_recording));
            assert!(!start(&ring, "refused").is_recording());
            drop(short);
            assert_eq!(sink.drain(), free);
        }
    }
    let mut shown = 0;
    sink.drain.for_each_open(|span| {
        assert_eq!(span.name().to_string(), "long");
        shown += 1;
    });
    assert_eq!(shown, 25);
}

#[test]
fn a_ring_says_when_it_is_time_to_look_again() {
    let looks = [
        (1, 1),
        (7, 1),
        (16, 4),
        (160, 40),
        (1_024, 256),
        (4_096, 256),
        (32_768, 2_048),
        (MAX_SLOTS, 4_096),
    ];
    for (count, stretch) in looks {
        let slots = slots(count);
        let ring = LaneRing::new(SingleContext::new(), &slots[..]);
        let mut sink = Sink::new(&ring);
        for _ in 0..20 {
            for claimed in 1..=stretch + 1 {
                let is_recorded = start(&ring, "short").is_recording();
                assert_eq!(ring.is_filling(), claimed >= stretch, "{count} slots");
                assert!(is_recorded || claimed > count);
            }
            sink.drain();
            assert!(!ring.is_filling());
        }
    }
}

#[test]
fn slots_that_are_claimed_for_what_is_added_to_a_span_count_and_open_ones_do_not() {
    let slots = slots(160);
    let ring = LaneRing::new(SingleContext::new(), &slots[..]);
    let mut sink = Sink::new(&ring);
    let mut open: Vec<_> = (0..39).map(|_| start(&ring, "open")).collect();
    assert_eq!(sink.drain(), 0);
    for _ in 0..100 {
        start(&ring, "short").end();
        assert!(!ring.is_filling(), "the open ones were looked at");
        assert_eq!(sink.drain(), 1);
    }
    // Where no span begins meanwhile.
    let text = "x".repeat(4 * WORDS);
    for (more, span) in open.iter_mut().enumerate() {
        assert!(!ring.is_filling(), "{more} slots");
        span.tag("", text.as_str());
    }
    open[0].tag("", text.as_str());
    assert!(ring.is_filling());
    assert_eq!(sink.drain(), 0);
    assert!(!ring.is_filling());
}

#[test]
fn claims_without_a_search_come_to_an_end_before_it_is_time_to_look_again() {
    let slots = slots(160);
    let ring = LaneRing::new(SingleContext::new(), &slots[..]);
    let mut sink = Sink::new(&ring);
    let (mut in_a_row, mut most) = (0, 0);
    for at in 0..1_000 {
        // SAFETY: the slots are in this ring only.
        let next = unsafe { ring.claim_next() };
        in_a_row = if next.is_some() { in_a_row + 1 } else { 0 };
        most = most.max(in_a_row);
        // SAFETY: as above.
        let claimed = next.or_else(|| unsafe { ring.claim() });
        begin(&ring, claimed, "short").end();
        if at % 100 == 99 {
            assert_eq!(sink.drain(), 100);
        }
    }
    assert_eq!(most, 40);
}

#[test]
fn a_refused_chain_gives_its_slots_back_to_everyone() {
    let slots = slots(4);
    let ring = LaneRing::new(SingleContext::new(), &slots[..]);
    let mut span = start(&ring, "one");
    span.tag("too long", "x".repeat(5 * WORDS * 4).as_str());
    let others: Vec<_> = (0..3).map(|_| start(&ring, "other")).collect();
    assert!(
        others.iter().all(Span::is_recording),
        "three slots are free"
    );
    assert!(!start(&ring, "refused").is_recording());
    assert_eq!((ring.claimed(), ring.refused()), (4, 1));
}

#[test]
fn refused_chains_leave_spans_in_the_order_in_which_they_were_started() {
    let tracer = tracer::<8>();
    let mut drain = tracer.take_drain().unwrap();
    let mut spans = vec![];
    for name in ["a", "b", "c", "d", "e"] {
        let mut span = tracer.root(name);
        span.tag("too long", "x".repeat(1_000).as_str());
        spans.push(span);
    }
    let mut names = String::new();
    drain.for_each_open(|span| names += &span.name().to_string());
    assert_eq!(names, "abcde");
}

#[test]
fn a_ring_has_as_many_slots_as_it_can_number() {
    let slots = slots(MAX_SLOTS + 10);
    let ring = LaneRing::new(SingleContext::new(), &slots[..]);
    let mut sink = Sink::new(&ring);
    for _ in 0..3 {
        let spans: Vec<_> = (0..MAX_SLOTS).map(|_| start(&ring, "n")).collect();
        assert!(spans.iter().all(Span::is_recording));
        assert!(!start(&ring, "refused").is_recording());
        drop(spans);
        assert_eq!(sink.drain(), MAX_SLOTS);
    }
    // In the middle of a lap, and over its end.
    let _one = start(&ring, "n");
    for _ in 0..7 {
        let spans: Vec<_> = (0..10_000).map(|_| start(&ring, "n")).collect();
        drop(spans);
        start(&ring, "n").end();
        assert_eq!(sink.drain(), 10_001);
    }
    assert_eq!(ring.refused(), 3);
    assert_eq!(used(&slots[MAX_SLOTS..]), 0);
}

#[test]
fn a_ring_without_slots_refuses_all() {
    let ring = LaneRing::new(SingleContext::new(), &[] as &[Slot<WORDS>]);
    let mut sink = Sink::new(&ring);
    let mut span = start(&ring, "n");
    span.tag("k", "v");
    assert!(!span.is_recording());
    assert_eq!(sink.drain(), 0);
    assert_eq!((ring.claimed(), ring.refused()), (0, 1));
    assert!(!ring.is_in_use() && ring.next_open(0).is_none());
}

#[test]
fn waiting_bytes_come_and_go_with_the_spans() {
    let slots = slots(8);
    let ring = LaneRing::new(SingleContext::new(), &slots[..]);
    let mut sink = Sink::new(&ring);
    let mut span = start(&ring, "one");
    span.tag("long", "x".repeat(200).as_str());
    drop((span, start(&ring, "two")));
    sink.drain.sweep(&ring, &mut sink.seen);
    let bytes = sink.drain.waiting_bytes();
    assert_eq!((sink.drain.waiting(), sink.drain.in_flight()), (2, 0));
    // Twelve words each, and a header, a key of a word and 50 words.
    assert_eq!(bytes, 4 * (2 * 12 + 52));

    let mut buffer = vec![0xa5; 65_000 + BUFFER_EXTRA];
    let (process, none) = (Process::new("s"), Dropped::default());
    let packer = &mut sink.packer;
    for _ in 0..2 {
        let packed = packer.pack(
            &mut buffer,
            &process,
            &mut sink.drain,
            &NoClock,
            &none,
            None,
        );
        assert_eq!(packed.unwrap().spans, 2);
        assert_eq!((sink.drain.waiting(), sink.drain.in_flight()), (0, 2));
        assert_eq!(sink.drain.waiting_bytes(), 0);
        packer.put_back(&mut sink.drain);
        assert_eq!((sink.drain.waiting(), sink.drain.in_flight()), (2, 0));
        assert_eq!(sink.drain.waiting_bytes(), bytes);
    }
    assert_eq!(sink.drain(), 2);
    assert_eq!(sink.drain.waiting_bytes(), 0);
}

/// A source of ids that panics as long as it is told to, and traces once if it is told to.
struct Trouble(SeededIds);

type Troubled = Device<4, Trouble>;

thread_local! {
    static PANICS: Cell<bool> = const { Cell::new(false) };
    static TRACES: Cell<bool> = const { Cell::new(false) };
    static TRACER: Troubled =
        const { Tracer::new(NoClock, Trouble(SeededIds::new()), SingleContext::new()) };
}

impl IdSource for Trouble {
    fn next_id(&self) -> u64 {
        assert!(!PANICS.get(), "no id");
        if TRACES.take() {
            TRACER.with(|tracer| tracer.root("within").end());
        }
        self.0.next_id()
    }
}

#[test]
fn an_id_source_that_panics_or_traces_costs_no_slot() {
    TRACER.with(|tracer| {
        tracer.init(1).unwrap();
        let parent = tracer.root("parent").context();
        let mut drain = tracer.take_drain().unwrap();
        PANICS.set(true);
        for _ in 0..4 {
            let start = || drop(tracer.child_of(&parent, "never"));
            assert!(catch_unwind(AssertUnwindSafe(start)).is_err());
        }
        PANICS.set(false);
        assert_eq!((drain.stats().started, drain.stats().waiting), (1, 1));

        TRACES.set(true);
        tracer.child_of(&parent, "around").end();
        assert_eq!((drain.stats().started, drain.stats().waiting), (3, 3));
        assert!(tracer.root("the fourth slot").is_recording());
    });
}

#[test]
fn a_lean_packer_takes_each_span_once() {
    let slots = slots(40);
    let ring = LaneRing::new(SingleContext::new(), &slots[..]);
    let mut packer = Packer::lean(65_000, "s").unwrap();
    // SAFETY: there is one for each ring here.
    let mut drain: Drain<'_, WORDS> = unsafe { Drain::new() };
    for _ in 0..30 {
        start(&ring, "one").end();
    }
    drain.sweep(&ring, &mut Seen::default());
    let mut buffer = vec![0; 65_000 + BUFFER_EXTRA];
    let (process, none) = (Process::new("s"), Dropped::default());
    let mut spans = Vec::new();
    while let Some(packed) = packer.pack(&mut buffer, &process, &mut drain, &NoClock, &none, None) {
        assert_eq!(drain.in_flight(), packed.spans);
        spans.push(packed.spans);
        packer.settled(&mut drain);
        drain.settle(Outcome::HandedOver);
    }
    assert_eq!(spans, [14, 14, 2]);
    assert!(!ring.is_in_use());
}
