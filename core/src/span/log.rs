//! Logs: points in time within a span.

use core::marker::PhantomData;
use core::ops::DerefMut;

use super::{Span, State};
use crate::record::Lane;
use crate::{Time, Value};

/// A point in time within a span, which takes fields until it is dropped. Then it is visible, whole;
/// one that is forgotten (`mem::forget`) may never be.
///
/// It has the span meanwhile: borrowed ([`Span::log`]), or in whatever else.
pub struct Log<'r, S, L: Lane<'r, WORDS>, const WORDS: usize>
where
    S: DerefMut<Target = Span<'r, L, WORDS>>,
{
    span: Option<S>,
    slots: PhantomData<&'r ()>,
}

impl<'r, S, L: Lane<'r, WORDS>, const WORDS: usize> Log<'r, S, L, WORDS>
where
    S: DerefMut<Target = Span<'r, L, WORDS>>,
{
    /// Begins a log at the time now.
    pub fn of(span: S) -> Self {
        match span.is_recording() {
            true => {
                let now = Time::Ticks(span.lane.now());
                Self::at(span, now)
            }
            false => Self::nowhere(),
        }
    }

    /// Begins a log at a given time.
    pub fn at(mut span: S, time: Time) -> Self {
        let Span { lane, state } = &mut *span;
        let logged = match state {
            State::Recorded(record) => record.log(lane, time),
            State::Unrecorded(_) => false,
        };
        Self {
            span: logged.then_some(span),
            slots: PhantomData,
        }
    }

    /// A log that is not recorded.
    pub fn nowhere() -> Self {
        Self {
            span: None,
            slots: PhantomData,
        }
    }

    /// Adds a field.
    pub fn field<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        if let Some(Span {
            state: State::Recorded(record),
            lane,
        }) = self.span.as_deref_mut()
        {
            record.field(lane, key, value.into());
        }
    }

    /// Whether its fields are recorded.
    pub fn is_recording(&self) -> bool {
        self.span.is_some()
    }
}

impl<'r, S, L: Lane<'r, WORDS>, const WORDS: usize> Drop for Log<'r, S, L, WORDS>
where
    S: DerefMut<Target = Span<'r, L, WORDS>>,
{
    fn drop(&mut self) {
        if let Some(Span {
            state: State::Recorded(record),
            lane,
        }) = self.span.as_deref()
        {
            record.commit(lane);
        }
    }
}
