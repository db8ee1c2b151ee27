//! Each part that a span may have comes out if it is the only such that the program records: each
//! in a process of its own, as the core remembers what was recorded.
#![allow(missing_docs, clippy::unwrap_used)]

use std::env;
use std::process::Command;

use jaegerling_core::decode::{self, TagValue, decode};
use jaegerling_core::{
    BUFFER_EXTRA, Clock, KeepOldest, Packer, Process, ReferenceKind, SeededIds, SingleContext,
    Slot, Span, SpanId, Time, TraceId, Tracer,
};

const LIMIT: usize = 60_000;
const VARIABLE: &str = "JAEGERLING_PART";

/// Always ten seconds after 1970, in microseconds.
struct Still;

impl Clock for Still {
    fn now(&self) -> u64 {
        10_000_000
    }
    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64 * 1_000
    }
}

type Device = Tracer<Still, SeededIds, SingleContext, KeepOldest, [Slot<24>; 128], 24>;
type Said = for<'t> fn(&mut Span<'t, &'t Device, 24>);
type Heard = fn(&decode::Span<'_>) -> bool;

const PARTS: &[(Said, Heard)] = &[
    (
        |span| span.log().field("event", "seen"),
        |span| {
            let fields: Vec<_> = span
                .logs
                .iter()
                .map(|log| log.fields.iter().count())
                .collect();
            fields == [1]
        },
    ),
    (
        |span| {
            let (trace, id) = (TraceId::new(1 << 64 | 2), SpanId::new(3));
            span.reference(ReferenceKind::FollowsFrom, trace.unwrap(), id.unwrap());
        },
        |span| {
            let ids = |to: decode::Reference| (to.kind, to.trace_id, to.span_id);
            let to: Vec<_> = span.references.iter().map(ids).collect();
            to == [(ReferenceKind::FollowsFrom, 1 << 64 | 2, 3)]
        },
    ),
    (
        |span| span.tag("double", 0.5),
        |span| tags(span) == [TagValue::Double(0.5)],
    ),
    (
        |span| span.set_start(Time::Ticks(4_000_000)),
        |span| (span.start_time, span.duration) == (4_000_000, 6_000_000),
    ),
    (
        |span| span.set_end(Time::UnixNanos(12_000_000_000)),
        |span| (span.start_time, span.duration) == (10_000_000, 2_000_000),
    ),
    (
        |span| span.tag(&"k".repeat(3_000), true),
        |span| {
            let key = span.tags.iter().map(|tag| tag.key.as_bytes().len()).next();
            key == Some(3_000)
        },
    ),
    (
        |span| (0..40_i64).for_each(|number| span.tag("number", number)),
        |span| tags(span) == (0..40).map(TagValue::Long).collect::<Vec<_>>(),
    ),
    (
        // More than all slots have.
        |span| (0..5).for_each(|_| span.tag("string", &*"v".repeat(3_000))),
        |span| {
            let cut = |tag: decode::Tag<'_>| {
                tag.key.as_bytes() == b"otel.dropped_attributes_count"
                    && tag.value != TagValue::Long(0)
            };
            span.tags.iter().any(cut)
        },
    ),
];

fn tags<'a>(span: &decode::Span<'a>) -> Vec<TagValue<'a>> {
    span.tags.iter().map(|tag| tag.value).collect()
}

#[test]
fn each_part_comes_out_if_it_is_the_only_one() {
    let run = |part: usize| {
        let mut test = Command::new(env::current_exe().unwrap());
        let test = test.args(["--exact", "the_part_that_was_asked_for"]);
        test.env(VARIABLE, part.to_string()).status().unwrap()
    };
    for part in 0..PARTS.len() + 1 {
        assert!(run(part).success(), "part {part}");
    }
}

/// Nothing if none was.
#[test]
fn the_part_that_was_asked_for() {
    let Ok(part) = env::var(VARIABLE) else {
        return;
    };
    let device = Device::new(Still, SeededIds::new(), SingleContext::new());
    device.init(7).unwrap();
    match PARTS.get(part.parse::<usize>().unwrap()) {
        Some((say, heard)) => comes_out(&device, *say, *heard),
        None => an_open_span_is_told_as_unfinished(&device),
    }
}

fn comes_out(device: &Device, say: Said, heard: Heard) {
    let mut packer = Packer::new(LIMIT, "service").unwrap();
    let mut span = device.root("name");
    say(&mut span);
    span.end();
    let mut drain = device.take_drain().unwrap();
    let mut buffer = [0; LIMIT + BUFFER_EXTRA];
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new("service"));
    let batch = decode(packed.unwrap().bytes).unwrap();
    assert!(batch.spans.iter().next().is_some_and(|span| heard(&span)));
}

fn an_open_span_is_told_as_unfinished(device: &Device) {
    let span = device.root("name");
    // SAFETY: nobody else does anything.
    let mut stolen = unsafe { device.steal() };
    let mut packer = Packer::lean(LIMIT, "service").unwrap();
    let mut buffer = [0; LIMIT + BUFFER_EXTRA];
    let packed = stolen.pack(&mut packer, &mut buffer, &Process::new("service"));
    let batch = decode(packed.unwrap().bytes).unwrap();
    let heard: Vec<_> = batch.spans.iter().map(|span| tags(&span)).collect();
    assert_eq!(heard, [[TagValue::Bool(true)]]);
    drop(span);
}
