//! A trace that owns what it shows.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::mem::size_of;

use crate::ReferenceKind;
use crate::decode::{self, Reference};

/// A trace: its spans in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace's identity, `traceIdHigh` above `traceIdLow`.
    pub trace_id: u128,
    /// The spans. There is at least one in a trace that a [`Collector`](super::Collector) has.
    pub spans: Vec<Span>,
}

/// A finished span, as its client sent it. No value is checked: times may be negative, ids zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The span's identity within its trace.
    pub span_id: u64,
    /// The span that it belongs to, or 0. [`Span::parent`] knows better.
    pub parent_span_id: u64,
    /// What was done. Bytes that were not UTF-8 are replaced.
    pub operation_name: Box<str>,
    /// Links to other spans.
    pub references: Box<[Reference]>,
    /// 1 sampled, 2 debug.
    pub flags: i32,
    /// Microseconds since the Unix epoch.
    pub start_time: i64,
    /// Microseconds.
    pub duration: i64,
    /// What is known of it.
    pub tags: Box<[Tag]>,
    /// What happened meanwhile.
    pub logs: Box<[Log]>,
    /// Who did it; shared by the spans that have an equal one.
    pub process: Arc<Process>,
}

/// A program that reports spans.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// The service that it is an instance of.
    pub service_name: Box<str>,
    /// What is known of it.
    pub tags: Box<[Tag]>,
}

/// A key with a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// The key. Bytes that were not UTF-8 are replaced.
    pub key: Box<str>,
    /// The value.
    pub value: TagValue,
}

/// The value of a tag or of a log's field. Two doubles are equal if their bits are, so that NaN
/// equals itself.
#[derive(Clone, Debug)]
pub enum TagValue {
    /// Text.
    String(Box<str>),
    /// A floating-point number.
    Double(f64),
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// Bytes; also text that was not UTF-8.
    Binary(Box<[u8]>),
}

/// A point in time with fields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    /// Microseconds since the Unix epoch.
    pub timestamp: i64,
    /// What is known of it; the field `event` is its headline.
    pub fields: Box<[Tag]>,
}

impl Trace {
    /// The first start of a span, in microseconds since the Unix epoch; 0 if there is no span.
    pub fn start_time(&self) -> i64 {
        let starts = self.spans.iter().map(|span| span.start_time);
        starts.min().unwrap_or(0)
    }

    /// The last end of a span, in microseconds since the Unix epoch; 0 if there is no span.
    pub fn end_time(&self) -> i64 {
        self.spans.iter().map(Span::end_time).max().unwrap_or(0)
    }
}

impl Span {
    /// The span that this one belongs to, found as Jaeger does: the parent id, else the first
    /// `CHILD_OF` reference into the same trace, else the first `FOLLOWS_FROM` one.
    pub fn parent(&self, trace_id: u128) -> Option<Reference> {
        if self.parent_span_id != 0 {
            let named = |r: &&Reference| r.trace_id == trace_id && r.span_id == self.parent_span_id;
            let kind = self.references.iter().find(named).map(|r| r.kind);
            return Some(Reference {
                kind: kind.unwrap_or(ReferenceKind::ChildOf),
                trace_id,
                span_id: self.parent_span_id,
            });
        }
        let first = |kind| {
            let mut here = self.references.iter().filter(|r| r.trace_id == trace_id);
            here.find(|r| r.kind == kind).copied()
        };
        first(ReferenceKind::ChildOf).or_else(|| first(ReferenceKind::FollowsFrom))
    }

    /// Whether the span failed, as Jaeger sees it: a bool tag `error`, else `otel.status_code`.
    /// Of two tags with one key the last counts.
    pub fn is_error(&self) -> bool {
        let tag = |key: &str| self.tags.iter().rev().find(|tag| &*tag.key == key);
        match tag("error").map(|tag| &tag.value) {
            Some(TagValue::Bool(error)) => *error,
            _ => tag("otel.status_code").is_some_and(
                |tag| matches!(&tag.value, TagValue::String(code) if &**code == "ERROR"),
            ),
        }
    }

    /// When the span ended, in microseconds since the Unix epoch. A negative duration counts
    /// as none.
    pub fn end_time(&self) -> i64 {
        self.start_time.saturating_add(self.duration.max(0))
    }

