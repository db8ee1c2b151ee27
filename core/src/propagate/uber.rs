//! Jaeger's own header: `uber-trace-id: {trace-id}:{span-id}:{parent-id}:{flags}`.
//!
//! All four are hexadecimal. The parent's id is 0 for none; nobody uses it, but all send it.
//!
//! ```
//! use jaegerling_core::propagate::uber::{self, Uber};
//!
//! let context = uber::parse("4bf92f3577b34da6:00f067aa0ba902b7:0:1")?;
//! assert_eq!(context.span_id.get(), 0xf067aa0ba902b7);
//! assert!(context.flags.is_sampled());
//!
//! let header = (uber::HEADER, Uber(context).to_string());
//! assert_eq!(header.1, "4bf92f3577b34da6:00f067aa0ba902b7:0:1");
//! # Ok::<(), uber::ParseError>(())
//! ```
//!
//! The format: <https://www.jaegertracing.io/docs/1.52/client-libraries/#propagation-format>.

use core::fmt;

use crate::{Flags, SpanContext, SpanId, TraceId};

/// The header's name, in lower case as HTTP/2 wants it.
pub const HEADER: &str = "uber-trace-id";

/// The length of the longest text that [`encode`] writes, in bytes.
pub const MAX: usize = 32 + 1 + 16 + 1 + 16 + 1 + 1;

/// Reads the header's value.
///
/// It takes what Jaeger's clients take: ids with and without leading zeros, upper and lower case,
/// colons as they are or percent-encoded (`%3A`), no parent as 0 or as nothing, flags that have
/// no meaning here. It takes no blanks: HTTP libraries have removed those around a value.
///
/// ```
/// use jaegerling_core::propagate::uber;
/// let error = uber::parse("4bf92f3577b34da6:0:0:1").unwrap_err();
/// assert_eq!(error.to_string(), "the span id is 0");
/// ```
pub fn parse(text: &str) -> Result<SpanContext, ParseError> {
    let mut parts = Parts(Some(text));
    let trace_id = parts.number(Part::TraceId)?;
    let trace_id = TraceId::new(trace_id).ok_or(ParseError::Zero(Part::TraceId))?;
    let span_id = parts.number(Part::SpanId)? as u64;
    let span_id = SpanId::new(span_id).ok_or(ParseError::Zero(Part::SpanId))?;
    let parent_id = SpanId::new(parts.number(Part::ParentId)? as u64);
    let flags = Flags::from_bits(parts.number(Part::Flags)? as u32);
    match parts.0 {
        Some(_) => Err(ParseError::TooManyParts),
        None => Ok(SpanContext {
            trace_id,
            span_id,
            parent_id,
            flags,
        }),
    }
}

/// Writes the header's value into a buffer and gives what it wrote: lower case, ids with their
/// leading zeros (a trace id has 16 digits if its upper half is zero, else 32), no parent as `0`.
///
/// ```
/// use jaegerling_core::propagate::uber;
/// # let context = uber::parse("1:2:3:3").unwrap();
/// let mut buffer = [0; uber::MAX];
/// assert_eq!(
///     uber::encode(&context, &mut buffer),
///     "0000000000000001:0000000000000002:0000000000000003:3",
/// );
/// ```
pub fn encode<'a>(context: &SpanContext, buffer: &'a mut [u8; MAX]) -> &'a str {
    let mut free = buffer.iter_mut();
    if context.trace_id.high() != 0 {
        put_hex(&mut free, context.trace_id.high(), 16);
    }
    put_hex(&mut free, context.trace_id.low(), 16);
    put(&mut free, b':');
    put_hex(&mut free, context.span_id.get(), 16);
    put(&mut free, b':');
    match context.parent_id {
        Some(parent_id) => put_hex(&mut free, parent_id.get(), 16),
        None => put(&mut free, b'0'),
    }
    put(&mut free, b':');
    put_hex(&mut free, context.flags.bits().into(), 1);
    let used = MAX.saturating_sub(free.len());
    // All of it is ASCII, and so the text is never empty.
    buffer
        .get(..used)
        .and_then(|text| core::str::from_utf8(text).ok())
        .unwrap_or_default()
}

