//! What a span carries: tags of every type, logs.

use std::time::{Duration, UNIX_EPOCH};

use jaegerling::StartTime;

use super::{Rig, trace_id};
use crate::trace::Tag;

#[test]
fn every_tag_type_comes_back() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let mut span = rig.tracer.span(id, "root");
    span.add_string_tag("string", "wörd 🦀");
    span.add_string_tag("empty", "");
    span.add_int_tag("zero", 0);
    span.add_int_tag("least", i64::MIN);
    span.add_int_tag("most", i64::MAX);
    span.add_bool_tag("yes", true);
    span.add_bool_tag("no", false);
    span.add_float_tag("float", -0.1);
    span.add_float_tag("whole", 2.0);
    span.add_float_tag("huge", f64::MAX);
    span.add_float_tag("tiny", f64::MIN_POSITIVE);
    span.add_bytes_tag("bytes", &[0, 1, 2, 253]);
    span.add_bytes_tag("not utf-8", &[0xff, 0x00]);
    span.add_bytes_tag("no bytes", &[]);
    span.add_tag("value", 7_u8);
    span.add_display_tag("display", format_args!("{:.1}", 0.25));
    span.add_debug_tag("debug", Some("x"));
    drop(span);

    let trace = rig.read_clean(id, 1);
    let has = |key: &str, tag: Tag| assert_eq!(trace.span("root").tag(key), Some(tag), "{key}");
    has("string", "wörd 🦀".into());
    has("empty", "".into());
    has("zero", Tag::Int(0));
    has("least", Tag::Int(i64::MIN));
    has("most", Tag::Int(i64::MAX));
    has("yes", Tag::Bool(true));
    has("no", Tag::Bool(false));
    has("float", Tag::Float(-0.1));
    has("whole", Tag::Float(2.0));
    has("huge", Tag::Float(f64::MAX));
    has("tiny", Tag::Float(f64::MIN_POSITIVE));
    has("bytes", Tag::Binary("AAEC/Q==".into()));
    has("not utf-8", Tag::Binary("/wA=".into()));
    has("no bytes", Tag::Binary(String::new()));
    has("value", Tag::Int(7));
    has("display", "0.2".into());
    has("debug", r#"Some("x")"#.into());
    assert_eq!(trace.span("root").tags().len(), 17);
}

#[test]
fn numbers_that_are_not_finite_do_not_break_the_trace() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let mut span = rig.tracer.span(id, "root");
    let not_finite = [
        ("nan", f64::NAN),
        ("up", f64::INFINITY),
        ("down", f64::NEG_INFINITY),
    ];
    for (key, number) in not_finite {
        span.add_float_tag(key, number);
        drop(span.log().with_float(key, number));
    }
    drop(span);

    let trace = rig.read_clean(id, 1);
    let span = trace.span("root");
    assert_eq!(span.logs().len(), 3);
    let in_logs = span.logs().into_iter().flat_map(|log| log.fields);
    for (key, tag) in span.tags().into_iter().chain(in_logs) {
        assert!(matches!(tag, Tag::String(_)), "{key}: {tag:?}");
    }
}

#[test]
fn errors_and_kinds_are_understood() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let span = rig.tracer.span(id, "root");
    drop(
        span.with_bool_tag("error", true)
            .with_string_tag("span.kind", "server"),
    );

    let trace = rig.read_clean(id, 1);
    let span = trace.span("root");
    assert_eq!(span.tag("error"), Some(Tag::Bool(true)));
    assert_eq!(span.tag("span.kind"), Some("server".into()));
    // Jaeger's own, from a tag `error` that is a bool.
    assert_eq!(span.tag("otel.status_code"), Some("ERROR".into()));
}

#[test]
fn logs_come_back_with_their_times_and_fields() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let at = UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
    let mut span = rig.tracer.span(id, "root");
    drop(
        span.log_at(StartTime::from(at))
            .with_string("event", "cache miss")
            .with_int("int", -1)
            .with_bool("bool", true)
            .with_float("float", 0.5)
            .with_bytes("bytes", b"ab"),
    );
    drop(span.log().with_string("k", "without an event"));
    drop(span);

    let trace = rig.read_clean(id, 1);
    let span = trace.span("root");
    let logs = span.logs();
    assert_eq!(logs.len(), 2);
    let explicit = logs.iter().find(|log| log.fields.len() == 5).unwrap();
    assert_eq!(explicit.micros, 1_700_000_000_123_456);
    assert_eq!(explicit.field("event"), Some("cache miss".into()));
    assert_eq!(explicit.field("int"), Some(Tag::Int(-1)));
    assert_eq!(explicit.field("bool"), Some(Tag::Bool(true)));
    assert_eq!(explicit.field("float"), Some(Tag::Float(0.5)));
    assert_eq!(explicit.field("bytes"), Some(Tag::Binary("YWI=".into())));
    let by_clock = logs.iter().find(|log| log.fields.len() == 1).unwrap();
    assert_eq!(by_clock.field("k"), Some("without an event".into()));
    assert!((span.start()..=span.start() + span.duration()).contains(&by_clock.micros));
}

#[test]
fn a_tag_set_twice_has_the_last_value() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let mut span = rig.tracer.span(id, "root");
    span.add_int_tag("attempt", 1);
    span.add_int_tag("attempt", 2);
    drop(span);
    let trace = rig.read_clean(id, 1);
    assert_eq!(trace.span("root").tag("attempt"), Some(Tag::Int(2)));
}
