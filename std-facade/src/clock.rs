//! The clock of std applications: durations from a counter or the monotonic clock, dates from the
//! wall clock.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use jaegerling_core::{Clock, Time};

use crate::fork::PerProcess;
use crate::global::lock;
use crate::timeline::{Look, Timeline};
use crate::{counter, os};

/// The default clock. Its ticks are those of the processor's counter, where one is
/// fit for it (x86-64 with an invariant time-stamp counter, AArch64); else nanoseconds of the
/// monotonic clock.
///
/// What ticks are in UTC is found out by the side that drains, which looks at all clocks now and then:
/// spans follow a wall clock that is set, from 0.5 ms on, and no duration ever does.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemClock;

/// Where ticks come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Source {
    Counter = 1,
    Monotonic = 2,
}

/// The source of the ticks, as a number; 0: not settled.
static SOURCE: AtomicU8 = AtomicU8::new(0);

static DATES: PerProcess<Dating> = PerProcess::new();

/// How ticks become dates.
struct Dating {
    source: Source,
    timeline: Mutex<Arc<Timeline>>,
}

impl SystemClock {
    #[inline(always)]
    pub(crate) fn ticks() -> u64 {
        if SOURCE.load(Ordering::Relaxed) == Source::Counter as u8 {
            counter::read()
        } else {
            Self::other_ticks()
        }
    }

    #[cold]
    fn other_ticks() -> u64 {
        match Self::source() == Source::Counter as u8 {
            true => Source::Counter.read(),
            false => Source::Monotonic.read(),
        }
    }

    fn source() -> u8 {
        if SOURCE.load(Ordering::Relaxed) == 0 {
            os::watch_forks();
            // With it comes the first look, before the first tick.
            SOURCE.store(dating().source as u8, Ordering::Relaxed);
        }
        SOURCE.load(Ordering::Relaxed)
    }

    /// What ticks up to now are in UTC, all by the same measure.
    pub(crate) fn dates() -> Arc<Timeline> {
        let ticks = Self::ticks();
        let wall = nanos(SystemTime::now());
        let Dating { source, timeline } = dating();
        let timeline = &mut *lock(timeline);
        if timeline.is_due(ticks, wall) {
            Arc::make_mut(timeline).follow(source.look());
        }
        timeline.clone()
    }
}

fn dating() -> &'static Dating {
    DATES.get_or_make_after(|parent| {
        let known = parent.and_then(|parent| Some(parent.timeline.try_lock().ok()?.clone()));
        let source = parent.map_or_else(Source::best, |parent| parent.source);
        let timeline = known.unwrap_or_else(|| Arc::new(Timeline::new(source.look())));
        let timeline = Mutex::new(timeline);
        Dating { source, timeline }
    })
}

impl Source {
    fn best() -> Self {
        match counter::is_fit() {
            true => Self::Counter,
            false => Self::Monotonic,
        }
    }

    fn read(self) -> u64 {
        match self {
            Self::Counter => counter::read(),
            Self::Monotonic => os::monotonic_nanos(),
        }
    }

    /// The clocks at one moment: of some tries the shortest, in which the thread had not to wait.
    fn look(self) -> Look {
        let mut best = self.try_look();
        for _ in 0..3 {
            let next = self.try_look();
            if next.0 < best.0 {
                best = next;
            }
        }
        best.1
    }

    /// The clocks one after another, and how many ticks that took.
    fn try_look(self) -> (u64, Look) {
        let before = self.read();
        let monotonic = os::monotonic_nanos();
        let wall = nanos(SystemTime::now());
        let took = self.read().saturating_sub(before);
        let look = Look {
            ticks: match self {
                Self::Counter => before.saturating_add(took / 2),
                Self::Monotonic => monotonic,
            },
            monotonic: i64::try_from(monotonic).unwrap_or(i64::MAX),
            wall,
        };
        (took, look)
    }
}

impl Clock for SystemClock {
    #[inline(always)]
    fn now(&self) -> u64 {
        Self::ticks()
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        Self::dates().unix_nanos(ticks)
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

impl AnyClock {
    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        match self {
            Self::System => SystemClock::ticks(),
            Self::Custom(clock) => clock.now(),
        }
    }

    /// Whether it is the processor's counter.
    pub(crate) fn is_counter(&self) -> bool {
        matches!(self, Self::System) && SystemClock::source() == Source::Counter as u8
    }

    /// What its ticks up to now are in UTC, all by the same measure.
    pub(crate) fn dates(&self) -> Dates<'_> {
        match self {
            Self::System => Dates::System(SystemClock::dates()),
            Self::Custom(clock) => Dates::Custom(&**clock),
        }
    }
}

/// What the ticks of a clock are in UTC.
pub(crate) enum Dates<'c> {
    System(Arc<Timeline>),
    Custom(&'c dyn Clock),
}

impl Clock for Dates<'_> {
    fn now(&self) -> u64 {
        match self {
            Self::System(_) => SystemClock::ticks(),
            Self::Custom(clock) => clock.now(),
        }
    }

    #[inline]
    fn unix_nanos(&self, ticks: u64) -> i64 {
        match self {
            Self::System(timeline) => timeline.unix_nanos(ticks),
            Self::Custom(clock) => clock.unix_nanos(ticks),
        }
    }

    #[inline]
    fn unix_micros(&self, ticks: u64) -> i64 {
        match self {
            Self::System(timeline) => Time::UnixNanos(timeline.unix_nanos(ticks)).unix_micros(self),
            Self::Custom(clock) => clock.unix_micros(ticks),
        }
    }
}

#[cfg(test)]
mod tests;
