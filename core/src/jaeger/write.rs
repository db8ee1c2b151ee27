//! Writing the structs of jaeger.thrift. What a real Jaeger cannot digest is mended here or in
//! the packer, and never leaves.

use super::field::{batch, client_stats, log, process, span, span_ref, tag};
use super::{EMIT_BATCH, field::emit_batch, tag_type};
use crate::ReferenceKind;
use crate::stats::Dropped;
use crate::text::Blob;
use crate::thrift::write::{Fields, Full, Writer};
use crate::thrift::{PROTOCOL, VERSION, VERSION_BITS, message, ty};

type Result = core::result::Result<(), Full>;

/// The beginning of a datagram: the message, and its batch up to the process.
pub(crate) fn message(w: &mut Writer<'_>) -> Result {
    w.byte(PROTOCOL)?;
    w.byte(message::ONEWAY << VERSION_BITS | VERSION)?;
    w.varint(0)?;
    w.bytes(EMIT_BATCH)?;
    Fields::new().header(w, emit_batch::BATCH, ty::STRUCT)?;
    Fields::new().header(w, batch::PROCESS, ty::STRUCT)
}

/// The process up to its tags, of which there are `tags`. They follow, then a stop.
pub(crate) fn process(w: &mut Writer<'_>, service_name: &str, tags: usize) -> Result {
    let mut fields = Fields::new();
    fields.bytes(w, process::SERVICE_NAME, service_name)?;
    if tags > 0 {
        fields.structs(w, process::TAGS, tags)?;
    }
    Ok(())
}

/// The header of the batch's spans, after the process.
pub(crate) fn spans(w: &mut Writer<'_>, count: usize) -> Result {
    Fields::after(batch::PROCESS).structs(w, batch::SPANS, count)
}

/// The end of a datagram, after the spans.
pub(crate) fn end(w: &mut Writer<'_>, seq_no: i64, dropped: &Dropped) -> Result {
    let mut fields = Fields::after(batch::SPANS);
    fields.i64(w, batch::SEQ_NO, seq_no)?;
    fields.header(w, batch::STATS, ty::STRUCT)?;
    let mut stats = Fields::new();
    let count = |spans: u64| i64::try_from(spans).unwrap_or(i64::MAX);
    stats.i64(
        w,
        client_stats::FULL_QUEUE_DROPPED_SPANS,
        count(dropped.ring_full.saturating_add(dropped.evicted)),
    )?;
    stats.i64(
        w,
        client_stats::TOO_LARGE_DROPPED_SPANS,
        count(dropped.too_large),
    )?;
    stats.i64(w, client_stats::FAILED_TO_EMIT_SPANS, count(dropped.failed))?;
    w.stop()?; // of the stats
    w.stop()?; // of the batch
    w.stop() // of the arguments
}

/// Who a span is.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) parent_id: u64,
}

/// A span's ids. Its name follows, as [`name`] or [`Writer::text_prefix`].
#[inline]
pub(crate) fn span_ids(w: &mut Writer<'_>, ids: Ids) -> Result {
    let mut fields = Fields::new();
    fields.i64(w, span::TRACE_ID_LOW, ids.trace_id as i64)?;
    fields.i64(w, span::TRACE_ID_HIGH, (ids.trace_id >> 64) as i64)?;
    fields.i64(w, span::SPAN_ID, ids.span_id as i64)?;
    fields.i64(w, span::PARENT_SPAN_ID, ids.parent_id as i64)?;
    fields.header(w, span::OPERATION_NAME, ty::BINARY)
}

/// The header of a span's references, unless there are none.
pub(crate) fn references(w: &mut Writer<'_>, count: usize) -> Result {
    match count {
        0 => Ok(()),
        _ => Fields::after(span::OPERATION_NAME).structs(w, span::REFERENCES, count),
    }
}

pub(crate) fn reference(
    w: &mut Writer<'_>,
    kind: ReferenceKind,
    trace_id: u128,
    span_id: u64,
) -> Result {
    let kind = match kind {
        ReferenceKind::ChildOf => super::ref_type::CHILD_OF,
        ReferenceKind::FollowsFrom => super::ref_type::FOLLOWS_FROM,
    };
    let mut fields = Fields::new();
    fields.i32(w, span_ref::REF_TYPE, kind)?;
    fields.i64(w, span_ref::TRACE_ID_LOW, trace_id as i64)?;
    fields.i64(w, span_ref::TRACE_ID_HIGH, (trace_id >> 64) as i64)?;
    fields.i64(w, span_ref::SPAN_ID, span_id as i64)?;
    w.stop()
}

/// What stands between a span's references and its tags. Times are in microseconds.
#[inline]
pub(crate) fn flags_and_times(
    w: &mut Writer<'_>,
    references: usize,
    flags: u8,
    start: i64,
    duration: i64,
) -> Result {
    let mut fields = Fields::after(match references {
        0 => span::OPERATION_NAME,
        _ => span::REFERENCES,
    });
    fields.i32(w, span::FLAGS, flags.into())?;
    fields.i64(w, span::START_TIME, start)?;
    fields.i64(w, span::DURATION, duration)
}

