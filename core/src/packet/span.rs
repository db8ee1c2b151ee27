//! One record as a span on the wire: whole, or trimmed to what fits.

use core::marker::PhantomData;

use super::Extent;
use super::overview::Overview;
use crate::jaeger::write as jaeger;
use crate::record::kind::{self, set};
use crate::record::{Entries, Entry, Record, Words};
use crate::stats::Cuts;
use crate::thrift::write::Writer;
use crate::{Clock, ReferenceKind, Time};

/// The most that a span takes without name, references, tags and logs: four ids, an empty name,
/// flags, two times and the stop.
pub(super) const BARE_SPAN: usize = 4 * 11 + 2 + 2 + 2 * 10 + 1;

/// What stands behind the references: flags, times, three list headers, the stop.
const BEHIND: usize = 2 + 2 * 10 + 3 * 5 + 1;

/// The tags that tell how much was cut: tags, logs, references.
const DROPPED: [&str; 3] = [
    "otel.dropped_attributes_count",
    "otel.dropped_events_count",
    "otel.dropped_links_count",
];

/// The most that they take.
const DROPPED_TAGS: usize = 29 + 25 + 24 + 3 * 16;

/// A span that had not ended when a reset or a fault came.
const UNFINISHED: &str = "unfinished";
const UNFINISHED_TAG: usize = UNFINISHED.len() + 6;

/// The parts of a span that may be cut, in the order of the wire: the kinds of their entries.
const SECTIONS: [u32; 3] = [set::REFERENCES, set::TAGS, set::LOGS];

/// What of a section goes out.
#[derive(Clone, Copy)]
struct Share {
    count: usize,
    bytes: usize,
    cut: u32,
}

/// No limit for a section: nothing of it is cut.
const WHOLE: usize = usize::MAX;

/// Writes one span.
pub(super) struct SpanEncoder<'c, 'r, E, C: ?Sized, const WORDS: usize> {
    record: Record<'r, WORDS>,
    clock: &'c C,
    /// How many times were out of range.
    odd_times: u32,
    name_was_cut: bool,
    /// Tags, logs and references that have no room here.
    cut: [u32; 3],
    extent: PhantomData<E>,
}

impl<'c, 'r, E: Extent, C: Clock + ?Sized, const WORDS: usize> SpanEncoder<'c, 'r, E, C, WORDS> {
    pub(super) fn new(record: Record<'r, WORDS>, clock: &'c C) -> Self {
        Self {
            record,
            clock,
            odd_times: 0,
            name_was_cut: false,
            cut: [0; 3],
            extent: PhantomData,
        }
    }

    /// Writes all that was recorded; or, if it `trims`, of what stands behind the ids what the
    /// writer has room for, in the order of the wire.
    #[inline(never)]
    pub(super) fn whole(&mut self, w: &mut Writer<'_>, trims: bool) {
        let mut seen = Overview::before(&self.record);
        seen.read(self.record.entries());
        self.odd_times = 0;
        let (mut rooms, mut tells) = ([WHOLE; 3], true);
        let room = w.room();
        self.ids(w);
        if E::TRIMS && trims {
            tells = self.trim(w, room, &mut seen, &mut rooms);
        } else {
            w.bytes_field(jaeger::NAME, seen.name_len, &mut seen.name);
        }
        self.name_was_cut = seen.name_was_cut;
        self.behind_name(w, &seen, rooms, tells);
    }

    /// Writes what of the name has room, and measures what of the rest has. Returns whether there
    /// is room to tell what was cut. There was so much `room` for the whole span.
    #[cold]
    #[inline(never)]
    fn trim(
        &mut self,
        w: &mut Writer<'_>,
        room: usize,
        seen: &mut Overview<'r, WORDS>,
        rooms: &mut [usize; 3],
    ) -> bool {
        let told = match self.record.is_unfinished() {
            false => DROPPED_TAGS,
            true => DROPPED_TAGS + UNFINISHED_TAG,
        };
        let tells = room >= BARE_SPAN + BEHIND + told;
        let behind = BEHIND + if tells { told } else { 0 };
        w.byte(jaeger::NAME);
        // Where it is really narrow, the lists' headers, which nothing needs then, are no reason
        // to cut the name further.
        let name_room = w.room().saturating_sub(behind + 3);
        let is_whole = w.text_prefix(seen.name_len, &seen.name, name_room);
        seen.name_was_cut |= !is_whole;
        let mut room = w.room().saturating_sub(behind);
        let [references, tags, logs] = SECTIONS.map(|kinds| self.measure(w, kinds, &mut room));
        self.cut = [tags.cut, logs.cut, references.cut];
        seen.counts = [references.count, tags.count, logs.count];
        *rooms = [references.bytes, tags.bytes, logs.bytes];
        tells
    }

