//! A device and its link, on virtual clocks.

use super::{Arrival, DeviceClock, WallClock};

/// When the host's monotonic clock was 0: nanoseconds since 1970.
const BEGIN: i64 = 1_790_000_000_000_000_000;

const MS: f64 = 1e-3;

/// SplitMix64.
struct Random(u64);

impl Random {
    /// Evenly from 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How much longer than at best a frame is under way, in seconds.
type Jitter = fn(&mut Random) -> f64;

fn even(random: &mut Random) -> f64 {
    20.0 * MS * random.next()
}

/// Many small ones, and few that are large.
fn exponential(random: &mut Random) -> f64 {
    (-4.0 * MS * (1.0 - random.next()).ln()).min(20.0 * MS)
}

/// Nearly all at once, and then one that is late.
fn rare(random: &mut Random) -> f64 {
    match random.next() < 0.9 {
        true => MS * random.next(),
        false => 20.0 * MS * random.next(),
    }
}

const JITTERS: [Jitter; 3] = [even, exponential, rare];

const SEEDS: u64 = 20;

/// A device that is switched on at a time of the host, and its link.
struct Link {
    random: Random,
    /// When it was switched on, in seconds of the host's monotonic clock.
    boot: f64,
    /// Of the device's clock: seconds by second.
    drift: f64,
    /// How long a frame is under way at best, in seconds.
    delay: f64,
    jitter: Jitter,
    /// When the last one arrived: none overtakes another.
    last: f64,
}

impl Link {
    fn new(seed: u64, jitter: Jitter) -> Self {
        let mut random = Random(seed);
        Self {
            boot: 3.0,
            drift: 200e-6 * (2.0 * random.next() - 1.0),
            delay: 0.1 * random.next(),
            jitter,
            last: 0.0,
            random,
        }
    }

    /// What the device's clock says at a time of the host, in microseconds.
    fn device(&self, now: f64) -> i64 {
        ((now - self.boot) * (1.0 + self.drift) * 1e6) as i64
    }

    /// A frame is sent now.
    fn send(&mut self, now: f64, clock: &mut DeviceClock, wall: &mut WallClock) {
        let arrival = self.arrival(now);
        clock.hear(self.device(now), arrival, wall);
    }

    fn arrival(&mut self, now: f64) -> Arrival {
        let arrives = now + self.delay + (self.jitter)(&mut self.random);
        self.last = self.last.max(arrives);
        let monotonic = (self.last * 1e9) as i64;
        Arrival {
            monotonic,
            unix: BEGIN + monotonic,
        }
    }

    /// By how many seconds a clock is ahead in what it says of a time. The link's delay is not its
    /// fault.
    fn error(&self, clock: &DeviceClock, now: f64) -> f64 {
        let said = clock.unix_micros(self.device(now)) - BEGIN / 1_000;
        said as f64 * 1e-6 - now - self.delay
    }

    /// Sends frames until so many seconds after the start. The largest error after the first of them.
    fn run(&mut self, rate: f64, [first, last]: [f64; 2], clock: &mut DeviceClock) -> f64 {
        let mut wall = WallClock::default();
        let mut worst = 0.0_f64;
        let mut now = self.boot + 0.1;
        while now < self.boot + last {
            self.send(now, clock, &mut wall);
            if now > self.boot + first {
                worst = worst.max(self.error(clock, now).abs());
            }
            now += 1.0 / rate;
        }
        worst
    }
}

#[test]
fn ten_seconds_after_the_start_utc_is_right_within_2_ms() {
    for jitter in JITTERS {
        for frames_per_second in [5.0, 50.0] {
            for seed in 0..SEEDS {
                let mut clock = DeviceClock::new();
                let worst =
                    Link::new(seed, jitter).run(frames_per_second, [10.1, 40.0], &mut clock);
                assert!(
                    worst <= 2.0 * MS,
                    "seed {seed}, {frames_per_second}/s: {worst} s"
                );
            }
        }
    }
}

#[test]
fn after_a_reboot_utc_is_right_sooner_as_the_drift_is_known() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed, even);
        let mut before = DeviceClock::new();
        link.run(5.0, [0.0, 60.0], &mut before);

        link.boot += 61.0;
        let mut clock = before.after_restart();
        let worst = link.run(5.0, [5.0, 40.0], &mut clock);
        assert!(worst <= 2.0 * MS, "seed {seed}: {worst} s");
        // What the session before was told stays as it was.
        link.boot -= 61.0;
        assert!(link.error(&before, 50.0).abs() <= 2.0 * MS);
    }
}

