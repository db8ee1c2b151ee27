//! A look at a span that is still open, or not sent yet.

use core::fmt;

use crate::record::{Entry, Pieces, Record, RecordedValue, kind};
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
        Some(SpanContext {
            trace_id: TraceId::new(self.record.trace_id())?,
            span_id: SpanId::new(self.record.span_id())?,
            parent_id: SpanId::new(self.record.parent_id()),
            flags: Flags::from_bits(self.record.flags().into()),
        })
    }

    /// What of a kind was said last.
    fn said(&self, such: impl Fn(u32) -> bool) -> Option<Entry<'r, WORDS>> {
        self.record
            .entries()
            .filter(|entry| such(entry.kind))
            .last()
    }

    /// Since when.
    pub fn start(&self) -> Time {
        let changed = self.said(|kind| kind & !kind::UNIX == kind::START);
        changed.map_or(self.record.start(), |entry| entry.time())
    }

    /// Its name as it is now.
    pub fn name(&self) -> Text<'r, WORDS> {
        let name = self.said(|kind| matches!(kind, kind::NAME | kind::CUT_NAME));
        Text(name.map(|entry| entry.bytes()))
    }

    /// Its tags so far.
    pub fn tags(
        &self,
    ) -> impl Iterator<Item = (Text<'r, WORDS>, TagView<'r, WORDS>)> + use<'r, WORDS> {
        let tags = self
            .record
            .entries()
            .filter(|entry| entry.is_any_of(kind::set::TAGS));
        tags.map(|tag| (Text(Some(tag.key())), TagView(tag.value())))
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
