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
    /// The span, if the log found room there.
    span: Option<ManuallyDrop<Recorded>>,
    of: PhantomData<&'a mut Span>,
}

// As for `Span`.
impl UnwindSafe for Log<'_> {}
impl RefUnwindSafe for Log<'_> {}

impl Log<'_> {
    pub(super) fn begin(
        span: Option<ManuallyDrop<Recorded>>,
        begin: impl FnOnce(&mut Recorded) -> core::Log<'_, 'static, WORDS, &'static ThreadLane>,
    ) -> Self {
        let span = span.and_then(|mut span| {
            let log = ManuallyDrop::new(begin(&mut span));
            log.is_recording().then_some(span)
        });
        Self {
            span,
            of: PhantomData,
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
        if let Some(span) = &mut self.span {
            ManuallyDrop::new(span.resume_log()).field(key, value);
        }
        self
    }
}

impl Drop for Log<'_> {
    fn drop(&mut self) {
        if let Some(span) = &mut self.span {
            drop(span.resume_log());
        }
    }
}

impl fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}
