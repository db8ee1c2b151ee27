//! The naive model: what must come of spans that are recorded in a ring, drained and packed, told
//! with `Vec` and `String`, and written separately from `jaegerling-core`.
//!
//! - [`record`]: what a record keeps of what is said of a span, and the slots that it takes.
//! - [`wire`]: what a span becomes on the wire, whole or trimmed; what a datagram holds.
//! - [`ring`]: which slot a span gets, and which one gives way.
//! - [`run`]: does the same things to a real tracer and to the model, and compares after each.
//!
//! Shared by property tests and the fuzz target: a test declares `mod model; mod oracle;`.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod record;
pub mod ring;
pub mod run;
pub mod wire;

use jaegerling_core::Value;

/// All that is done in one run.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub struct Case {
    /// Which ring, see [`run::run`].
    pub ring: u8,
    /// How much larger than the smallest limit the limit is.
    pub limit: u16,
    pub service: String,
    pub process_tags: Vec<(Text, Val)>,
    /// Whether the account is taken after each act, or only at the end: it moves spans on.
    pub account_often: bool,
    pub acts: Vec<Act>,
}

/// One thing that is done. A number that names a span counts those that are open.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub enum Act {
    Start {
        parent: Option<Parent>,
        name: Text,
        /// What is said of it at once.
        steps: Vec<Step>,
    },
    Say(u8, Step),
    End(u8),
    EndAll,
    /// The span is leaked: it stays open for ever.
    Forget(u8),
    /// The clock moves.
    Tick(u64),
    Pack,
    Sent,
    Failed,
    TooLarge(u16),
    /// The open spans are shown.
    Look,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub struct Parent {
    /// 0 is taken for 1, here and below.
    pub trace_id: u128,
    pub span_id: u64,
    pub flags: u8,
}

/// One thing that is said of a span.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub enum Step {
    Tag(Text, Val),
    /// At a time in nanoseconds, or now.
    Log(Option<i64>, Vec<(Text, Val)>),
    Reference {
        follows_from: bool,
        trace_id: u128,
        span_id: u64,
    },
    Name(Text),
    Start(i64),
    End(i64),
    Debug,
}

/// A text, perhaps a long one.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub enum Text {
    Short(String),
    /// A character so often that it has about so many bytes.
    Long(char, u16),
    /// 100 kB.
    Huge(char),
}

impl Text {
    pub fn get(&self) -> String {
        let repeat = |c: char, bytes| c.to_string().repeat(bytes / c.len_utf8());
        match self {
            Self::Short(text) => text.clone(),
            Self::Long(c, bytes) => repeat(*c, usize::from(*bytes)),
            Self::Huge(c) => repeat(*c, 100_000),
        }
    }
}

/// The value of a tag or a field.
#[derive(Clone, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub enum Val {
    Str(Text),
    Bytes(Vec<u8>),
    Bool(bool),
    I64(i64),
    F64(f64),
}

impl Val {
    /// Hands it to `f` as the core takes it.
    pub fn with<R>(&self, f: impl FnOnce(Value<'_>) -> R) -> R {
        match self {
            Self::Str(text) => f(text.get().as_str().into()),
            Self::Bytes(bytes) => f(bytes.as_slice().into()),
            Self::Bool(value) => f((*value).into()),
            Self::I64(value) => f((*value).into()),
            Self::F64(value) => f((*value).into()),
        }
    }
}
