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

    /// Microseconds since the Unix epoch for a number of ticks: [`unix_nanos`](Self::unix_nanos)
    /// by 1,000, rounded down. Where a 64-bit division is dear, give it a way of its own.
    fn unix_micros(&self, ticks: u64) -> i64 {
        micros_of(self.unix_nanos(ticks))
    }

    /// Looks at the clock, so that one which counts in few bits does not miss that they were all
    /// used: called now and then by a program that may not trace for long.
    fn poll(&self) {
        self.now();
    }
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> u64 {
        (**self).now()
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        (**self).unix_nanos(ticks)
    }

    fn unix_micros(&self, ticks: u64) -> i64 {
        (**self).unix_micros(ticks)
    }

    fn poll(&self) {
        (**self).poll();
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

    /// In microseconds since the Unix epoch, rounded down.
    pub fn unix_micros(self, clock: &(impl Clock + ?Sized)) -> i64 {
        match self {
            Self::Ticks(ticks) => clock.unix_micros(ticks),
            Self::UnixNanos(nanos) => micros_of(nanos),
        }
    }
}

/// By 1,000, rounded down; -1 for all that is before 1970. Without a division, which a small
/// processor does in hundreds of instructions, on a thousand bytes of code.
pub(crate) fn micros_of(nanos: i64) -> i64 {
    /// 2⁶⁸ ÷ 125, rounded up: exact for all numbers of 61 bits.
    const PER_125: u128 = 0x20c4_9ba5_e353_f7cf;
    match u64::try_from(nanos) {
        Ok(nanos) => ((u128::from(nanos >> 3) * PER_125) >> 68) as i64,
        Err(_) => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micros_are_nanos_by_a_thousand() {
        let edges = (0..63).map(|bit| 1_i64 << bit).chain([i64::MAX]);
        for nanos in
            edges.flat_map(|edge| (-2_001..2_001).map(move |near| edge.saturating_add(near)))
        {
            let expected = if nanos < 0 { -1 } else { nanos / 1_000 };
            assert_eq!(micros_of(nanos), expected, "{nanos}");
        }
        assert_eq!(micros_of(i64::MIN), -1);
    }
}
