//! One record as a span on the wire: whole, or trimmed to what fits.

use crate::jaeger::write::{self as jaeger, TagValue};
use crate::record::{Entries, Entry, Pieces, Record, RecordedValue, kind};
use crate::slot::Cut;
use crate::stats::Trimmed;
use crate::thrift::write::Writer;
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
    start: Option<Time>,
    end: Option<Time>,
    references: usize,
    tags: usize,
    logs: usize,
}

impl<'r, const WORDS: usize> Scan<'r, WORDS> {
    #[inline(always)]
    fn of(record: &Record<'r, WORDS>) -> Self {
        let mut scan = Self {
            name: None,
            name_was_cut: false,
            flags: record.first_flags(),
            start: None,
            end: None,
            references: 0,
            tags: 0,
            logs: 0,
        };
        for entry in record.entries() {
            if entry.is_tag() {
                scan.tags += 1;
                continue;
            }
            match entry.kind {
                kind::NAME | kind::CUT_NAME => {
                    scan.name = Some(entry.bytes);
                    scan.name_was_cut = entry.kind == kind::CUT_NAME;
                }
                kind::FLAGS => scan.flags = entry.flags(),
                kind::START | kind::START_UNIX => scan.start = Some(entry.time()),
                kind::END | kind::END_UNIX => scan.end = Some(entry.time()),
                kind::LOG | kind::LOG_UNIX => scan.logs += 1,
                kind::CHILD_OF | kind::FOLLOWS_FROM => scan.references += 1,
                _ => {}
            }
        }
        scan
    }
}

/// The parts of a span that may be cut, in the order of the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    References,
    Tags,
    Logs,
}

/// How many entries of a section are written, how many are not, and how long they are.
#[derive(Clone, Copy, Default)]
struct Share {
    count: usize,
    cut: usize,
    bytes: usize,
}

/// Writes one span.
pub(super) struct SpanEncoder<'a, 'r, C: ?Sized, const WORDS: usize> {
    pub(super) record: Record<'r, WORDS>,
    pub(super) clock: &'a C,
    /// What this span adds to the counters, if it goes out like this. Almost none adds anything.
    pub(super) trimmed: Option<Trimmed>,
}

