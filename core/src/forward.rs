//! A datagram passed on: its spans as they are, but at other times and with more process tags.

use core::fmt;
use core::ops::Range;

use crate::decode::{Batch, ClientStats, List, Log, Span, Tag, TagValue};
use crate::jaeger::write as jaeger;
use crate::thrift::write::{SLACK, Writer};

/// How much more than the limit the buffer of [`forward`] has, so that not each byte needs a check.
pub const FORWARD_EXTRA: usize = SLACK;

/// A datagram that would be over its limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForwardTooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}

impl fmt::Display for ForwardTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a datagram that is passed on would take more than {} bytes: pass on fewer of its spans",
            self.limit
        )
    }
}

impl core::error::Error for ForwardTooLarge {}

/// Writes spans of a batch as a datagram of their own: `which` of them, with their times as `utc`
/// gives them, in microseconds, and with the process tags and those of `more`. The datagram's number
/// and what its client lost stay what they are.
///
/// So a gateway or a bridge gives Jaeger the spans of a device whose clock began at zero:
///
/// ```
/// use jaegerling_core::decode::{Tag, TagValue, decode};
/// use jaegerling_core::{FORWARD_EXTRA, forward};
/// # let datagram = b"\x82\x81\0\x09emitBatch\x1c\x1c\x18\x01d\0\x19\x1c\x16\x02\x16\0\x16\x04\x16\0\x18\x01n\x25\x02\x16\x0a\x16\x02\0\0\0";
///
/// // What the time was when the device's clock began, in microseconds since 1970.
/// let boot = 1_790_000_000_000_000;
/// let batch = decode(datagram)?;
/// let all = 0..batch.spans.len();
/// let tags = [Tag { key: "gateway".into(), value: TagValue::String("hall".into()) }];
/// let mut buffer = [0; 1_400 + FORWARD_EXTRA];
/// let passed_on = forward(&batch, all, &tags, &mut buffer, |micros| boot + micros)?;
///
/// let span = decode(passed_on)?.spans.iter().next().ok_or("no span")?;
/// assert_eq!(span.start_time, boot + 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If it takes more bytes than the buffer has but for [`FORWARD_EXTRA`]. Fewer of the spans may fit.
pub fn forward<'b>(
    batch: &Batch<'_>,
    which: Range<usize>,
    more: &[Tag<'_>],
    buffer: &'b mut [u8],
    mut utc: impl FnMut(i64) -> i64,
) -> Result<&'b [u8], ForwardTooLarge> {
    let limit = buffer.len().saturating_sub(FORWARD_EXTRA);
    let mut w = Writer::new(buffer);
    jaeger::message(&mut w);
    let process = &batch.process;
    let tags = process.tags.len() + more.len();
    jaeger::process(&mut w, process.service_name.as_bytes(), tags);
    process.tags.iter().for_each(|each| tag(&mut w, &each));
    more.iter().for_each(|each| tag(&mut w, each));
    w.stop();
    let spans = batch.spans.iter().skip(which.start).take(which.len());
    w.structs_field(jaeger::SPANS, spans.clone().count());
    spans.for_each(|each| span(&mut w, &each, &mut utc));
    end(&mut w, batch);
    if w.is_full() {
        return Err(ForwardTooLarge { limit });
    }
    let len = w.at();
    buffer.get(..len).ok_or(ForwardTooLarge { limit })
}

fn end(w: &mut Writer<'_>, batch: &Batch<'_>) {
    let stats = batch.stats.map(|stats| {
        let ClientStats {
            full_queue_dropped_spans: full,
            too_large_dropped_spans: too_large,
            failed_to_emit_spans: failed,
        } = stats;
        [full, too_large, failed].into_iter()
    });
    jaeger::end_of(w, batch.seq_no, stats);
}

fn span(w: &mut Writer<'_>, span: &Span<'_>, utc: &mut impl FnMut(i64) -> i64) {
    let Span {
        trace_id,
        span_id,
        parent_span_id,
        references,
        ..
    } = *span;
    let (low, high) = (trace_id as u64, (trace_id >> 64) as u64);
    for id in [low, high, span_id, parent_span_id] {
        w.number_field(jaeger::ID, id as i64);
    }
    w.slice_field(jaeger::NAME, span.operation_name.as_bytes());
    if !references.is_empty() {
        w.structs_field(jaeger::REFERENCES, references.len());
        for reference in references.iter() {
            let (low, high) = (reference.trace_id as u64, (reference.trace_id >> 64) as u64);
            let mut ids = [low, high, reference.span_id].into_iter();
            jaeger::reference(w, reference.kind, || ids.next().unwrap_or(0));
        }
    }
    let [header, _] = jaeger::flags(references.len(), 0);
    w.number_field(header, span.flags.into());
    w.number_field(jaeger::TIME, utc(span.start_time));
    w.number_field(jaeger::TIME, span.duration);
    if !span.tags.is_empty() {
        w.structs_field(jaeger::TAGS, span.tags.len());
        span.tags.iter().for_each(|each| tag(w, &each));
    }
    if !span.logs.is_empty() {
        logs(w, jaeger::logs(span.tags.len()), &span.logs, utc);
    }
    w.stop();
}

fn logs(
    w: &mut Writer<'_>,
    header: u8,
    logs: &List<'_, Log<'_>>,
    utc: &mut impl FnMut(i64) -> i64,
) {
    w.structs_field(header, logs.len());
    for log in logs.iter() {
        jaeger::log(w, utc(log.timestamp), log.fields.len());
        log.fields.iter().for_each(|each| tag(w, &each));
        w.stop();
    }
}

fn tag(w: &mut Writer<'_>, tag: &Tag<'_>) {
    w.slice_field(jaeger::KEY, tag.key.as_bytes());
    match tag.value {
        TagValue::String(text) => jaeger::slice(w, jaeger::STRING, text.as_bytes()),
        TagValue::Binary(bytes) => jaeger::slice(w, jaeger::BYTES, bytes),
        TagValue::Bool(value) => w.put(if value { jaeger::TRUE } else { jaeger::FALSE }),
        TagValue::Long(value) => jaeger::long(w, value),
        TagValue::Double(value) => jaeger::double(w, value.to_bits()),
    }
    w.stop();
}
