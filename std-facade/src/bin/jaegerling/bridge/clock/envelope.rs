//! How far the host's clock is ahead of a device's, and how fast that changes.
//!
//! A frame takes as long as its link takes at best, and then some: a jitter that is never negative.
//! Drawn over the device's time, what the host's clock is ahead of it when a frame arrives are points
//! on or above a straight line. Its slope is the drift of the two clocks; how high it lies is what
//! is looked for. The delay of a link at its best cannot be told from a clock that is ahead by as
//! much, and is part of it.
//!
//! For each of some slopes there is a highest line that has all points above it. How well that one
//! explains the points is its weight, and the result is the mean. The weight is that of the more
//! likely of two shapes of jitter: one with many small and few large delays (exponential), and one
//! with delays of all lengths up to some largest (uniform). Drifts as clocks have them weigh more.

use std::collections::VecDeque;

/// Of all frames in so many seconds, the one that was on its way for the shortest time is a point.
const PERIOD: f64 = 0.0625;

/// Points stay for so many seconds, since a drift changes, with the temperature for example; and for
/// longer if they are so few.
const WINDOW: f64 = 60.0;
const FEW: usize = 64;

/// As many slopes are tried on either side of the one in the middle.
const SLOPES: i32 = 16;

/// A frame that comes earlier than the line says by so many seconds shows that the clocks have moved
/// against each other.
const EARLY: f64 = 0.1;

/// And so do frames that are all so many seconds late, for so many seconds: the device's clock stood still,
/// as at a breakpoint. A link that has fallen behind catches up meanwhile.
const LATE: f64 = 0.25;
const LATE_FOR: f64 = 5.0;
/// These are so many at least.
const LATE_FRAMES: u32 = 10;

/// No clock is further away than this, whatever frames say.
const MAX_DRIFT: f64 = 0.05;

/// Seconds below which one delay is as good as another.
const RESOLUTION: f64 = 1e-6;

/// What is known of a drift before anything is measured.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    drift: f64,
    /// It is hardly further away than this.
    within: f64,
}

impl Expected {
    /// Two crystals.
    pub(super) const CRYSTALS: Self = Self {
        drift: 0.0,
        within: 220e-6,
    };
}

/// By how many seconds the host's clock is ahead, if nothing is late.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// At this second of the device:
    device: f64,
    ahead: f64,
    /// How much more that is after each second of the device.
    pub(super) drift: f64,
}

impl Line {
    /// How much later than at best a frame is.
    pub(super) fn late(&self, device: f64, ahead: f64) -> f64 {
        ahead - self.ahead - self.drift * (device - self.device)
    }
}

pub(super) struct Envelope {
    points: VecDeque<Point>,
    /// When the period began that the last point is of.
    period: f64,
    expected: Expected,
    line: Option<Line>,
    late: Option<LateFrames>,
}

/// Frames that are all late.
#[derive(Clone, Copy)]
struct LateFrames {
    /// When the first one was sent.
    from: f64,
    frames: u32,
}

/// Both in seconds.
#[derive(Clone, Copy)]
struct Point {
    device: f64,
    ahead: f64,
}

impl Point {
    /// By how much the host's clock would have been ahead at the device's time 0.
    fn at_zero(&self, drift: f64) -> f64 {
        self.ahead - drift * self.device
    }
}

impl Envelope {
    pub(super) fn new(expected: Expected) -> Self {
        Self {
            points: VecDeque::new(),
            period: f64::NEG_INFINITY,
            expected,
            line: None,
            late: None,
        }
    }

    /// What to expect of the same two clocks another time.
    pub(super) fn learned(&self) -> Expected {
        match self.line {
            Some(line) if self.points.len() >= FEW && self.span() > WINDOW / 2.0 => Expected {
                drift: line.drift,
                within: 30e-6,
            },
            _ => self.expected,
        }
    }

    /// The line as it was seen last.
    pub(super) fn last_line(&self) -> Option<Line> {
        self.line
    }

    /// A frame that was sent at some time of the device, later than those before, has arrived when the
    /// host's clock was ahead of that by so much. Gives the line when it is seen anew: once in a period at
    /// first, and more seldom as it changes less.
    pub(super) fn add(&mut self, device: f64, ahead: f64) -> Option<Line> {
        if self.has_moved(device, ahead) {
            *self = Self::new(self.learned());
        }
        let point = Point { device, ahead };
        if device - self.period < PERIOD {
            if let Some(last) = self.points.back_mut() {
                let drift = self.line.map_or(self.expected.drift, |line| line.drift);
                if point.at_zero(drift) < last.at_zero(drift) {
                    *last = point;
                }
            }
            return None;
        }
        self.period = device;
        self.points.push_back(point);
        while self.points.len() > FEW && self.span() > WINDOW {
            self.points.pop_front();
        }
        let is_fresh = |line: Line| device - line.device < self.span() / 64.0;
        if self.line.is_some_and(is_fresh) {
            return None;
        }
        self.line = Some(self.line(device));
        self.line
    }

    /// Whether a frame shows that what the points say holds no longer.
    fn has_moved(&mut self, device: f64, ahead: f64) -> bool {
        let late = self.line.map_or(0.0, |line| line.late(device, ahead));
        if late < LATE {
            self.late = None;
            return late < -EARLY;
        }
        let frames = self.late.get_or_insert(LateFrames {
            from: device,
            frames: 0,
        });
        frames.frames += 1;
        frames.frames >= LATE_FRAMES && device - frames.from >= LATE_FOR
    }

    fn span(&self) -> f64 {
        match (self.points.front(), self.points.back()) {
            (Some(first), Some(last)) => last.device - first.device,
            _ => 0.0,
        }
    }