/// The header of a span's tags, unless there are none.
#[inline]
pub(crate) fn tags(w: &mut Writer<'_>, count: usize) -> Result {
    match count {
        0 => Ok(()),
        _ => Fields::after(span::DURATION).structs(w, span::TAGS, count),
    }
}

/// The header of a span's logs, unless there are none.
pub(crate) fn logs(w: &mut Writer<'_>, tags: usize, count: usize) -> Result {
    let last = match tags {
        0 => span::DURATION,
        _ => span::TAGS,
    };
    match count {
        0 => Ok(()),
        _ => Fields::after(last).structs(w, span::LOGS, count),
    }
}

/// The beginning of a log. Its fields follow, then a stop. The time is in microseconds.
pub(crate) fn log(w: &mut Writer<'_>, timestamp: i64, fields: usize) -> Result {
    let mut log_fields = Fields::new();
    log_fields.i64(w, log::TIMESTAMP, timestamp)?;
    log_fields.structs(w, log::FIELDS, fields)
}

#[inline(always)]
fn tag(
    w: &mut Writer<'_>,
    key: &(impl Blob + ?Sized),
    v_type: i32,
) -> core::result::Result<Fields, Full> {
    let mut fields = Fields::new();
    fields.bytes(w, tag::KEY, key)?;
    fields.i32(w, tag::V_TYPE, v_type)?;
    Ok(fields)
}

#[inline]
pub(crate) fn string_tag(
    w: &mut Writer<'_>,
    key: &(impl Blob + ?Sized),
    value: &(impl Blob + ?Sized),
) -> Result {
    if key.len() < 0x80 && value.len() < 0x80 {
        return short_string_tag(w, key, value);
    }
    tag(w, key, tag_type::STRING)?.bytes(w, tag::V_STR, value)?;
    w.stop()
}

/// The same where all lengths are one byte: all of it is taken at once.
#[inline(always)]
fn short_string_tag(
    w: &mut Writer<'_>,
    key: &(impl Blob + ?Sized),
    value: &(impl Blob + ?Sized),
) -> Result {
    const KEY: u8 = short_header(0, tag::KEY, ty::BINARY);
    const V_TYPE: u8 = short_header(tag::KEY, tag::V_TYPE, ty::I32);
    const V_STR: u8 = short_header(tag::V_TYPE, tag::V_STR, ty::BINARY);
    // The zigzag of `STRING`, which is 0.
    const STRING: u8 = (tag_type::STRING << 1) as u8;
    let out = w.take(2 + key.len() + 4 + value.len() + 1)?;
    let (head, out) = out.split_first_chunk_mut().ok_or(Full)?;
    *head = [KEY, key.len() as u8];
    let (to, out) = out.split_at_mut_checked(key.len()).ok_or(Full)?;
    key.copy_to(to);
    let (middle, out) = out.split_first_chunk_mut().ok_or(Full)?;
    *middle = [V_TYPE, STRING, V_STR, value.len() as u8];
    let (to, end) = out.split_at_mut_checked(value.len()).ok_or(Full)?;
    value.copy_to(to);
    end.fill(ty::STOP);
    Ok(())
}

/// The header of field `id` after the field `last`, where they are less than 16 apart.
const fn short_header(last: i16, id: i16, ty: u8) -> u8 {
    ((id - last) as u8) << 4 | ty
}

pub(crate) fn bytes_tag(
    w: &mut Writer<'_>,
    key: &(impl Blob + ?Sized),
    value: &(impl Blob + ?Sized),
) -> Result {
    tag(w, key, tag_type::BINARY)?.bytes(w, tag::V_BINARY, value)?;
    w.stop()
}

pub(crate) fn bool_tag(w: &mut Writer<'_>, key: &(impl Blob + ?Sized), value: bool) -> Result {
    tag(w, key, tag_type::BOOL)?.bool(w, tag::V_BOOL, value)?;
    w.stop()
}

#[inline]
pub(crate) fn i64_tag(w: &mut Writer<'_>, key: &(impl Blob + ?Sized), value: i64) -> Result {
    tag(w, key, tag_type::LONG)?.i64(w, tag::V_LONG, value)?;
    w.stop()
}

/// A double, or a string for what is not finite: Jaeger's query API answers 500 for the whole
/// trace otherwise.
pub(crate) fn f64_tag(w: &mut Writer<'_>, key: &(impl Blob + ?Sized), value: f64) -> Result {
    let word = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "Infinity"
    } else if value == f64::NEG_INFINITY {
        "-Infinity"
    } else {
        tag(w, key, tag_type::DOUBLE)?.double(w, tag::V_DOUBLE, value)?;
        return w.stop();
    };
    string_tag(w, key, word)
}
