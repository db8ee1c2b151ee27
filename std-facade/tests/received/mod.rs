//! What came out, decoded.
#![allow(dead_code, unreachable_pub)]

use jaegerling::TracesOut;
use jaegerling::decode::{TagValue, decode};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    pub name: String,
    pub trace_id: u128,
    pub span_id: u64,
    pub parent_id: u64,
    pub tags: Vec<(String, String)>,
}

pub fn spans(datagram: &[u8]) -> Vec<Received> {
    let batch = decode(datagram).expect("a datagram");
    let spans = batch.spans.iter().map(|span| Received {
        name: span.operation_name.to_string(),
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_id: span.parent_span_id,
        tags: span
            .tags
            .iter()
            .map(|tag| (tag.key.to_string(), text(&tag.value)))
            .collect(),
    });
    spans.collect()
}

fn text(value: &TagValue<'_>) -> String {
    match value {
        TagValue::String(text) => text.to_string(),
        TagValue::Long(long) => long.to_string(),
        TagValue::Bool(bool) => bool.to_string(),
        other => format!("{other:?}"),
    }
}

/// All that waits.
pub fn drain(out: &mut TracesOut) -> Vec<Received> {
    let mut all = Vec::new();
    while let Ok(Some(datagram)) = out.try_next() {
        all.extend(spans(&datagram));
    }
    all
}

pub fn names(out: &mut TracesOut) -> Vec<String> {
    drain(out).into_iter().map(|span| span.name).collect()
}

/// The process tag of this key.
pub fn process_tag(datagram: &[u8], key: &str) -> Option<String> {
    let batch = decode(datagram).expect("a datagram");
    let mut tags = batch.process.tags.iter();
    let tag = tags.find(|tag| tag.key.as_bytes() == key.as_bytes())?;
    Some(text(&tag.value))
}

pub fn seq_no(datagram: &[u8]) -> Option<i64> {
    decode(datagram).expect("a datagram").seq_no
}