#[test]
fn time_never_goes_back_and_what_was_said_of_one_stays_said() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed, even);
        let (mut clock, mut wall) = (DeviceClock::new(), WallClock::default());
        let mut said = vec![];
        for frame in 1..200 {
            // Now and then the link is silent, or the host's clock is set.
            let silence = if frame % 50 == 0 { 40.0 } else { 0.0 };
            let now = link.last.max(link.boot) + silence + 0.2 * link.random.next();
            let mut arrival = link.arrival(now);
            arrival.unix += match frame {
                60..120 => 3_600_000_000_000,
                120.. => -3_600_000_000_000,
                _ => 0,
            };
            let sent_at = link.device(now);
            clock.hear(sent_at, arrival, &mut wall);
            for device in [sent_at - 150_000, sent_at - 1, sent_at] {
                said.push((device, clock.unix_micros(device)));
            }
        }
        for (device, unix) in &said {
            assert_eq!(clock.unix_micros(*device), *unix, "of {device}");
        }
        said.sort_unstable();
        assert!(said.is_sorted_by_key(|(_, unix)| *unix), "seed {seed}");
    }
}

#[test]
fn a_wall_clock_that_is_set_forward_is_followed_at_once() {
    let mut link = Link::new(1, even);
    let (mut clock, mut wall) = (DeviceClock::new(), WallClock::default());
    let mut step = 0;
    let mut now = link.boot;
    while now < 60.0 {
        now += 0.1;
        if now > 30.0 {
            step = 7_200_000_000_000;
        }
        let mut arrival = link.arrival(now);
        arrival.unix += step;
        clock.hear(link.device(now), arrival, &mut wall);
    }
    let error = link.error(&clock, now) - 7_200.0;
    assert!(error.abs() <= 2.0 * MS, "{error} s");
    // What was before the step is where it was.
    assert!(link.error(&clock, 29.0).abs() <= 2.0 * MS);
}

#[test]
fn a_duration_is_right_within_2_percent_even_while_the_clock_is_learned() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed, even);
        let (mut clock, mut wall) = (DeviceClock::new(), WallClock::default());
        for frame in 1..200 {
            let now = link.boot + 0.2 * f64::from(frame);
            link.send(now, &mut clock, &mut wall);
            let (begin, end) = (link.device(now - 0.15), link.device(now));
            let lasts = clock.unix_micros(end) - clock.unix_micros(begin);
            let ratio = lasts as f64 / (end - begin) as f64;
            assert!((0.98..1.02).contains(&ratio), "seed {seed}: {ratio}");
        }
    }
}

#[test]
fn a_drift_that_is_far_from_a_crystals_is_learned_too() {
    for drift in [-0.02, 0.005, 0.02] {
        let mut link = Link::new(3, even);
        link.drift = drift;
        let mut clock = DeviceClock::new();
        link.run(5.0, [0.0, 120.0], &mut clock);
        let error = link.error(&clock, link.boot + 120.0);
        assert!(error.abs() <= 2.0 * MS, "{drift}: {error} s");
    }
}

#[test]
fn a_session_that_nobody_heard_is_known_from_one_point() {
    let clock = DeviceClock::silent(5_000, 1_790_000_000_000_000);
    assert_eq!(clock.unix_micros(5_000), 1_790_000_000_000_000);
    assert_eq!(clock.unix_micros(4_000), 1_789_999_999_999_000);
    assert_eq!(clock.unix_micros(7_000), 1_790_000_000_002_000);
}

#[test]
fn no_time_makes_it_panic() {
    let (mut clock, mut wall) = (DeviceClock::new(), WallClock::default());
    let arrivals = [0, i64::MAX, i64::MIN, 1, 1_000_000_000];
    let devices = [i64::MIN, -1, 0, 1, 1_000_000, i64::MAX - 1, i64::MAX];
    for (at, device) in devices.into_iter().enumerate() {
        let arrival = Arrival {
            monotonic: arrivals[at % arrivals.len()],
            unix: arrivals[(at + 1) % arrivals.len()],
        };
        clock.hear(device, arrival, &mut wall);
        for device in devices {
            let _ = clock.unix_micros(device);
        }
    }
}
