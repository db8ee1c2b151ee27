//! Writing the structs of jaeger.thrift. What a real Jaeger cannot digest is mended here or in
//! the packer, and never leaves.

use super::field::{batch, client_stats, log, process, span, span_ref, tag};
use super::{EMIT_BATCH, field::emit_batch, tag_type};
use crate::stats::Dropped;
use crate::thrift::write::{Writer, short_header};
use crate::thrift::{PROTOCOL, VERSION, VERSION_BITS, message, ty};
use crate::{ReferenceKind, Value};

/// The beginning of a datagram: the message, and its batch up to the process.
pub(crate) fn message(w: &mut Writer<'_>) {
    const BATCH: u8 = short_header(0, emit_batch::BATCH, ty::STRUCT);
    const PROCESS: u8 = short_header(0, batch::PROCESS, ty::STRUCT);
    // The message's own sequence number, behind the first two, is 0.
    static MESSAGE: [u8; 15] = concat(&[
        &[PROTOCOL, message::ONEWAY << VERSION_BITS | VERSION, 0],
        &[EMIT_BATCH.len() as u8],
        EMIT_BATCH,
        &[BATCH, PROCESS],
    ]);
    w.slice(&MESSAGE);
}

/// The process up to its tags, of which there are `tags`. They follow, then a stop.
pub(crate) fn process(w: &mut Writer<'_>, service_name: &[u8], tags: usize) {
    w.slice_field(
        short_header(0, process::SERVICE_NAME, ty::BINARY),
        service_name,
    );
    if tags > 0 {
        w.structs_field(
            short_header(process::SERVICE_NAME, process::TAGS, ty::LIST),
            tags,
        );
    }
}

/// The header of the batch's spans, after the process.
pub(crate) const SPANS: u8 = short_header(batch::PROCESS, batch::SPANS, ty::LIST);

/// The same, with that of their list as if there were none: that is one byte.
pub(crate) fn spans(w: &mut Writer<'_>) {
    w.put([SPANS, ty::STRUCT]);
}

/// The end of a datagram, after the spans.
#[inline(never)]
pub(crate) fn end(w: &mut Writer<'_>, seq_no: i64, dropped: &Dropped) {
    // So many are never counted that they do not fit.
    let full = dropped.ring_full.wrapping_add(dropped.evicted);
    let stats = [full, dropped.too_large, dropped.failed];
    end_of(w, Some(seq_no), Some(stats.map(|number| number as i64)));
}

/// The same for a datagram that may have none of this: its number; the spans that found no room, that
/// were too large, that failed.
#[inline(always)]
pub(crate) fn end_of(w: &mut Writer<'_>, seq_no: Option<i64>, stats: Option<[i64; 3]>) {
    const NEXT: u8 = short_header(0, 1, ty::I64);
    const _: () = assert!(
        batch::SEQ_NO == batch::SPANS + 1
            && client_stats::FULL_QUEUE_DROPPED_SPANS == 1
            && client_stats::TOO_LARGE_DROPPED_SPANS == 2
            && client_stats::FAILED_TO_EMIT_SPANS == 3
    );
    let mut last = batch::SPANS;
    if let Some(seq_no) = seq_no {
        w.number_field(NEXT, seq_no);
        last = batch::SEQ_NO;
    }
    if let Some(stats) = stats {
        w.byte(short_header(last, batch::STATS, ty::STRUCT));
        let [full, too_large, failed] = stats;
        w.number_field(NEXT, full);
        w.number_field(NEXT, too_large);
        w.number_field(NEXT, failed);
        // Of the stats, of the batch, of the arguments.
        return w.put([ty::STOP; 3]);
    }
    w.put([ty::STOP; 2]);
}

/// The header of each of a span's ids, which are its first four fields: the lower and the upper half
/// of its trace's, its own, its parent's.
pub(crate) const ID: u8 = short_header(0, span::TRACE_ID_LOW, ty::I64);
const _: () = assert!(
    span::TRACE_ID_LOW == 1
        && span::TRACE_ID_HIGH == 2
        && span::SPAN_ID == 3
        && span::PARENT_SPAN_ID == 4
);

/// The header of a span's name, after its ids.
pub(crate) const NAME: u8 = short_header(span::PARENT_SPAN_ID, span::OPERATION_NAME, ty::BINARY);

/// The header of a span's references.
pub(crate) const REFERENCES: u8 = short_header(span::OPERATION_NAME, span::REFERENCES, ty::LIST);

/// A reference. Its ids: the lower and the upper half of the trace's, the span's.
pub(crate) fn reference(w: &mut Writer<'_>, kind: ReferenceKind, mut id: impl FnMut() -> u64) {
    const _: () = assert!(
        span_ref::REF_TYPE == 1
            && span_ref::TRACE_ID_LOW == 2
            && span_ref::TRACE_ID_HIGH == 3
            && span_ref::SPAN_ID == 4
    );
    let kind = match kind {
        ReferenceKind::ChildOf => super::ref_type::CHILD_OF,
        ReferenceKind::FollowsFrom => super::ref_type::FOLLOWS_FROM,
    };
    w.put([short_header(0, span_ref::REF_TYPE, ty::I32), zigzag(kind)]);
    for _ in 0..3 {
        w.number_field(ID, id() as i64);
    }
    w.stop();
}

