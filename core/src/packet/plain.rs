//! The way of most spans: a name and a few short tags, in one slot, in one pass.

use super::Extent;
use super::span::SpanEncoder;
use crate::Clock;
use crate::jaeger::field::tag;
use crate::jaeger::tag_type;
use crate::jaeger::write::{self as jaeger, KEY, v, v_type};
use crate::record::{LONG_KEY, kind, number_of};
use crate::thrift::ty;
use crate::thrift::write::Writer;

impl<E: Extent, C: Clock + ?Sized, const WORDS: usize> SpanEncoder<'_, '_, E, C, WORDS> {
    /// Writes the span if it is no more than that, and says so; if not, what is written is nothing.
    #[inline(never)]
    pub(super) fn plain(&mut self, w: &mut Writer<'_>) -> bool {
        w.apart(|w| self.write_plain(w))
    }

    #[inline(always)]
    fn write_plain(&mut self, w: &mut Writer<'_>) -> bool {
        let (Some(words), Some(end)) = (self.record.in_one_slot(), self.record.plain_end()) else {
            return false;
        };
        let Some((name, words)) = Plain::split_off(words) else {
            return false;
        };
        if name.kind != kind::NAME {
            return false;
        }
        jaeger::span_ids(w, |which| self.record.number(which));
        let (start, end) = (
            self.quick_micros(self.record.start()),
            self.quick_micros(end),
        );
        let (start, duration) = self.times(start, end);
        let flags = jaeger::flags(0, self.record.first_flags());
        let Short { words: text, len } = name.value;
        // SAFETY: the name takes its length, up to 3 bytes of its last word and 2 in front; the
        // times and the flags, 24.
        unsafe {
            w.unchecked(len, |place| {
                place.put([jaeger::NAME, len as u8]);
                place.words(text, len);
                place.put(flags);
                place.i64_field(jaeger::TIME, start);
                place.i64_field(jaeger::TIME, duration);
            });
        }
        plain_tags(w, words)
    }
}

#[inline(always)]
fn plain_tags(w: &mut Writer<'_>, mut words: &[u32]) -> bool {
    if words.is_empty() {
        w.put([ty::STOP]);
        return true;
    }
    w.put([jaeger::TAGS, ty::STRUCT]);
    let header = w.at() - 1;
    let mut tags = 0;
    while let Some((entry, rest)) = Plain::split_off(words) {
        words = rest;
        let Plain { kind, key, value } = entry;
        if !matches!(kind, kind::STRING | kind::I64 | kind::FALSE | kind::TRUE) {
            return false;
        }
        // SAFETY: key and value take their length and up to 3 bytes of their last words; what is
        // around them 7, and a number 11 more.
        unsafe {
            w.unchecked(key.len + value.len, |place| {
                place.put([KEY, key.len as u8]);
                place.words(key.words, key.len);
                match kind {
                    kind::STRING => {
                        let [header, string] = v_type(tag_type::STRING);
                        place.put([header, string, v(tag::V_STR, ty::BINARY), value.len as u8]);
                        place.words(value.words, value.len);
                    }
                    kind::I64 => {
                        place.put(v_type(tag_type::LONG));
                        place.i64_field(v(tag::V_LONG, ty::I64), value.number());
                    }
                    _ => {
                        let [header, bool] = v_type(tag_type::BOOL);
                        let ty = if kind == kind::TRUE {
                            ty::TRUE
                        } else {
                            ty::FALSE
                        };
                        place.put([header, bool, v(tag::V_BOOL, ty)]);
                    }
                }
                place.put([ty::STOP]);
            });
        }
        tags += 1;
    }
    // The header of a list of more is longer.
    if !words.is_empty() || tags > 14 {
        return false;
    }
    w.patch(header, (tags as u8) << 4 | ty::STRUCT);
    w.put([ty::STOP]);
    true
}

/// An entry whose key and value are short.
struct Plain<'r> {
    kind: u32,
    key: Short<'r>,
    value: Short<'r>,
}

/// At most 127 bytes: their length is one byte.
struct Short<'r> {
    words: &'r [u32],
    len: usize,
}

impl<'r> Plain<'r> {
    /// The first entry of some words, and what follows it.
    #[inline(always)]
    fn split_off(words: &'r [u32]) -> Option<(Self, &'r [u32])> {
        let (header, rest) = words.split_first()?;
        let (key_len, value_len) = ((header >> 16) as usize & LONG_KEY, *header as u16 as usize);
        if key_len > 0x7f || value_len > 0x7f {
            return None;
        }
        let (key, rest) = rest.split_at_checked(short_words(key_len))?;
        let (value, rest) = rest.split_at_checked(short_words(value_len))?;
        let entry = Self {
            kind: header >> 27,
            key: Short {
                words: key,
                len: key_len,
            },
            value: Short {
                words: value,
                len: value_len,
            },
        };
        Some((entry, rest))
    }
}

impl Short<'_> {
    /// Its eight bytes as a number.
    #[inline(always)]
    fn number(&self) -> i64 {
        match *self.words {
            [low, high] => number_of([low, high]) as i64,
            _ => 0,
        }
    }
}

/// How many words hold so few bytes.
#[inline(always)]
fn short_words(bytes: usize) -> usize {
    (bytes + 3) >> 2
}
