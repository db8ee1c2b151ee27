//! The raw record: how a span lies in its slots.
//!
//! A record is a stream of 32-bit words through a chain of slots, each but the last of them full.
//! It is only ever appended to, and it knows no wire format: numbers lie as the machine has them,
//! strings are padded with whatever to whole words.
//!
//! ```text
//! word  0..4   trace id, lowest word first     ─┐
//!       4..6   span id                          │ the head, written at the start
//!       6..8   parent's span id, 0: none        │
//!       8..10  start, in ticks                 ─┘
//!       10..   entries
//! ```
//!
//! An entry is a header word, `kind << 27 | key length << 16 | value length`, both in bytes, then
//! its key, then its value. A key too long for its eleven bits has all of them set, and its length
//! in a word behind the header. What can be said twice (name, start, end) counts as it was said last.
//!
//! | kind | key | value |
//! |---|---|---|
//! | name; name that was cut | | the name |
//! | start, end, log; each in ticks or in Unix nanoseconds | | two words |
//! | reference: child of; follows from | | trace id, span id: six words |
//! | string, bytes | yes | the value |
//! | true; false | yes | |
//! | i64, f64 | yes | two words |
//!
//! The last six come twice each: as a tag of the span, and as a field of the log before it.

mod lane;
mod put;
mod read;
mod run;
mod words;
mod write;

pub use lane::{Ending, Lane};
pub(crate) use read::{Entries, Entry, Record, RecordedValue, time};
pub(crate) use run::{CHUNK, Gather, Run};
pub(crate) use words::Pieces;
pub(crate) use write::{Ids, RecordWriter};

use crate::slot::state;

/// Where finished records are taken from, one after another, by whoever makes something of them.
/// What was taken last may be given back, or dropped.
pub(crate) trait Source<'r, const WORDS: usize> {
    fn next(&mut self) -> Option<Record<'r, WORDS>>;

    /// It has no room in this datagram.
    fn give_back(&mut self);

    /// It has no room in any.
    fn drop_too_large(&mut self);
}

/// Words of the head.
pub(crate) const HEAD_WORDS: usize = 10;

/// Where in the head the parent's span id lies.
const PARENT_WORDS: core::ops::Range<usize> = 6..8;

/// Words at the end of a record that only the first start and the first end may take, so that they
/// find room whatever was added before. What is said again must find room as anything.
const RESERVE: usize = 3 + 3;

/// The longest record in slots of so many words: a full datagram holds no more, and all that its
/// slots hold can be told by a committed length.
const fn max_words(words_per_slot: usize) -> usize {
    const DATAGRAM: usize = 65_000 / 4;
    let slots = state::LENGTH as usize / words_per_slot;
    match slots * words_per_slot {
        words @ ..DATAGRAM => words,
        _ => DATAGRAM,
    }
}

/// The key length in a header that says: the length follows.
pub(crate) const LONG_KEY: usize = (1 << 11) - 1;

pub(crate) mod kind {
    // Two each for one that may be said again, or for all of one list.
    pub(crate) const NAME: u32 = 2;
    pub(crate) const CUT_NAME: u32 = 3;
    /// In ticks, as the others that do not say.
    pub(crate) const START: u32 = 4;
    pub(crate) const END: u32 = 6;
    pub(crate) const LOG: u32 = 8;
    pub(crate) const LOG_UNIX: u32 = LOG + UNIX;
    /// Added to the kind of a time: in Unix nanoseconds.
    pub(crate) const UNIX: u32 = 1;
    pub(crate) const CHILD_OF: u32 = 10;
    pub(crate) const FOLLOWS_FROM: u32 = 11;
    pub(crate) const STRING: u32 = 12;
    pub(crate) const BYTES: u32 = 13;
    pub(crate) const FALSE: u32 = 14;
    pub(crate) const TRUE: u32 = 15;
    pub(crate) const I64: u32 = 16;
    pub(crate) const F64: u32 = 17;
    /// Added to the last six: a field of the log before it.
    pub(crate) const FIELD: u32 = 6;
    /// The kinds of fields.
    pub(crate) const FIELDS: u32 = STRING + FIELD;
    pub(crate) const FIELDS_END: u32 = FIELDS + FIELD;

    /// Whether a kind is one of these, which are bits.
    #[inline(always)]
    pub(crate) fn is_any_of(kind: u32, kinds: u32) -> bool {
        kinds >> (kind & 31) & 1 != 0
    }

    /// Kinds as bits.
    pub(crate) mod set {
        pub(crate) const LOGS: u32 = 1 << super::LOG | 1 << super::LOG_UNIX;
        pub(crate) const REFERENCES: u32 = 1 << super::CHILD_OF | 1 << super::FOLLOWS_FROM;
        pub(crate) const TAGS: u32 = (1 << super::FIELDS) - (1 << super::STRING);
        pub(crate) const FIELDS: u32 = TAGS << super::FIELD;
    }
}

#[inline(always)]
fn header(kind: u32, key: usize, value: usize) -> u32 {
    kind << 27 | (key.min(LONG_KEY) as u32) << 16 | value as u32 & 0xffff
}

/// Two words of a record as a number, the lower one first.
#[inline(always)]
pub(crate) fn number_of(words: [u32; 2]) -> u64 {
    let [low, high] = words.map(u32::from_le);
    u64::from(low) | u64::from(high) << 32
}

/// How many words hold `bytes` bytes.
pub(crate) const fn words_for(bytes: usize) -> usize {
    (bytes + 3) >> 2
}