    #[inline(always)]
    fn ids(&self, w: &mut Writer<'_>) {
        for which in 0..4 {
            w.number_field(jaeger::ID, self.record.number(which) as i64);
        }
    }

    /// From the references to the stop. Whether there is room to tell what was cut, is in `tells`.
    #[inline(always)]
    fn behind_name(
        &mut self,
        w: &mut Writer<'_>,
        seen: &Overview<'r, WORDS>,
        [for_references, for_tags, for_logs]: [usize; 3],
        tells: bool,
    ) {
        let [references, tags, logs] = seen.counts;
        if references > 0 {
            w.structs_field(jaeger::REFERENCES, references);
            self.section(w, set::REFERENCES, for_references);
        }
        let end = seen.end.unwrap_or(Time::Ticks(seen.last));
        let (start, end) = (self.micros(seen.start), self.micros(end));
        let (start, duration) = self.times(start, end);
        w.put(jaeger::flags(references, seen.flags));
        w.number_field(jaeger::TIME, start);
        w.number_field(jaeger::TIME, duration);

        // What is told in tags of its own, of the few spans that have it.
        let is_unfinished = tells && self.record.is_unfinished();
        let tells = tells && E::TELLS_CUTS;
        let cuts = if tells { self.all_cut() } else { [0; 3] };
        let mut tag_count = tags + usize::from(is_unfinished);
        if tells {
            tag_count += cuts.iter().filter(|cut| **cut > 0).count();
        }
        if tag_count > 0 {
            w.structs_field(jaeger::TAGS, tag_count);
        }
        self.section(w, set::TAGS, for_tags);
        if is_unfinished {
            jaeger::yes(w, UNFINISHED);
        }
        if tells {
            for (key, cut) in DROPPED.into_iter().zip(cuts).filter(|(_, cut)| *cut > 0) {
                jaeger::count(w, key, cut.into());
            }
        }
        if logs > 0 {
            w.structs_field(jaeger::logs(tag_count), logs);
            self.section(w, set::LOGS, for_logs);
        }
        w.stop();
    }

    /// What was cut here and when it was recorded: tags, logs, references.
    #[inline(always)]
    fn all_cut(&self) -> [u32; 3] {
        let [tags, logs, references, _] = self.record.cuts();
        if !E::TRIMS {
            return [tags, logs, references];
        }
        let [cut_tags, cut_logs, cut_references] = self.cut;
        [
            tags.saturating_add(cut_tags),
            logs.saturating_add(cut_logs),
            references.saturating_add(cut_references),
        ]
    }

    /// Counts what is missing from the span as it goes out, if it does.
    #[inline(always)]
    pub(super) fn count(&self, cuts: &mut Cuts) {
        let [tags, logs, references] = self.all_cut();
        let [.., times] = self.record.cuts();
        let Cuts([all_tags, all_logs, all_references, all_names, all_times, _]) = cuts;
        *all_tags = all_tags.saturating_add(tags);
        *all_logs = all_logs.saturating_add(logs);
        *all_references = all_references.saturating_add(references);
        *all_names = all_names.saturating_add(self.name_was_cut.into());
        *all_times = all_times.saturating_add(times + self.odd_times);
    }

    /// What of a section fits in `room` bytes, which are less by that then. Leaves nothing written.
    #[inline(never)]
    fn measure(&mut self, w: &mut Writer<'_>, kinds: u32, room: &mut usize) -> Share {
        let begin = w.at();
        let before = self.odd_times;
        let share = self.section(w, kinds, *room);
        w.back_to(begin);
        self.odd_times = before;
        *room -= share.bytes;
        share
    }

    /// Writes a section: those entries that fit in `room` bytes together. Returns what they were.
    #[inline(never)]
    fn section(&mut self, w: &mut Writer<'_>, kinds: u32, room: usize) -> Share {
        let trims = E::TRIMS && room != WHOLE;
        let begin = w.at();
        let mut written = Share {
            count: 0,
            bytes: 0,
            cut: 0,
        };
        let mut entries = self.record.entries();
        while entries.advance_to(kinds, 0) {
            let (before, odd_times) = (w.at(), self.odd_times);
            self.entry(w, &mut entries);
            if !trims {
                continue;
            }
            let bytes = w.at() - begin;
            if !w.is_full() && bytes <= room {
                written.count += 1;
                written.bytes = bytes;
            } else {
                w.back_to(before);
                self.odd_times = odd_times;
                written.cut += 1;
            }
        }
        written
    }

