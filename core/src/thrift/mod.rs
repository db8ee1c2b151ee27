//! Thrift's compact protocol, and nothing else: no struct of Jaeger's is known here.
//!
//! | what | bytes |
//! |---|---|
//! | varint | unsigned LEB128: 7 bits a byte, the lowest first, the top bit set on all but the last |
//! | i16, i32, i64 | varint of its zigzag: 0, −1, 1, −2 … become 0, 1, 2, 3 … |
//! | i8 | the byte |
//! | double | 8 bytes, **little-endian** (what Apache's implementations do, not what its text says) |
//! | string, binary | varint of the length, then the bytes |
//! | bool as a field | nothing: its field header is [`ty::TRUE`] or [`ty::FALSE`] |
//! | bool as an element | one byte, [`ty::TRUE`] or [`ty::FALSE`] |
//! | UUID | 16 bytes |
//! | field header, short | `delta << 4 \| type`, where the field's id is 1 to 15 above the one before it |
//! | field header, long | `type`, then the id as an i16 |
//! | struct | its fields, then [`ty::STOP`] |
//! | list, set | `count << 4 \| type` for up to 14 elements, else `0xF0 \| type` and the count as a varint |
//! | map | the count as a varint, then, unless it is 0, `key type << 4 \| value type` |
//! | message | [`PROTOCOL`], `message type << 5 \| `[`VERSION`], the sequence id and the method's name (a varint, a string), then a struct of the arguments |
//!
//! The specification: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

pub(crate) mod read;
mod varint;
pub(crate) mod write;

/// The first byte of a message.
pub(crate) const PROTOCOL: u8 = 0x82;
/// The low five bits of a message's second byte.
pub(crate) const VERSION: u8 = 1;
/// The bits of [`VERSION`] in that byte; those above are the message type.
pub(crate) const VERSION_BITS: u32 = 5;

/// Message types.
pub(crate) mod message {
    /// A call that waits for its answer.
    pub(crate) const CALL: u8 = 1;
    /// A call with no answer.
    pub(crate) const ONEWAY: u8 = 4;
}

/// Type codes, in field headers and as the types of elements.
pub(crate) mod ty {
    /// The end of a struct; not the type of anything.
    pub(crate) const STOP: u8 = 0;
    /// A bool that is true. As the type of elements: bools.
    pub(crate) const TRUE: u8 = 1;
    /// A bool that is false. As the type of elements: bools too.
    pub(crate) const FALSE: u8 = 2;
    pub(crate) const I8: u8 = 3;
    pub(crate) const I16: u8 = 4;
    pub(crate) const I32: u8 = 5;
    pub(crate) const I64: u8 = 6;
    pub(crate) const DOUBLE: u8 = 7;
    /// A string or bytes: the wire does not tell them apart.
    pub(crate) const BINARY: u8 = 8;
    pub(crate) const LIST: u8 = 9;
    pub(crate) const SET: u8 = 10;
    pub(crate) const MAP: u8 = 11;
    pub(crate) const STRUCT: u8 = 12;
    pub(crate) const UUID: u8 = 13;
}
