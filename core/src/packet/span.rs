//! One record as a span on the wire: whole, or trimmed to what fits.

use core::marker::PhantomData;

use super::Extent;
use super::section::{Share, WHOLE};
use crate::Clock;
use crate::jaeger::{DROPPED, write as jaeger};
use crate::part;
use crate::record::kind::{self, set};
use crate::record::{Entries, Record, time};
use crate::stats::Cuts;
use crate::thrift::write::Writer;

/// The most that a span takes without name, references, tags and logs: four ids, an empty name,
/// flags, two times and the stop.
pub(super) const BARE_SPAN: usize = 4 * 11 + 2 + 2 + 2 * 10 + 1;

/// What stands behind the references: flags, times, three list headers, the stop.
const BEHIND: usize = 2 + 2 * 10 + 3 * 5 + 1;

/// The most that the tags take which tell how much was cut.
const DROPPED_TAGS: usize = 29 + 25 + 24 + 3 * 16;

/// A span that had not ended when a reset or a fault came.
static UNFINISHED: [u8; 16] = jaeger::yes("unfinished");

/// The parts of a span that may be cut, in the order of the wire: the kinds of their entries.
const SECTIONS: [u32; 3] = [set::REFERENCES, set::TAGS, set::LOGS];

/// What a first look at a record tells of two kinds of entries: how many there are, and where the last
/// one begins.
#[derive(Clone, Copy)]
struct Seen {
    count: usize,
    last: usize,
}

const NONE: Seen = Seen { count: 0, last: 0 };

/// Writes one span.
pub(super) struct SpanEncoder<'c, 'r, E, C: ?Sized, const WORDS: usize> {
    record: Record<'r, WORDS>,
    pub(super) entries: Entries<'r, WORDS>,
    /// Of each two kinds.
    seen: [Seen; 16],
    clock: &'c C,
    /// How many times were out of range.
    pub(super) odd_times: u32,
    name_was_cut: bool,
    /// Tags, logs and references that have no room here.
    cut: [u32; 3],
    extent: PhantomData<E>,
}

impl<'c, 'r, E: Extent, C: Clock + ?Sized, const WORDS: usize> SpanEncoder<'c, 'r, E, C, WORDS> {
    pub(super) fn new(record: Record<'r, WORDS>, clock: &'c C) -> Self {
        Self {
            record,
            entries: record.entries(),
            seen: [NONE; 16],
            clock,
            odd_times: 0,
            name_was_cut: false,
            cut: [0; 3],
            extent: PhantomData,
        }
    }

    /// Writes all that was recorded; or, the second time, if it `trims`, of what stands behind the ids
    /// what the writer has room for, in the order of the wire.
    #[inline(never)]
    pub(super) fn whole(&mut self, w: &mut Writer<'_>, trims: bool) {
        if !E::TRIMS || !trims {
            self.look();
        }
        let room = w.room();
        self.odd_times = 0;
        for which in 0..4 {
            w.number_field(jaeger::ID, self.record.number(which) as i64);
        }
        let mut name_len = 0;
        if self.find(kind::NAME) {
            name_len = self.entries.entry.len;
            self.name_was_cut = self.entries.entry.kind == kind::CUT_NAME;
        }
        let mut shares = [
            self.share(kind::CHILD_OF, kind::STRING, part::REFERENCES.is_there()),
            self.share(kind::STRING, kind::FIELDS, true),
            self.share(kind::LOG, kind::CHILD_OF, part::LOGS.is_there()),
        ];
        let mut tells = true;
        if E::TRIMS && trims {
            tells = self.trim(w, room, name_len, &mut shares);
        } else {
            w.bytes_field(jaeger::NAME, name_len, &mut self.entries.entry.words);
        }
        self.behind_name(w, shares, tells);
    }

    /// Once.
    fn look(&mut self) {
        loop {
            let at = self.entries.next;
            if !self.entries.advance() {
                return;
            }
            if let Some(seen) = self.seen.get_mut(self.entries.entry.kind as usize / 2) {
                seen.count += 1;
                seen.last = at;
            }
        }
    }

    /// Goes to the last entry of a kind or the one that it makes two with, if there is any.
    fn find(&mut self, kind: u32) -> bool {
        let Some(Seen { count: 1.., last }) = self.seen.get(kind as usize / 2) else {
            return false;
        };
        self.entries.go_to(*last);
        true
    }

    /// How many entries there are of some kinds: of both of each two.
    #[inline(always)]
    fn share(&self, from: u32, until: u32, is_there: bool) -> Share {
        let kinds = self.seen.get(from as usize / 2..until as usize / 2);
        let kinds = kinds.filter(|_| is_there);
        let kinds = kinds.unwrap_or_default();
        Share {
            count: kinds.iter().map(|seen| seen.count).sum(),
            bytes: WHOLE,
        }
    }

    /// The time that was said last, in microseconds; if none was, that of these ticks.
    #[inline(never)]
    fn time(&mut self, kind: u32, ticks: u64) -> i64 {
        match part::TIMES.is_there() && self.find(kind) {
            true => self.entry_time(),
            false => self.micros(kind, ticks),
        }
    }

    /// The time of the entry that was reached last, in microseconds.
    #[inline(always)]
    pub(super) fn entry_time(&mut self) -> i64 {
        let number = self.entries.entry.words.number();
        self.micros(self.entries.entry.kind, number)
    }

