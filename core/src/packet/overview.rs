//! What must be known of a record before it is written: it counts as it was said last, and lists
//! begin with their length.

use crate::Time;
use crate::record::kind::{self, set};
use crate::record::{Entries, Entry, Record, Words, time};

/// What a first look at a record tells.
pub(super) struct Overview<'r, const WORDS: usize> {
    pub(super) name: Words<'r, WORDS>,
    pub(super) name_len: usize,
    pub(super) name_was_cut: bool,
    pub(super) flags: u8,
    pub(super) start: Time,
    pub(super) end: Option<Time>,
    /// The latest time that is told, in ticks.
    pub(super) last: u64,
    /// How many entries each section has.
    pub(super) counts: [usize; 3],
}

impl<'r, const WORDS: usize> Overview<'r, WORDS> {
    /// Before any of its entries.
    #[inline(always)]
    pub(super) fn before(record: &Record<'r, WORDS>) -> Self {
        Self {
            name: record.entries().rest,
            name_len: 0,
            name_was_cut: false,
            flags: record.first_flags(),
            start: record.start(),
            end: record.end(),
            last: record.number(4),
            counts: [0; 3],
        }
    }

    #[inline(always)]
    pub(super) fn read(&mut self, mut entries: Entries<'r, WORDS>) {
        while entries.advance() {
            let Entry { kind, .. } = entries.entry;
            let is_any_of = |kinds| usize::from(kind::is_any_of(kind, kinds));
            let [references, tags, logs] = &mut self.counts;
            *references += is_any_of(set::REFERENCES);
            *tags += is_any_of(set::TAGS);
            *logs += is_any_of(set::LOGS);
            if let kind::NAME | kind::CUT_NAME = kind {
                self.name = entries.entry.words;
                self.name_len = entries.entry.len;
                self.name_was_cut = kind == kind::CUT_NAME;
            }
            if !(kind::FLAGS..=kind::LOG).contains(&kind) {
                continue;
            }
            let number = entries.entry.words.number();
            match kind & !kind::UNIX {
                kind::START => self.start = time(kind, number),
                kind::END => self.end = Some(time(kind, number)),
                kind::LOG => self.last = self.last.max(number),
                _ => self.flags = number as u8,
            }
        }
    }
}
