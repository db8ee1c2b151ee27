//! Writing the structs of jaeger.thrift. What a real Jaeger cannot digest is mended here or in
//! the packer, and never leaves.

use super::field::{batch, client_stats, log, process, span, span_ref, tag};
use super::{EMIT_BATCH, field::emit_batch, tag_type};
use crate::ReferenceKind;
use crate::stats::Dropped;
use crate::text::Blob;
use crate::thrift::write::{Fields, Writer, short_header};
use crate::thrift::{PROTOCOL, VERSION, VERSION_BITS, message, ty};

/// The beginning of a datagram: the message, and its batch up to the process.
pub(crate) fn message(w: &mut Writer<'_>) {
    const NAME: [u8; 9] = *EMIT_BATCH;
    const BATCH: u8 = short_header(0, emit_batch::BATCH, ty::STRUCT);
    const PROCESS: u8 = short_header(0, batch::PROCESS, ty::STRUCT);
    let [a, b, c, d, e, f, g, h, i] = NAME;
    let kind = message::ONEWAY << VERSION_BITS | VERSION;
    // The sequence number is 0.
    let head = [PROTOCOL, kind, 0, NAME.len() as u8];
    let [p, k, s, l] = head;
    w.put([p, k, s, l, a, b, c, d, e, f, g, h, i, BATCH, PROCESS]);
}

/// The process up to its tags, of which there are `tags`. They follow, then a stop.
pub(crate) fn process(w: &mut Writer<'_>, service_name: &str, tags: usize) {
    w.bytes_field(
        short_header(0, process::SERVICE_NAME, ty::BINARY),
        &service_name,
    );
    if tags > 0 {
        Fields::after(process::SERVICE_NAME).structs(w, process::TAGS, tags);
    }
}

/// The header of the batch's spans, after the process.
pub(crate) fn spans(w: &mut Writer<'_>, count: usize) {
    Fields::after(batch::PROCESS).structs(w, batch::SPANS, count);
}

/// The end of a datagram, after the spans.
pub(crate) fn end(w: &mut Writer<'_>, seq_no: i64, dropped: &Dropped) {
    let mut fields = Fields::after(batch::SPANS);
    fields.i64(w, batch::SEQ_NO, seq_no);
    w.byte(fields.header(batch::STATS, ty::STRUCT));
    let count = |spans: u64| i64::try_from(spans).unwrap_or(i64::MAX);
    let mut stats = Fields::new();
    stats.i64(
        w,
        client_stats::FULL_QUEUE_DROPPED_SPANS,
        count(dropped.ring_full.saturating_add(dropped.evicted)),
    );
    stats.i64(
        w,
        client_stats::TOO_LARGE_DROPPED_SPANS,
        count(dropped.too_large),
    );
    stats.i64(w, client_stats::FAILED_TO_EMIT_SPANS, count(dropped.failed));
    // Of the stats, of the batch, of the arguments.
    w.put([ty::STOP; 3]);
}

/// A span's ids: the lower and the upper half of its trace's, its own, its parent's. Its name
/// follows, as [`NAME`].
#[inline(always)]
pub(crate) fn span_ids(w: &mut Writer<'_>, id: impl Fn(usize) -> u64) {
    w.i64_fields::<4>(ID, |which| id(which) as i64);
}

/// The header of each of a span's ids, which are its first four fields.
const ID: u8 = short_header(0, span::TRACE_ID_LOW, ty::I64);
const _: () = assert!(
    span::TRACE_ID_LOW == 1
        && span::TRACE_ID_HIGH == 2
        && span::SPAN_ID == 3
        && span::PARENT_SPAN_ID == 4
);

/// The header of a span's name, after its ids.
pub(crate) const NAME: u8 = short_header(span::PARENT_SPAN_ID, span::OPERATION_NAME, ty::BINARY);

/// The header of a span's references, unless there are none.
pub(crate) fn references(w: &mut Writer<'_>, count: usize) {
    match count {
        0 => {}
        _ => Fields::after(span::OPERATION_NAME).structs(w, span::REFERENCES, count),
    }
}

pub(crate) fn reference(w: &mut Writer<'_>, kind: ReferenceKind, trace_id: u128, span_id: u64) {
    let kind = match kind {
        ReferenceKind::ChildOf => super::ref_type::CHILD_OF,
        ReferenceKind::FollowsFrom => super::ref_type::FOLLOWS_FROM,
    };
    w.put([short_header(0, span_ref::REF_TYPE, ty::I32), zigzag(kind)]);
    let mut fields = Fields::after(span_ref::REF_TYPE);
    fields.i64(w, span_ref::TRACE_ID_LOW, trace_id as i64);
    fields.i64(w, span_ref::TRACE_ID_HIGH, (trace_id >> 64) as i64);
    fields.i64(w, span_ref::SPAN_ID, span_id as i64);
    w.stop();
}

