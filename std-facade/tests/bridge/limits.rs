//! Spans that are larger than what they must pass.

use std::collections::BTreeMap;

use jaegerling_core::frame::Writer;
use jaegerling_core::{BUFFER_EXTRA, Packer, Process};
use jaegerling_core::{KeepOldest, SeededIds, SingleContext, Slot, Tracer};

use crate::device::{Device, Uptime};
use crate::jaeger::Jaeger;
use crate::{bridge, feed};

type Large = Tracer<Uptime, SeededIds, SingleContext, KeepOldest, [Slot<54>; 400], 54>;

/// A frame with one span of so many tags, each of about 100 bytes, and then logs.
fn frame(tags: usize, logs: usize) -> Vec<u8> {
    let tracer = Large::new(Uptime::new(0), SeededIds::new(), SingleContext::new());
    tracer.init(1).expect("only once");
    let mut drain = tracer.take_drain().expect("only once");
    let mut span = tracer.root("large");
    let text = "x".repeat(80);
    for tag in 0..tags {
        span.tag(&format!("tag-{tag:05}"), text.as_str());
    }
    for _ in 0..logs {
        span.log().field("event", text.as_str());
    }
    span.end();
    let mut packer = Packer::new(65_000, "thermostat").expect("long enough");
    let mut buffer = vec![0; 65_000 + BUFFER_EXTRA];
    let process = Process::new("thermostat");
    let packed = drain.pack(&mut packer, &mut buffer, &process).expect("it");
    let mut writer = Writer::new(9);
    writer.datagram(tracer.clock(), packed.bytes).collect()
}

#[test]
fn a_span_that_the_bridges_tags_make_too_large_is_cut_and_counted_and_the_link_goes_on() {
    let jaeger = Jaeger::new();
    let long = format!("text={}", "y".repeat(40_000));
    let mut bridge = bridge(&jaeger, &["--tag", &long]);
    feed(&mut bridge, &[frame(300, 20)]);
    let span = &jaeger.spans(1)[0];
    assert_eq!(span.name, "large");
    let kept = span
        .tags
        .keys()
        .filter(|key| key.starts_with("tag-"))
        .count();
    let count = |key: &str| span.tags.get(key).cloned().unwrap_or_default();
    assert!((200..300).contains(&kept), "{kept}");
    assert_eq!(
        count("otel.dropped_attributes_count"),
        format!("Long({})", 300 - kept)
    );
    assert_eq!(count("otel.dropped_events_count"), "Long(20)");

    let mut device = Device::new(1);
    device.record(1);
    feed(&mut bridge, &device.send());
    assert_eq!(jaeger.spans(1)[0].number, Some(1));
    let ended = bridge.wait();
    let line = "  1 span cut: a datagram had no room for all tags and logs\n";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
}

#[test]
fn spans_that_the_bridges_tags_make_too_many_for_a_datagram_go_in_several() {
    let jaeger = Jaeger::new();
    let long = format!("text={}", "y".repeat(64_800));
    let mut bridge = bridge(&jaeger, &["--tag", &long]);
    let mut device = Device::new(1);
    (0..10).for_each(|number| device.record(number));
    feed(&mut bridge, &device.send());
    let spans = jaeger.spans(10);
    let numbers: BTreeMap<_, _> = spans.iter().map(|span| (span.number, span)).collect();
    assert_eq!(numbers.len(), 10);
    assert!(bridge.wait().stderr.contains("10 spans passed on"));
}

#[test]
fn a_span_for_which_the_bridges_tags_leave_no_room_at_all_is_counted() {
    let jaeger = Jaeger::new();
    let long = format!("text={}", "y".repeat(64_990));
    let mut bridge = bridge(&jaeger, &["--tag", &long]);
    let mut device = Device::new(1);
    device.record(1);
    feed(&mut bridge, &device.send());
    let ended = bridge.wait();
    let line = "  1 span did not fit a datagram\n";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    assert!(jaeger.is_silent());
}

#[test]
fn a_frame_that_is_longer_than_any_datagram_is_counted_and_the_next_one_arrives() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    let endless = vec![b'x'; 200_000];
    let mut device = Device::new(1);
    device.record(1);
    let frames = [vec![vec![0]], vec![endless], device.send()].concat();
    feed(&mut bridge, &frames);
    assert_eq!(jaeger.spans(1)[0].number, Some(1));
    let ended = bridge.wait();
    let line = "  1 bad frame longer than a datagram that Jaeger takes\n";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
}
