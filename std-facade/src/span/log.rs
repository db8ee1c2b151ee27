//! Logs of spans.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};

use jaegerling_core::{self as core, Value};

use super::{Recorded, Span};
use crate::lane::{ThreadLane, WORDS};

/// A point in time within a span, with fields.
///
/// If it has a field `event`, Jaeger shows that as its headline.
pub struct Log<'a> {
    log: core::Log<'static, ManuallyDrop<Recorded>, &'static ThreadLane, WORDS>,
    span: PhantomData<&'a mut Span>,
}

// As for `Span`.
impl UnwindSafe for Log<'_> {}
impl RefUnwindSafe for Log<'_> {}

impl Log<'_> {
    /// A log of a span, if that is recorded, at a given time or now.
    pub(super) fn of(span: Option<ManuallyDrop<Recorded>>, time: Option<core::Time>) -> Self {
        let log = match (span, time) {
            (Some(span), Some(time)) => core::Log::at(span, time),
            (Some(span), None) => core::Log::of(span),
            (None, _) => core::Log::nowhere(),
        };
        Self {
            log,
            span: PhantomData,
        }
    }

    /// Adds a field.
    pub fn with_string(self, key: &str, value: &str) -> Self {
        self.with(key, value)
    }

    /// Adds a field.
    pub fn with_int(self, key: &str, value: i64) -> Self {
        self.with(key, value)
    }

    /// Adds a field.
    pub fn with_bool(self, key: &str, value: bool) -> Self {
        self.with(key, value)
    }

    /// Adds a field.
    pub fn with_float(self, key: &str, value: f64) -> Self {
        self.with(key, value)
    }

    /// Adds a field.
    pub fn with_bytes(self, key: &str, value: &[u8]) -> Self {
        self.with(key, value)
    }

    /// Adds a field of whatever kind the value is.
    pub fn with<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        self.log.field(key, value);
        self
    }
}

impl fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}
