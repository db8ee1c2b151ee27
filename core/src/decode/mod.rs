//! A datagram back into spans: what a collector, a gateway or a test needs.
//!
//! [`decode`] reads the `emitBatch` message of any client of Jaeger that speaks Thrift's compact
//! protocol, as it arrives on UDP port 6831. Nothing is copied: texts, bytes and lists lie in the
//! datagram.
//!
//! ```
//! use jaegerling_core::decode::{DecodeError, decode};
//!
//! // What arrives on a port of one's own, when somebody means port 6832.
//! assert_eq!(decode(&[0x80, 0x01, 0, 4]).err(), Some(DecodeError::BinaryProtocol));
//!
//! # let datagram = b"\x82\x81\x01\x09emitBatch\x1c\x1c\x18\x03svc\x00\x19\x0c\x00\x00";
//! let batch = decode(datagram)?;
//! assert_eq!(batch.process.service_name.as_str(), Some("svc"));
//! for span in batch.spans {
//!     println!("{:032x} {}", span.trace_id, span.operation_name);
//!     for tag in span.tags {
//!         println!("  {}: {:?}", tag.key, tag.value);
//!     }
//! }
//! # Ok::<(), DecodeError>(())
//! ```
//!
//! # What it takes, and what it refuses
//!
//! Fields may stand in any order, and the last of two with one id counts. Fields that are not
//! known, or have another type than they should, are skipped, whatever they contain. The message
//! may be a call or one-way, its sequence id is ignored, and so is what follows the message. A
//! tag that lacks the value its type names has the value that Thrift gives it then: an empty
//! text, 0, false.
//!
//! [`decode`] looks at every byte of the message once, and refuses it as a whole if anything is
//! wrong: see [`DecodeError`]. Therefore the iterators of what it returns cannot fail. Ids of
//! zero, times before 1970 and texts that are not UTF-8 are not wrong here: they are given as
//! they are.
//!
//! Nothing in this module panics, allocates or recurses, whatever the bytes are, and its work is
//! in proportion to their number.

mod error;
mod list;
mod message;
mod parse;
mod text;

pub use error::{DecodeError, MethodName};
pub use list::{Element, Iter, List};
pub use message::decode;
pub(crate) use message::process;
pub use text::Text;

use crate::ReferenceKind;

/// What one datagram carries: spans, and who sent them.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Who sent it.
    pub process: Process<'a>,
    /// The spans.
    pub spans: List<'a, Span<'a>>,
    /// The datagram's number, for clients that count: a gap is a loss.
    pub seq_no: Option<i64>,
    /// What the client lost, for clients that say so.
    pub stats: Option<ClientStats>,
}

/// The process that sent a batch.
#[derive(Clone, Copy, Debug)]
pub struct Process<'a> {
    /// The name of the service.
    pub service_name: Text<'a>,
    /// What holds for all its spans: host name, version and the like.
    pub tags: List<'a, Tag<'a>>,
}

/// What a client lost since it began, in spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientStats {
    /// There was no room for them in memory.
    pub full_queue_dropped_spans: i64,
    /// They did not fit into a datagram.
    pub too_large_dropped_spans: i64,
    /// The OS did not take their datagram.
    pub failed_to_emit_spans: i64,
}

/// A span.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The trace's id, of which a client with 64-bit ids fills the lower half. 0 should not be,
    /// but is not checked.
    pub trace_id: u128,
    /// The span's own id.
    pub span_id: u64,
    /// The parent's id, or 0 for none (or for one that is among the references).
    pub parent_span_id: u64,
    /// What was done.
    pub operation_name: Text<'a>,
    /// Links to other spans.
    pub references: List<'a, Reference>,
    /// 1: sampled, 2: debug. Clients may set other bits.
    pub flags: i32,
    /// When it started, in microseconds since 1970.
    pub start_time: i64,
    /// How long it took, in microseconds.
    pub duration: i64,
    /// What there is to know of it.
    pub tags: List<'a, Tag<'a>>,
    /// What happened meanwhile.
    pub logs: List<'a, Log<'a>>,
}

/// A link from a span to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// What the other span is to this one.
    pub kind: ReferenceKind,
    /// The other span's trace.
    pub trace_id: u128,
    /// The other span's id.
    pub span_id: u64,
}

/// A key with a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tag<'a> {
    /// The key.
    pub key: Text<'a>,
    /// The value.
    pub value: TagValue<'a>,
}

/// The value of a tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TagValue<'a> {
    /// Text.
    String(Text<'a>),
    /// A floating-point number, NaN and the infinities included.
    Double(f64),
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// Bytes.
    Binary(&'a [u8]),
}

/// A point in time within a span.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    /// When, in microseconds since 1970.
    pub timestamp: i64,
    /// What.
    pub fields: List<'a, Tag<'a>>,
}