    /// The mean of the lines with all slopes: first of a few, and then of those near it.
    fn line(&self, now: f64) -> Line {
        let hull = Hull::around(&self.points);
        let slopes = self.slopes(&hull);
        let (rough, deviation) = self.mean(&hull, slopes, now);
        let near = Slopes {
            middle: rough.drift,
            reach: (4.0 * deviation).max(slopes.step()),
        };
        self.mean(&hull, near, now).0
    }

    /// The mean of lines, and the standard deviation of their drifts.
    fn mean(&self, hull: &Hull, slopes: Slopes, now: f64) -> (Line, f64) {
        let line = |drift| {
            let (line, likely) = hull.line(drift, now);
            (line, likely + self.prior(drift))
        };
        let lines: Vec<_> = slopes.iter().map(line).collect();
        let best = lines.iter().map(|(_, weight)| *weight);
        let best = best.fold(f64::NEG_INFINITY, f64::max);
        let mean = |of: &dyn Fn(&Line) -> f64| {
            let (sum, weights) = lines.iter().fold((0.0, 0.0), |(sum, all), (line, weight)| {
                let weight = (weight - best).exp();
                (sum + weight * of(line), all + weight)
            });
            sum / weights
        };
        let drift = mean(&|line| line.drift);
        let variance = mean(&|line| (line.drift - drift).powi(2));
        let ahead = mean(&|line| line.ahead);
        let device = now;
        let line = Line {
            device,
            ahead,
            drift,
        };
        (line, variance.sqrt())
    }

    /// The logarithm of how likely a drift is by itself: hardly different within what is expected,
    /// and then falling, but slowly enough for points to outweigh it. Not all clocks are crystals.
    fn prior(&self, drift: f64) -> f64 {
        let far = (drift - self.expected.drift) / self.expected.within;
        -far.powi(8).ln_1p()
    }

    /// Which slopes are worth a try: those that are expected, unless the points cannot have come of any
    /// of them.
    fn slopes(&self, hull: &Hull) -> Slopes {
        let Expected { drift, within } = self.expected;
        let expected = Slopes {
            middle: drift,
            reach: 2.0 * within,
        };
        let middle = hull.slope().unwrap_or(drift);
        let reach = 32.0 * hull.range(middle).1 / (hull.count * self.span());
        let is_elsewhere = (middle - drift).abs() > expected.reach + reach;
        match hull.count >= 8.0 && is_elsewhere && middle.abs() < MAX_DRIFT {
            true => Slopes { middle, reach },
            false => expected,
        }
    }
}

/// Slopes at even distances.
#[derive(Clone, Copy)]
struct Slopes {
    middle: f64,
    /// As far they go to either side.
    reach: f64,
}

impl Slopes {
    fn step(self) -> f64 {
        self.reach / f64::from(SLOPES)
    }

    fn iter(self) -> impl Iterator<Item = f64> {
        (-SLOPES..=SLOPES).map(move |step| self.middle + self.step() * f64::from(step))
    }
}

/// What lies on the outside of the points: no line touches any other.
struct Hull {
    lower: Vec<Point>,
    upper: Vec<Point>,
    /// Of all points.
    count: f64,
    mean: Point,
}

impl Hull {
    fn around(points: &VecDeque<Point>) -> Self {
        let count = points.len() as f64;
        let mean = |of: fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / count;
        Self {
            lower: chain(points, 1.0),
            upper: chain(points, -1.0),
            count,
            mean: Point {
                device: mean(|point| point.device),
                ahead: mean(|point| point.ahead),
            },
        }
    }

    /// Of the lines below all points, the one that is highest on average.
    fn slope(&self) -> Option<f64> {
        let mut edges = self.lower.windows(2);
        let edge = edges.find(|edge| self.mean.device <= edge[1].device)?;
        Some((edge[1].ahead - edge[0].ahead) / (edge[1].device - edge[0].device))
    }

    /// For lines with this slope: where the highest below all points is at 0, and how far the lowest
    /// above all is away from it.
    fn range(&self, drift: f64) -> (f64, f64) {
        let at_zero = |point: &Point| point.at_zero(drift);
        let low = self.lower.iter().map(at_zero).fold(f64::INFINITY, f64::min);
        let high = self.upper.iter().map(at_zero);
        let high = high.fold(f64::NEG_INFINITY, f64::max);
        (low, (high - low).max(RESOLUTION))
    }

    /// The line with this slope, and the logarithm of how likely the points are if it is the right
    /// one.
    fn line(&self, drift: f64, now: f64) -> (Line, f64) {
        let (low, largest) = self.range(drift);
        let mean = (self.mean.at_zero(drift) - low).max(RESOLUTION);
        let shapes = [(mean, mean.ln() + 1.0), (largest, largest.ln() + 0.15)];
        let [exponential, uniform] = shapes;
        let (delay, unlikely) = match exponential.1 < uniform.1 {
            true => exponential,
            false => uniform,
        };
        // Not even the shortest of so many delays is none.
        let shortest = delay / self.count;
        let line = Line {
            device: now,
            ahead: low + drift * now - shortest,
            drift,
        };
        (line, -(self.count - 1.0) * unlikely)
    }
}

/// The points that a cord lies on which is drawn tight from below, or, if `side` is -1, from above.
fn chain(points: &VecDeque<Point>, side: f64) -> Vec<Point> {
    let mut chain: Vec<Point> = Vec::new();
    for next in points {
        while let [.., before, last] = chain[..] {
            let (dx, dy) = (last.device - before.device, last.ahead - before.ahead);
            let (far_x, far_y) = (next.device - before.device, next.ahead - before.ahead);
            if side * (dy * far_x - far_y * dx) < 0.0 {
                break;
            }
            chain.pop();
        }
        chain.push(*next);
    }
    chain
}
