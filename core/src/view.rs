//! A look at a span that is still open, or not sent yet.

use core::fmt;

use crate::record::{Entry, Pieces, Record, RecordedValue};
use crate::text::whole_characters;
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
            flags: bits.map_or(Flags::SAMPLED, |bits| Flags::from_bits(bits.into())),
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
        let mut carry = [0_u8; 4];
        let mut carried = 0;
        for piece in self.0.iter().flat_map(Pieces::iter) {
            let mut piece = piece;
            // Slots end anywhere: put together the character that lies across two of them.
            while carried > 0 && !piece.is_empty() {
                let (Some(at), Some((byte, rest))) = (carry.get_mut(carried), piece.split_first())
                else {
                    return Ok(());
                };
                *at = *byte;
                carried += 1;
                piece = rest;
                if let Some(Ok(whole)) = carry.get(..carried).map(core::str::from_utf8) {
                    f.write_str(whole)?;
                    carried = 0;
                }
            }
            if piece.is_empty() {
                continue;
            }
            let (whole, rest) = piece.split_at(whole_characters(piece).min(piece.len()));
            f.write_str(core::str::from_utf8(whole).unwrap_or("\u{fffd}"))?;
            if let Some(carry) = carry.get_mut(..rest.len()) {
                carry.copy_from_slice(rest);
                carried = rest.len();
            }
        }
        Ok(())
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