    /// Writes an entry of a section.
    #[inline(always)]
    fn entry(&mut self, w: &mut Writer<'_>, entries: &mut Entries<'r, WORDS>) {
        let Entries { rest, entry } = entries;
        match entry.kind {
            kind::CHILD_OF => reference(w, ReferenceKind::ChildOf, &mut entry.words),
            kind::FOLLOWS_FROM => reference(w, ReferenceKind::FollowsFrom, &mut entry.words),
            kind::LOG | kind::LOG_UNIX => self.log(w, entry.time(), rest),
            _ => write_tag(w, entry),
        }
    }

    /// Writes a log whose fields are among the entries behind it.
    #[inline(always)]
    fn log(&mut self, w: &mut Writer<'_>, time: Time, rest: &Words<'r, WORDS>) {
        let timestamp = self.micros(time);
        let mut count = 0;
        // A first time to count them.
        for writes in [false, true] {
            if writes {
                jaeger::log(w, timestamp, count);
            }
            let mut fields = Entries::of(rest);
            while fields.advance_to(set::FIELDS, set::LOGS) {
                match writes {
                    true => write_tag(w, &mut fields.entry),
                    false => count += 1,
                }
            }
        }
        w.stop();
    }

    /// Start and duration of start and end, as Jaeger can digest them: never a duration of 0, which
    /// it takes for a negative one.
    #[inline(always)]
    fn times(&mut self, start: i64, end: i64) -> (i64, i64) {
        if start < end {
            return (start, end - start);
        }
        // Start and duration together must be nanoseconds in an `i64`, too.
        let start = start.min(LAST_MICROS - 1);
        self.odd_times += u32::from(end < start);
        (start, 1)
    }

    #[inline(always)]
    fn micros(&mut self, time: Time) -> i64 {
        match time {
            Time::Ticks(ticks) => self.micros_of(false, ticks),
            Time::UnixNanos(nanos) => self.micros_of(true, nanos as u64),
        }
    }

    /// Out of line where code is dear.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn micros_of(&mut self, is_unix: bool, number: u64) -> i64 {
        self.quick_micros(match is_unix {
            true => Time::UnixNanos(number as i64),
            false => Time::Ticks(number),
        })
    }

    /// A time in microseconds between 1970 and 2262. What was out of range is counted.
    #[inline(always)]
    fn quick_micros(&mut self, time: Time) -> i64 {
        let micros = time.unix_micros(self.clock);
        // Before 2255 it takes no more than this to see that it is in range.
        match micros as u64 >> 53 {
            0 => micros,
            _ => self.odd_micros(micros),
        }
    }

    #[cold]
    #[cfg_attr(target_pointer_width = "64", inline(never))]
    fn odd_micros(&mut self, micros: i64) -> i64 {
        if (0..LAST_MICROS).contains(&micros) {
            return micros;
        }
        self.odd_times += 1;
        if micros < 0 { 0 } else { LAST_MICROS }
    }
}

/// The last microsecond of 2262 that is nanoseconds in an `i64`.
const LAST_MICROS: i64 = i64::MAX / 1000;

fn reference<const WORDS: usize>(
    w: &mut Writer<'_>,
    kind: ReferenceKind,
    ids: &mut Words<'_, WORDS>,
) {
    jaeger::reference(w, kind, || ids.number());
}

/// A tag of the span, or a field of a log.
#[inline(never)]
fn write_tag<const WORDS: usize>(w: &mut Writer<'_>, tag: &mut Entry<'_, WORDS>) {
    let kind = tag.value_kind();
    let words = &mut tag.words;
    w.bytes_field(jaeger::KEY, tag.key_len, words);
    if kind == kind::F64 {
        jaeger::double(w, words.number());
        return w.stop();
    }
    let which = kind.wrapping_sub(kind::STRING) as usize;
    let Some(&[header, value, field]) = HEADS.get(which) else {
        return;
    };
    w.put([header, value]);
    match kind {
        kind::I64 => w.number_field(field, words.number() as i64),
        kind::FALSE | kind::TRUE => w.byte(field),
        _ => w.bytes_field(field, tag.len, words),
    }
    w.stop();
}

/// What stands between key and value, from the first kind of a tag on.
static HEADS: [[u8; 3]; 5] = [
    jaeger::STRING,
    jaeger::BYTES,
    jaeger::FALSE,
    jaeger::TRUE,
    jaeger::LONG,
];
const _: () = assert!(
    kind::BYTES == kind::STRING + 1
        && kind::FALSE == kind::STRING + 2
        && kind::TRUE == kind::STRING + 3
        && kind::I64 == kind::STRING + 4
);
