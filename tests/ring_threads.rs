//! The protocol of slots between threads, as a facade uses it: each thread claims in a ring of its
//! own, spans move to other threads and end there, one thread drains all rings and looks at open
//! spans meanwhile. Run it under sanitizers too: `fuzz/README.md` says how.
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use jaegerling_core::decode::{self, TagValue, decode};
use jaegerling_core::{
    BUFFER_EXTRA, ClaimLock, Claimed, Clock, Drain, Dropped, Flags, Lane, LaneRing, Outcome,
    Packer, Process, Seen, Slot, Span, SpanContext, SpanId, SpanView, TraceId,
};

const WORDS: usize = 24;
const LIMIT: usize = 8_000;
/// Threads that start spans; each has a neighbour to which it gives some of them.
const THREADS: usize = 3;
/// For the whole run: a sanitizer makes it ten times as slow.
const SPANS: u64 = 20_000;

type Ring = LaneRing<ItsThread, Box<[Slot<WORDS>]>, WORDS>;
type OpenSpan<'r> = Span<'r, Lanes<'r>, WORDS>;

thread_local! {
    /// Which of the rings this thread claims in.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

/// A ring has one thread that claims in it: see [`Lanes::mine`].
struct ItsThread;

// SAFETY: no two threads have the same ring.
unsafe impl ClaimLock for ItsThread {
    fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
        claim()
    }
}

/// All rings; a thread claims in its own only.
#[derive(Clone, Copy)]
struct Lanes<'r>(&'r [Ring]);

impl<'r> Lanes<'r> {
    fn mine(self) -> &'r Ring {
        &self.0[MINE.get()]
    }

    fn start(self, number: u64) -> OpenSpan<'r> {
        let context = SpanContext {
            trace_id: TraceId::new(u128::from(number) << 64 | 1).unwrap(),
            span_id: SpanId::new(number + 1).unwrap(),
            parent_id: None,
            flags: Flags::SAMPLED,
        };
        // SAFETY: each ring owns its slots.
        let claimed = unsafe { self.mine().claim() };
        // SAFETY: a slot of these rings.
        unsafe { Span::start(self, context, claimed, &name(number)) }
    }
}

// SAFETY: its rings outlive their drainer.
unsafe impl<'r> Lane<'r, WORDS> for Lanes<'r> {
    fn now(&self) -> u64 {
        1_000
    }
    unsafe fn more(&self) -> Option<Claimed<'r, WORDS>> {
        // SAFETY: each ring owns its slots.
        unsafe { self.mine().claim_more() }
    }
    fn released(&self) {
        self.mine().released();
    }
}

struct Nanos;

impl Clock for Nanos {
    fn now(&self) -> u64 {
        1_000
    }
    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64
    }
}

/// What a span says, by its number: anyone can check any part of it.
fn name(number: u64) -> String {
    format!("span {number} {}", "é".repeat(number as usize % 30))
}

fn tag(number: u64, index: u64) -> (String, String) {
    let long = "x".repeat(((number * 7 + index * 31) % 150) as usize);
    (format!("tag {index}"), format!("{number}/{index}/{long}"))
}

fn tags(number: u64) -> u64 {
    number % 9
}

fn say(span: &mut OpenSpan<'_>, number: u64, tags: std::ops::Range<u64>) {
    for index in tags {
        let (key, value) = tag(number, index);
        span.tag(&key, value.as_str());
        if index % 4 == 3 {
            span.log().field("event", value.as_str());
        }
    }
}

#[test]
fn what_threads_write_is_read_whole_while_it_is_written_and_after() {
    let rings: Vec<Ring> = (0..THREADS)
        .map(|at| LaneRing::new(ItsThread, (0..40 + at * 40).map(|_| Slot::new()).collect()))
        .collect();
    let at_work = AtomicUsize::new(THREADS);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel()).unzip();
    let neighbours = (1..THREADS).chain([0]).map(|at| senders[at].clone());
    let neighbours: Vec<Sender<_>> = neighbours.collect();
    drop(senders);
    thread::scope(|scope| {
        let (lanes, at_work) = (Lanes(&rings), &at_work);
        for (at, (from, to)) in receivers.into_iter().zip(neighbours).enumerate() {
            scope.spawn(move || {
                let _working = Working(at_work);
                MINE.set(at);
                work(lanes, at as u64, from, to);
            });
        }
        let mut sink = Sink::new(&rings);
        while at_work.load(Ordering::Acquire) > 0 {
            sink.turn();
        }
        sink.finish();
    });
}

/// One less is at work when it is dropped, a panic included.
struct Working<'w>(&'w AtomicUsize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Starts spans, ends some, and gives others away half said.
fn work<'r>(
    lanes: Lanes<'r>,
    at: u64,
    from: Receiver<(u64, OpenSpan<'r>)>,
    to: Sender<(u64, OpenSpan<'r>)>,
) {
    let mut kept = std::collections::VecDeque::new();
    let finish = |(number, mut span): (u64, OpenSpan<'r>)| {
        say(&mut span, number, tags(number) / 2..tags(number));
    };
    for number in (at..SPANS).step_by(THREADS) {
        let mut span = lanes.start(number);
        say(&mut span, number, 0..tags(number) / 2);
        match number / 3 % 3 {
            0 => finish((number, span)),
            1 => to.send((number, span)).unwrap(),
            _ => kept.push_back((number, span)),
        }
        if kept.len() > 10 {
            kept.pop_front().into_iter().for_each(finish);
        }
        from.try_iter().for_each(finish);
        if number % 64 < 3 {
            thread::yield_now();
        }
    }
    kept.into_iter().for_each(finish);
    drop(to);
    from.iter().for_each(finish);
}

/// The one who drains, looks and checks.
struct Sink<'r> {
    rings: &'r [Ring],
    drain: Drain<'r, WORDS>,
    seen: Vec<Seen>,
    packer: Packer,
    turns: u64,
    handed_over: u64,
}

