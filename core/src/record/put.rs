//! Copying keys and values into a record.

use super::{LONG_KEY, words_for};
use crate::slot::bytes_of_mut;

/// Strings of fewer bytes are copied in line, where a register holds eight bytes and more.
const SHORT: usize = if cfg!(target_pointer_width = "64") {
    32
} else {
    0
};

/// Whether only short ones are copied in line: else, all but long keys are.
pub(super) const LONG_OUT_OF_LINE: bool = SHORT > 0;

/// Whether key and value are copied in line.
#[inline(always)]
pub(super) fn are_in_line(key: &[u8], value: &[u8]) -> bool {
    match SHORT {
        0 => key.len() < LONG_KEY,
        // In one look.
        _ => key.len() | value.len() < SHORT,
    }
}

/// Bytes into words, which are as many as they need.
#[inline(always)]
pub(super) fn put(words: &mut [u32], bytes: &[u8]) {
    if bytes.len() < SHORT && words.len() == words_for(bytes.len()) {
        // SAFETY: the lengths are those.
        unsafe { put_short(words, bytes) };
    } else if SHORT == 0 {
        put_words(words, bytes);
    } else if let Some(to) = bytes_of_mut(words).get_mut(..bytes.len()) {
        to.copy_from_slice(bytes);
    }
}

/// Padded with zeros: the last word is stored as one, and with bytes that the compiler knows, all of them
/// are.
#[inline(always)]
fn put_words(words: &mut [u32], bytes: &[u8]) {
    let (whole, rest) = bytes.split_at(bytes.len() & !3);
    if let Some(to) = bytes_of_mut(words).get_mut(..whole.len()) {
        to.copy_from_slice(whole);
    }
    if let (Some(to), Some(last)) = (words.get_mut(whole.len() / 4), last_word(rest)) {
        *to = last;
    }
}

/// The same without a call of `memcpy`, which takes longer than most keys and values: both ends of the
/// bytes, which overlap. Padded with whatever was there.
///
/// # Safety
///
/// There are as many words as the bytes need, and less than 32 bytes.
#[inline(always)]
unsafe fn put_short(words: &mut [u32], bytes: &[u8]) {
    let (to, from) = (words.as_mut_ptr().cast::<u8>(), bytes.as_ptr());
    let copy = |at: usize, size: usize| {
        // SAFETY: `at + size` is no more than there are bytes, by what it is called with below.
        let from = unsafe { from.add(at) };
        // SAFETY: nor than the words have.
        let to = unsafe { to.add(at) };
        // SAFETY: as above; and what is borrowed alone is apart from the rest.
        unsafe { to.copy_from_nonoverlapping(from, size) };
    };
    let ends = |size: usize| {
        copy(0, size);
        copy(bytes.len() - size, size);
    };
    match bytes.len() {
        16.. => ends(16),
        8.. => ends(8),
        4.. => ends(4),
        1.. => {
            copy(0, 1);
            copy(bytes.len() / 2, 1);
            copy(bytes.len() - 1, 1);
        }
        0 => {}
    }
}

/// The word that holds one to three bytes.
#[inline(always)]
fn last_word(bytes: &[u8]) -> Option<u32> {
    let bytes = match *bytes {
        [a] => [a, 0, 0, 0],
        [a, b] => [a, b, 0, 0],
        [a, b, c] => [a, b, c, 0],
        _ => return None,
    };
    Some(u32::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn bytes_of_every_length_are_where_they_should_be_and_nothing_behind_them_is_touched() {
        let bytes: Vec<u8> = (1..=80).collect();
        for len in 0..bytes.len() {
            // From every alignment.
            for from in 0..bytes.len() - len {
                let bytes = &bytes[from..from + len];
                let count = words_for(len);
                let mut words = vec![0xa5a5_a5a5_u32; count + 1];
                put(&mut words[..count], bytes);
                let put = &bytes_of_mut(&mut words)[..len];
                assert_eq!(put, bytes, "{len} from {from}");
                assert_eq!(words[count], 0xa5a5_a5a5, "{len} from {from}");
            }
        }
    }
}
