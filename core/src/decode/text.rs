//! Text as it came.

use core::fmt::{self, Write};

/// Text as a client sent it: UTF-8, if the client did what it should.
///
/// Printed with `{}`, what is not UTF-8 becomes U+FFFD. Control characters stay what they are:
/// whoever prints to a terminal must take them out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text, or `None` if it is not UTF-8.
    pub const fn as_str(self) -> Option<&'a str> {
        match core::str::from_utf8(self.0) {
            Ok(text) => Some(text),
            Err(_) => None,
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.as_str() {
            return f.pad(text);
        }
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Quoted and escaped; a byte that is not UTF-8 as `\xff`.
impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            write!(f, "{}", chunk.valid().escape_debug())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn utf8_is_given_as_str_and_anything_else_is_not() {
        assert_eq!(Text(b"caf\xc3\xa9").as_str(), Some("café"));
        assert_eq!(Text(b"caf\xc3").as_str(), None);
        assert_eq!(Text(b"caf\xc3").as_bytes(), b"caf\xc3");
        assert_eq!(Text(b"a"), "a");
    }

    #[test]
    fn printing_replaces_what_is_not_utf8() {
        assert_eq!(format!("{}", Text(b"a\xffb\xc3")), "a\u{fffd}b\u{fffd}");
        assert_eq!(format!("[{:>4}]", Text(b"ab")), "[  ab]");
    }

    #[test]
    fn debugging_shows_every_byte() {
        assert_eq!(
            format!("{:?}", Text(b"a\"\n\xff\xc3\xa9")),
            r#""a\"\n\xffé""#
        );
    }
}