    /// Writes what of the name has room, and measures what of the rest has. Returns whether there
    /// is room to tell what was cut. There was so much `room` for the whole span.
    #[cold]
    #[inline(never)]
    fn trim(
        &mut self,
        w: &mut Writer<'_>,
        room: usize,
        name_len: usize,
        shares: &mut [Share; 3],
    ) -> bool {
        let told = match self.record.is_unfinished() {
            false => DROPPED_TAGS,
            true => DROPPED_TAGS + UNFINISHED.len(),
        };
        let tells = room >= BARE_SPAN + BEHIND + told;
        let behind = BEHIND + if tells { told } else { 0 };
        // Where it is really narrow, the lists' headers, which nothing needs then, are no reason
        // to cut the name further.
        let name_room = w.room().saturating_sub(behind + 4);
        let is_whole = w.text_prefix(jaeger::NAME, name_len, &self.entries.entry.words, name_room);
        self.name_was_cut |= !is_whole;
        let mut room = w.room().saturating_sub(behind);
        let mut cut = [0; 3];
        for ((share, cut), kinds) in shares.iter_mut().zip(&mut cut).zip(SECTIONS) {
            let all = share.count;
            *share = self.measure(w, all, kinds, &mut room);
            *cut = all.saturating_sub(share.count) as u32;
        }
        let [references, tags, logs] = cut;
        self.cut = [tags, logs, references];
        tells
    }

    /// From the references to the stop. Whether there is room to tell what was cut, is in `tells`.
    #[inline(always)]
    fn behind_name(
        &mut self,
        w: &mut Writer<'_>,
        [references, tags, logs]: [Share; 3],
        tells: bool,
    ) {
        self.section(
            w,
            jaeger::REFERENCES,
            references.count,
            set::REFERENCES,
            references.bytes,
        );
        w.put(jaeger::flags(references.count, self.record.flags()));
        self.start_and_duration(w);

        // What is told in tags of its own, of the few spans that have it.
        let is_unfinished = tells && self.record.is_unfinished();
        let tells = tells && E::TELLS_CUTS;
        let [cuts @ .., _] = if tells { self.all_cut() } else { [0; 4] };
        let mut tag_count = tags.count + usize::from(is_unfinished);
        if tells {
            tag_count += cuts.iter().filter(|cut| **cut > 0).count();
        }
        self.section(w, jaeger::TAGS, tag_count, set::TAGS, tags.bytes);
        if is_unfinished {
            w.slice(&UNFINISHED);
        }
        if tells {
            for (key, cut) in DROPPED.iter().zip(&cuts).filter(|(_, cut)| **cut > 0) {
                jaeger::count(w, key, u64::from(*cut));
            }
        }
        self.section(
            w,
            jaeger::logs(tag_count),
            logs.count,
            set::LOGS,
            logs.bytes,
        );
        w.stop();
    }

    #[inline(always)]
    fn start_and_duration(&mut self, w: &mut Writer<'_>) {
        let start = self.time(kind::START, self.record.number(4));
        let ticks = match self.record.is_unfinished() {
            false => self.record.end_ticks(),
            true => self.last_ticks(),
        };
        let end = self.time(kind::END, ticks);
        let (start, duration) = self.times(start, end);
        w.number_field(jaeger::TIME, start);
        w.number_field(jaeger::TIME, duration);
    }

    /// The last time that is told of a span that has no end.
    fn last_ticks(&mut self) -> u64 {
        let mut last = self.record.number(4);
        self.entries.rewind();
        while self.entries.advance_to(1 << kind::LOG, 0) {
            last = last.max(self.entries.entry.words.number());
        }
        last
    }

    /// What was cut here and when it was recorded: tags, logs, references, times.
    #[inline(always)]
    fn all_cut(&self) -> [u32; 4] {
        let cuts = self.record.cuts();
        if !E::TRIMS {
            return cuts;
        }
        let [tags, logs, references, times] = cuts;
        let [cut_tags, cut_logs, cut_references] = self.cut;
        [
            tags.saturating_add(cut_tags),
            logs.saturating_add(cut_logs),
            references.saturating_add(cut_references),
            times,
        ]
    }

    /// Counts what is missing from the span as it goes out, if it does.
    #[inline(always)]
    pub(super) fn count(&self, cuts: &mut Cuts) {
        let [tags, logs, references, times] = self.all_cut();
        let Cuts([all_tags, all_logs, all_references, all_names, all_times, _]) = cuts;
        *all_tags = all_tags.saturating_add(tags);
        *all_logs = all_logs.saturating_add(logs);
        *all_references = all_references.saturating_add(references);
        *all_names = all_names.saturating_add(self.name_was_cut.into());
        *all_times = all_times.saturating_add(times + self.odd_times);
    }

    /// Start and duration of start and end, as Jaeger can digest them: never a duration of 0, which
    /// it takes for a negative one.
    #[inline(always)]
    fn times(&mut self, start: i64, end: i64) -> (i64, i64) {
        let duration = end - start;
        if duration > 0 {
            return (start, duration);
        }
        self.odd_times += u32::from(duration < 0);
        (start, 1)
    }

    /// A time in microseconds between 1970 and 2262. What was out of range is counted.
    #[inline(never)]
    fn micros(&mut self, kind: u32, number: u64) -> i64 {
        let micros = time(kind, number).unix_micros(self.clock);
        if (0..LAST_MICROS).contains(&micros) {
            return micros;
        }
        self.odd_times += 1;
        if micros < 0 {
            return 0;
        }
        // Start and duration together must be nanoseconds in an `i64`, too.
        LAST_MICROS - i64::from(kind & !kind::UNIX == kind::START)
    }
}

/// The last microsecond of 2262 that is nanoseconds in an `i64`.
const LAST_MICROS: i64 = i64::MAX / 1000;
