//! Text that is cut between characters.

/// How much of `prefix`, the beginning of a UTF-8 text, is whole characters.
pub(crate) fn whole_characters(prefix: &[u8]) -> usize {
    let Some(lead) = prefix.iter().rposition(|byte| byte & 0xc0 != 0x80) else {
        // Not even the beginning of one: it is no text, which is for others to find out.
        return prefix.len();
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
    let mut len = bytes.min(text.len());
    loop {
        match text.get(..len) {
            Some(cut) => return cut,
            None => len = len.saturating_sub(1),
        }
    }
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