impl<'r, C: Clock + ?Sized, const WORDS: usize> SpanEncoder<'_, 'r, C, WORDS> {
    /// All that was recorded.
    #[inline(never)]
    pub(super) fn whole(&mut self, w: &mut Writer<'_>) {
        let scan = Scan::of(&self.record);
        let all = |count| Share {
            count,
            ..Share::default()
        };
        let shares = [all(scan.references), all(scan.tags), all(scan.logs)];
        self.ids(w);
        match &scan.name {
            Some(name) => w.bytes_field(jaeger::NAME, name),
            None => w.put([jaeger::NAME, 0]),
        }
        self.behind_name(w, &scan, shares, None);
    }

    /// Ids, name and times, and of the rest, in the order of the wire, what the writer has room for.
    pub(super) fn trimmed(&mut self, w: &mut Writer<'_>) {
        let scan = Scan::of(&self.record);
        let told = match self.record.end() {
            Some(_) => COUNT_TAGS,
            None => COUNT_TAGS + UNFINISHED_TAG,
        };
        let counted = w.room() >= BARE_SPAN + BEHIND + told;
        let behind = BEHIND + if counted { told } else { 0 };
        self.ids(w);
        w.byte(jaeger::NAME);
        // Where it is really narrow, the lists' headers, which nothing needs then, are no reason
        // to cut the name further.
        let name_room = w.room().saturating_sub(behind + 3);
        let whole = match &scan.name {
            Some(name) => w.text_prefix(name, name_room),
            None => w.text_prefix(&"", name_room),
        };
        if !whole {
            self.count(|trimmed| trimmed.names += 1);
        }
        let mut room = w.room().saturating_sub(behind);
        let shares = [Section::References, Section::Tags, Section::Logs]
            .map(|section| self.measure(w, section, &mut room));
        self.behind_name(w, &scan, shares, Some(counted));
    }

    fn count(&mut self, count: impl FnOnce(&mut Trimmed)) {
        count(self.trimmed.get_or_insert(Trimmed::NONE));
    }

    #[inline(always)]
    fn ids(&self, w: &mut Writer<'_>) {
        jaeger::span_ids(w, |which| self.record.number(which));
    }

    /// From the references to the stop. `trim` is `None` for a whole span, else it says whether
    /// there is room to tell what was cut.
    #[inline(always)]
    fn behind_name(
        &mut self,
        w: &mut Writer<'_>,
        scan: &Scan<'r, WORDS>,
        [references, tags, logs]: [Share; 3],
        trim: Option<bool>,
    ) {
        jaeger::references(w, references.count);
        self.section(w, Section::References, references, trim);
        let start = scan.start.unwrap_or(self.record.start());
        let end = scan.end.or(self.record.end());
        let end = end.unwrap_or_else(|| self.record.last_time());
        let (start, duration) = self.times(start, end);
        jaeger::flags_and_times(w, references.count, scan.flags, start, duration);

        // What is told in tags of its own, of the few spans that have it.
        let cuts = [tags.cut, logs.cut, references.cut];
        let is_odd = trim.is_some() || self.record.is_odd() || scan.name_was_cut;
        let cuts = if is_odd {
            self.all_cut(scan, cuts)
        } else {
            cuts
        };
        let told = match is_odd && trim != Some(false) {
            true => Told::of(&self.record, cuts),
            false => Told::NOTHING,
        };
        let tag_count = tags.count + told.count;
        jaeger::tags(w, tag_count);
        self.section(w, Section::Tags, tags, trim);
        if told.count > 0 {
            told.write(w);
        }
        jaeger::logs(w, tag_count, logs.count);
        self.section(w, Section::Logs, logs, trim);
        w.stop();
    }

    /// Counts what is missing from the span, and adds to what was cut here what was cut when it
    /// was recorded: tags, logs, references.
    #[cold]
    #[inline(never)]
    fn all_cut(&mut self, scan: &Scan<'r, WORDS>, mut cuts: [usize; 3]) -> [usize; 3] {
        let recorded = [Cut::Tag, Cut::Log, Cut::Reference].map(|kind| self.record.cut(kind));
        for (cut, recorded) in cuts.iter_mut().zip(recorded) {
            *cut += recorded as usize;
        }
        let times = self.record.cut(Cut::Time);
        self.count(|trimmed| {
            let [tags, logs, references] = cuts.map(|cut| cut as u64);
            trimmed.tags += tags;
            trimmed.logs += logs;
            trimmed.references += references;
            trimmed.times += u64::from(times);
            trimmed.names += u64::from(scan.name_was_cut && trimmed.names == 0);
        });
        cuts
    }

    #[inline(always)]
    fn section(&mut self, w: &mut Writer<'_>, section: Section, share: Share, trim: Option<bool>) {
        if share.count > 0 {
            let room = trim.map(|_| share.bytes);
            self.entries(w, section, room);
        }
    }

    /// What of a section fits in `room` bytes, which are less by that then. Leaves nothing written.
    fn measure(&mut self, w: &mut Writer<'_>, section: Section, room: &mut usize) -> Share {
        let begin = w.at();
        let before = self.trimmed;
        let share = self.entries(w, section, Some(*room));
        w.back_to(begin);
        self.trimmed = before;
        *room -= share.bytes;
        share
    }

    /// Writes a section: those entries that fit in `room` bytes together, or all.
    #[inline(never)]
    fn entries(&mut self, w: &mut Writer<'_>, section: Section, room: Option<usize>) -> Share {
        let begin = w.at();
        let mut share = Share::default();
        let mut entries = self.record.entries();
        while let Some(entry) = entries.next() {
            let belongs = match section {
                Section::Tags => entry.is_tag(),
                Section::Logs => entry.is_log(),
                Section::References => matches!(entry.kind, kind::CHILD_OF | kind::FOLLOWS_FROM),
            };
            if !belongs {
                continue;
            }
            let Some(room) = room else {
                self.entry(w, &entry, &entries);
                continue;
            };
            let (before, trimmed) = (w.at(), self.trimmed);
            self.entry(w, &entry, &entries);
            let bytes = w.at() - begin;
            if !w.is_full() && bytes <= room {
                share.count += 1;
                share.bytes = bytes;
            } else {
                w.back_to(before);
                self.trimmed = trimmed;
                share.cut += 1;
            }
        }
        share
    }

    /// Writes an entry of a section; `rest` is what follows it in the record.
    #[inline(always)]
    fn entry(&mut self, w: &mut Writer<'_>, entry: &Entry<'r, WORDS>, rest: &Entries<'r, WORDS>) {
        if entry.is_tag() {
            write_tag(w, entry);
        } else if entry.is_log() {
            self.log(w, entry.time(), rest);
        } else {
            let (kind, trace_id, span_id) = entry.reference();
            jaeger::reference(w, kind, trace_id, span_id);
        }
    }

    #[inline(never)]
    fn log(&mut self, w: &mut Writer<'_>, time: Time, rest: &Entries<'r, WORDS>) {
        let fields = || {
            let of_log = rest.take_while(|entry| !entry.is_log());
            of_log.filter(|entry| entry.is_field())
        };
        let timestamp = self.micros(time, LAST_MICROS);
        jaeger::log(w, timestamp, fields().count());
        for field in fields() {
            write_tag(w, &field);
        }
        w.stop();
    }

    /// Start and duration in microseconds, as Jaeger can digest them: from 1970 to 2262, and never
    /// a duration of 0, which it takes for a negative one.
    #[inline(always)]
    pub(super) fn times(&mut self, start: Time, end: Time) -> (i64, i64) {
        // Start and duration together must be nanoseconds in an `i64`, too.
        let start = self.micros(start, LAST_MICROS - 1);
        let end = self.micros(end, LAST_MICROS);
        if start < end {
            return (start, end - start);
        }
        if end < start {
            self.count(|trimmed| trimmed.times += 1);
        }
        (start, 1)
    }

    /// A time in microseconds between 1970 and 2262, at most the last one. What was out of range is
    /// counted.
    #[inline(always)]
    fn micros(&mut self, time: Time, last: i64) -> i64 {
        let micros = time.unix_micros(self.clock);
        // Before 2255 it takes no more than this to see that it is in range.
        match micros as u64 >> 53 {
            0 => micros,
            _ => self.odd_micros(micros, last),
        }
    }

    #[cold]
    #[inline(never)]
    fn odd_micros(&mut self, micros: i64, last: i64) -> i64 {
        if !(0..LAST_MICROS).contains(&micros) {
            self.count(|trimmed| trimmed.times += 1);
        }
        micros.clamp(0, last)
    }
}

