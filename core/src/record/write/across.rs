//! What does not fit the slot any more goes on in further ones.

use super::RecordWriter;
use crate::record::put::put;
use crate::record::{Lane, max_words, words_for};
use crate::slot::Claimed;

/// Appends an entry through slots that are claimed for it.
#[cold]
#[inline(never)]
pub(super) extern "C" fn append_across<'r, const WORDS: usize>(
    RecordWriter(claimed): &mut RecordWriter<'r, WORDS>,
    lane: impl Lane<'r, WORDS>,
    header: u32,
    parts: &[&[u8]; 3],
    need: usize,
) -> bool {
    if claimed.length() + need > max_words(WORDS) {
        return false;
    }
    let missing = need.saturating_sub(claimed.room_in_chain());
    if missing > 0 {
        match claim_chain(&lane, missing.div_ceil(WORDS)) {
            Some(chain) => claimed.attach(chain),
            None => return false,
        }
    }
    put_across(claimed, &header.to_ne_bytes());
    for part in parts {
        put_across(claimed, part);
    }
    true
}

fn put_across<const WORDS: usize>(claimed: &mut Claimed<'_, WORDS>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        if claimed.room() == 0 && !claimed.advance() {
            return;
        }
        let words = words_for(bytes.len()).min(claimed.room());
        let Some((now, later)) = bytes.split_at_checked(bytes.len().min(words * 4)) else {
            return;
        };
        if let Some(words) = claimed.take(words) {
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
    // One is there or not, as the claim finds out by itself.
    if count > 1 && !lane.may_have(count) {
        return None;
    }
    let mut chain = more()?;
    for _ in 1..count {
        match more() {
            // The new one first: so it takes no walk to the chain's end.
            Some(mut next) => {
                next.attach(chain);
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
