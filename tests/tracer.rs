//! From a span to a datagram and back, through the core's own tracer.
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::Cell;

use jaegerling_core::decode::{TagValue, decode};
use jaegerling_core::{
    BUFFER_EXTRA, Clock, KeepOldest, Packer, Process, SeededIds, SingleContext, Slot, Time, Tracer,
    TracerDrain, Value,
};

/// A clock of nanoseconds that only moves when it is told to.
struct Hand(Cell<u64>);

impl Clock for &Hand {
    fn now(&self) -> u64 {
        self.0.get()
    }
    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64
    }
}

type Device<'c, const SLOTS: usize, const WORDS: usize> =
    Tracer<&'c Hand, SeededIds, SingleContext, KeepOldest, [Slot<WORDS>; SLOTS], WORDS>;

fn tracer<const SLOTS: usize, const WORDS: usize>(hand: &Hand) -> Device<'_, SLOTS, WORDS> {
    let tracer = Tracer::new(hand, SeededIds::new(), SingleContext::new());
    tracer.init(1).unwrap();
    tracer
}

#[test]
fn a_span_longer_than_its_slot_comes_out_whole() {
    let hand = Hand(Cell::new(5_000_000));
    let tracer = tracer::<64, 24>(&hand);
    let long = "ä".repeat(300);
    let mut span = tracer.root(
        "a name that is a little longer than one slot has room for, so that it goes on in the next",
    );
    span.tag("long", long.as_str());
    span.tag("n", -1_i64);
    span.tag("f", 1.5);
    span.tag("nan", f64::NAN);
    span.tag("b", true);
    span.tag("raw", &[0_u8, 255, 3]);
    {
        let mut log = span.log();
        log.field("event", "cache miss");
        log.field("key", long.as_str());
    }
    span.tag("after", "the log");
    hand.0.set(7_000_999);
    drop(span);

    let process = Process::new("svc").with_tags([("host", Value::from("h"))]);
    let mut packer = Packer::new(65_000, "svc").unwrap();
    let mut buffer = vec![0xa5; 65_000 + BUFFER_EXTRA];
    let mut drain = tracer.take_drain().unwrap();
    let packed = drain.pack(&mut packer, &mut buffer, &process).unwrap();
    assert_eq!(packed.spans, 1);
    let batch = decode(packed.bytes).unwrap();
    let span = batch.spans.iter().next().unwrap();
    println!("{span:?}");
    assert_eq!(span.start_time, 5_000);
    assert_eq!(span.duration, 2_000);
    assert_eq!(span.tags.len(), 7);
    assert_eq!(
        span.tags.iter().next().unwrap().value,
        TagValue::String(long.as_str().into())
    );
    assert_eq!(span.logs.iter().next().unwrap().fields.len(), 2);
    drain.sent(&mut packer);
    assert!(drain.pack(&mut packer, &mut buffer, &process).is_none());
    let stats = drain.stats();
    assert_eq!((stats.started, stats.handed_over), (1, 1));
}

#[test]
fn datagrams_of_any_number_of_spans_are_read_back() {
    let hand = Hand(Cell::new(5_000_000));
    let tracer = tracer::<400, 24>(&hand);
    let process = Process::new("svc");
    let mut packer = Packer::new(65_000, "svc").unwrap();
    let mut buffer = vec![0xa5; 65_000 + BUFFER_EXTRA];
    let mut drain = tracer.take_drain().unwrap();
    for count in [1, 14, 15, 127, 128, 129, 399] {
        for _ in 0..count {
            tracer.root("one of many").end();
        }
        let packed = drain.pack(&mut packer, &mut buffer, &process).unwrap();
        let batch = decode(packed.bytes).unwrap();
        assert_eq!((packed.spans, batch.spans.len()), (count, count));
        assert!(
            batch
                .spans
                .iter()
                .all(|span| span.operation_name == *"one of many")
        );
        drain.sent(&mut packer);
    }
}

#[test]
fn a_tracer_can_be_moved_before_anyone_drains_it() {
    let hand = Hand(Cell::new(5_000_000));
    let mut first_place = Box::new(tracer::<64, 24>(&hand));
    let long = "A".repeat(300);
    let mut span = first_place.root("ended");
    span.tag("long", long.as_str());
    span.end();
    let mut span = first_place.root("for ever open");
    span.tag("long", long.as_str());
    std::mem::forget(span);
    let second_place = Box::new(std::mem::replace(&mut *first_place, tracer(&hand)));
    // Nothing may lead here any more.
    let mut span = first_place.root("another");
    span.tag("long", "B".repeat(900).as_str());
    span.end();
    drop(first_place);

    let mut drain = second_place.take_drain().unwrap();
    let mut looks = vec![];
    drain.for_each_open(|span| {
        let tags = span.tags().map(|(_, value)| value.to_string());
        looks.push((span.name().to_string(), tags.collect::<Vec<_>>()));
    });
    assert_eq!(looks, [("for ever open".to_owned(), vec![long.clone()])]);
    let mut packer = Packer::new(2_000, "svc").unwrap();
    let mut buffer = vec![0xa5; 2_000 + BUFFER_EXTRA];
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new("svc"));
    let batch = decode(packed.unwrap().bytes).unwrap();
    let span = batch.spans.iter().next().unwrap();
    let tag = span.tags.iter().next().unwrap();
    assert_eq!(tag.value, TagValue::String(long.as_str().into()));
    drain.sent(&mut packer);
    // Its slots are free again, all of them: the other one has five.
    let free = 64 - 5;
    let all: Vec<_> = (0..free).map(|_| second_place.root("one")).collect();
    assert!(all.iter().all(|span| span.is_recording()));
}

