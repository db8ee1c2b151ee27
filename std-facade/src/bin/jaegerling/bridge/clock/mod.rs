//! A device's time in UTC.
//!
//! Each frame says when it was sent, by the device's clock, and the host knows when it came. From
//! these pairs, `envelope` draws a straight line, and again with each of them. [`DeviceClock`] follows
//! the line, but what it has said of a time stays said: what it is for the times up to the last frame
//! is a fixed function that never goes back, whatever is learned later. So a span is within another
//! one if it was on the device, however far apart the two arrive.
//!
//! No I/O, and no clock of its own: all times are arguments.

mod envelope;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use envelope::{Envelope, Expected, Line};

/// Nanoseconds by which it may be away from the line: less is not worth a bend.
const CLOSE: i64 = 100_000;

/// If it is further away than so many nanoseconds, something has happened, and it is not let in
/// slowly: the first frames came late, or somebody has set the host's clock.
const FAR: i64 = 100_000_000;

/// If the line is so far behind, it is not waited for: only long silences can be shortened by so much.
const TOO_FAR: i64 = 2_000_000_000;

/// How much faster or slower time may pass than it does, on the way to the line: as much as a span's
/// duration may be wrong by.
const BEND: f64 = 1.0 / 64.0;

/// So many bends are remembered. There are a few dozen in a minute at first, and a few in an hour
/// later.
const KNOTS: usize = 65_536;

/// When a piece of the stream was there, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    /// By a clock that nobody sets.
    pub(crate) monotonic: i64,
    /// By the wall clock, since 1970.
    pub(crate) unix: i64,
}

/// How far the host's wall clock is ahead of its monotonic clock. It is followed when it was set, and
/// not for the noise between two readings.
#[derive(Clone, Copy, Default)]
pub(crate) struct WallClock {
    ahead: Option<i64>,
}

/// As much is noise, in nanoseconds.
const NOISE: u64 = 500_000;

impl WallClock {
    /// The arrival's time since 1970, in nanoseconds.
    pub(crate) fn unix(&mut self, arrival: Arrival) -> i64 {
        let measured = arrival.unix.saturating_sub(arrival.monotonic);
        let known = self.ahead.filter(|ahead| ahead.abs_diff(measured) < NOISE);
        let ahead = *self.ahead.insert(known.unwrap_or(measured));
        arrival.monotonic.saturating_add(ahead)
    }
}

/// The clock of one session of a device: its microseconds in UTC.
pub(crate) struct DeviceClock {
    envelope: Envelope,
    /// Where the seconds of the envelope begin: microseconds of the device, and nanoseconds of the
    /// host's monotonic clock.
    origin: Option<(i64, i64)>,
    /// Never empty once there is an origin.
    knots: VecDeque<Knot>,
    /// Up to this time of the device, in microseconds, all is said.
    said: i64,
}

/// From here to the next one, time passes at an even pace.
#[derive(Clone, Copy, Debug)]
struct Knot {
    /// Microseconds of the device.
    device: i64,
    /// Nanoseconds since 1970.
    unix: i64,
    /// UTC by device: 1 but for the drift.
    pace: f64,
}

impl Knot {
    fn unix(&self, device: i64) -> i64 {
        let passed = device.saturating_sub(self.device) as f64 * 1_000.0 * self.pace;
        self.unix.saturating_add(passed.floor() as i64)
    }
}

impl DeviceClock {
    /// The clock of a device that was not heard before.
    pub(crate) fn new() -> Self {
        Self::expecting(Expected::CRYSTALS)
    }

    /// The clock of the same device after it has started again: its drift is about what it was.
    pub(crate) fn after_restart(&self) -> Self {
        Self::expecting(self.envelope.learned())
    }

    /// A clock of which only one time is known, and which is not heard: that of a session that had
    /// ended before anybody listened.
    pub(crate) fn silent(device: i64, unix_micros: i64) -> Self {
        let mut clock = Self::new();
        clock.origin = Some((device, 0));
        clock.knots.push_back(Knot {
            device,
            unix: unix_micros.saturating_mul(1_000),
            pace: 1.0,
        });
        clock
    }

