//! A span that is kept as its place, and resumed for each thing that is said of it, is recorded as one whose
//! handle stays.
#![allow(missing_docs, clippy::unwrap_used)]

mod one;

use std::mem::{self, ManuallyDrop};

use jaegerling_core::{
    BUFFER_EXTRA, Drain, Dropped, Flags, Lane, Log, Outcome, Packer, Place, Process, ReferenceKind,
    Seen, SingleContext, Slot, SpanContext, SpanId, Time, TraceId,
};

use one::{NoClock, One, Ring, WORDS};

/// Too few for the longest spans, and more than enough.
const FEW: usize = 40;
const MANY: usize = 400;

type Span<'r> = jaegerling_core::Span<'r, One<'r>, WORDS>;

/// A small generator: <https://doi.org/10.18637/jss.v008.i14>.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }

    fn text(&mut self) -> String {
        let len = match self.below(40) {
            0 => self.below(3_000),
            1..4 => self.below(200),
            _ => self.below(40),
        };
        "0123456789".chars().cycle().take(len).collect()
    }
}

/// Who has the span between two things that are said of it.
trait Holder<'r> {
    fn say(&mut self, say: impl FnOnce(&mut Span<'r>));
    fn log(&mut self, fields: &[(String, i64)]);

    /// A log that is forgotten, if this holder does that.
    fn forget_log(&mut self, _: &[(String, i64)]) {}
}

struct Handle<'r>(Span<'r>);

impl<'r> Holder<'r> for Handle<'r> {
    fn say(&mut self, say: impl FnOnce(&mut Span<'r>)) {
        say(&mut self.0);
    }

    fn log(&mut self, fields: &[(String, i64)]) {
        let mut log = self.0.log();
        for (key, value) in fields {
            log.field(key, *value);
        }
    }
}

struct Kept<'r> {
    lane: One<'r>,
    place: Place<'r, WORDS>,
    forgets: bool,
}

impl<'r> Kept<'r> {
    fn resume(&self) -> ManuallyDrop<Span<'r>> {
        // SAFETY: begun there in this lane, and this is the only handle as long as it is used.
        ManuallyDrop::new(unsafe { Span::resume(self.lane, self.place) })
    }
}

impl<'r> Holder<'r> for Kept<'r> {
    fn say(&mut self, say: impl FnOnce(&mut Span<'r>)) {
        say(&mut self.resume());
    }

    fn log(&mut self, fields: &[(String, i64)]) {
        let mut log = Log::of(self.resume());
        for (key, value) in fields {
            log.field(key, *value);
        }
    }

    fn forget_log(&mut self, fields: &[(String, i64)]) {
        if self.forgets {
            let mut log = Log::of(self.resume());
            for (key, value) in fields {
                log.field(key, *value);
            }
            mem::forget(log);
        }
    }
}

/// Says one thing after another.
fn tell<'r>(holder: &mut impl Holder<'r>, random: &mut Random) {
    for _ in 0..random.below(60) {
        let (key, text) = (random.text(), random.text());
        match random.below(13) {
            0 => holder.say(|span| span.set_name(&text)),
            1 => holder.say(|span| span.set_start(Time::UnixNanos(5_000))),
            2 => holder.say(|span| span.set_end(Time::UnixNanos(9_000_000))),
            3 => holder.say(jaegerling_core::Span::set_debug),
            4 => holder.say(|span| {
                span.reference(ReferenceKind::FollowsFrom, TraceId::MIN, SpanId::MIN);
            }),
            5 | 6 => {
                let fields: Vec<_> = (0..random.below(5)).map(|_| (random.text(), 42)).collect();
                holder.log(&fields);
            }
            7 => holder.say(|span| span.tag(&key, 42_i64)),
            8 => holder.say(|span| span.tag(&key, true)),
            9 => {
                let fields: Vec<_> = (0..random.below(9)).map(|_| (random.text(), 43)).collect();
                holder.forget_log(&fields);
            }
            _ => holder.say(|span| span.tag(&key, text.as_str())),
        }
    }
}

/// Who holds the spans.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    ByHandle,
    ByPlace { forgets: bool },
}

/// The datagrams of one span after another, each told as `tell` does, and what of them was cut.
fn datagrams(seed: u64, slots: usize, held: Held) -> (Vec<Vec<u8>>, u64) {
    let slots: Vec<_> = (0..slots).map(|_| Slot::new()).collect();
    let ring = Ring::new(SingleContext::new(), &*slots);
    // SAFETY: the only one of its ring.
    let mut drain = unsafe { Drain::new() };
    let (mut seen, mut packer) = (Seen::default(), Packer::new(65_000, "s").unwrap());
    let mut random = Random(seed);
    for _ in 0..3 {
        let (lane, name) = (One(&ring), random.text());
        let context = SpanContext {
            trace_id: TraceId::MIN,
            span_id: SpanId::MIN,
            parent_id: None,
            flags: Flags::SAMPLED,
        };
        // SAFETY: the slots are in this ring only.
        let claimed = unsafe { ring.claim() };
        if let Held::ByPlace { forgets } = held {
            // SAFETY: a slot of that ring.
            let place = claimed.map(|it| unsafe { Span::begin(&lane, &context, it) });
            let Some(place) = place else { continue };
            // SAFETY: begun just now.
            mem::forget(unsafe { Span::go_on(lane, place, &name) });
            let mut kept = Kept {
                lane,
                place,
                forgets,
            };
            tell(&mut kept, &mut random);
            // SAFETY: its last word.
            lane.end(unsafe { place.ending() });
        } else {
            // SAFETY: a slot of that ring.
            let span = unsafe { Span::start(lane, context, claimed, &name) };
            if span.is_recording() {
                tell(&mut Handle(span), &mut random);
            }
        }
    }
    drain.sweep(&ring, &mut seen);
    let mut datagrams = Vec::new();
    let mut buffer = vec![0xa5; 65_000 + BUFFER_EXTRA];
    let (process, none) = (Process::new("s"), Dropped::default());
    while let Some(packed) = packer.pack(&mut buffer, &process, &mut drain, &NoClock, &none, None) {
        datagrams.push(packed.bytes.to_vec());
        packer.settled(&mut drain);
        drain.settle(Outcome::HandedOver);
    }
    let trimmed = drain.stats([(&ring, seen)].into_iter()).trimmed;
    (datagrams, trimmed.tags + trimmed.logs)
}

#[test]
fn a_span_that_is_resumed_for_each_thing_is_the_same_to_the_byte() {
    let mut cut = 0;
    for seed in 1..400 {
        let stayed = datagrams(seed, FEW, Held::ByHandle);
        let kept = datagrams(seed, FEW, Held::ByPlace { forgets: false });
        assert_eq!(kept, stayed, "seed {seed}");
        assert!(!stayed.0.is_empty());
        cut += stayed.1;
    }
    assert!(cut > 100, "slots were missing now and then: {cut}");
}

#[test]
fn a_log_that_is_forgotten_takes_nothing_else_of_its_span_with_it() {
    for seed in 1..400 {
        let without = datagrams(seed, MANY, Held::ByPlace { forgets: false });
        let with = datagrams(seed, MANY, Held::ByPlace { forgets: true });
        assert_eq!(with, without, "seed {seed}");
        assert_eq!(with.1, 0, "there was room");
    }
}
