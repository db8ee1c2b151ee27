//! jaeger.thrift and agent.thrift: which struct has which fields.
//!
//! The files: <https://github.com/jaegertracing/jaeger-idl/tree/main/thrift>.

pub(crate) mod field;
pub(crate) mod write;

/// The one method of agent.thrift that clients of Jaeger call.
pub(crate) const EMIT_BATCH: &[u8; 9] = b"emitBatch";

/// The tags that tell how much of a span is missing, in the words of OpenTelemetry: tags, logs,
/// references.
pub(crate) static DROPPED: [&str; 3] = [
    "otel.dropped_attributes_count",
    "otel.dropped_events_count",
    "otel.dropped_links_count",
];

/// `TagType`: which of a tag's values counts.
pub(crate) mod tag_type {
    pub(crate) const STRING: i32 = 0;
    pub(crate) const DOUBLE: i32 = 1;
    pub(crate) const BOOL: i32 = 2;
    pub(crate) const LONG: i32 = 3;
    pub(crate) const BINARY: i32 = 4;
}

/// `SpanRefType`.
pub(crate) mod ref_type {
    pub(crate) const CHILD_OF: i32 = 0;
    pub(crate) const FOLLOWS_FROM: i32 = 1;
}