/// A span's flags, after its references. Its start and its duration follow, in microseconds, each
/// as [`TIME`].
#[inline(always)]
pub(crate) fn flags(references: usize, flags: u8) -> [u8; 2] {
    let last = match references {
        0 => span::OPERATION_NAME,
        _ => span::REFERENCES,
    };
    [short_header(last, span::FLAGS, ty::I32), flags << 1]
}

/// The header of a span's start, and of its duration.
pub(crate) const TIME: u8 = short_header(span::FLAGS, span::START_TIME, ty::I64);
const _: () =
    assert!(span::DURATION == span::START_TIME + 1 && span::START_TIME == span::FLAGS + 1);

/// The header of a span's tags.
pub(crate) const TAGS: u8 = short_header(span::DURATION, span::TAGS, ty::LIST);

/// The header of a span's logs.
pub(crate) const fn logs(tags: usize) -> u8 {
    let last = match tags {
        0 => span::DURATION,
        _ => span::TAGS,
    };
    short_header(last, span::LOGS, ty::LIST)
}

/// The headers of what a log has, in this order: its time, in microseconds, and the list of its fields. A stop ends it.
pub(crate) const LOG_HEADERS: [u8; 2] = [
    short_header(0, log::TIMESTAMP, ty::I64),
    short_header(log::TIMESTAMP, log::FIELDS, ty::LIST),
];

/// The beginning of a log. Its fields follow, then a stop.
pub(crate) fn log(w: &mut Writer<'_>, timestamp: i64, count: usize) {
    let [time, fields] = LOG_HEADERS;
    w.number_field(time, timestamp);
    w.structs_field(fields, count);
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

/// What stands between key and value of a tag: header and value of the type, header of the value.
pub(crate) const STRING: [u8; 3] = head(tag_type::STRING, v(tag::V_STR, ty::BINARY));
pub(crate) const BYTES: [u8; 3] = head(tag_type::BINARY, v(tag::V_BINARY, ty::BINARY));
pub(crate) const FALSE: [u8; 3] = head(tag_type::BOOL, v(tag::V_BOOL, ty::FALSE));
pub(crate) const TRUE: [u8; 3] = head(tag_type::BOOL, v(tag::V_BOOL, ty::TRUE));
pub(crate) const LONG: [u8; 3] = head(tag_type::LONG, v(tag::V_LONG, ty::I64));
pub(crate) const DOUBLE: [u8; 3] = head(tag_type::DOUBLE, v(tag::V_DOUBLE, ty::DOUBLE));

const fn head(number: i32, value: u8) -> [u8; 3] {
    let [header, kind] = v_type(number);
    [header, kind, value]
}

/// A tag.
pub(crate) fn tag(w: &mut Writer<'_>, key: &str, value: Value<'_>) {
    w.slice_field(KEY, key.as_bytes());
    match value {
        Value::Str(text) => slice(w, STRING, text.as_bytes()),
        Value::Bytes(bytes) => slice(w, BYTES, bytes),
        Value::Bool(value) => w.put(if value { TRUE } else { FALSE }),
        Value::I64(value) => long(w, value),
        Value::F64(value) => double(w, value.to_bits()),
    }
    w.stop();
}

/// A tag that says: yes. It takes six bytes more than its key, which is short.
pub(crate) const fn yes<const LEN: usize>(key: &str) -> [u8; LEN] {
    concat(&[&[KEY, key.len() as u8], key.as_bytes(), &TRUE, &[ty::STOP]])
}

/// What is known ahead, in one piece.
const fn concat<const LEN: usize>(parts: &[&[u8]]) -> [u8; LEN] {
    let mut whole = [0; LEN];
    let mut len = 0;
    let mut part = 0;
    while part < parts.len() {
        let mut at = 0;
        while at < parts[part].len() {
            whole[len] = parts[part][at];
            (len, at) = (len + 1, at + 1);
        }
        part += 1;
    }
    assert!(len == LEN);
    whole
}

/// A tag that counts something.
#[inline(never)]
pub(crate) fn count(w: &mut Writer<'_>, key: &str, count: u64) {
    w.slice_field(KEY, key.as_bytes());
    long(w, i64::try_from(count).unwrap_or(i64::MAX));
    w.stop();
}

/// From the type of a tag on, a string or bytes.
pub(crate) fn slice(w: &mut Writer<'_>, [header, kind, field]: [u8; 3], bytes: &[u8]) {
    w.put([header, kind]);
    w.slice_field(field, bytes);
}

/// From the type of a tag on.
#[inline(always)]
pub(crate) fn long(w: &mut Writer<'_>, value: i64) {
    let [header, kind, field] = LONG;
    w.put([header, kind]);
    w.number_field(field, value);
}

/// From the type of a tag on. What is not finite is written as a string: Jaeger's query API answers
/// 500 for the whole trace otherwise.
#[inline(never)]
pub(crate) fn double(w: &mut Writer<'_>, bits: u64) {
    const INFINITY: u32 = (f64::INFINITY.to_bits() >> 32) as u32;
    let (high, low) = ((bits >> 32) as u32, bits as u32);
    let word: &[u8] = match (high << 1 >> 1, low) {
        (..INFINITY, _) => {
            w.put(DOUBLE);
            return w.put(bits.to_le_bytes());
        }
        (INFINITY, 0) if high >> 31 == 0 => b"Infinity",
        (INFINITY, 0) => b"-Infinity",
        _ => b"NaN",
    };
    slice(w, STRING, word);
}
