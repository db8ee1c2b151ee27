//! Bytes as words, and text that is cut between characters.

/// Some bytes, four and four as they lie in memory, the last ones with anything behind them. As
/// words, since most runs are a few words long, and a call for a copy costs more than that.
pub(crate) fn words_of(bytes: &[u8]) -> impl Iterator<Item = u32> + Clone {
    bytes.chunks(4).map(|chunk| match *chunk {
        [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]),
        [a, b, c] => u32::from_ne_bytes([a, b, c, 0]),
        [a, b] => u32::from_ne_bytes([a, b, 0, 0]),
        [a] => u32::from_ne_bytes([a, 0, 0, 0]),
        _ => 0,
    })
}

/// How much of `prefix`, the beginning of a UTF-8 text, is whole characters.
pub(crate) fn whole_characters(prefix: &[u8]) -> usize {
    let Some(lead) = prefix.iter().rposition(|byte| byte & 0xc0 != 0x80) else {
        return 0;
    };
    let size = match prefix.get(lead) {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    if lead + size > prefix.len() {
        lead
    } else {
        prefix.len()
    }
}

/// The longest beginning of `text` that has at most `bytes` bytes and ends between two characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let Some(prefix) = text.as_bytes().get(..bytes) else {
        return text;
    };
    text.get(..whole_characters(prefix)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters_at_every_length() {
        let text = "aß€🦀e\u{301}";
        for bytes in 0..text.len() + 3 {
            let cut = cut(text, bytes);
            let expected = (0..=bytes.min(text.len()))
                .rev()
                .find(|&at| text.is_char_boundary(at));
            assert_eq!(Some(cut.len()), expected, "at {bytes}");
        }
    }
}
