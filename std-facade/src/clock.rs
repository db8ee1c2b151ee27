//! The clock of std applications: durations from the monotonic clock, dates from the wall clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jaegerling_core::{Clock, Time};

use crate::os;

/// How far the wall clock may be away before the mapping follows it, in nanoseconds. Less than
/// this is noise between two readings, and would only move spans against each other.
const TOLERANCE: i64 = 500_000;

/// The default clock. Its ticks are nanoseconds of the monotonic clock; the difference to the wall
/// clock is looked at now and then by the side that drains, so that spans follow a wall clock that
/// is set, and no duration ever does.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemClock;

/// Unix time less ticks.
static OFFSET: AtomicI64 = AtomicI64::new(i64::MIN);

impl SystemClock {
    #[inline]
    pub(crate) fn ticks() -> u64 {
        os::monotonic_nanos()
    }

    /// Compares with the wall clock, and follows it if it was set.
    pub(crate) fn follow_wall_clock() -> i64 {
        let before = Self::ticks();
        let wall = nanos(SystemTime::now());
        let middle = before + (Self::ticks() - before) / 2;
        let measured = wall.saturating_sub_unsigned(middle);
        let known = OFFSET.load(Ordering::Relaxed);
        if known != i64::MIN && known.abs_diff(measured) < TOLERANCE as u64 {
            return known;
        }
        OFFSET.store(measured, Ordering::Relaxed);
        measured
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> u64 {
        Self::ticks()
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        let offset = match OFFSET.load(Ordering::Relaxed) {
            i64::MIN => Self::follow_wall_clock(),
            offset => offset,
        };
        offset.saturating_add_unsigned(ticks)
    }
}

/// Nanoseconds since the Unix epoch, as far as 64 bits reach.
pub(crate) fn nanos(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

/// The wall clock's time of so many nanoseconds since the Unix epoch.
pub(crate) fn system_time(nanos: i64) -> SystemTime {
    let distance = std::time::Duration::from_nanos(nanos.unsigned_abs());
    let time = match nanos {
        0.. => UNIX_EPOCH.checked_add(distance),
        _ => UNIX_EPOCH.checked_sub(distance),
    };
    time.unwrap_or(UNIX_EPOCH)
}

/// A point in time: when a span should start or end, or when a log was.
///
/// [`now`](Self::now) is a reading of the monotonic clock, so that a span that starts there has a
/// true duration; a [`SystemTime`] becomes one by [`From`].
#[derive(Clone, Copy, Debug)]
pub struct StartTime(Time);

impl StartTime {
    /// The time now.
    pub fn now() -> Self {
        Self(Time::Ticks(SystemClock::ticks()))
    }

    /// As it is recorded beside other times of a clock.
    pub(crate) fn on(self, clock: &AnyClock) -> Time {
        match (self.0, clock) {
            (Time::Ticks(ticks), AnyClock::Custom(_)) => {
                Time::UnixNanos(SystemClock.unix_nanos(ticks))
            }
            (time, _) => time,
        }
    }
}

impl From<SystemTime> for StartTime {
    fn from(time: SystemTime) -> Self {
        Self(Time::UnixNanos(nanos(time)))
    }
}

/// The clock of a tracer.
pub(crate) enum AnyClock {
    System,
    Custom(Box<dyn Clock + Send + Sync>),
}

impl Clock for AnyClock {
    #[inline]
    fn now(&self) -> u64 {
        match self {
            Self::System => SystemClock::ticks(),
            Self::Custom(clock) => clock.now(),
        }
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        match self {
            Self::System => SystemClock.unix_nanos(ticks),
            Self::Custom(clock) => clock.unix_nanos(ticks),
        }
    }
}