#[test]
fn a_tag_with_a_long_key_comes_out_with_those_behind_it() {
    let hand = Hand(Cell::new(5_000_000));
    let tracer = tracer::<4, 1024>(&hand);
    let mut drain = tracer.take_drain().unwrap();
    let mut packer = Packer::new(10_000, "svc").unwrap();
    let mut buffer = vec![0xa5; 10_000 + BUFFER_EXTRA];
    // What a key's length has in a header, and one more or less.
    for long in [2046, 2047, 2048, 3000] {
        let keys = ["before".to_owned(), "k".repeat(long), "after".to_owned()];
        let mut span = tracer.root("one slot");
        keys.iter().for_each(|key| span.tag(key, 1));
        span.end();
        let packed = drain.pack(&mut packer, &mut buffer, &Process::new("svc"));
        let batch = decode(packed.unwrap().bytes).unwrap();
        let span = batch.spans.iter().next().unwrap();
        let read: Vec<_> = span.tags.iter().map(|tag| tag.key.to_string()).collect();
        assert_eq!(read, keys);
        drain.sent(&mut packer);
    }
}

type OneSlot<'t, 'c> = TracerDrain<'t, Device<'c, 1, 24>>;

const A_SECOND: u64 = 1_000_000_000;

#[test]
fn a_loss_is_told_until_a_datagram_with_it_is_sent() {
    let hand = Hand(Cell::new(A_SECOND));
    let tracer = tracer::<1, 24>(&hand);
    let mut drain = tracer.take_drain().unwrap();
    let mut packer = Packer::new(2_000, "svc").unwrap();
    let mut buffer = vec![0xa5; 2_000 + BUFFER_EXTRA];
    let process = Process::new("svc");
    let mut tells = |drain: &mut OneSlot<'_, '_>, packer: &mut Packer| {
        hand.0.set(hand.0.get() + 2 * A_SECOND);
        let packed = drain.pack(packer, &mut buffer, &process)?;
        assert_eq!((packed.tells_loss, packed.spans), (true, 0));
        let batch = decode(packed.bytes).unwrap();
        let lost = batch.spans.iter().next().unwrap();
        let lost: Vec<_> = lost.tags.iter().collect();
        let TagValue::Long(count) = lost[1].value else {
            panic!("{lost:?}");
        };
        Some((lost[1].key.to_string(), count))
    };
    assert_eq!(tells(&mut drain, &mut packer), None);
    let _open = tracer.root("open");
    tracer.root("refused").end();
    let told = Some(("lost.ring_full".to_owned(), 1));
    assert_eq!(tells(&mut drain, &mut packer), told);
    drain.failed(&mut packer);
    assert_eq!(tells(&mut drain, &mut packer), told, "it had failed");
    // Nobody tells what became of that one: it has failed, too.
    assert_eq!(tells(&mut drain, &mut packer), told, "nobody had told");
    assert!(drain.too_large(&mut packer, 1_000).is_ok());
    assert_eq!(tells(&mut drain, &mut packer), told, "it was too large");
    drain.sent(&mut packer);
    // Too late: it is out.
    drain.failed(&mut packer);
    assert!(drain.too_large(&mut packer, 1_000).is_ok());
    assert_eq!(tells(&mut drain, &mut packer), None);
}

#[test]
fn the_first_start_end_and_debug_have_room_whatever_was_said_before() {
    let hand = Hand(Cell::new(5_000_000));
    let tracer = tracer::<1, 24>(&hand);
    let mut drain = tracer.take_drain().unwrap();
    let mut packer = Packer::new(2_000, "svc").unwrap();
    let mut buffer = vec![0xa5; 2_000 + BUFFER_EXTRA];
    let orders: [[usize; 3]; 3] = [[0, 1, 2], [1, 2, 0], [2, 0, 1]];
    for order in orders {
        let mut span = tracer.root("0123456789abcdefghij");
        span.tag("no", "room");
        // The last one is said once, after all the others often.
        for (which, often) in order.into_iter().zip([5, 5, 1]) {
            (0..often).for_each(|again| match which {
                0 => span.set_start(Time::UnixNanos(1_000 + again)),
                1 => span.set_end(Time::UnixNanos(9_000_000_000 + again)),
                _ => span.set_debug(),
            });
        }
        span.end();
        let packed = drain.pack(&mut packer, &mut buffer, &Process::new("svc"));
        let batch = decode(packed.unwrap().bytes).unwrap();
        let span = batch.spans.iter().next().unwrap();
        let times = (span.start_time, span.duration, span.flags);
        assert_eq!(times, (1, 9_000_000 - 1, 3), "{order:?}");
        let tags: Vec<_> = span.tags.iter().collect();
        assert_eq!(tags.len(), 1, "one is cut, and no time counts as one");
        assert_eq!(tags[0].value, TagValue::Long(1));
        drain.sent(&mut packer);
    }
    // Four times a first one stayed in each; in two of the orders both were said again.
    assert_eq!(drain.stats().trimmed.times, 8 + 4 + 4);
    assert_eq!(drain.stats().trimmed.tags, 3);
}
