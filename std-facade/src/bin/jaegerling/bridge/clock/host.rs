//! The host's clocks.

/// When a piece of the stream was there, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    /// By a clock that nobody sets. It may stand still while the host sleeps.
    pub(crate) monotonic: i64,
    /// By the wall clock, since 1970.
    pub(crate) unix: i64,
}

/// As much is noise between two readings, in nanoseconds.
const NOISE: u64 = 500_000;

/// The host's time: even, whether it sleeps or its wall clock is set.
#[derive(Clone, Copy, Default)]
pub(crate) struct HostClock {
    /// For so many nanoseconds, the host has slept, and the monotonic clock stood still.
    slept: i64,
    /// How far the wall clock is ahead of the time without that.
    ahead: Option<i64>,
}

impl HostClock {
    /// The arrival's time, in nanoseconds from some point on.
    pub(super) fn time(&self, arrival: Arrival) -> i64 {
        arrival.monotonic.saturating_add(self.slept)
    }

    /// What such a time is since 1970.
    pub(super) fn unix(&self, time: i64) -> i64 {
        time.saturating_add(self.ahead.unwrap_or(0))
    }

    /// How far the wall clock has gone ahead of the time, since it was last looked at: it was set, or
    /// the host has slept, who knows.
    pub(super) fn step(&self, arrival: Arrival) -> i64 {
        let measured = self.measure(arrival);
        let step = self.ahead.map_or(0, |known| measured.saturating_sub(known));
        if step.unsigned_abs() < NOISE { 0 } else { step }
    }

    /// The host has slept for so long.
    pub(super) fn sleep(&mut self, nanos: i64) {
        self.slept = self.slept.saturating_add(nanos);
    }

    /// Follows the wall clock, if it was set.
    pub(super) fn follow(&mut self, arrival: Arrival) {
        if self.ahead.is_none() || self.step(arrival) != 0 {
            self.ahead = Some(self.measure(arrival));
        }
    }

    fn measure(&self, arrival: Arrival) -> i64 {
        arrival.unix.saturating_sub(self.time(arrival))
    }
}
