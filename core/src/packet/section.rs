//! The parts of a span that are lists: references, tags, logs. Each whole, or what of it has room.

use super::Extent;
use super::span::SpanEncoder;
use crate::jaeger::write as jaeger;
use crate::part;
use crate::record::Entry;
use crate::record::kind::{self, set};
use crate::thrift::write::Writer;
use crate::{Clock, ReferenceKind};

/// What of a section goes out.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

/// Instead of a header: this is only a measurement.
const MEASURED: u8 = 0;

/// No limit for a section: nothing of it is cut.
pub(super) const WHOLE: usize = usize::MAX;

impl<E: Extent, C: Clock + ?Sized, const WORDS: usize> SpanEncoder<'_, '_, E, C, WORDS> {
    /// What of a section of any `count` fits in `room` bytes, which are less by that then. Leaves nothing
    /// written.
    #[inline(never)]
    pub(super) fn measure(
        &mut self,
        w: &mut Writer<'_>,
        count: usize,
        kinds: u32,
        room: &mut usize,
    ) -> Share {
        let begin = w.at();
        let before = self.odd_times;
        let share = self.section(w, MEASURED, count, kinds, *room);
        w.back_to(begin);
        self.odd_times = before;
        *room -= share.bytes;
        share
    }

    /// Writes a section, if it is one of any `count`: the header of its list, and those entries that
    /// fit in `room` bytes together. Returns what they were.
    #[inline(always)]
    pub(super) fn section(
        &mut self,
        w: &mut Writer<'_>,
        header: u8,
        count: usize,
        kinds: u32,
        room: usize,
    ) -> Share {
        match count {
            0 => Share { count: 0, bytes: 0 },
            _ => self.some(w, header, count, kinds, room),
        }
    }

    /// The same of one that is not empty.
    #[inline(never)]
    fn some(
        &mut self,
        w: &mut Writer<'_>,
        header: u8,
        count: usize,
        kinds: u32,
        room: usize,
    ) -> Share {
        let mut written = Share { count: 0, bytes: 0 };
        if header != MEASURED {
            w.structs_field(header, count);
        }
        let trims = E::TRIMS && room != WHOLE;
        let begin = w.at();
        self.entries.rewind();
        while self.entries.advance_to(kinds, 0) {
            let (before, odd_times) = (w.at(), self.odd_times);
            self.entry(w);
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
            }
        }
        written
    }

    /// Writes an entry of a section.
    #[inline(always)]
    fn entry(&mut self, w: &mut Writer<'_>) {
        let entry = &mut self.entries.entry;
        match entry.kind {
            kind::CHILD_OF | kind::FOLLOWS_FROM if part::REFERENCES.is_there() => {
                let kind = match entry.kind {
                    kind::CHILD_OF => ReferenceKind::ChildOf,
                    _ => ReferenceKind::FollowsFrom,
                };
                jaeger::reference(w, kind, || entry.words.number());
            }
            kind::LOG | kind::LOG_UNIX if part::LOGS.is_there() => self.log(w),
            _ => write_tag(w, entry),
        }
    }

    /// Writes a log whose fields are among the entries behind it.
    #[inline(always)]
    fn log(&mut self, w: &mut Writer<'_>) {
        let timestamp = self.entry_time();
        let begin = self.entries.next;
        let mut count = 0;
        // A first time to count them.
        while self.entries.advance_to(set::FIELDS, set::LOGS) {
            count += 1;
        }
        jaeger::log(w, timestamp, count);
        self.entries.next = begin;
        for _ in 0..count {
            self.entries.advance_to(set::FIELDS, 0);
            write_tag(w, &mut self.entries.entry);
        }
        w.stop();
    }
}

/// A tag of the span, or a field of a log.
#[inline(never)]
fn write_tag<const WORDS: usize>(w: &mut Writer<'_>, tag: &mut Entry<'_, WORDS>) {
    let kind = tag.value_kind();
    let words = &mut tag.words;
    w.bytes_field(jaeger::KEY, tag.key_len, words);
    let which = kind.wrapping_sub(kind::STRING) as usize;
    match HEADS.get(which) {
        Some(&[header, value, field]) => {
            w.put([header, value]);
            match kind {
                kind::I64 => w.number_field(field, words.number() as i64),
                kind::FALSE | kind::TRUE => w.byte(field),
                _ => w.bytes_field(field, tag.len, words),
            }
        }
        // The last one.
        None if part::DOUBLES.is_there() => jaeger::double(w, words.number()),
        None => {}
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
        && kind::F64 == kind::STRING + 5
);
