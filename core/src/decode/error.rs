//! Why a datagram was refused.

use core::fmt;

use crate::thrift::read::{Error, ErrorKind};

/// Why a datagram was refused. `at` is an offset in the datagram, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is Thrift's *binary* protocol, which Jaeger takes on UDP port 6832.
    BinaryProtocol,
    /// It is not Thrift's compact protocol, nor its binary one.
    NotCompact {
        /// The first byte, which should be 0x82.
        first: u8,
    },
    /// It is a later version of the compact protocol, or not that protocol at all.
    UnknownVersion(
        /// The version, which should be 1.
        u8,
    ),
    /// It is neither a call nor one-way.
    WrongMessageType(
        /// The message type: 2 is a reply, 3 an exception.
        u8,
    ),
    /// It calls another method than `emitBatch`.
    WrongMethod(
        /// Which one.
        MethodName,
    ),
    /// The datagram ends too early, or a length or a count in it is too large.
    Truncated {
        /// Where that begins for which there are not enough bytes.
        at: usize,
    },
    /// A number does not end, or is too large for its type.
    BadNumber {
        /// Where the number begins.
        at: usize,
    },
    /// No type has this code.
    BadType {
        /// Where the code is.
        at: usize,
        /// The code.
        code: u8,
    },
    /// An unknown field has containers within containers within containers.
    TooDeep {
        /// Where the one too many begins.
        at: usize,
    },
    /// What should be a list of structs is a list of something else.
    NotStructs {
        /// Where the list begins.
        at: usize,
        /// The code of the type of its elements.
        code: u8,
    },
    /// A field is missing that every struct of its kind has.
    Missing {
        /// Where the struct ends.
        at: usize,
        /// The struct's name in jaeger.thrift.
        structure: &'static str,
        /// The field's name in jaeger.thrift.
        field: &'static str,
    },
    /// No member of the field's enumeration has this number.
    WrongEnum {
        /// Where the number begins.
        at: usize,
        /// The struct's name in jaeger.thrift.
        structure: &'static str,
        /// The field's name in jaeger.thrift.
        field: &'static str,
        /// The number.
        value: i32,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BinaryProtocol => f.write_str(
                "this is Thrift's binary protocol (for port 6832), not the compact one (for port 6831)",
            ),
            Self::NotCompact { first } => write!(
                f,
                "not Thrift's compact protocol: the first byte is {first:#04x}, not 0x82"
            ),
            Self::UnknownVersion(version) => {
                write!(f, "version {version} of the compact protocol, not 1")
            }
            Self::WrongMessageType(2) => f.write_str("a reply, not a call"),
            Self::WrongMessageType(3) => f.write_str("an exception, not a call"),
            Self::WrongMessageType(other) => {
                write!(f, "a message of the unknown type {other}, not a call")
            }
            Self::WrongMethod(name) => write!(f, "a call of `{name}`, not of `emitBatch`"),
            Self::Truncated { at } => {
                write!(f, "the datagram ends within what begins at byte {at}")
            }
            Self::BadNumber { at } => write!(f, "the number at byte {at} is too large"),
            Self::BadType { at, code } => write!(f, "no type has the code {code} (byte {at})"),
            Self::TooDeep { at } => write!(f, "an unknown field is nested too deep (byte {at})"),
            Self::NotStructs { at, code } => write!(
                f,
                "the list at byte {at} holds elements of the type {code}, not structs"
            ),
            Self::Missing {
                at,
                structure,
                field,
            } => write!(
                f,
                "the field `{field}` of the struct {structure} that ends at byte {at} is missing"
            ),
            Self::WrongEnum {
                at,
                structure,
                field,
                value,
            } => write!(
                f,
                "the field `{field}` of the struct {structure} has no member {value} (byte {at})"
            ),
        }
    }
}

impl core::error::Error for DecodeError {}

impl From<Error> for DecodeError {
    fn from(Error { at, kind }: Error) -> Self {
        match kind {
            ErrorKind::Truncated => Self::Truncated { at },
            ErrorKind::BadNumber => Self::BadNumber { at },
            ErrorKind::BadType(code) => Self::BadType { at, code },
            ErrorKind::TooDeep => Self::TooDeep { at },
        }
    }
}

/// The name of a method as a datagram has it, or its first bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MethodName {
    start: [u8; Self::KEPT],
    len: usize,
}

impl MethodName {
    /// `emitZipkinBatch` has 15.
    const KEPT: usize = 24;

    pub(super) fn new(name: &[u8]) -> Self {
        let mut start = [0; Self::KEPT];
        for (to, from) in start.iter_mut().zip(name) {
            *to = *from;
        }
        Self {
            start,
            len: name.len(),
        }
    }
}

/// Escaped, so that it can be printed wherever it came from, and cut short.
impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start.get(..self.len).unwrap_or(&self.start);
        write!(f, "{}", start.escape_ascii())?;
        match self.len > Self::KEPT {
            true => f.write_str("…"),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_method_name_prints_short_and_without_control_characters() {
        let print = |name: &[u8]| MethodName::new(name).to_string();
        assert_eq!(print(b""), "");
        assert_eq!(print(b"emitZipkinBatch"), "emitZipkinBatch");
        assert_eq!(print(b"\x1b[2J"), "\\x1b[2J");
        assert_eq!(print(&[b'a'; 24]), "a".repeat(24));
        assert_eq!(print(&[b'a'; 25]), "a".repeat(24) + "…");
    }
}
