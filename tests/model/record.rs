//! What a record keeps, and what it takes for that. An entry that finds no room is left out whole
//! and counted; only names are cut.

use super::{Step, Text, Val};

/// What a slot's record begins with, and what each entry begins with, in words of four bytes.
const HEAD: usize = 10;
const ENTRY: usize = 1;
/// What is kept free for the start and the end.
const RESERVE: usize = 6;
/// No record grows into further slots beyond this, nor into so many slots that they could hold as
/// many words as that.
const MAX: usize = 65_000 / 4;
const LENGTHS: usize = 1 << 14;
const LONG_KEY: usize = 2047;

/// Claims so many further slots, or none.
pub type More<'m> = &'m mut dyn FnMut(usize) -> bool;

#[derive(Clone, Debug)]
pub struct Record {
    words_per_slot: usize,
    words: usize,
    pub slots: usize,

    pub trace_id: u128,
    pub span_id: u64,
    pub parent_id: u64,
    pub name: String,
    pub name_was_cut: bool,
    pub flags: u8,
    /// In nanoseconds, like all times here.
    pub start: i64,
    pub end: i64,
    pub start_was_said: bool,
    pub end_was_said: bool,
    pub references: Vec<(bool, u128, u64)>,
    pub tags: Vec<(String, Val)>,
    pub logs: Vec<(i64, Vec<(String, Val)>)>,
    pub cut_tags: usize,
    pub cut_logs: usize,
    pub cut_references: usize,
    pub cut_times: usize,
}

impl Record {
    /// In a slot of so many words, that was claimed for it.
    pub fn new(
        words_per_slot: usize,
        (trace_id, span_id, parent_id): (u128, u64, u64),
        (flags, now): (u8, i64),
        name: &str,
        more: More<'_>,
    ) -> Self {
        let mut record = Self {
            words_per_slot,
            words: HEAD,
            slots: 1,
            trace_id,
            span_id,
            parent_id,
            name: String::new(),
            name_was_cut: false,
            flags,
            start: now,
            end: now,
            start_was_said: false,
            end_was_said: false,
            references: vec![],
            tags: vec![],
            logs: vec![],
            cut_tags: 0,
            cut_logs: 0,
            cut_references: 0,
            cut_times: 0,
        };
        record.rename(name, more);
        record
    }

    pub fn say(&mut self, step: &Step, now: i64, more: More<'_>) {
        match step {
            Step::Tag(key, value) => {
                if self.key_value(key, value, more) {
                    self.tags.push((key.get(), value.clone()));
                }
            }
            Step::Log(time, fields) => self.log(time.unwrap_or(now), fields, more),
            Step::Reference {
                follows_from,
                trace_id,
                span_id,
            } => match self.fits(ENTRY + 6, RESERVE, more) {
                true => {
                    let ids = ((*trace_id).max(1), (*span_id).max(1));
                    self.references.push((*follows_from, ids.0, ids.1));
                }
                false => self.cut_references += 1,
            },
            Step::Name(name) => self.rename(&name.get(), more),
            Step::Start(time) => match self.time_fits(self.start_was_said, more) {
                true => (self.start, self.start_was_said) = (*time, true),
                false => self.cut_times += 1,
            },
            Step::End(time) => match self.time_fits(self.end_was_said, more) {
                true => (self.end, self.end_was_said) = (*time, true),
                false => self.cut_times += 1,
            },
            Step::Debug => self.flags = 3,
        }
    }

    pub fn end(&mut self, now: i64) {
        if !self.end_was_said {
            self.end = now;
        }
    }

    /// The first one always has room, and none takes it from another.
    fn time_fits(&mut self, again: bool, more: More<'_>) -> bool {
        let fits = self.fits(ENTRY + 2, if again { RESERVE } else { 0 }, more);
        assert!(fits || again, "there is always room");
        fits
    }

    fn log(&mut self, time: i64, fields: &[(Text, Val)], more: More<'_>) {
        if !self.fits(ENTRY + 2, RESERVE, more) {
            self.cut_logs += 1; // and its fields with it
            return;
        }
        let mut kept = vec![];
        for (key, value) in fields {
            if self.key_value(key, value, more) {
                kept.push((key.get(), value.clone()));
            }
        }
        self.logs.push((time, kept));
    }

    fn key_value(&mut self, key: &Text, value: &Val, more: More<'_>) -> bool {
        let key = key.get();
        let value = match value {
            Val::Str(text) => text.get().len().div_ceil(4),
            Val::Bytes(bytes) => bytes.len().div_ceil(4),
            Val::Bool(_) => 0,
            Val::I64(_) | Val::F64(_) => 2,
        };
        let need = ENTRY + usize::from(key.len() >= LONG_KEY) + key.len().div_ceil(4) + value;
        let kept = self.fits(need, RESERVE, more);
        self.cut_tags += usize::from(!kept);
        kept
    }

    /// Cut to the longest record, else to the slot; a name is never cut to nothing.
    fn rename(&mut self, name: &str, more: More<'_>) {
        let rooms = [
            usize::MAX / 4,
            self.max().saturating_sub(self.words + ENTRY + RESERVE),
            self.room().saturating_sub(ENTRY + RESERVE),
        ];
        for (attempt, words) in rooms.into_iter().enumerate() {
            let kept = cut(name, words * 4);
            if attempt > 0 && kept.is_empty() {
                continue;
            }
            if self.fits(ENTRY + kept.len().div_ceil(4), RESERVE, more) {
                self.name = kept.to_owned();
                self.name_was_cut = kept.len() < name.len();
                return;
            }
        }
        self.cut_tags += 1;
    }

    fn max(&self) -> usize {
        let slots = (LENGTHS - 1) / self.words_per_slot;
        MAX.min(slots * self.words_per_slot)
    }

    /// What is left of the last slot that has been written to.
    fn room(&self) -> usize {
        self.words.next_multiple_of(self.words_per_slot) - self.words
    }

    /// Takes `need` words, in further slots where it must, if `keep` more could be had after.
    fn fits(&mut self, need: usize, keep: usize, more: More<'_>) -> bool {
        let all = self.words + need + keep;
        if need + keep > self.room() {
            let missing = all.div_ceil(self.words_per_slot).saturating_sub(self.slots);
            if all > self.max() || missing > 0 && !more(missing) {
                return false;
            }
            self.slots += missing;
        }
        self.words += need;
        true
    }
}

/// The longest beginning of at most `bytes` bytes that ends between two characters.
pub fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
