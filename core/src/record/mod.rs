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
//! An entry is a header word, `kind << 27 | key length << 16 | low half`, then its key, then its
//! value. A key too long for its eleven bits has all of them set, and its length in a word behind
//! the header. What can be said twice (name, flags, start, end) counts as it was said last.
//!
//! | kind | key | low half | value |
//! |---|---|---|---|
//! | name | | length of the name | the name |
//! | flags | | the bits | |
//! | start, end, log | | 0: ticks, 1: Unix ns | two words |
//! | reference | | 0: child of, 1: follows from | trace id, span id: six words |
//! | string, bytes | yes | length of the value | the value |
//! | bool | yes | 0 or 1 | |
//! | i64, f64 | yes | | two words |
//!
//! The last four come in two kinds each: a tag of the span, and a field of the log before it.

mod read;
mod write;

pub(crate) use read::{Entries, Entry, Pieces, Record, RecordedValue};
pub use write::Lane;
pub(crate) use write::{Head, RecordWriter};

/// Words of the head.
const HEAD_WORDS: usize = 10;

/// Words at the end of a record that only a start, an end and flags may take, so that they find
/// room whatever was added before.
const RESERVE: usize = 7;

/// The longest record: a full datagram holds no more.
const MAX_RECORD_WORDS: usize = 65_000 / 4;

/// The key length in a header that says: the length follows.
const LONG_KEY: usize = (1 << 11) - 1;

mod kind {
    pub(super) const NAME: u32 = 1;
    pub(super) const FLAGS: u32 = 2;
    pub(super) const START: u32 = 3;
    pub(super) const END: u32 = 4;
    pub(super) const REFERENCE: u32 = 5;
    pub(super) const LOG: u32 = 6;
    pub(super) const STRING: u32 = 7;
    pub(super) const BYTES: u32 = 8;
    pub(super) const BOOL: u32 = 9;
    pub(super) const I64: u32 = 10;
    pub(super) const F64: u32 = 11;
    /// Added to the last five: a field of the log before it.
    pub(super) const FIELD: u32 = 8;
    /// The first of those.
    pub(super) const FIELDS: u32 = STRING + FIELD;
}

#[inline(always)]
fn header(kind: u32, key: usize, low: usize) -> u32 {
    kind << 27 | (key.min(LONG_KEY) as u32) << 16 | low as u32 & 0xffff
}

/// How many words hold `bytes` bytes.
const fn words_for(bytes: usize) -> usize {
    bytes.div_ceil(4)
}
