//! The units of time, and the clock that a tracer is given.
//!
//! | where | unit |
//! |---|---|
//! | recorded by the thread or interrupt that traces | ticks of its [`Clock`] |
//! | given by the caller (`override_start_time`, a log with a time of its own) | nanoseconds since the Unix epoch |
//! | on the Thrift wire | microseconds since the Unix epoch |
//!
//! Ticks become nanoseconds when a span is drained, never while it is recorded.

/// A source of time. It is read twice per span, by the code that is traced: make it cheap.
pub trait Clock {
    /// The time now, in ticks that never go back.
    fn now(&self) -> u64;

    /// Nanoseconds since the Unix epoch for a number of ticks. Called by the drainer.
    ///
    /// A device without a wall clock counts from its boot. `i64::MAX` is the year 2262; what is
    /// out of range is clamped before it is sent.
    fn unix_nanos(&self, ticks: u64) -> i64;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> u64 {
        (**self).now()
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        (**self).unix_nanos(ticks)
    }
}

/// A point in time as a record holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Time {
    /// In ticks of the tracer's clock.
    Ticks(u64),
    /// In nanoseconds since the Unix epoch.
    UnixNanos(i64),
}

impl Time {
    /// In nanoseconds since the Unix epoch.
    pub fn unix_nanos(self, clock: &(impl Clock + ?Sized)) -> i64 {
        match self {
            Self::Ticks(ticks) => clock.unix_nanos(ticks),
            Self::UnixNanos(nanos) => nanos,
        }
    }
}
