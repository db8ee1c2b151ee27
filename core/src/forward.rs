//! A datagram passed on: its spans as they are, but at other times and with more process tags.

use core::fmt;
use core::ops::Range;

use crate::decode::{Batch, ClientStats, Span, Tag, TagValue};
use crate::jaeger::{DROPPED, write as jaeger};
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
            "a datagram that is passed on would take more than {} bytes: pass on fewer of its spans, or less of one",
            self.limit
        )
    }
}

impl core::error::Error for ForwardTooLarge {}

/// Writes spans of a batch as a datagram of their own: `which` of them, with their times as `utc`
/// gives them, in microseconds, and with the process tags and those of `more`. The datagram's number
/// and what its client lost stay what they are.
///
/// A span of `n` microseconds is taken for the `n` of them from its start on: it lasts from where the
/// first one goes to where the last one goes, both included. So a `utc` that never goes back keeps a
/// span within any other that it was within, and leaves none without a duration. A duration of 0 or
/// less stays what it is.
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
/// If it takes more bytes than the buffer has but for [`FORWARD_EXTRA`]. Fewer of the spans may fit;
/// one that does not fit alone can be cut, see [`forward_cut`].
pub fn forward<'b>(
    batch: &Batch<'_>,
    which: Range<usize>,
    more: &[Tag<'_>],
    buffer: &'b mut [u8],
    utc: impl FnMut(i64) -> i64,
) -> Result<&'b [u8], ForwardTooLarge> {
    let len = write(batch, which, more, buffer, utc, usize::MAX)?;
    buffer.get(..len).ok_or(ForwardTooLarge { limit: 0 })
}

/// A span that was passed on, and how much of it was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForwardCut<'b> {
    /// The datagram.
    pub bytes: &'b [u8],
    /// Tags that are missing.
    pub tags: usize,
    /// Logs that are missing.
    pub logs: usize,
}

/// Writes one span of a batch as [`forward`] does, but without those of its logs, and then of its
/// tags, that have no room: the last ones first. How many they are, it says in the tags that a
/// [`Packer`](crate::Packer) says that in, those included that such a tag told of before.
///
/// # Errors
///
/// If not even a span without any tags and logs fits, or there is no such span.
pub fn forward_cut<'b>(
    batch: &Batch<'_>,
    index: usize,
    more: &[Tag<'_>],
    buffer: &'b mut [u8],
    mut utc: impl FnMut(i64) -> i64,
) -> Result<ForwardCut<'b>, ForwardTooLarge> {
    let limit = buffer.len().saturating_sub(FORWARD_EXTRA);
    let span = batch.spans.iter().nth(index);
    let Some(Span { tags, logs, .. }) = span else {
        return Err(ForwardTooLarge { limit });
    };
    let mut write = |buffer: &mut [u8], keep| {
        let which = index..index.saturating_add(1);
        write(batch, which, more, buffer, &mut utc, keep)
    };
    let all = tags.len().saturating_add(logs.len());
    // What fits, and the least that does not. More is longer, but for where a tag less tells what is
    // missing: where all logs or all tags are there.
    let (mut keep, mut too_many) = (0, tags.len());
    for (least, most) in [(tags.len(), all), (all, all)] {
        if write(buffer, least).is_ok() {
            (keep, too_many) = (least, most);
        }
    }
    while too_many.saturating_sub(keep) > 1 {
        let middle = usize::midpoint(keep, too_many);
        match write(buffer, middle) {
            Ok(_) => keep = middle,
            Err(_) => too_many = middle,
        }
    }
    let len = write(buffer, keep)?;
    Ok(ForwardCut {
        bytes: buffer.get(..len).ok_or(ForwardTooLarge { limit })?,
        tags: tags.len().saturating_sub(keep),
        logs: logs.len().min(all.saturating_sub(keep)),
    })
}