    pub(super) fn from_decoded(span: &decode::Span<'_>, process: Arc<Process>) -> Self {
        Self {
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            operation_name: text(span.operation_name),
            references: span.references.iter().collect(),
            flags: span.flags,
            start_time: span.start_time,
            duration: span.duration,
            tags: tags(span.tags),
            logs: span.logs.iter().map(|log| Log::from(&log)).collect(),
            process,
        }
    }

    /// What makes two reports of a span one: all of it, but of its process only the service. (A
    /// client that sends a span again may have learnt a process tag meanwhile.)
    pub(super) fn content(&self) -> impl Hash + PartialEq + '_ {
        (
            (self.span_id, self.parent_span_id, self.flags),
            (self.start_time, self.duration),
            (
                &self.operation_name,
                &self.references,
                &self.tags,
                &self.logs,
            ),
            &self.process.service_name,
        )
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let logs = self.logs.iter().map(|log| tags_bytes(&log.fields));
        allocated(self.operation_name.len())
            + allocated(size_of::<Reference>() * self.references.len())
            + tags_bytes(&self.tags)
            + allocated(size_of::<Log>() * self.logs.len())
            + logs.sum::<usize>()
    }
}

impl Process {
    pub(super) fn heap_bytes(&self) -> usize {
        allocated(self.service_name.len()) + tags_bytes(&self.tags)
    }
}

impl TagValue {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::String(text) => allocated(text.len()),
            Self::Binary(bytes) => allocated(bytes.len()),
            Self::Double(_) | Self::Bool(_) | Self::Long(_) => 0,
        }
    }
}

impl PartialEq for TagValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a.to_bits() == b.to_bits(),
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Long(a), Self::Long(b)) => a == b,
            (Self::Binary(a), Self::Binary(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for TagValue {}

impl Hash for TagValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        core::mem::discriminant(self).hash(state);
        match self {
            Self::String(text) => text.hash(state),
            Self::Double(number) => number.to_bits().hash(state),
            Self::Bool(yes) => yes.hash(state),
            Self::Long(number) => number.hash(state),
            Self::Binary(bytes) => bytes.hash(state),
        }
    }
}

impl From<&decode::Process<'_>> for Process {
    fn from(process: &decode::Process<'_>) -> Self {
        Self {
            service_name: text(process.service_name),
            tags: tags(process.tags),
        }
    }
}

impl From<&decode::Tag<'_>> for Tag {
    fn from(tag: &decode::Tag<'_>) -> Self {
        let value = match tag.value {
            decode::TagValue::String(text) => match text.as_str() {
                Some(text) => TagValue::String(text.into()),
                None => TagValue::Binary(text.as_bytes().into()),
            },
            decode::TagValue::Double(number) => TagValue::Double(number),
            decode::TagValue::Bool(yes) => TagValue::Bool(yes),
            decode::TagValue::Long(number) => TagValue::Long(number),
            decode::TagValue::Binary(bytes) => TagValue::Binary(bytes.into()),
        };
        Self {
            key: text(tag.key),
            value,
        }
    }
}

impl From<&decode::Log<'_>> for Log {
    fn from(log: &decode::Log<'_>) -> Self {
        Self {
            timestamp: log.timestamp,
            fields: tags(log.fields),
        }
    }
}

fn text(text: decode::Text<'_>) -> Box<str> {
    match text.as_str() {
        Some(text) => text.into(),
        None => text.to_string().into(),
    }
}

fn tags<'a>(tags: decode::List<'a, decode::Tag<'a>>) -> Box<[Tag]> {
    tags.iter().map(|tag| Tag::from(&tag)).collect()
}

fn tags_bytes(tags: &[Tag]) -> usize {
    let texts = |tag: &Tag| allocated(tag.key.len()) + tag.value.heap_bytes();
    allocated(size_of_val(tags)) + tags.iter().map(texts).sum::<usize>()
}

/// What a usual allocator takes for `len` bytes: a word for itself, then rounded up to 16.
fn allocated(len: usize) -> usize {
    match len {
        0 => 0,
        len => (len + 8 + 15) & !15,
    }
}
