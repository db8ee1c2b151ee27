//! Tracers whose datagrams are known to the byte: a clock that is moved by hand, and counted ids.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jaegerling::decode::{Batch, Span, TagValue, decode};
use jaegerling::{Builder, Clock, IdSource, OwnTags, SeededIds, TracesIn, TracesOut, builder};

/// The date at which the hand stands at 0, in microseconds since the Unix epoch.
pub const BEGIN: i64 = 1_700_000_000_000_000;

/// A clock that stands still until it is moved. Its ticks are microseconds.
#[derive(Clone, Default)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    pub fn set(&self, micros: u64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        (BEGIN + ticks as i64) * 1_000
    }
}

/// The same ids in each run.
pub fn seeded(seed: u64) -> SeededIds {
    let ids = SeededIds::new();
    ids.seed(seed);
    ids
}

/// No tags of its own, counted ids, and this clock.
pub fn exact(hand: &Hand) -> Builder {
    builder("exact")
        .clock(hand.clone())
        .ids(seeded(1))
        .own_process_tags(OwnTags::NONE)
}

pub fn tracer(builder: Builder) -> (Arc<TracesIn>, TracesOut) {
    builder.build().expect("a tracer")
}

/// The next datagram, which waits.
pub fn datagram(out: &mut TracesOut) -> Vec<u8> {
    let datagram = out.try_next().expect("not ended");
    datagram.expect("a span waits")
}

/// The datagrams that wait.
pub fn datagrams(out: &mut TracesOut) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| out.try_next().ok().flatten()).collect()
}

pub fn batch(datagram: &[u8]) -> Batch<'_> {
    decode(datagram).expect("a datagram")
}

/// The only span of a datagram.
pub fn only(datagram: &[u8]) -> Span<'_> {
    let spans = batch(datagram).spans;
    assert_eq!(spans.len(), 1);
    spans.iter().next().expect("a span")
}

/// Keys and values.
pub fn tags<'a>(
    tags: jaegerling::decode::List<'a, jaegerling::decode::Tag<'a>>,
) -> Vec<(String, TagValue<'a>)> {
    let tags = tags.iter().map(|tag| (tag.key.to_string(), tag.value));
    tags.collect()
}

pub fn text(text: &str) -> TagValue<'_> {
    TagValue::String(text.into())
}

/// The value of a tag that is there once and is a number, or 0 for none.
pub fn number(span: &Span<'_>, key: &str) -> i64 {
    let mut found = span.tags.iter().filter(|tag| tag.key == key);
    let number = found.next().map_or(0, |tag| match tag.value {
        TagValue::Long(number) => number,
        other => panic!("{key} is {other:?}"),
    });
    assert!(found.next().is_none(), "{key} twice");
    number
}
