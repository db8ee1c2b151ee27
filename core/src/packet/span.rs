//! One record as a span on the wire: whole, or trimmed to what fits.

use crate::jaeger::write::{self as jaeger, Ids};
use crate::record::{Entries, Entry, Pieces, Record, RecordedValue};
use crate::slot::Cut;
use crate::stats::Trimmed;
use crate::text::Blob;
use crate::thrift::write::{Full, Writer};
use crate::{Clock, Time};

/// The most that a span takes without name, references, tags and logs: four ids, an empty name,
/// flags, two times and the stop.
pub(super) const BARE_SPAN: usize = 4 * 11 + 2 + 2 + 2 * 10 + 1;

/// What stands behind the references: flags, times, three list headers, the stop.
const BEHIND: usize = 2 + 2 * 10 + 3 * 5 + 1;

const DROPPED_TAGS: &str = "otel.dropped_attributes_count";
const DROPPED_LOGS: &str = "otel.dropped_events_count";
const DROPPED_REFERENCES: &str = "otel.dropped_links_count";

/// The most that the three tags take that tell what was cut.
const COUNT_TAGS: usize = 29 + 25 + 24 + 3 * 16;

/// A span that had not ended when a reset or a fault came.
const UNFINISHED: &str = "unfinished";
const UNFINISHED_TAG: usize = 10 + 6;

/// What a first look at a record tells.
struct Scan<'r, const WORDS: usize> {
    name: Option<Pieces<'r, WORDS>>,
    name_was_cut: bool,
    flags: u8,
    start: Time,
    end: Time,
    references: usize,
    tags: usize,
    logs: usize,
}

impl<'r, const WORDS: usize> Scan<'r, WORDS> {
    fn of(record: &Record<'r, WORDS>) -> Self {
        let mut scan = Self {
            name: None,
            name_was_cut: false,
            flags: record.first_flags(),
            start: record.start(),
            end: record.end().unwrap_or_else(|| record.last_time()),
            references: 0,
            tags: 0,
            logs: 0,
        };
        for entry in record.entries() {
            match entry {
                Entry::Name { name, cut } => {
                    scan.name = Some(name);
                    scan.name_was_cut = cut;
                }
                Entry::Flags(bits) => scan.flags = bits,
                Entry::Start(time) => scan.start = time,
                Entry::End(time) => scan.end = time,
                Entry::Reference { .. } => scan.references += 1,
                Entry::Tag { .. } => scan.tags += 1,
                Entry::Log(_) => scan.logs += 1,
                Entry::Field { .. } => {}
            }
        }
        scan
    }
}

/// How many entries of a section are written, how many are not, and how long they are.
#[derive(Clone, Copy, Default)]
struct Share {
    count: usize,
    cut: usize,
    bytes: usize,
}

/// The parts of a span that may be cut, in the order of the wire. As constants, so that each is
/// written by a loop of its own.
mod section {
    pub(super) const REFERENCES: u8 = 0;
    pub(super) const TAGS: u8 = 1;
    pub(super) const LOGS: u8 = 2;
}

/// Writes one span.
pub(super) struct SpanEncoder<'a, 'r, C: ?Sized, const WORDS: usize> {
    pub(super) record: Record<'r, WORDS>,
    pub(super) clock: &'a C,
    /// What this span adds to the counters, if it goes out like this.
    pub(super) trimmed: Trimmed,
}