/// The last microsecond of 2262 that is nanoseconds in an `i64`.
const LAST_MICROS: i64 = i64::MAX / 1000;

/// A tag of the span, or a field of a log.
#[inline(never)]
fn write_tag<const WORDS: usize>(w: &mut Writer<'_>, entry: &Entry<'_, WORDS>) {
    let value = match entry.value() {
        RecordedValue::Str(text) => TagValue::Str(text),
        RecordedValue::Bytes(bytes) => TagValue::Bytes(bytes),
        RecordedValue::Bool(value) => TagValue::Bool(value),
        RecordedValue::I64(value) => TagValue::I64(value),
        RecordedValue::F64(value) => TagValue::F64(value),
    };
    jaeger::tag(w, &entry.key, &value);
}

/// Tags that tell of the span itself: what was cut, and that it has no end.
struct Told {
    count: usize,
    cuts: [usize; 3],
    unfinished: bool,
}

impl Told {
    const NOTHING: Self = Self {
        count: 0,
        cuts: [0; 3],
        unfinished: false,
    };

    fn of<const WORDS: usize>(record: &Record<'_, WORDS>, cuts: [usize; 3]) -> Self {
        let unfinished = record.end().is_none();
        let cut = cuts.iter().filter(|cut| **cut > 0).count();
        Self {
            count: cut + usize::from(unfinished),
            cuts,
            unfinished,
        }
    }

    #[cold]
    #[inline(never)]
    fn write(&self, w: &mut Writer<'_>) {
        if self.unfinished {
            jaeger::tag(w, &UNFINISHED, &TagValue::Bool(true));
        }
        let keys = [DROPPED_TAGS, DROPPED_LOGS, DROPPED_REFERENCES];
        for (key, cut) in keys.into_iter().zip(self.cuts) {
            if cut > 0 {
                jaeger::tag(w, &key, &TagValue::I64(cut as i64));
            }
        }
    }
}