type Free<'a> = core::slice::IterMut<'a, u8>;

fn put(free: &mut Free<'_>, byte: u8) {
    if let Some(place) = free.next() {
        *place = byte;
    }
}

fn put_hex(free: &mut Free<'_>, number: u64, digits: u32) {
    for digit in (0..digits).rev() {
        let nibble = (number >> (4 * digit)) as u8 & 0x0f;
        put(
            free,
            match nibble {
                0..=9 => b'0' + nibble,
                _ => b'a' - 10 + nibble,
            },
        );
    }
}

/// Prints a context as the value of the header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Uber(
    /// The context.
    pub SpanContext,
);

impl fmt::Display for Uber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(encode(&self.0, &mut [0; MAX]))
    }
}

impl core::str::FromStr for Uber {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text).map(Self)
    }
}

/// One of the four parts of the header's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Part {
    /// The first: up to 32 digits.
    TraceId,
    /// The second: up to 16 digits.
    SpanId,
    /// The third: up to 16 digits.
    ParentId,
    /// The fourth: one or two digits.
    Flags,
}

impl Part {
    const fn max_digits(self) -> usize {
        match self {
            Self::TraceId => 32,
            Self::SpanId | Self::ParentId => 16,
            Self::Flags => 2,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TraceId => "trace id",
            Self::SpanId => "span id",
            Self::ParentId => "parent id",
            Self::Flags => "flags part",
        })
    }
}

/// Why the header's value was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ParseError {
    /// There are fewer than four parts; this is the first that is not there.
    Missing(Part),
    /// There are more than four parts.
    TooManyParts,
    /// A part has no digits.
    Empty(Part),
    /// A part has more digits than it can have.
    TooLong(Part),
    /// A part contains something else than hexadecimal digits.
    NotHex {
        /// The part.
        part: Part,
        /// The first character that does not belong there.
        found: char,
    },
    /// An id is zero that cannot be.
    Zero(Part),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(part) => write!(f, "the {part} is missing"),
            Self::TooManyParts => f.write_str("there are more than four parts"),
            Self::Empty(part) => write!(f, "the {part} is empty"),
            Self::TooLong(part) => {
                let max = part.max_digits();
                write!(f, "the {part} has more than {max} digits")
            }
            Self::NotHex { part, found } => {
                // Not as `Debug` has it: what that finds printable it looks up in a way that can panic.
                let found = found.escape_default();
                write!(f, "the {part} contains '{found}', which is no hex digit")
            }
            Self::Zero(part) => write!(f, "the {part} is 0"),
        }
    }
}

impl core::error::Error for ParseError {}

/// What is left of the text, or `None` after its last part.
struct Parts<'a>(Option<&'a str>);

impl Parts<'_> {
    fn number(&mut self, part: Part) -> Result<u128, ParseError> {
        let digits = self.next().ok_or(ParseError::Missing(part))?;
        if digits.is_empty() && part != Part::ParentId {
            return Err(ParseError::Empty(part));
        }
        let mut number = 0;
        for found in digits.chars() {
            let digit = found
                .to_digit(16)
                .ok_or(ParseError::NotHex { part, found })?;
            number = number << 4 | u128::from(digit);
        }
        match digits.len() > part.max_digits() {
            true => Err(ParseError::TooLong(part)),
            false => Ok(number),
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.take()?;
        let colon = text.find([':', '%']);
        let Some((part, rest)) = colon.and_then(|at| text.split_at_checked(at)) else {
            return Some(text);
        };
        // Any other `%` stays, and is found to be no digit.
        let Some(rest) = [":", "%3A", "%3a"]
            .iter()
            .find_map(|colon| rest.strip_prefix(colon))
        else {
            return Some(text);
        };
        self.0 = Some(rest);
        Some(part)
    }
}

#[cfg(test)]
mod tests;