impl<'r, C: Clock + ?Sized, const WORDS: usize> SpanEncoder<'_, 'r, C, WORDS> {
    /// All that was recorded.
    pub(super) fn whole(&mut self, w: &mut Writer<'_>) -> Result<(), Full> {
        let (begin, out_of_range) = (w.at(), self.trimmed.times);
        if self.plain(w) == Ok(true) {
            return Ok(());
        }
        // It was more than that; or there was no room, which the first pass may need a little more
        // of than the span does.
        w.back_to(begin);
        self.trimmed.times = out_of_range;
        let scan = Scan::of(&self.record);
        let all = |count| Share {
            count,
            ..Share::default()
        };
        let shares = [all(scan.references), all(scan.tags), all(scan.logs)];
        self.ids(w)?;
        match scan.name {
            Some(name) => w.bytes(&name)?,
            None => w.bytes("")?,
        }
        self.behind_name(w, &scan, shares, None)
    }

    /// A span that is no more than a name and a few tags, as most are: in one pass instead of two.
    /// Says whether it was one; if not, what is written is nothing.
    fn plain(&mut self, w: &mut Writer<'_>) -> Result<bool, Full> {
        let Some(mut entries) = self.record.slot_entries() else {
            return Ok(false);
        };
        let (Some(Entry::Name { name, cut: false }), false) =
            (entries.next(), self.record.is_cut())
        else {
            return Ok(false);
        };
        let Some(end) = self.record.end() else {
            return Ok(false);
        };
        self.ids(w)?;
        w.bytes(&name)?;
        let (start, duration) = self.times(self.record.start(), end);
        jaeger::flags_and_times(w, 0, self.record.first_flags(), start, duration)?;
        let header = w.at();
        jaeger::tags(w, 1)?;
        let mut tags = 0;
        for entry in &mut entries {
            match entry {
                Entry::Tag { key, value } if tags < 14 => write_tag(w, &key, &value)?,
                _ => return Ok(false),
            }
            tags += 1;
        }
        if !entries.is_at_end() {
            return Ok(false);
        }
        let after = w.at();
        w.back_to(header);
        jaeger::tags(w, tags)?;
        if tags > 0 {
            // As long as the header for one tag was.
            w.forward_to(after);
        }
        w.stop()?;
        Ok(true)
    }

    /// Ids, name and times, and of the rest, in the order of the wire, what the writer has room for.
    pub(super) fn trimmed(&mut self, w: &mut Writer<'_>) -> Result<(), Full> {
        let scan = Scan::of(&self.record);
        let told = match self.record.end() {
            Some(_) => COUNT_TAGS,
            None => COUNT_TAGS + UNFINISHED_TAG,
        };
        let counted = w.room() >= BARE_SPAN + BEHIND + told;
        let behind = BEHIND + if counted { told } else { 0 };
        self.ids(w)?;
        // Where it is really narrow, the lists' headers, which nothing needs then, are no reason
        // to cut the name further.
        let name_room = w.room().saturating_sub(behind + 3);
        let whole = match scan.name {
            Some(name) => w.text_prefix(&name, name_room)?,
            None => w.text_prefix(&"", name_room)?,
        };
        self.trimmed.names += u64::from(!whole);
        let mut room = w.room().saturating_sub(behind);
        let references = self.measure::<{ section::REFERENCES }>(w, &mut room);
        let tags = self.measure::<{ section::TAGS }>(w, &mut room);
        let logs = self.measure::<{ section::LOGS }>(w, &mut room);
        let shares = [references, tags, logs];
        self.behind_name(w, &scan, shares, Some(counted))
    }

    fn ids(&mut self, w: &mut Writer<'_>) -> Result<(), Full> {
        let ids = Ids {
            trace_id: self.record.trace_id(),
            span_id: self.record.span_id(),
            parent_id: self.record.parent_id(),
        };
        jaeger::span_ids(w, ids)
    }

    /// From the references to the stop. `trim` is `None` for a whole span, else it says whether
    /// there is room to tell what was cut.
    fn behind_name(
        &mut self,
        w: &mut Writer<'_>,
        scan: &Scan<'r, WORDS>,
        [references, tags, logs]: [Share; 3],
        trim: Option<bool>,
    ) -> Result<(), Full> {
        let cut_tags = self.record.cut(Cut::Tag) as usize + tags.cut;
        let cut_logs = self.record.cut(Cut::Log) as usize + logs.cut;
        let cut_references = self.record.cut(Cut::Reference) as usize + references.cut;
        let counts = [
            (DROPPED_TAGS, cut_tags),
            (DROPPED_LOGS, cut_logs),
            (DROPPED_REFERENCES, cut_references),
        ];
        let counts = counts
            .iter()
            .filter(|(_, cut)| *cut > 0 && trim != Some(false));

        jaeger::references(w, references.count)?;
        self.section::<{ section::REFERENCES }>(w, references, trim)?;
        let (start, duration) = self.times(scan.start, scan.end);
        jaeger::flags_and_times(w, references.count, scan.flags, start, duration)?;
        let unfinished = self.record.end().is_none() && trim != Some(false);
        let tag_count = tags.count + counts.clone().count() + usize::from(unfinished);
        jaeger::tags(w, tag_count)?;
        self.section::<{ section::TAGS }>(w, tags, trim)?;
        if unfinished {
            jaeger::bool_tag(w, UNFINISHED, true)?;
        }
        for (key, cut) in counts {
            jaeger::i64_tag(w, *key, *cut as i64)?;
        }
        jaeger::logs(w, tag_count, logs.count)?;
        self.section::<{ section::LOGS }>(w, logs, trim)?;
        self.trimmed.tags += cut_tags as u64;
        self.trimmed.logs += cut_logs as u64;
        self.trimmed.references += cut_references as u64;
        self.trimmed.times += u64::from(self.record.cut(Cut::Time));
        self.trimmed.names += u64::from(scan.name_was_cut && self.trimmed.names == 0);
        w.stop()
    }

    fn section<const SECTION: u8>(
        &mut self,
        w: &mut Writer<'_>,
        share: Share,
        trim: Option<bool>,
    ) -> Result<(), Full> {
        if share.count > 0 {
            let room = trim.map(|_| share.bytes);
            self.entries::<SECTION>(w, room)?;
        }
        Ok(())
    }

    /// What of a section fits in `room` bytes, which are less by that then. Leaves nothing written.
    fn measure<const SECTION: u8>(&mut self, w: &mut Writer<'_>, room: &mut usize) -> Share {
        let begin = w.at();
        let times = self.trimmed.times;
        let share = self.entries::<SECTION>(w, Some(*room)).unwrap_or_default();
        w.back_to(begin);
        self.trimmed.times = times;
        *room -= share.bytes;
        share
    }

    /// Writes a section: those entries that fit in `room` bytes together, or all.
    fn entries<const SECTION: u8>(
        &mut self,
        w: &mut Writer<'_>,
        room: Option<usize>,
    ) -> Result<Share, Full> {
        let begin = w.at();
        let mut share = Share::default();
        let mut entries = self.record.entries();
        while let Some(entry) = entries.next() {
            let (before, times) = (w.at(), self.trimmed.times);
            let Some(written) = self.entry::<SECTION>(w, entry, entries) else {
                continue;
            };
            let bytes = w.at() - begin;
            match (written, room) {
                (Err(full), None) => return Err(full),
                (Ok(()), None) => share.count += 1,
                (Ok(()), Some(room)) if bytes <= room => {
                    share.count += 1;
                    share.bytes = bytes;
                }
                _ => {
                    w.back_to(before);
                    self.trimmed.times = times;
                    share.cut += 1;
                }
            }
        }
        Ok(share)
    }

    /// Writes an entry, if it belongs to the section. `rest` is what follows it in the record.
    #[inline(always)]
    fn entry<const SECTION: u8>(
        &mut self,
        w: &mut Writer<'_>,
        entry: Entry<Pieces<'r, WORDS>>,
        rest: Entries<'r, WORDS>,
    ) -> Option<Result<(), Full>> {
        match (SECTION, entry) {
            (
                section::REFERENCES,
                Entry::Reference {
                    kind,
                    trace_id,
                    span_id,
                },
            ) => Some(jaeger::reference(w, kind, trace_id, span_id)),
            (section::TAGS, Entry::Tag { key, value }) => Some(write_tag(w, &key, &value)),
            (section::LOGS, Entry::Log(time)) => Some(self.log(w, time, rest)),
            _ => None,
        }
    }

    fn log(
        &mut self,
        w: &mut Writer<'_>,
        time: Time,
        rest: Entries<'r, WORDS>,
    ) -> Result<(), Full> {
        let fields = rest
            .take_while(|entry| !matches!(entry, Entry::Log(_)))
            .filter_map(|entry| match entry {
                Entry::Field { key, value } => Some((key, value)),
                _ => None,
            });
        let timestamp = micros(time, self.clock, &mut self.trimmed.times);
        jaeger::log(w, timestamp, fields.clone().count())?;
        for (key, value) in fields {
            write_tag(w, &key, &value)?;
        }
        w.stop()
    }

    /// Start and duration in microseconds, as Jaeger can digest them: from 1970 to 2262, and never
    /// a duration of 0, which it takes for a negative one.
    fn times(&mut self, start: Time, end: Time) -> (i64, i64) {
        let out_of_range = &mut self.trimmed.times;
        // Start and duration together must be nanoseconds in an `i64`, too.
        let start = micros(start, self.clock, out_of_range).min(LAST_MICROS - 1);
        let end = micros(end, self.clock, out_of_range);
        *out_of_range += u64::from(end < start);
        (start, (end - start).max(1))
    }
}

/// The last microsecond of 2262 that is nanoseconds in an `i64`.
const LAST_MICROS: i64 = i64::MAX / 1000;

/// A time in microseconds between 1970 and 2262. What was out of range is counted.
fn micros(time: Time, clock: &(impl Clock + ?Sized), out_of_range: &mut u64) -> i64 {
    let micros = time.unix_micros(clock);
    *out_of_range += u64::from(!(0..LAST_MICROS).contains(&micros));
    micros.clamp(0, LAST_MICROS)
}

#[inline(always)]
fn write_tag<B: Blob>(w: &mut Writer<'_>, key: &B, value: &RecordedValue<B>) -> Result<(), Full> {
    match value {
        RecordedValue::Str(text) => jaeger::string_tag(w, key, text),
        RecordedValue::Bytes(bytes) => jaeger::bytes_tag(w, key, bytes),
        RecordedValue::Bool(value) => jaeger::bool_tag(w, key, *value),
        RecordedValue::I64(value) => jaeger::i64_tag(w, key, *value),
        RecordedValue::F64(value) => jaeger::f64_tag(w, key, *value),
    }
}