/// Writes spans with `keep` of their tags and logs, and says how long that is.
fn write(
    batch: &Batch<'_>,
    which: Range<usize>,
    more: &[Tag<'_>],
    buffer: &mut [u8],
    mut utc: impl FnMut(i64) -> i64,
    keep: usize,
) -> Result<usize, ForwardTooLarge> {
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
    w.structs_field(jaeger::SPANS, spans.size_hint().0);
    spans.for_each(|each| span(&mut w, &each, keep, &mut utc));
    end(&mut w, batch);
    match w.is_full() {
        true => Err(ForwardTooLarge { limit }),
        false => Ok(w.at()),
    }
}

fn end(w: &mut Writer<'_>, batch: &Batch<'_>) {
    let stats = batch.stats.map(|stats| {
        let ClientStats {
            full_queue_dropped_spans: full,
            too_large_dropped_spans: too_large,
            failed_to_emit_spans: failed,
        } = stats;
        [full, too_large, failed]
    });
    jaeger::end_of(w, batch.seq_no, stats);
}

fn span(w: &mut Writer<'_>, span: &Span<'_>, keep: usize, utc: &mut impl FnMut(i64) -> i64) {
    ids_and_name(w, span);
    if !span.references.is_empty() {
        w.structs_field(jaeger::REFERENCES, span.references.len());
        for reference in span.references.iter() {
            let (low, high) = (reference.trace_id as u64, (reference.trace_id >> 64) as u64);
            let mut ids = [low, high, reference.span_id].into_iter();
            jaeger::reference(w, reference.kind, || ids.next().unwrap_or(0));
        }
    }
    let [header, _] = jaeger::flags(span.references.len(), 0);
    w.number_field(header, span.flags.into());
    let [start, duration] = times(span, utc);
    w.number_field(jaeger::TIME, start);
    w.number_field(jaeger::TIME, duration);

    let tags = span.tags.len().min(keep);
    let logs = span.logs.len().min(keep.saturating_sub(tags));
    let cut = [span.tags.len() - tags, span.logs.len() - logs];
    let tag_count = tags + cut.iter().filter(|cut| **cut > 0).count();
    if tag_count > 0 {
        w.structs_field(jaeger::TAGS, tag_count);
    }
    let kept = span.tags.iter().take(tags);
    kept.for_each(|each| tag(w, &each));
    for (key, cut) in DROPPED.into_iter().zip(cut).filter(|(_, cut)| *cut > 0) {
        jaeger::count(w, key, told(span, key).saturating_add(cut as u64));
    }
    if logs > 0 {
        w.structs_field(jaeger::logs(tag_count), logs);
    }
    for log in span.logs.iter().take(logs) {
        jaeger::log(w, utc(log.timestamp), log.fields.len());
        log.fields.iter().for_each(|each| tag(w, &each));
        w.stop();
    }
    w.stop();
}

fn ids_and_name(w: &mut Writer<'_>, span: &Span<'_>) {
    let Span {
        trace_id,
        span_id,
        parent_span_id,
        ..
    } = *span;
    let (low, high) = (trace_id as u64, (trace_id >> 64) as u64);
    for id in [low, high, span_id, parent_span_id] {
        w.number_field(jaeger::ID, id as i64);
    }
    w.slice_field(jaeger::NAME, span.operation_name.as_bytes());
}

/// Start and duration.
fn times(span: &Span<'_>, utc: &mut impl FnMut(i64) -> i64) -> [i64; 2] {
    let start = utc(span.start_time);
    if span.duration <= 0 {
        return [start, span.duration];
    }
    let last = span.start_time.wrapping_add(span.duration).wrapping_sub(1);
    let end = utc(last).wrapping_add(1);
    [start, end.wrapping_sub(start)]
}

/// How much was missing before, as a tag of the span tells.
fn told(span: &Span<'_>, key: &str) -> u64 {
    let counts = span.tags.iter().filter_map(|tag| match tag.value {
        TagValue::Long(count) if tag.key == key => u64::try_from(count).ok(),
        _ => None,
    });
    counts.last().unwrap_or(0)
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
