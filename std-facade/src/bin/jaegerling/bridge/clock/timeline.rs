//! What was said of a device's times.

use std::collections::VecDeque;

/// Nanoseconds by which it may be away from the line: less is not worth a bend.
const CLOSE: u64 = 100_000;

/// If it is further away than so many nanoseconds, something has happened, and it is not let in
/// slowly: the first frames came late, or somebody has set the host's clock.
const FAR: i64 = 100_000_000;

/// If the line is so far behind, it is not waited for.
const TOO_FAR: i64 = 2_000_000_000;

/// How much faster or slower time may pass than it does, on the way to the line: as much as a span's
/// duration may be wrong by.
const BEND: f64 = 1.0 / 64.0;

/// So many bends are remembered. There are a few dozen in a minute at first, and a few in an hour
/// later.
const KNOTS: usize = 65_536;
/// And so many epochs.
const EPOCHS: usize = 16;

/// A function from a device's microseconds to UTC that only grows at its end. It never goes back, but for
/// where the host's clock was set back, or was found to be wrong, by seconds: an epoch begins there.
#[derive(Default)]
pub(super) struct Timeline {
    epochs: VecDeque<Epoch>,
}

/// A part of a timeline.
pub(crate) struct Epoch {
    /// From this microsecond of the device on.
    from: i64,
    /// Never empty.
    knots: VecDeque<Knot>,
}

/// From here to the next one, time passes at an even pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knot {
    /// Microseconds of the device.
    pub(super) device: i64,
    /// Nanoseconds since 1970.
    pub(super) unix: i64,
    /// UTC by device: 1 but for the drift. Always more than 0.
    pub(super) pace: f64,
}

impl Knot {
    fn unix(&self, device: i64) -> i64 {
        let passed = device.saturating_sub(self.device) as f64 * 1_000.0 * self.pace;
        self.unix.saturating_add(passed.floor() as i64)
    }
}

impl Epoch {
    fn new(knot: Knot) -> Self {
        Self {
            from: i64::MIN,
            knots: [knot].into(),
        }
    }

    /// Microseconds since 1970 at a microsecond of the device, as if there were no other epoch.
    pub(crate) fn unix_micros(&self, device: i64) -> i64 {
        self.unix(device).div_euclid(1_000)
    }

    fn unix(&self, device: i64) -> i64 {
        let behind = self.knots.partition_point(|knot| knot.device <= device);
        let knot = self.knots.get(behind.saturating_sub(1));
        knot.map_or(0, |knot| knot.unix(device))
    }

    fn push(&mut self, knot: Knot) {
        if self.knots.len() == KNOTS {
            self.knots.pop_front();
        }
        self.knots.push_back(knot);
    }
}

impl Timeline {
    /// One that is known at one time.
    pub(super) fn at(knot: Knot) -> Self {
        Self {
            epochs: [Epoch::new(knot)].into(),
        }
    }

    /// The epoch of a microsecond of the device; `None`: nothing is known.
    pub(super) fn epoch(&self, device: i64) -> Option<&Epoch> {
        let behind = self.epochs.partition_point(|epoch| epoch.from <= device);
        self.epochs.get(behind.saturating_sub(1))
    }

    /// Goes on from what was said, up to a microsecond of the device, to a line, which `target` is the
    /// end of for now.
    pub(super) fn follow(&mut self, said: i64, target: Knot) {
        let Some(epoch) = self.epochs.back_mut() else {
            self.epochs.push_back(Epoch::new(target));
            return;
        };
        if epoch.unix(target.device).abs_diff(target.unix) <= CLOSE {
            return;
        }
        while epoch.knots.len() > 1 && epoch.knots.back().is_some_and(|knot| knot.device > said) {
            epoch.knots.pop_back();
        }
        let here = Knot {
            device: said,
            unix: epoch.unix(said),
            pace: target.pace,
        };
        let ahead = here.unix.saturating_sub(target.unix(said));
        if ahead < -FAR {
            epoch.push(leap(said, target));
        } else if ahead < 0 {
            epoch.bend(here, target.pace + BEND, -ahead);
        } else if ahead < FAR {
            epoch.bend(here, target.pace - BEND, ahead);
        } else if ahead < TOO_FAR {
            epoch.bend(here, target.pace / 2.0, ahead);
        } else if target.unix > here.unix {
            // A silence can be shortened by so much.
            let passed = target.device.saturating_sub(said) as f64 * 1_000.0;
            let pace = (target.unix - here.unix) as f64 / passed;
            epoch.push(Knot { pace, ..here });
            epoch.push(target);
        } else {
            self.begin_epoch(leap(said, target));
        }
    }

    fn begin_epoch(&mut self, knot: Knot) {
        if self.epochs.len() == EPOCHS {
            self.epochs.pop_front();
        }
        self.epochs.push_back(Epoch {
            from: knot.device,
            ..Epoch::new(knot)
        });
    }
}

impl Epoch {
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
}

/// On the line, right after what was said.
fn leap(said: i64, target: Knot) -> Knot {
    let device = said.saturating_add(1);
    Knot {
        device,
        unix: target.unix(device),
        ..target
    }
}
