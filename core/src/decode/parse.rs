//! The structs of jaeger.thrift, each read field by field.

use super::{
    Batch, ClientStats, DecodeError, Element, List, Log, Process, Reference, Span, Tag, TagValue,
    Text,
};
use crate::ReferenceKind;
use crate::jaeger::{field, ref_type, tag_type};
use crate::thrift::read::Reader;
use crate::thrift::ty;

/// How a struct is read, its last byte included.
pub(super) trait Parse<'a>: Sized {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

pub(super) fn missing(
    reader: &Reader<'_>,
    structure: &'static str,
    field: &'static str,
) -> DecodeError {
    DecodeError::Missing {
        at: reader.offset(),
        structure,
        field,
    }
}

/// Names a struct and, once it has been read, asks for its fields.
struct Required<'r, 'a>(&'r Reader<'a>, &'static str);

impl Required<'_, '_> {
    fn field<T>(&self, value: Option<T>, name: &'static str) -> Result<T, DecodeError> {
        value.ok_or_else(|| missing(self.0, self.1, name))
    }

    fn trace_id(&self, high: Option<i64>, low: Option<i64>) -> Result<u128, DecodeError> {
        let low = self.field(low, "traceIdLow")? as u64;
        let high = self.field(high, "traceIdHigh")? as u64;
        Ok(u128::from(high) << 64 | u128::from(low))
    }
}

impl<'a> Parse<'a> for Batch<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        use field::batch::{PROCESS, SEQ_NO, SPANS, STATS};
        let (mut process, mut spans, mut seq_no, mut stats) = (None, None, None, None);
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.ty) {
                (PROCESS, ty::STRUCT) => process = Some(Process::parse(reader)?),
                (SPANS, ty::LIST) => spans = Some(List::parse(reader)?),
                (SEQ_NO, ty::I64) => seq_no = Some(reader.i64()?),
                (STATS, ty::STRUCT) => stats = Some(ClientStats::parse(reader)?),
                (_, ty) => reader.skip(ty)?,
            }
        }
        let required = Required(reader, "Batch");
        Ok(Self {
            process: required.field(process, "process")?,
            spans: required.field(spans, "spans")?,
            seq_no,
            stats,
        })
    }
}

impl<'a> Parse<'a> for Process<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        use field::process::{SERVICE_NAME, TAGS};
        let (mut service_name, mut tags) = (None, List::default());
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.ty) {
                (SERVICE_NAME, ty::BINARY) => service_name = Some(Text::from(reader.bytes()?)),
                (TAGS, ty::LIST) => tags = List::parse(reader)?,
                (_, ty) => reader.skip(ty)?,
            }
        }
        let required = Required(reader, "Process");
        Ok(Self {
            service_name: required.field(service_name, "serviceName")?,
            tags,
        })
    }
}

impl<'a> Parse<'a> for ClientStats {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        use field::client_stats::{
            FAILED_TO_EMIT_SPANS, FULL_QUEUE_DROPPED_SPANS, TOO_LARGE_DROPPED_SPANS,
        };
        let (mut full_queue, mut too_large, mut failed) = (None, None, None);
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.ty) {
                (FULL_QUEUE_DROPPED_SPANS, ty::I64) => full_queue = Some(reader.i64()?),
                (TOO_LARGE_DROPPED_SPANS, ty::I64) => too_large = Some(reader.i64()?),
                (FAILED_TO_EMIT_SPANS, ty::I64) => failed = Some(reader.i64()?),
                (_, ty) => reader.skip(ty)?,
            }
        }
        let required = Required(reader, "ClientStats");
        Ok(Self {
            full_queue_dropped_spans: required.field(full_queue, "fullQueueDroppedSpans")?,
            too_large_dropped_spans: required.field(too_large, "tooLargeDroppedSpans")?,
            failed_to_emit_spans: required.field(failed, "failedToEmitSpans")?,
        })
    }
}

impl<'a> Element<'a> for Span<'a> {}

impl<'a> Parse<'a> for Span<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        use field::span as id;
        let (mut trace_id_low, mut trace_id_high) = (None, None);
        let (mut span_id, mut parent_span_id, mut operation_name) = (None, None, None);
        let (mut flags, mut start_time, mut duration) = (None, None, None);
        let (mut references, mut tags, mut logs) = Default::default();
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.ty) {
                (id::TRACE_ID_LOW, ty::I64) => trace_id_low = Some(reader.i64()?),
                (id::TRACE_ID_HIGH, ty::I64) => trace_id_high = Some(reader.i64()?),
                (id::SPAN_ID, ty::I64) => span_id = Some(reader.i64()? as u64),
                (id::PARENT_SPAN_ID, ty::I64) => parent_span_id = Some(reader.i64()? as u64),
                (id::OPERATION_NAME, ty::BINARY) => operation_name = Some(reader.bytes()?.into()),
                (id::REFERENCES, ty::LIST) => references = List::parse(reader)?,
                (id::FLAGS, ty::I32) => flags = Some(reader.i32()?),
                (id::START_TIME, ty::I64) => start_time = Some(reader.i64()?),
                (id::DURATION, ty::I64) => duration = Some(reader.i64()?),
                (id::TAGS, ty::LIST) => tags = List::parse(reader)?,
                (id::LOGS, ty::LIST) => logs = List::parse(reader)?,
                (_, ty) => reader.skip(ty)?,
            }
        }
        let required = Required(reader, "Span");
        Ok(Self {
            trace_id: required.trace_id(trace_id_high, trace_id_low)?,
            span_id: required.field(span_id, "spanId")?,
            parent_span_id: required.field(parent_span_id, "parentSpanId")?,
            operation_name: required.field(operation_name, "operationName")?,
            references,
            flags: required.field(flags, "flags")?,
            start_time: required.field(start_time, "startTime")?,
            duration: required.field(duration, "duration")?,
            tags,
            logs,
        })
    }
}

