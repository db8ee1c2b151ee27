//! What spans become on the wire. Lengths are measured with Apache's encoder.

use super::record::{Record, cut};
use super::{Text, Val};
use crate::oracle::{
    OracleBatch, OracleLog, OracleProcess, OracleReference, OracleSpan, OracleStats, OracleTag,
};

/// The most that a bare span takes, and what is set aside in a span that is trimmed: for what
/// stands behind the references, and for the tags that tell what was cut.
const BARE: usize = 69;
const BEHIND: usize = 38;
const TELL: usize = 126;
/// Message, process and list without the name of the service, at most; what follows the spans.
const AROUND: usize = 22 + 48;

/// Beside the account: what was changed.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Changes {
    pub tags: u64,
    pub logs: u64,
    pub references: u64,
    pub names: u64,
    pub times: u64,
    pub process_tags: u64,
}

impl Changes {
    pub fn add(&mut self, more: Self) {
        self.tags += more.tags;
        self.logs += more.logs;
        self.references += more.references;
        self.names += more.names;
        self.times += more.times;
        self.process_tags += more.process_tags;
    }
}

/// The smallest limit for a service with this name.
pub fn smallest_limit(service: &str) -> usize {
    AROUND + service.len() + BARE
}

/// A datagram that is being filled.
pub struct Datagram {
    pub batch: OracleBatch,
    pub changes: Changes,
    limit: usize,
    /// With one byte for the header of the list of spans.
    length: usize,
}

impl Datagram {
    pub fn new(
        limit: usize,
        service: &str,
        tags: &[(Text, Val)],
        seq_no: i64,
        stats: OracleStats,
    ) -> Self {
        let mut batch = OracleBatch {
            process: OracleProcess {
                service_name: service.into(),
                tags: None,
            },
            spans: vec![],
            seq_no: None,
            stats: None,
        };
        let head = batch.datagram().len();
        (batch.seq_no, batch.stats) = (Some(seq_no), Some(stats));
        let mut room = limit - (batch.datagram().len() - head + 2); // two stops are in both
        // Without the stops, the process' one and the list of spans.
        room = room.saturating_sub(head - 5 + BARE + 22);
        let mut changes = Changes::default();
        let mut kept = vec![];
        for (key, value) in tags {
            let tag = tag(&key.get(), value);
            match tag_len(&tag) {
                len if len <= room => {
                    room -= len;
                    kept.push(tag);
                }
                _ => changes.process_tags += 1,
            }
        }
        batch.process.tags = some(kept);
        Self {
            length: batch.datagram().len(),
            batch,
            changes,
            limit,
        }
    }

    /// Takes a span as it is if there is room.
    pub fn push(&mut self, span: OracleSpan) -> bool {
        let length = self.length + span_len(&span);
        let count = self.batch.spans.len() + 1;
        let header = usize::from(count > 14) + usize::from(count > 127);
        if length + header > self.limit {
            return false;
        }
        self.length = length;
        self.batch.spans.push(span);
        true
    }

    /// Takes a recorded span, trimmed if it must be and is the first.
    pub fn push_record(&mut self, record: &Record) -> bool {
        let (span, changes) = whole(record);
        if self.push(span) {
            self.changes.add(changes);
            return true;
        }
        if !self.batch.spans.is_empty() {
            return false;
        }
        let (span, changes) = trimmed(record, self.limit - self.length);
        assert!(self.push(span), "a trimmed span fits any datagram");
        self.changes.add(changes);
        true
    }
}

/// All of a record.
pub fn whole(record: &Record) -> (OracleSpan, Changes) {
    let mut span = bare(record, &record.name);
    span.references = some(record.references.iter().map(reference).collect());
    span.tags = some(tags(&record.tags));
    span.logs = some(record.logs.iter().map(log).collect());
    let cut = [record.cut_tags, record.cut_logs, record.cut_references];
    let odd_logs = record.logs.iter().filter(|log| odd(log.0)).count();
    finish(record, span, cut, true, odd_logs)
}

/// What fits in `room`: ids, times and name first, then references, tags and logs as they come.
pub fn trimmed(record: &Record, room: usize) -> (OracleSpan, Changes) {
    let tell = room >= BARE + BEHIND + TELL;
    let behind = BEHIND + if tell { TELL } else { 0 };
    let ids = OracleSpan {
        flags: 0,
        start_time: 0,
        duration: 0,
        ..bare(record, "")
    };
    // Without the length of the name, three fields with an one-byte value, and the stop.
    let room = room - (span_len(&ids) - 1 - 3 * 2 - 1);
    let name = cut(&record.name, room.saturating_sub(behind + 3));
    let mut span = bare(record, name);
    let varint = (1..).find(|bytes| name.len() >> (7 * bytes) == 0);
    let mut room = room.saturating_sub(varint.unwrap_or(1) + name.len() + behind);
    let mut cut = [record.cut_tags, record.cut_logs, record.cut_references];
    let mut fits = |len, cut: &mut usize| {
        let fits = len <= room;
        room -= if fits { len } else { 0 };
        *cut += usize::from(!fits);
        fits
    };
    let mut references: Vec<_> = record.references.iter().map(reference).collect();
    references.retain(|kept| fits(reference_len(kept), &mut cut[2]));
    let mut tags = tags(&record.tags);
    tags.retain(|kept| fits(tag_len(kept), &mut cut[0]));
    let mut odd_logs = 0;
    let mut logs = vec![];
    for one in &record.logs {
        if fits(log_len(&log(one)), &mut cut[1]) {
            odd_logs += usize::from(odd(one.0));
            logs.push(log(one));
        }
    }
    span.references = some(references);
    span.tags = some(tags);
    span.logs = some(logs);
    finish(record, span, cut, tell, odd_logs)
}

