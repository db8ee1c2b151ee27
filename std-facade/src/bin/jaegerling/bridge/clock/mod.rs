//! A device's time in UTC.
//!
//! Each frame says when it was sent, by the device's clock, and the host knows when it came. From
//! these pairs, [`envelope`] draws a straight line, and again with each of them. The [`timeline`] follows
//! the line, but what it has said of a time stays said: what it is for the times up to the last frame
//! is a fixed function that never goes back, whatever is learned later. So a span is within another
//! one if it was on the device, however far apart the two arrive.
//!
//! No I/O, and no clock of its own: all times are arguments.

mod envelope;
mod host;
#[cfg(test)]
mod tests;
mod timeline;

use envelope::{Envelope, Expected};
use timeline::{Knot, Timeline};

pub(crate) use host::{Arrival, HostClock};
pub(crate) use timeline::Epoch;

/// The clock of one session of a device: its microseconds in UTC.
pub(crate) struct DeviceClock {
    envelope: Envelope,
    /// Where the seconds of the envelope begin: microseconds of the device, and nanoseconds of the host.
    origin: Option<[i64; 2]>,
    timeline: Timeline,
    /// Up to this time of the device, in microseconds, all is said.
    said: i64,
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
        Self {
            timeline: Timeline::at(Knot {
                device,
                unix: unix_micros.saturating_mul(1_000),
                pace: 1.0,
            }),
            ..Self::new()
        }
    }

    fn expecting(expected: Expected) -> Self {
        Self {
            envelope: Envelope::new(expected),
            origin: None,
            timeline: Timeline::default(),
            said: i64::MIN,
        }
    }

    /// A frame was sent at this microsecond of the device's clock. One that is not newer than the last
    /// one tells nothing.
    pub(crate) fn hear(&mut self, sent_at: i64, arrival: Arrival, host: &mut HostClock) {
        let step = host.step(arrival);
        // The device has gone on meanwhile: the frame would be too early by that.
        if step > 0 && self.late(sent_at, host.time(arrival)) < -0.5e-9 * step as f64 {
            host.sleep(step);
        }
        host.follow(arrival);
        if sent_at <= self.said {
            return;
        }
        let time = host.time(arrival);
        let [device, ahead] = self.point(sent_at, time);
        let mut line = self.envelope.add(device, ahead);
        if step != 0 {
            line = self.envelope.last_line();
        }
        if let Some(line) = line {
            let late = line.late(device, ahead);
            let on_line = Knot {
                device: sent_at,
                unix: host.unix(time).saturating_sub((late * 1e9) as i64),
                pace: 1.0 + line.drift,
            };
            self.timeline.follow(self.said, on_line);
        }
        self.said = sent_at;
    }

    /// What was said, and will be, of a microsecond of the device, and of all that has to do with it;
    /// `None`: no frame was heard.
    pub(crate) fn epoch(&self, device: i64) -> Option<&Epoch> {
        self.timeline.epoch(device)
    }

    /// Microseconds since 1970 at a microsecond of the device, if a frame was heard.
    pub(crate) fn unix_micros(&self, device: i64) -> Option<i64> {
        Some(self.epoch(device)?.unix_micros(device))
    }

    /// How many seconds later than at best a frame is.
    fn late(&mut self, sent_at: i64, time: i64) -> f64 {
        let [device, ahead] = self.point(sent_at, time);
        let line = self.envelope.last_line();
        line.map_or(0.0, |line| line.late(device, ahead))
    }

    /// A frame in the terms of the envelope.
    fn point(&mut self, sent_at: i64, time: i64) -> [f64; 2] {
        let [first_device, first_time] = *self.origin.get_or_insert([sent_at, time]);
        let device = sent_at.saturating_sub(first_device) as f64 * 1e-6;
        let host = time.saturating_sub(first_time) as f64 * 1e-9;
        [device, host - device]
    }
}
