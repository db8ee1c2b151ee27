//! Spans that no sane program writes: they are trimmed and the cuts counted, never lost.

use super::{Rig, span_id, trace_id};
use crate::trace::{Span, Tag};

#[test]
fn a_tag_of_a_megabyte_does_not_cost_the_span() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    // Two bytes each: cut in the middle of one it would come back as bytes.
    let big = "ü".repeat(500_000);
    let mut span = rig.tracer.span_with_id(id, span_id(5), "big");
    span.add_string_tag("before", "kept");
    span.add_string_tag("big", &big);
    span.add_string_tag("after", "maybe");
    drop(span);

    let trace = rig.read_clean(id, 1);
    let span = trace.span("big");
    assert_eq!(span.id(), 5);
    assert_eq!(span.tag("before"), Some("kept".into()));
    assert!(dropped(&span, "otel.dropped_attributes_count") >= 1);
    match span.tag("big") {
        Some(Tag::String(rest)) => assert!(rest.len() < big.len() && big.starts_with(&rest)),
        other => assert_eq!(other, None),
    }
}

#[test]
fn ten_thousand_tags_and_logs_are_kept_or_counted() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let count = 10_000;
    let mut span = rig.tracer.span(id, "many");
    for number in 0..count {
        span.add_int_tag(&format!("tag {number}"), number);
        drop(span.log().with_int("log", number));
    }
    drop(span);

    let trace = rig.read_clean(id, 1);
    let span = trace.span("many");
    let tags = span
        .tags()
        .iter()
        .filter(|(key, _)| key.starts_with("tag "))
        .count();
    let logs = span.logs().len();
    // A log that was begun with the last room has lost its field, which counts as a tag.
    let fields: usize = span.logs().iter().map(|log| log.fields.len()).sum();
    assert!(tags > 0);
    assert!(logs > 0);
    assert_eq!(
        (tags + fields) as i64 + dropped(&span, "otel.dropped_attributes_count"),
        count + logs as i64
    );
    assert_eq!(
        logs as i64 + dropped(&span, "otel.dropped_events_count"),
        count
    );
}

#[test]
fn a_name_of_a_megabyte_is_cut() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let name = "ü".repeat(500_000);
    drop(rig.tracer.span(id, name.as_str()));

    let trace = rig.read_clean(id, 1);
    let cut = trace.spans()[0].name();
    assert!(!cut.is_empty() && cut.len() < name.len() && name.starts_with(cut));
}

#[test]
fn nul_bytes_and_empty_keys_come_back() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let mut span = rig.tracer.span(id, "odd");
    span.add_string_tag("nul", "a\0b");
    span.add_string_tag("", "no key");
    drop(span);

    let trace = rig.read_clean(id, 1);
    assert_eq!(trace.span("odd").tag("nul"), Some("a\0b".into()));
    assert_eq!(trace.span("odd").tag(""), Some("no key".into()));
}

fn dropped(span: &Span<'_>, key: &str) -> i64 {
    match span.tag(key) {
        Some(Tag::Int(count)) => count,
        None => 0,
        other => panic!("{key}: {other:?}"),
    }
}
