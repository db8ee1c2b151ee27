//! What `decode` gave, in the model's normal form.

use jaegerling_core::ReferenceKind;
use jaegerling_core::decode;

use super::wire::Text;
use super::{
    OracleBatch, OracleLog, OracleProcess, OracleReference, OracleSpan, OracleStats, OracleTag,
};

impl From<decode::Batch<'_>> for OracleBatch {
    fn from(batch: decode::Batch<'_>) -> Self {
        Self {
            process: OracleProcess {
                service_name: batch.process.service_name.into(),
                tags: Some(all(batch.process.tags)),
            },
            spans: all(batch.spans),
            seq_no: batch.seq_no,
            stats: batch.stats.map(|stats| OracleStats {
                full_queue_dropped_spans: stats.full_queue_dropped_spans,
                too_large_dropped_spans: stats.too_large_dropped_spans,
                failed_to_emit_spans: stats.failed_to_emit_spans,
            }),
        }
    }
}

impl From<decode::Span<'_>> for OracleSpan {
    fn from(span: decode::Span<'_>) -> Self {
        Self {
            trace_id_low: span.trace_id as i64,
            trace_id_high: (span.trace_id >> 64) as i64,
            span_id: span.span_id as i64,
            parent_span_id: span.parent_span_id as i64,
            operation_name: span.operation_name.into(),
            references: Some(all(span.references)),
            flags: span.flags,
            start_time: span.start_time,
            duration: span.duration,
            tags: Some(all(span.tags)),
            logs: Some(all(span.logs)),
        }
    }
}

impl From<decode::Reference> for OracleReference {
    fn from(reference: decode::Reference) -> Self {
        Self {
            ref_type: match reference.kind {
                ReferenceKind::ChildOf => Self::CHILD_OF,
                ReferenceKind::FollowsFrom => Self::FOLLOWS_FROM,
            },
            trace_id_low: reference.trace_id as i64,
            trace_id_high: (reference.trace_id >> 64) as i64,
            span_id: reference.span_id as i64,
        }
    }
}

impl From<decode::Tag<'_>> for OracleTag {
    fn from(tag: decode::Tag<'_>) -> Self {
        let key = tag.key.as_bytes();
        match tag.value {
            decode::TagValue::String(value) => Self::string(key, value.as_bytes()),
            decode::TagValue::Double(value) => Self::double(key, value),
            decode::TagValue::Bool(value) => Self::bool(key, value),
            decode::TagValue::Long(value) => Self::long(key, value),
            decode::TagValue::Binary(value) => Self::binary(key, value),
        }
    }
}

impl From<decode::Log<'_>> for OracleLog {
    fn from(log: decode::Log<'_>) -> Self {
        Self {
            timestamp: log.timestamp,
            fields: all(log.fields),
        }
    }
}

impl From<decode::Text<'_>> for Text {
    fn from(text: decode::Text<'_>) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// All elements, of which there must be as many as the list says.
fn all<'a, T: decode::Element<'a>, U: From<T>>(list: decode::List<'a, T>) -> Vec<U> {
    let elements: Vec<_> = list.iter().map(U::from).collect();
    assert_eq!(
        elements.len(),
        list.len(),
        "the list says how many there are"
    );
    assert_eq!(list.iter().len(), list.len());
    elements
}
