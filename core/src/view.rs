//! A look at a span that is still open, or not sent yet.

use core::fmt;

use crate::record::{Entry, Pieces, Record, RecordedValue};
use crate::{Flags, SpanContext, SpanId, Time, TraceId};

/// What is written of a span so far.
pub struct SpanView<'r, const WORDS: usize> {
    record: Record<'r, WORDS>,
}

impl<'r, const WORDS: usize> SpanView<'r, WORDS> {
    pub(crate) fn new(record: Record<'r, WORDS>) -> Self {
        Self { record }
    }

    /// Its ids, its parent and its flags. `None` for what no tracer wrote.
    pub fn context(&self) -> Option<SpanContext> {
        let flags = |entry: Entry<_>| match entry {
            Entry::Flags(bits) => Some(bits),
            _ => None,
        };
        let bits = self.record.entries().filter_map(flags).last();
        Some(SpanContext {
            trace_id: TraceId::new(self.record.trace_id())?,
            span_id: SpanId::new(self.record.span_id())?,
            parent_id: SpanId::new(self.record.parent_id()),
            flags: Flags::from_bits(bits.unwrap_or(self.record.first_flags()).into()),
        })
    }

    /// Since when.
    pub fn start(&self) -> Time {
        let start = |entry: Entry<_>| match entry {
            Entry::Start(time) => Some(time),
            _ => None,
        };
        let changed = self.record.entries().filter_map(start).last();
        changed.unwrap_or(self.record.start())
    }

    /// Its name as it is now.
    pub fn name(&self) -> Text<'r, WORDS> {
        let name = |entry: Entry<_>| match entry {
            Entry::Name { name, .. } => Some(name),
            _ => None,
        };
        Text(self.record.entries().filter_map(name).last())
    }

    /// Its tags so far.
    pub fn tags(
        &self,
    ) -> impl Iterator<Item = (Text<'r, WORDS>, TagView<'r, WORDS>)> + use<'r, WORDS> {
        self.record.entries().filter_map(|entry| match entry {
            Entry::Tag { key, value } => Some((Text(Some(key)), TagView(value))),
            _ => None,
        })
    }
}

/// Text as it lies in a record.
#[derive(Clone, Copy)]
pub struct Text<'r, const WORDS: usize>(Option<Pieces<'r, WORDS>>);

impl<const WORDS: usize> fmt::Display for Text<'_, WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pieces) = &self.0 else {
            return Ok(());
        };
        pieces.each_text(|text| f.write_str(text.unwrap_or("\u{fffd}")))
    }
}

/// The value of a tag as it lies in a record.
#[derive(Clone, Copy)]
pub struct TagView<'r, const WORDS: usize>(RecordedValue<Pieces<'r, WORDS>>);

impl<const WORDS: usize> fmt::Display for TagView<'_, WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RecordedValue::Str(text) => Text(Some(text)).fmt(f),
            RecordedValue::Bool(value) => value.fmt(f),
            RecordedValue::I64(value) => value.fmt(f),
            RecordedValue::F64(value) => value.fmt(f),
            RecordedValue::Bytes(bytes) => {
                let mut bytes = bytes.iter().flatten();
                bytes.try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}
