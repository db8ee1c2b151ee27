//! A device and its link, on virtual clocks.

use super::{Arrival, DeviceClock, HostClock};

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
            drift: if seed % 2 == 0 { 200e-6 } else { -200e-6 },
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
    fn send(&mut self, now: f64, clock: &mut DeviceClock, wall: &mut HostClock) {
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
        let said = clock.unix_micros(self.device(now)).expect("it was heard") - BEGIN / 1_000;
        said as f64 * 1e-6 - now - self.delay
    }

    /// Sends frames until so many seconds after the start. The largest error after the first of them.
    fn run(&mut self, rate: f64, [first, last]: [f64; 2], clock: &mut DeviceClock) -> f64 {
        let mut wall = HostClock::default();
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
    for (jitter, shape) in JITTERS.into_iter().zip(["even", "exponential", "rare"]) {
        for frames_per_second in [5.0, 50.0] {
            let mut largest = 0.0_f64;
            for seed in 0..SEEDS {
                let mut clock = DeviceClock::new();
                let worst =
                    Link::new(seed, jitter).run(frames_per_second, [10.1, 40.0], &mut clock);
                assert!(
                    worst <= 2.0 * MS,
                    "seed {seed}, {frames_per_second}/s: {worst} s"
                );
                largest = largest.max(worst);
            }
            let largest = largest / MS;
            println!(
                "{shape} jitter, {frames_per_second} frames/s, {SEEDS} seeds: {largest:.2} ms"
            );
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
        let (mut clock, mut wall) = (DeviceClock::new(), HostClock::default());
        let mut said = vec![];
        for frame in 1..200 {
            // Now and then the link is silent, and once the host's clock is set forward.
            let silence = if frame % 50 == 0 { 40.0 } else { 0.0 };
            let now = link.last.max(link.boot) + silence + 0.2 * link.random.next();
            let mut arrival = link.arrival(now);
            if frame > 120 {
                arrival.unix += 3_600_000_000_000;
            }
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

/// What a device says while its host goes through something, ten frames a second for two minutes. `host` says
/// what has been added to the host's monotonic and wall clock at a time, `device` what to the device's; in
/// seconds. When the clock is wrong by more than 10 ms, in seconds of the device; and the clock.
fn goes_through(
    host: impl Fn(f64) -> [f64; 2],
    device: impl Fn(f64) -> f64,
) -> (Vec<f64>, DeviceClock, Link) {
    let mut link = Link::new(1, even);
    let (mut clock, mut wall) = (DeviceClock::new(), HostClock::default());
    let mut wrong = vec![];
    let nanos = |seconds: f64| (seconds * 1e9) as i64;
    let (mut now, mut last) = (link.boot, 0);
    while now < 120.0 {
        now += 0.1;
        let sent_at = link.device(now + device(now));
        if sent_at <= last {
            continue;
        }
        last = sent_at;
        let mut arrival = link.arrival(now);
        let [monotonic, unix] = host(now);
        arrival.monotonic += nanos(monotonic);
        arrival.unix += nanos(unix);
        clock.hear(sent_at, arrival, &mut wall);
        let said = clock.unix_micros(sent_at).expect("it was heard") * 1_000 - BEGIN;
        let error = said as f64 * 1e-9 - now - link.delay - unix;
        if now > link.boot + 10.0 && error.abs() > 10.0 * MS {
            wrong.push(now);
        }
    }
    (wrong, clock, link)
}

#[test]
fn a_wall_clock_that_is_set_forward_is_followed_at_once() {
    let (wrong, clock, link) =
        goes_through(|now| [0.0, if now > 50.0 { 7_200.0 } else { 0.0 }], |_| 0.0);
    assert!(wrong.is_empty(), "{wrong:?}");
    // What was before the step is where it was.
    assert!(link.error(&clock, 49.0).abs() <= 2.0 * MS);
}

#[test]
fn a_wall_clock_that_is_set_back_is_followed_at_once_but_not_by_what_had_begun() {
    let (wrong, clock, link) = goes_through(
        |now| [0.0, if now > 50.0 { -3_600.0 } else { 0.0 }],
        |_| 0.0,
    );
    assert!(wrong.is_empty(), "{wrong:?}");
    let begun = clock.epoch(link.device(49.0)).expect("it was heard");
    let [begin, end] = [49.0, 51.0].map(|now| begun.unix_micros(link.device(now)));
    assert!(
        (end - begin).abs_diff(2_000_000) < 2_000,
        "{begin} to {end}"
    );
}

#[test]
fn a_host_that_sleeps_while_the_device_goes_on_is_right_when_it_wakes() {
    for slept in [0.3, 5.0, 3_600.0] {
        let asleep = |now: f64| if now > 50.0 { slept } else { 0.0 };
        // Its monotonic clock stands still, and all else goes on.
        let (wrong, ..) = goes_through(|now| [0.0, asleep(now)], asleep);
        assert!(wrong.is_empty(), "{slept} s: {wrong:?}");
    }
}

#[test]
fn a_device_whose_clock_stands_still_is_right_a_few_seconds_after() {
    for stood in [0.5, 10.0, 50.0] {
        let stands = |now: f64| (50.0 - now).clamp(-stood, 0.0);
        let (wrong, ..) = goes_through(|_| [0.0, 0.0], stands);
        let mut wrong = wrong.iter().map(|now| now - 50.0 - stood);
        assert!(wrong.all(|after| (0.0..6.5).contains(&after)), "{stood} s");
    }
}

#[test]
fn a_device_whose_clock_leaps_is_right_within_seconds() {
    for leap in [0.5, 10.0, 600.0] {
        let leaps = |now: f64| if now > 50.0 { leap } else { 0.0 };
        let (wrong, ..) = goes_through(|_| [0.0, 0.0], leaps);
        assert!(
            wrong.iter().all(|now| (50.0..53.0).contains(now)),
            "{leap} s: {wrong:?}"
        );
    }
}

#[test]
fn first_frames_that_come_seven_seconds_late_are_made_up_for_in_as_many() {
    // As a link does that has stored them.
    let (wrong, ..) = goes_through(|now| [(10.0 - now).max(0.0); 2], |_| 0.0);
    assert!(wrong.iter().all(|now| *now < 17.0), "{wrong:?}");
}

#[test]
fn a_child_stays_within_its_parent_though_it_arrives_earlier() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed, even);
        let (mut clock, mut wall) = (DeviceClock::new(), HostClock::default());
        let mut parent = None;
        for frame in 1..300 {
            let now = link.boot + 0.2 * f64::from(frame);
            link.send(now, &mut clock, &mut wall);
            let [begin, end] = [0.19, 0.01].map(|ago| link.device(now - ago));
            let child = [begin, end].map(|at| clock.unix_micros(at).expect("it was heard"));
            let (parent_begin, first_child, children) =
                parent.get_or_insert((begin - 1, child[0], 0));
            *children += 1;
            assert!(child[0] <= child[1]);
            if *children == 20 {
                let begin = clock.unix_micros(*parent_begin).expect("it was heard");
                let end = clock.unix_micros(end + 1).expect("it was heard");
                assert!(begin <= *first_child && child[1] <= end, "seed {seed}");
                parent = None;
            }
        }
    }
}

#[test]
fn a_duration_is_right_within_2_percent_even_while_the_clock_is_learned() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed, even);
        let (mut clock, mut wall) = (DeviceClock::new(), HostClock::default());
        for frame in 1..200 {
            let now = link.boot + 0.2 * f64::from(frame);
            link.send(now, &mut clock, &mut wall);
            let (begin, end) = (link.device(now - 0.15), link.device(now));
            let said = [begin, end].map(|at| clock.unix_micros(at).expect("it was heard"));
            let lasts = said[1] - said[0];
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
    assert_eq!(clock.unix_micros(5_000), Some(1_790_000_000_000_000));
    assert_eq!(clock.unix_micros(4_000), Some(1_789_999_999_999_000));
    assert_eq!(clock.unix_micros(7_000), Some(1_790_000_000_002_000));
}

#[test]
fn no_time_makes_it_panic() {
    let (mut clock, mut wall) = (DeviceClock::new(), HostClock::default());
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
