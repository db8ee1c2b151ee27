//! Traces made by hand.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;

use jaegerling_core::ReferenceKind;
use jaegerling_core::collect::{Log, Process, Span, Tag, TagValue, Trace};
use jaegerling_core::decode::Reference;

/// 2026-11-24 08:30:00 UTC.
pub const T0: i64 = 1_795_509_000_000_000;
pub const TRACE_ID: u128 = 0x5b8e_fff7_9803_8103_d269_b633_813f_c60c;

pub fn process(service: &str) -> Arc<Process> {
    Arc::new(Process {
        service_name: service.into(),
        tags: [text("hostname", "box")].into(),
    })
}

pub fn span(service: &str, name: &str, id: u64, parent: u64, start: i64, duration: i64) -> Span {
    Span {
        span_id: id,
        parent_span_id: parent,
        operation_name: name.into(),
        references: Box::default(),
        flags: 1,
        start_time: T0 + start,
        duration,
        tags: Box::default(),
        logs: Box::default(),
        process: process(service),
    }
}

pub fn trace(spans: impl IntoIterator<Item = Span>) -> Trace {
    Trace {
        trace_id: TRACE_ID,
        spans: spans.into_iter().collect(),
    }
}

pub fn tag(key: &str, value: TagValue) -> Tag {
    let key = key.into();
    Tag { key, value }
}

pub fn text(key: &str, value: &str) -> Tag {
    tag(key, TagValue::String(value.into()))
}

pub fn long(key: &str, value: i64) -> Tag {
    tag(key, TagValue::Long(value))
}

pub fn error() -> Tag {
    tag("error", TagValue::Bool(true))
}

pub fn log(offset: i64, fields: impl IntoIterator<Item = Tag>) -> Log {
    Log {
        timestamp: T0 + offset,
        fields: fields.into_iter().collect(),
    }
}

pub fn reference(kind: ReferenceKind, span_id: u64) -> Reference {
    Reference {
        kind,
        trace_id: TRACE_ID,
        span_id,
    }
}

pub fn with(mut span: Span, tags: impl IntoIterator<Item = Tag>) -> Span {
    span.tags = tags.into_iter().collect();
    span
}

/// A checkout in which the first attempt to charge the card fails.
pub fn checkout() -> Trace {
    let mut charge = with(
        span("payment", "charge card", 5, 4, 62_000, 29_500),
        [
            error(),
            text("card", "visa"),
            tag("amount", TagValue::Double(49.9)),
        ],
    );
    charge.logs = [
        log(
            65_000,
            [text("event", "dial"), text("peer", "bank.example:443")],
        ),
        log(
            91_000,
            [
                text("event", "error"),
                text("message", "timed out after 25 ms"),
            ],
        ),
    ]
    .into();
    let mut mail = span("mail", "send receipt", 9, 0, 150_000, 64_000);
    mail.references = [reference(ReferenceKind::FollowsFrom, 1)].into();
    let kind = |kind| text("span.kind", kind);
    trace([
        with(
            span("shop", "POST /checkout", 1, 0, 0, 148_000),
            [
                kind("server"),
                long("http.status_code", 200),
                text("user", "ada"),
            ],
        ),
        with(
            span("shop", "GET /cart", 2, 1, 2_000, 18_250),
            [kind("client")],
        ),
        span("cart", "GET /cart", 3, 2, 4_000, 14_000),
        with(
            span("shop", "POST /charge", 4, 1, 60_000, 33_000),
            [kind("client"), error(), long("http.status_code", 504)],
        ),
        charge,
        with(
            span("shop", "POST /charge", 6, 1, 98_000, 41_000),
            [
                kind("client"),
                long("retry", 1),
                long("http.status_code", 200),
            ],
        ),
        span("payment", "charge card", 7, 6, 99_200, 38_700),
        span("payment", "INSERT INTO charges", 8, 7, 131_000, 730),
        mail,
    ])
}