    fn expecting(expected: Expected) -> Self {
        Self {
            envelope: Envelope::new(expected),
            origin: None,
            knots: VecDeque::new(),
            said: i64::MIN,
        }
    }

    /// A frame was sent at this microsecond of the device's clock. One that is not newer than the last
    /// one tells nothing.
    pub(crate) fn hear(&mut self, sent_at: i64, arrival: Arrival, wall: &mut WallClock) {
        let unix = wall.unix(arrival);
        if sent_at <= self.said {
            return;
        }
        let (first_device, first_host) = *self.origin.get_or_insert((sent_at, arrival.monotonic));
        let device = sent_at.saturating_sub(first_device) as f64 * 1e-6;
        let host = arrival.monotonic.saturating_sub(first_host) as f64 * 1e-9;
        if let Some(Line { ahead, drift }) = self.envelope.add(device, host - device) {
            let late = host - device - ahead;
            let on_line = Knot {
                device: sent_at,
                unix: unix.saturating_sub((late * 1e9) as i64),
                pace: 1.0 + drift,
            };
            self.follow(on_line);
        }
        self.said = sent_at;
    }

    /// Microseconds since 1970 at a microsecond of the device; 0 if no frame was heard.
    pub(crate) fn unix_micros(&self, device: i64) -> i64 {
        self.unix(device).div_euclid(1_000)
    }

    fn unix(&self, device: i64) -> i64 {
        let behind = self.knots.partition_point(|knot| knot.device <= device);
        let knot = self.knots.get(behind.saturating_sub(1));
        knot.map_or(0, |knot| knot.unix(device))
    }

    /// Goes on from what was said to a line, which `target` is the end of for now.
    fn follow(&mut self, target: Knot) {
        if self.knots.is_empty() {
            self.knots.push_back(target);
            return;
        }
        if self.unix(target.device).abs_diff(target.unix) <= CLOSE as u64 {
            return;
        }
        while self
            .knots
            .back()
            .is_some_and(|knot| knot.device > self.said)
        {
            self.knots.pop_back();
        }
        let here = Knot {
            device: self.said,
            unix: self.unix(self.said),
            pace: target.pace,
        };
        let ahead = here.unix.saturating_sub(target.unix(self.said));
        if ahead < -FAR {
            self.jump(target);
        } else if ahead < 0 {
            self.bend(here, target.pace + BEND, -ahead);
        } else if (FAR..TOO_FAR).contains(&ahead) {
            self.bend(here, target.pace / 2.0, ahead);
        } else if ahead >= TOO_FAR && target.unix >= here.unix {
            let passed = target.device.saturating_sub(here.device) as f64 * 1_000.0;
            let pace = (target.unix - here.unix) as f64 / passed;
            self.push(Knot { pace, ..here });
            self.push(target);
        } else {
            // From far ahead, too: somebody has set the host's clock back. To wait for it would take as
            // long as that is, and nothing would last meanwhile.
            self.bend(here, target.pace - BEND, ahead);
        }
    }

    /// Goes at another pace for as long as it takes to be no longer `away` from the line.
    fn bend(&mut self, here: Knot, pace: f64, away: i64) {
        let closing = (pace - here.pace).abs() * 1_000.0;
        let bent = Knot { pace, ..here };
        let end = here.device.saturating_add((away as f64 / closing) as i64);
        self.push(bent);
        self.push(Knot {
            device: end,
            unix: bent.unix(end),
            ..here
        });
    }

    /// Time makes a leap, right after what was said.
    fn jump(&mut self, target: Knot) {
        let device = self.said.saturating_add(1);
        let unix = target.unix(device);
        self.push(Knot {
            device,
            unix,
            ..target
        });
    }

    fn push(&mut self, knot: Knot) {
        if self.knots.len() == KNOTS {
            self.knots.pop_front();
        }
        self.knots.push_back(knot);
    }
}