impl<'a> Element<'a> for Reference {}

impl<'a> Parse<'a> for Reference {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        use field::span_ref::{REF_TYPE, SPAN_ID, TRACE_ID_HIGH, TRACE_ID_LOW};
        let (mut kind, mut trace_id_low, mut trace_id_high, mut span_id) = (None, None, None, None);
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.ty) {
                (REF_TYPE, ty::I32) => kind = Some(reference_kind(reader)?),
                (TRACE_ID_LOW, ty::I64) => trace_id_low = Some(reader.i64()?),
                (TRACE_ID_HIGH, ty::I64) => trace_id_high = Some(reader.i64()?),
                (SPAN_ID, ty::I64) => span_id = Some(reader.i64()? as u64),
                (_, ty) => reader.skip(ty)?,
            }
        }
        let required = Required(reader, "SpanRef");
        Ok(Self {
            kind: required.field(kind, "refType")?,
            trace_id: required.trace_id(trace_id_high, trace_id_low)?,
            span_id: required.field(span_id, "spanId")?,
        })
    }
}

fn reference_kind(reader: &mut Reader<'_>) -> Result<ReferenceKind, DecodeError> {
    let at = reader.offset();
    match reader.i32()? {
        ref_type::CHILD_OF => Ok(ReferenceKind::ChildOf),
        ref_type::FOLLOWS_FROM => Ok(ReferenceKind::FollowsFrom),
        value => Err(DecodeError::WrongEnum {
            at,
            structure: "SpanRef",
            field: "refType",
            value,
        }),
    }
}

impl<'a> Element<'a> for Tag<'a> {}

impl<'a> Parse<'a> for Tag<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        use field::tag as id;
        let (mut key, mut kind) = (None, None);
        // What a client does not send has the value that Thrift gives it.
        let (mut text, mut double, mut bool, mut long) = (Text::default(), 0.0, false, 0);
        let mut binary: &[u8] = &[];
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.ty) {
                (id::KEY, ty::BINARY) => key = Some(reader.bytes()?.into()),
                (id::V_TYPE, ty::I32) => kind = Some(tag_kind(reader)?),
                (id::V_STR, ty::BINARY) => text = reader.bytes()?.into(),
                (id::V_DOUBLE, ty::DOUBLE) => double = reader.f64()?,
                (id::V_BOOL, ty::TRUE) => bool = true,
                (id::V_BOOL, ty::FALSE) => bool = false,
                (id::V_LONG, ty::I64) => long = reader.i64()?,
                (id::V_BINARY, ty::BINARY) => binary = reader.bytes()?,
                (_, ty) => reader.skip(ty)?,
            }
        }
        let required = Required(reader, "Tag");
        Ok(Self {
            key: required.field(key, "key")?,
            value: match required.field(kind, "vType")? {
                TagKind::String => TagValue::String(text),
                TagKind::Double => TagValue::Double(double),
                TagKind::Bool => TagValue::Bool(bool),
                TagKind::Long => TagValue::Long(long),
                TagKind::Binary => TagValue::Binary(binary),
            },
        })
    }
}

/// Which of a tag's values counts.
enum TagKind {
    String,
    Double,
    Bool,
    Long,
    Binary,
}

fn tag_kind(reader: &mut Reader<'_>) -> Result<TagKind, DecodeError> {
    let at = reader.offset();
    match reader.i32()? {
        tag_type::STRING => Ok(TagKind::String),
        tag_type::DOUBLE => Ok(TagKind::Double),
        tag_type::BOOL => Ok(TagKind::Bool),
        tag_type::LONG => Ok(TagKind::Long),
        tag_type::BINARY => Ok(TagKind::Binary),
        value => Err(DecodeError::WrongEnum {
            at,
            structure: "Tag",
            field: "vType",
            value,
        }),
    }
}

impl<'a> Element<'a> for Log<'a> {}

impl<'a> Parse<'a> for Log<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        use field::log::{FIELDS, TIMESTAMP};
        let (mut timestamp, mut fields) = (None, None);
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.ty) {
                (TIMESTAMP, ty::I64) => timestamp = Some(reader.i64()?),
                (FIELDS, ty::LIST) => fields = Some(List::parse(reader)?),
                (_, ty) => reader.skip(ty)?,
            }
        }
        let required = Required(reader, "Log");
        Ok(Self {
            timestamp: required.field(timestamp, "timestamp")?,
            fields: required.field(fields, "fields")?,
        })
    }
}
