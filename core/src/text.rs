//! Bytes that may lie in more than one piece, and text that is cut between characters.

/// A run of bytes that can be copied out, wherever it lies.
pub(crate) trait Blob {
    /// How many bytes.
    fn len(&self) -> usize;

    /// Copies the first `out.len()` bytes. What `out` holds beyond the end stays as it is.
    fn copy_to(&self, out: &mut [u8]);

    /// The first eight bytes as a number, the lowest first, with zeros for those that are missing.
    #[inline(always)]
    fn number(&self) -> u64 {
        let mut eight = [0; 8];
        self.copy_to(&mut eight);
        u64::from_le_bytes(eight)
    }
}

impl Blob for [u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    #[inline(always)]
    fn copy_to(&self, out: &mut [u8]) {
        if out.len() == <[u8]>::len(self) {
            out.copy_from_slice(self);
        } else {
            out.iter_mut().zip(self).for_each(|(to, from)| *to = *from);
        }
    }
}

impl Blob for str {
    fn len(&self) -> usize {
        <str>::len(self)
    }

    #[inline(always)]
    fn copy_to(&self, out: &mut [u8]) {
        self.as_bytes().copy_to(out);
    }
}

impl<B: Blob + ?Sized> Blob for &B {
    fn len(&self) -> usize {
        (**self).len()
    }

    #[inline(always)]
    fn copy_to(&self, out: &mut [u8]) {
        (**self).copy_to(out);
    }
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