fn bare(record: &Record, name: &str) -> OracleSpan {
    // Start and duration together must be nanoseconds in 64 bits, too.
    let start = micros(record.start).min(i64::MAX / 1000 - 1);
    let end = micros(record.end);
    OracleSpan {
        parent_span_id: record.parent_id as i64,
        flags: record.flags.into(),
        start_time: start,
        duration: (end - start).max(1),
        ..OracleSpan::bare(name, record.trace_id, record.span_id)
    }
}

/// Says in the span what is missing from it, and counts what was changed.
fn finish(
    record: &Record,
    mut span: OracleSpan,
    [cut_tags, cut_logs, cut_references]: [usize; 3],
    tell: bool,
    odd_logs: usize,
) -> (OracleSpan, Changes) {
    let told = [
        ("otel.dropped_attributes_count", cut_tags),
        ("otel.dropped_events_count", cut_logs),
        ("otel.dropped_links_count", cut_references),
    ];
    let mut tags = span.tags.take().unwrap_or_default();
    for (key, cut) in told {
        if cut > 0 && tell {
            tags.push(OracleTag::long(key, cut as i64));
        }
    }
    span.tags = some(tags);

    let name_is_short = span.operation_name != record.name.as_str() || record.name_was_cut;
    let reversed = micros(record.end) < micros(record.start).min(i64::MAX / 1000 - 1);
    let moved = [odd(record.start), odd(record.end), reversed];
    let times = record.cut_times + odd_logs + moved.into_iter().filter(|moved| *moved).count();
    let changes = Changes {
        tags: cut_tags as u64,
        logs: cut_logs as u64,
        references: cut_references as u64,
        names: u64::from(name_is_short),
        times: times as u64,
        process_tags: 0,
    };
    (span, changes)
}

/// A time that cannot be sent.
fn odd(nanos: i64) -> bool {
    nanos < 0 || nanos / 1000 == i64::MAX / 1000
}

fn micros(nanos: i64) -> i64 {
    nanos.max(0) / 1000
}

fn reference((follows_from, trace_id, span_id): &(bool, u128, u64)) -> OracleReference {
    OracleReference {
        ref_type: i32::from(*follows_from),
        trace_id_low: *trace_id as i64,
        trace_id_high: (trace_id >> 64) as i64,
        span_id: *span_id as i64,
    }
}

fn log((time, fields): &(i64, Vec<(String, Val)>)) -> OracleLog {
    OracleLog {
        timestamp: micros(*time),
        fields: tags(fields),
    }
}

fn tags(tags: &[(String, Val)]) -> Vec<OracleTag> {
    tags.iter().map(|(key, value)| tag(key, value)).collect()
}

/// What is no number goes out as a word.
pub fn tag(key: &str, value: &Val) -> OracleTag {
    match value {
        Val::Str(text) => OracleTag::string(key, &text.get()),
        Val::Bytes(bytes) => OracleTag::binary(key, bytes),
        Val::Bool(value) => OracleTag::bool(key, *value),
        Val::I64(value) => OracleTag::long(key, *value),
        Val::F64(value) if value.is_nan() => OracleTag::string(key, "NaN"),
        Val::F64(f64::INFINITY) => OracleTag::string(key, "Infinity"),
        Val::F64(f64::NEG_INFINITY) => OracleTag::string(key, "-Infinity"),
        Val::F64(value) => OracleTag::double(key, *value),
    }
}

/// A list that is empty is not on the wire.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

// How long things are.

fn batch_len(spans: Vec<OracleSpan>) -> usize {
    let process = OracleProcess {
        service_name: "s".into(),
        tags: None,
    };
    OracleBatch {
        process,
        spans,
        seq_no: None,
        stats: None,
    }
    .datagram()
    .len()
}

fn span_len(span: &OracleSpan) -> usize {
    batch_len(vec![span.clone()]) - batch_len(vec![])
}

/// Of one element of a list in a span: header of field and list are two bytes.
fn element_len(with: OracleSpan) -> usize {
    span_len(&with) - span_len(&OracleSpan::bare("", 1, 1)) - 2
}

fn tag_len(tag: &OracleTag) -> usize {
    element_len(OracleSpan {
        tags: Some(vec![tag.clone()]),
        ..OracleSpan::bare("", 1, 1)
    })
}

fn log_len(log: &OracleLog) -> usize {
    element_len(OracleSpan {
        logs: Some(vec![log.clone()]),
        ..OracleSpan::bare("", 1, 1)
    })
}

fn reference_len(reference: &OracleReference) -> usize {
    element_len(OracleSpan {
        references: Some(vec![*reference]),
        ..OracleSpan::bare("", 1, 1)
    })
}