/// What stands between a span's references and its tags. Times are in microseconds.
#[inline(always)]
pub(crate) fn flags_and_times(
    w: &mut Writer<'_>,
    references: usize,
    flags: u8,
    start: i64,
    duration: i64,
) {
    let last = match references {
        0 => span::OPERATION_NAME,
        _ => span::REFERENCES,
    };
    w.put([short_header(last, span::FLAGS, ty::I32), flags << 1]);
    let mut fields = Fields::after(span::FLAGS);
    fields.i64(w, span::START_TIME, start);
    fields.i64(w, span::DURATION, duration);
}

/// The header of a span's tags, unless there are none.
#[inline(always)]
pub(crate) fn tags(w: &mut Writer<'_>, count: usize) {
    match count {
        0 => {}
        _ => Fields::after(span::DURATION).structs(w, span::TAGS, count),
    }
}

/// The header of a span's logs, unless there are none.
pub(crate) fn logs(w: &mut Writer<'_>, tags: usize, count: usize) {
    let last = match tags {
        0 => span::DURATION,
        _ => span::TAGS,
    };
    match count {
        0 => {}
        _ => Fields::after(last).structs(w, span::LOGS, count),
    }
}

/// The beginning of a log. Its fields follow, then a stop. The time is in microseconds.
pub(crate) fn log(w: &mut Writer<'_>, timestamp: i64, fields: usize) {
    let mut log_fields = Fields::new();
    log_fields.i64(w, log::TIMESTAMP, timestamp);
    log_fields.structs(w, log::FIELDS, fields);
}

/// The value of a tag, with bytes as `B`.
#[derive(Clone, Copy)]
pub(crate) enum TagValue<B> {
    Str(B),
    Bytes(B),
    Bool(bool),
    I64(i64),
    F64(f64),
}

/// The header of a tag's key.
pub(crate) const KEY: u8 = short_header(0, tag::KEY, ty::BINARY);

/// The header and the value of a tag's type.
pub(crate) const fn v_type(v_type: i32) -> [u8; 2] {
    [short_header(tag::KEY, tag::V_TYPE, ty::I32), zigzag(v_type)]
}

/// The header of a tag's value.
pub(crate) const fn v(id: i16, ty: u8) -> u8 {
    short_header(tag::V_TYPE, id, ty)
}

/// Of the numbers of an enum, which are small.
const fn zigzag(number: i32) -> u8 {
    (number << 1) as u8
}

/// A tag, or a log's field.
///
/// A double that is not finite is written as a string: Jaeger's query API answers 500 for the whole
/// trace otherwise.
pub(crate) fn tag<B: Blob>(w: &mut Writer<'_>, key: &B, value: &TagValue<B>) {
    w.bytes_field(KEY, key);
    match value {
        TagValue::Str(text) => {
            w.put(v_type(tag_type::STRING));
            w.bytes_field(v(tag::V_STR, ty::BINARY), text);
        }
        TagValue::Bytes(bytes) => {
            w.put(v_type(tag_type::BINARY));
            w.bytes_field(v(tag::V_BINARY, ty::BINARY), bytes);
        }
        TagValue::Bool(value) => {
            let ty = if *value { ty::TRUE } else { ty::FALSE };
            let [header, kind] = v_type(tag_type::BOOL);
            w.put([header, kind, v(tag::V_BOOL, ty)]);
        }
        TagValue::I64(value) => {
            w.put(v_type(tag_type::LONG));
            w.i64_field(v(tag::V_LONG, ty::I64), *value);
        }
        TagValue::F64(value) => double(w, value.to_bits()),
    }
    w.stop();
}

fn double(w: &mut Writer<'_>, bits: u64) {
    const SIGN: u64 = 1 << 63;
    const INFINITY: u64 = f64::INFINITY.to_bits();
    let word: &[u8] = match bits & !SIGN {
        ..INFINITY => {
            let [header, kind] = v_type(tag_type::DOUBLE);
            w.put([header, kind, v(tag::V_DOUBLE, ty::DOUBLE)]);
            w.put(bits.to_le_bytes());
            return;
        }
        INFINITY if bits & SIGN == 0 => b"Infinity",
        INFINITY => b"-Infinity",
        _ => b"NaN",
    };
    w.put(v_type(tag_type::STRING));
    w.bytes_field(v(tag::V_STR, ty::BINARY), &word);
}
