//! What is not copied in line, and what goes on in further slots.

use super::put_entry;
use crate::part;
use crate::record::put::{LONG_OUT_OF_LINE, put};
use crate::record::{LONG_KEY, Lane, header, kind, max_words, words_for};
use crate::slot::{Claimed, Cut, Slot, Tail};

/// What is to be appended.
pub(super) struct NewEntry<'a> {
    pub(super) kind: u32,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    /// How many words are to be left behind it.
    pub(super) keep: usize,
}

/// Appends an entry whose key or value is a long one: as [`append_across`].
///
/// # Safety
///
/// As for [`Claimed::at`].
#[cold]
#[inline(never)]
pub(super) unsafe extern "C" fn append_long<'r, const WORDS: usize>(
    first: &'r Slot<WORDS>,
    length: u32,
    lane: impl Lane<'r, WORDS>,
    entry: &NewEntry<'_>,
) -> u32 {
    let NewEntry { key, value, .. } = *entry;
    if LONG_OUT_OF_LINE && key.len() < LONG_KEY {
        // SAFETY: as promised by the caller.
        let mut claimed = unsafe { Claimed::at(first, length) };
        if put_entry(&mut claimed, entry.kind, key, value, entry.keep) {
            return claimed.length();
        }
    }
    // SAFETY: as promised by the caller.
    unsafe { append_across(first, length, lane, entry) }
}

/// Appends an entry to a record of `length` words that begins in `first`, through slots that are claimed for
/// it. How many words the record has then: as many as before, if there is no room; then the entry is counted
/// as cut, unless it is a name.
///
/// All of a handle that this takes and gives is in registers: if its address were given away, it would have
/// to lie in memory everywhere. For the same reason it does not unwind: if a lane that panics had to be
/// reckoned with, the span would have to be dropped.
///
/// # Safety
///
/// As for [`Claimed::at`].
#[cold]
#[inline(never)]
pub(super) unsafe extern "C" fn append_across<'r, const WORDS: usize>(
    first: &'r Slot<WORDS>,
    length: u32,
    lane: impl Lane<'r, WORDS>,
    &NewEntry {
        kind,
        key,
        value,
        keep,
    }: &NewEntry<'_>,
) -> u32 {
    let key_len = (key.len() as u32).to_ne_bytes();
    let is_long = part::LONG_KEYS.is_there() && key.len() >= LONG_KEY;
    let header = header(kind, key.len(), value.len()).to_ne_bytes();
    let long = if is_long { &key_len[..] } else { &[] };
    let need = 1 + usize::from(is_long) + words_for(key.len()) + words_for(value.len()) + keep;
    // SAFETY: as promised by the caller.
    let mut tail = unsafe { Tail::of(first, length) };
    if length as usize + need > max_words(WORDS) || !has_or_claims(&tail, &lane, need) {
        if let Some(cut) = counted_as(kind) {
            first.count_cut(cut);
        }
        return length;
    }
    for part in [&header, long, key, value] {
        put_part(&mut tail, part);
    }
    tail.remember(first);
    tail.length()
}

/// As what an entry of this kind is counted that finds no room.
fn counted_as(kind: u32) -> Option<Cut> {
    Some(match kind & !kind::UNIX {
        kind::NAME => return None,
        kind::START | kind::END => Cut::Time,
        kind::LOG => Cut::Log,
        kind::CHILD_OF => Cut::Reference,
        _ => Cut::Tag,
    })
}

/// Whether there is room for so many words behind the record, or now is.
fn has_or_claims<'r, const WORDS: usize>(
    tail: &Tail<'r, WORDS>,
    lane: &impl Lane<'r, WORDS>,
    words: usize,
) -> bool {
    let missing = words.saturating_sub(tail.room_in_chain());
    if missing > 0 {
        match claim_chain(lane, missing.div_ceil(WORDS)) {
            Some(chain) => tail.attach(chain),
            None => return false,
        }
    }
    true
}

fn put_part<const WORDS: usize>(tail: &mut Tail<'_, WORDS>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        if tail.room() == 0 && !tail.advance() {
            return;
        }
        let words = words_for(bytes.len()).min(tail.room());
        let Some((now, later)) = bytes.split_at_checked(bytes.len().min(words * 4)) else {
            return;
        };
        if let Some(words) = tail.take(words) {
            put(words, now);
        }
        bytes = later;
    }
}

/// Claims `count` chained slots, at least one, or none at all.
fn claim_chain<'r, const WORDS: usize>(
    lane: &impl Lane<'r, WORDS>,
    count: usize,
) -> Option<Claimed<'r, WORDS>> {
    // SAFETY: for the span whose lane it is; attached, or released below.
    let more = || unsafe { lane.more() };
    // If it is one, that tells by itself whether there is one.
    if count > 1 && !lane.may_have(count) {
        return None;
    }
    let mut chain = more()?;
    for _ in 1..count {
        match more() {
            // The new one first: so it takes no walk to the chain's end.
            Some(next) => {
                next.link(&chain);
                chain = next;
            }
            None => {
                chain.release();
                lane.released();
                return None;
            }
        }
    }
    Some(chain)
}