impl<'r> Sink<'r> {
    fn new(rings: &'r [Ring]) -> Self {
        Self {
            rings,
            // SAFETY: the only one of these rings.
            drain: unsafe { Drain::new() },
            seen: vec![Seen::default(); rings.len()],
            packer: Packer::new(LIMIT, "threads").unwrap(),
            turns: 0,
            handed_over: 0,
        }
    }

    /// Whether there was anything.
    fn turn(&mut self) -> bool {
        self.turns += 1;
        for (ring, seen) in self.rings.iter().zip(&mut self.seen) {
            self.drain.sweep(ring, seen);
        }
        match self.turns % 4 {
            0 => self.drain.for_each_open(check_open),
            _ => self.drain.recheck(),
        }
        let mut buffer = vec![0xa5; LIMIT + BUFFER_EXTRA];
        let (process, dropped) = (Process::new("threads"), Dropped::default());
        let packed = self.packer.pack(
            &mut buffer,
            &process,
            &mut self.drain,
            &Nanos,
            &dropped,
            None,
        );
        let Some(packed) = packed else {
            return false;
        };
        let batch = decode(packed.bytes).unwrap();
        assert_eq!(batch.spans.len(), packed.spans);
        batch.spans.iter().for_each(check_sent);
        match self.turns % 5 {
            0 => self.packer.put_back(&mut self.drain),
            _ => {
                self.handed_over += packed.spans as u64;
                self.packer.settled(&mut self.drain);
                self.drain.settle(Outcome::HandedOver);
                self.rings
                    .iter()
                    .for_each(|ring| self.drain.tell_freed(ring));
            }
        }
        self.account();
        true
    }

    fn account(&mut self) -> u64 {
        let rings = self.rings.iter().zip(self.seen.iter().copied());
        let stats = self.drain.stats(rings);
        let accounted = stats.handed_over + stats.in_flight + stats.open + stats.waiting;
        let accounted = accounted + stats.dropped.total();
        assert!(accounted <= stats.started, "never more than was started");
        assert_eq!(stats.handed_over, self.handed_over);
        accounted
    }

    /// All threads are gone: drains what is left, and nothing is.
    fn finish(mut self) {
        while self.turn() || self.drain.waiting() > 0 {}
        assert_eq!(self.account(), SPANS, "exact when no call is running");
        let refused: u64 = self.rings.iter().map(|ring| ring.refused()).sum();
        assert_eq!(self.handed_over + refused, SPANS);
        assert!(self.handed_over > 0);
        for ring in self.rings {
            assert!(!ring.is_in_use(), "no slot is lost");
        }
    }
}

/// An open span is a whole prefix of what it will be.
fn check_open(span: &SpanView<'_, WORDS>) {
    let number = span.context().unwrap().span_id.get() - 1;
    assert_eq!(span.context().unwrap().trace_id.high(), number);
    whole_or_cut(&span.name().to_string(), &name(number));
    let said = span
        .tags()
        .map(|(key, value)| (key.to_string(), value.to_string()));
    check_tags(number, said);
}

fn check_sent(span: decode::Span<'_>) {
    let number = span.span_id - 1;
    assert_eq!(span.trace_id >> 64, u128::from(number));
    whole_or_cut(span.operation_name.as_str().unwrap(), &name(number));
    let mut cut = 0;
    let mut said = vec![];
    for tag in span.tags {
        match (tag.key.as_str(), tag.value) {
            (Some(key), TagValue::String(value)) => said.push((key.into(), value.to_string())),
            (Some("otel.dropped_attributes_count"), TagValue::Long(count)) => cut += count as u64,
            (Some("otel.dropped_events_count"), TagValue::Long(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    let count = said.len() as u64;
    check_tags(number, said.into_iter());
    // Fields are counted with the tags.
    assert!(count <= tags(number) && tags(number) <= count + cut);
    for log in span.logs {
        for field in log.fields {
            let TagValue::String(value) = field.value else {
                panic!("{field:?}");
            };
            assert!(value.as_str().unwrap().starts_with(&format!("{number}/")));
        }
    }
}

/// Each tag is one of those that the span is given, in that order.
fn check_tags(number: u64, said: impl Iterator<Item = (String, String)>) {
    let mut expected = (0..tags(number)).map(|index| tag(number, index));
    for said in said {
        assert!(
            expected.any(|expected| expected == said),
            "{said:?} of span {number}"
        );
    }
}

#[track_caller]
fn whole_or_cut(name: &str, expected: &str) {
    assert!(
        !name.is_empty() && expected.starts_with(name),
        "{name:?}, not {expected:?}"
    );
}
