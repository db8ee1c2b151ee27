//! Datagrams written by hand: they show that the server and the way to it work, and that it has the
//! habits which the encoder works around. A test that finds no warning proves something only if
//! there could have been one.

use crate::server::{fresh_id, jaeger};
use crate::trace::{Kind, Reference, Tag};

/// The smallest batch that holds a span.
const SMALLEST: [u8; 67] = *b"\
    \x82\x81\x00\x09emitBatch\
    \x1c\
      \x1c\
        \x18\x01s\
        \x00\
      \x19\x1c\
        \x16\xdf\xfb\xe6\xab\x93\x9e\xab\xb4\xa4\x01\
        \x16\x00\
        \x16\x9f\xc8\xa1\xe5\x8e\xa6\xdd\xdc\xfd\x01\
        \x16\x00\
        \x18\x01n\
        \x25\x02\
        \x16\x80\x80\xf2\x81\x83\x89\x85\x06\
        \x16\xc8\x01\
        \x00\
      \x00\
    \x00";

#[test]
fn the_smallest_batch_is_read_back_as_it_was_sent() {
    let Some(jaeger) = jaeger() else { return };
    let accepted = jaeger.accepted_spans();
    jaeger.send(&SMALLEST);

    let trace_id = 0xadcb_a987_6543_2110;
    let trace = jaeger.trace(trace_id, 1);
    assert_eq!(trace.id(), "adcba98765432110");
    let span = trace.span("n");
    assert_eq!(span.trace_id(), trace_id);
    assert_eq!(span.id(), 0x8123_4567_89ab_cdf0);
    assert_eq!(span.parent(), None);
    assert_eq!(span.references(), []);
    assert_eq!(span.start(), 1_700_000_000_000_000);
    assert_eq!(span.duration(), 100);
    assert_eq!(span.service(), "s");
    assert_eq!(span.process_tags(), []);
    assert_eq!(span.tags(), []);
    assert_eq!(span.logs(), []);
    assert_eq!(trace.warnings(), [""; 0]);
    if let (Some(before), Some(after)) = (accepted, jaeger.accepted_spans()) {
        assert!(
            after > before,
            "the counter of accepted spans stayed at {after}"
        );
    }
}

#[test]
fn a_span_is_found_by_service_and_name() {
    let Some(jaeger) = jaeger() else { return };
    let name = format!("found: by its näme {}", fresh_id());
    let span = Span {
        name: &name,
        ..Span::fresh()
    };
    jaeger.send(&span.datagram());

    let traces = jaeger.find("by hand", &name);
    assert_eq!(traces.len(), 1);
    assert_eq!(traces[0].span(&name).trace_id(), span.trace_id);
}

#[test]
fn a_duration_of_zero_is_warned_about() {
    let Some(jaeger) = jaeger() else { return };
    let span = Span {
        duration: 0,
        ..Span::fresh()
    };
    jaeger.send(&span.datagram());
    assert_eq!(jaeger.trace(span.trace_id, 1).warnings().len(), 1);
}

#[test]
fn a_double_that_is_not_a_number_breaks_the_whole_trace() {
    let Some(jaeger) = jaeger() else { return };
    let span = Span {
        tag: Some(f64::NAN),
        ..Span::fresh()
    };
    jaeger.send(&span.datagram());
    assert_eq!(jaeger.trace_status(span.trace_id), 500);
}

#[test]
fn a_child_that_outlives_its_parent_is_warned_about_unless_the_process_has_an_ip() {
    let Some(jaeger) = jaeger() else { return };
    for ip in [false, true] {
        let parent = Span {
            name: "parent",
            ip,
            ..Span::fresh()
        };
        let child = Span {
            name: "child",
            span_id: 2,
            parent_id: parent.span_id,
            start: parent.start + 1,
            ..parent
        };
        jaeger.send(&parent.datagram());
        jaeger.send(&child.datagram());

        let trace = jaeger.trace(parent.trace_id, 2);
        assert_eq!(trace.span("child").parent(), Some(parent.span_id));
        assert_eq!(
            trace.span("child").references(),
            [Reference {
                kind: Kind::ChildOf,
                trace_id: parent.trace_id,
                span_id: parent.span_id,
            }]
        );
        assert_eq!(trace.warnings().len(), usize::from(!ip));
    }
}

#[test]
fn tags_and_logs_come_back() {
    let Some(jaeger) = jaeger() else { return };
    let span = Span {
        tag: Some(-0.5),
        ip: true,
        ..Span::fresh()
    };
    jaeger.send(&span.datagram());

    let trace = jaeger.trace(span.trace_id, 1);
    assert_eq!(trace.span("span").tag("d"), Some(Tag::Float(-0.5)));
    let logs = trace.span("span").logs();
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].micros, 1_700_000_000_000_000);
    assert_eq!(logs[0].field("d"), Some(Tag::Float(-0.5)));
    assert_eq!(
        trace.span("span").process_tag("ip"),
        Some("10.0.0.1".into())
    );
}

/// As much of a span as these tests need.
#[derive(Clone, Copy)]
struct Span<'a> {
    trace_id: u128,
    span_id: u64,
    parent_id: u64,
    name: &'a str,
    start: u64,
    duration: u64,
    /// Of the span, and of its log.
    tag: Option<f64>,
    ip: bool,
}

impl Span<'_> {
    fn fresh() -> Self {
        Self {
            trace_id: fresh_id(),
            span_id: 1,
            parent_id: 0,
            name: "span",
            start: 1_700_000_000_000_000,
            duration: 1000,
            tag: None,
            ip: false,
        }
    }

    fn datagram(&self) -> Vec<u8> {
        let mut out = b"\x82\x81\x00\x09emitBatch\x1c\x1c".to_vec();
        text(&mut out, 0x18, "by hand");
        if self.ip {
            out.extend(b"\x19\x1c\x18\x02ip\x15\x00\x18\x0810.0.0.1\x00");
        }
        out.extend(b"\x00\x19\x1c");
        long(&mut out, self.trace_id as u64);
        long(&mut out, (self.trace_id >> 64) as u64);
        long(&mut out, self.span_id);
        long(&mut out, self.parent_id);
        text(&mut out, 0x18, self.name);
        out.extend(b"\x25\x02");
        long(&mut out, self.start);
        long(&mut out, self.duration);
        if let Some(tag) = self.tag {
            double(&mut out, tag);
            out.extend(b"\x19\x1c");
            long(&mut out, self.start);
            double(&mut out, tag);
            out.push(0);
        }
        out.extend(b"\x00\x00\x00");
        out
    }
}

/// The next field of a struct, an i64.
fn long(out: &mut Vec<u8>, value: u64) {
    out.push(0x16);
    let value = value as i64;
    varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// The next field of a struct, a list with one tag.
fn double(out: &mut Vec<u8>, value: f64) {
    out.extend(b"\x19\x1c\x18\x01d\x15\x02\x27");
    out.extend(value.to_le_bytes());
    out.push(0);
}

fn text(out: &mut Vec<u8>, header: u8, text: &str) {
    out.push(header);
    varint(out, text.len() as u64);
    out.extend(text.as_bytes());
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
