use super::*;
use proptest::prelude::*;

const HOUR: i64 = 3_600 * SECOND;
const YEAR_2026: i64 = 1_770_000_000 * SECOND;

/// A machine of which all is known.
struct Machine {
    /// Monotonic time.
    now: i64,
    /// The count, and the part of one that is to come.
    ticks: f64,
    /// In ticks per nanosecond.
    rate: f64,
    wall: i64,
    /// What its looks are wrong by, at most.
    jitter: i64,
    random: u64,
}

impl Machine {
    fn new(rate: f64) -> Self {
        Self {
            now: 40 * SECOND,
            ticks: 77.0e9,
            rate,
            wall: YEAR_2026,
            jitter: 25,
            random: 1,
        }
    }

    fn pass(&mut self, nanos: i64) {
        self.now += nanos;
        self.wall += nanos;
        self.ticks += nanos as f64 * self.rate;
    }

    /// At most so much, in both directions.
    fn some(&mut self, most: i64) -> i64 {
        self.random = self
            .random
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(1);
        (self.random >> 33) as i64 % (2 * most + 1) - most
    }

    fn ticks(&self) -> u64 {
        self.ticks as u64
    }

    fn look(&mut self) -> Look {
        // Four tries.
        self.pass(250);
        let jitter = self.jitter;
        Look {
            ticks: self.ticks() + ((jitter + self.some(jitter)) as f64 * self.rate) as u64,
            monotonic: self.now + jitter,
            wall: self.wall + jitter,
        }
    }

    /// Does what is done when something is to be dated.
    fn drain(&mut self, timeline: &mut Timeline) -> bool {
        let due = timeline.is_due(self.ticks(), self.wall);
        if due {
            timeline.follow(self.look());
        }
        due
    }
}

#[track_caller]
fn assert_near(left: i64, right: i64, most: i64) {
    let apart = left.abs_diff(right);
    assert!(
        apart <= most.unsigned_abs(),
        "{left} and {right}, {apart} apart"
    );
}

/// 2.3 GHz, as a server's processor; 24 MHz, as one of Apple's; 1 GHz, as the monotonic clock.
const RATES: [f64; 3] = [2.3, 0.024, 1.0];

#[test]
fn the_first_spans_are_right_microseconds_after_the_first_look() {
    for rate in RATES {
        let mut machine = Machine::new(rate);
        let mut timeline = Timeline::new(machine.look());
        for pause in [
            300, 700, 2_000, 50, 5_000, 400, 20_000, 300_000, 90_000, 40_000_000,
        ] {
            machine.pass(pause / 2);
            let (start, started) = (machine.ticks(), machine.wall);
            machine.pass(pause / 2);
            let (end, ended) = (machine.ticks(), machine.wall);
            machine.drain(&mut timeline);
            let one_tick = (1.0 / rate) as i64;
            assert_near(timeline.unix_nanos(start), started, 200 + 3 * one_tick);
            assert_near(timeline.unix_nanos(end), ended, 200 + 3 * one_tick);
        }
    }
}

#[test]
fn looks_are_rare() {
    let mut machine = Machine::new(2.3);
    let mut timeline = Timeline::new(machine.look());
    let mut looks = 0;
    // A span each ten microseconds, for ten seconds.
    for _ in 0..1_000_000 {
        machine.pass(10_000);
        looks += usize::from(machine.drain(&mut timeline));
    }
    assert!((10..40).contains(&looks), "{looks} looks");
}

#[test]
fn dates_hold_for_hours_on_a_counter_whose_rate_wanders() {
    let mut machine = Machine::new(2.3);
    let mut timeline = Timeline::new(machine.look());
    let mut long: Vec<(u64, i64, i64)> = Vec::new();
    let mut worst = [0; 2];
    while machine.now < 12 * HOUR {
        // By a few parts in a million within hours, as by the weather, and faster when it has much to do.
        let hours = machine.now as f64 / HOUR as f64;
        machine.rate = 2.3 * (1.0 + 3e-6 * hours.sin() + 2e-7 * (40.0 * hours).sin());
        let pause = 50_000_000 + machine.some(49_000_000);
        machine.pass(pause);
        machine.drain(&mut timeline);
        let date = timeline.unix_nanos(machine.ticks());
        worst[0] = worst[0].max(date.abs_diff(machine.wall));
        if machine.now / (600 * SECOND) > long.len() as i64 {
            long.push((machine.ticks(), machine.wall, date));
        }
    }
    for (ticks, wall, _) in &long {
        worst[1] = worst[1].max(timeline.unix_nanos(*ticks).abs_diff(*wall));
    }
    let [now, began_hours_ago] = worst;
    assert!(now < 1_000, "off by {now} ns");
    assert!(began_hours_ago < 100_000, "off by {began_hours_ago} ns");
    assert!(timeline.past.len() <= PAST);
}

#[test]
fn a_tick_keeps_its_date() {
    let mut machine = Machine::new(2.3);
    let mut timeline = Timeline::new(machine.look());
    machine.pass(3 * SECOND);
    machine.drain(&mut timeline);
    let (ticks, date) = (machine.ticks(), timeline.unix_nanos(machine.ticks()));
    for _ in 0..40 {
        machine.pass(SECOND / 2);
        machine.drain(&mut timeline);
        assert_near(timeline.unix_nanos(ticks), date, 200);
    }
}

#[test]
fn a_step_of_the_wall_clock_moves_dates_and_no_duration() {
    for step in [-7 * HOUR, -1_000_000, 600_000, 9 * SECOND] {
        let mut machine = Machine::new(2.3);
        let mut timeline = Timeline::new(machine.look());
        machine.pass(5 * SECOND);
        machine.drain(&mut timeline);
        let start = machine.ticks();
        machine.pass(3_000_000);
        machine.wall += step;
        machine.pass(4_000_000);
        let (end, ended) = (machine.ticks(), machine.wall);
        // The very next one that is dated.
        assert!(
            machine.drain(&mut timeline),
            "a step of {step} ns is not seen"
        );
        assert_near(timeline.unix_nanos(end), ended, 200);
        assert_near(
            timeline.unix_nanos(end) - timeline.unix_nanos(start),
            7_000_000,
            200,
        );
    }
}

#[test]
fn steps_too_small_to_be_followed_do_not_add_up() {
    let mut machine = Machine::new(2.3);
    let mut timeline = Timeline::new(machine.look());
    for _ in 0..1_000 {
        machine.pass(SECOND / 3);
        machine.wall += 90_000;
        machine.drain(&mut timeline);
        assert_near(
            timeline.unix_nanos(machine.ticks()),
            machine.wall,
            TOLERANCE as i64 + 200,
        );
    }
}

/// What is recorded after `happens` is right at once, if it is drained once in between; and what
/// follows is right to parts in a million.
fn is_right_after(happens: impl Fn(&mut Machine)) {
    for seconds in [1, 100] {
        let mut machine = Machine::new(2.3);
        let mut timeline = Timeline::new(machine.look());
        for _ in 0..seconds * 4 {
            machine.pass(SECOND / 4);
            machine.drain(&mut timeline);
        }
        happens(&mut machine);
        for pause in [1_000, 500_000, 2_000_000, 3 * SECOND] {
            let (start, started) = (machine.ticks(), machine.wall);
            machine.pass(pause);
            machine.drain(&mut timeline);
            let (end, ended) = (machine.ticks(), machine.wall);
            let duration = timeline.unix_nanos(end) - timeline.unix_nanos(start);
            assert_near(timeline.unix_nanos(end), ended, TOLERANCE as i64);
            // A rate that changed is not known before the second look.
            assert_near(duration, ended - started, pause / 2 + 300);
        }
        let start = machine.ticks();
        machine.pass(SECOND / 10);
        machine.drain(&mut timeline);
        let duration = timeline.unix_nanos(machine.ticks()) - timeline.unix_nanos(start);
        assert_near(duration, SECOND / 10, 1_000);
    }
}

/// A span that is open when its clock is looked at, and has ended before something happens: how far its
/// start is off, and how long it lasts, of 70 ms; and a span that begins 10 ms later, which is across
/// all of it.
fn spans_across(happens: impl Fn(&mut Machine)) -> [i64; 3] {
    let mut machine = Machine::new(2.3);
    let mut timeline = Timeline::new(machine.look());
    for _ in 0..400 {
        machine.pass(SECOND / 4);
        machine.drain(&mut timeline);
    }
    machine.pass(SECOND * 6 / 5);
    let (start, started) = (machine.ticks(), machine.wall);
    machine.pass(20_000_000);
    assert!(machine.drain(&mut timeline));
    machine.pass(50_000_000);
    let end = machine.ticks();
    machine.pass(10_000_000);
    let across = machine.ticks();
    happens(&mut machine);
    machine.pass(300_000_000);
    assert!(machine.drain(&mut timeline));
    let [start, end, across, now] =
        [start, end, across, machine.ticks()].map(|ticks| timeline.unix_nanos(ticks));
    [start - started, end - start, now - across]
}

#[test]
fn a_span_across_sleep_lasts_as_long_as_that_and_no_other_does() {
    let slept = 8 * HOUR;
    let [off, lasted, across] = spans_across(|machine| {
        machine.ticks += slept as f64 * machine.rate;
        machine.wall += slept;
    });
    assert_near(off, 0, 1_000);
    assert_near(lasted, 70_000_000, 10_000);
    assert_near(across, slept + 300_000_000, 1_000_000);
}

#[test]
fn spans_of_a_counter_that_has_begun_again_keep_their_dates() {
    let [off, lasted, _] = spans_across(|machine| {
        machine.ticks = 1_000.0;
        machine.wall += 8 * HOUR;
    });
    assert_near(off, 0, 1_000);
    assert_near(lasted, 70_000_000, 10_000);
}

#[test]
fn whatever_happens_to_a_counter_no_span_ends_before_it_begins() {
    let paused = |machine: &mut Machine| machine.ticks += 23e9;
    let moved = |machine: &mut Machine| {
        machine.ticks += 1e12;
        machine.rate = 1.9;
    };
    let faster = |machine: &mut Machine| machine.rate = 1.9;
    let stood = |machine: &mut Machine| {
        machine.now += HOUR;
        machine.wall += HOUR;
    };
    let all: [&dyn Fn(&mut Machine); 4] = [&paused, &moved, &faster, &stood];
    for (which, happens) in all.into_iter().enumerate() {
        let [off, lasted, across] = spans_across(happens);
        assert_near(off, 0, 1_000);
        assert!(lasted >= 20_000_000 - 1_000, "{which}: {lasted}");
        assert!(across >= 0, "{which}: {across}");
    }
}

#[test]
fn a_counter_that_went_on_while_the_machine_slept_is_followed() {
    is_right_after(|machine| {
        machine.ticks += 8.0 * HOUR as f64 * machine.rate;
        machine.wall += 8 * HOUR;
    });
}

#[test]
fn a_counter_that_stood_still_while_the_monotonic_clock_went_on_is_followed() {
    is_right_after(|machine| {
        machine.now += HOUR;
        machine.wall += HOUR;
    });
}

#[test]
fn a_counter_that_began_again_is_followed() {
    is_right_after(|machine| {
        machine.ticks = 1_000.0;
        machine.wall += HOUR;
    });
}

#[test]
fn a_counter_of_another_machine_is_followed() {
    is_right_after(|machine| {
        machine.ticks += 1e12;
        machine.rate = 1.9;
    });
}

#[test]
fn the_monotonic_clock_itself_is_taken_as_it_is() {
    let look = |nanos: i64| Look {
        ticks: nanos.unsigned_abs(),
        monotonic: nanos,
        wall: YEAR_2026 + nanos,
    };
    let mut timeline = Timeline::new(look(1_000));
    for nanos in [1_001, 1_900, 40_000, 5 * SECOND, 7 * HOUR] {
        timeline.follow(look(nanos));
        for nanos in [0, 1, 999, 1_500, nanos, 9 * HOUR] {
            assert_eq!(timeline.unix_nanos(nanos.unsigned_abs()), YEAR_2026 + nanos);
        }
    }
}

fn nanos_up_to(most: i64) -> impl Strategy<Value = i64> {
    // As many short ones as long ones.
    (0..=most.ilog2()).prop_flat_map(move |bits| 0..=(2_i64 << bits).min(most))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// On any counter, drained at any times, with any steps of the wall clock.
    #[test]
    fn within_a_span_time_goes_on_and_is_right(
        rate in 0.02..6.0,
        spans in prop::collection::vec((nanos_up_to(60 * SECOND), nanos_up_to(60 * SECOND), -2..3), 1..200),
    ) {
        let mut machine = Machine::new(rate);
        let mut timeline = Timeline::new(machine.look());
        let begin = machine.now;
        let one_tick = (1.0 / rate) as i64 + 1;
        for (before, during, step) in spans {
            machine.pass(before);
            let start = machine.ticks();
            machine.pass(during / 2);
            machine.wall += i64::from(step) * 10_000_000;
            let middle = machine.ticks();
            machine.pass(during - during / 2);
            let end = machine.ticks();
            machine.drain(&mut timeline);
            let [start, middle, end] = [start, middle, end].map(|ticks| {
                let date = timeline.unix_nanos(ticks);
                assert_eq!(date, timeline.whenever(ticks), "the short way");
                date
            });
            prop_assert!(start <= middle && middle <= end);
            prop_assert!(end.abs_diff(machine.wall) < TOLERANCE + 100_000);
            let wrong = (end - start).abs_diff(during);
            // 50 parts in a million after the first second; before, as exact as looks are.
            let of_rate = if machine.now - begin > SECOND { during / 20_000 } else { 0 };
            let allowed = 300 + 6 * one_tick + of_rate;
            prop_assert!(wrong <= allowed.unsigned_abs(), "wrong by {wrong} of {during}");
        }
    }

    #[test]
    fn no_clock_makes_it_panic(
        looks in prop::collection::vec((any::<u64>(), any::<i64>(), any::<i64>(), any::<bool>()), 1..300),
    ) {
        let look = |(ticks, monotonic, wall, _)| Look { ticks, monotonic, wall };
        let mut timeline = Timeline::new(look(looks[0]));
        let mut last = look(looks[0]);
        for next in looks {
            // Some as they may be, some as they come.
            last = match next.3 {
                true => look(next),
                false => Look {
                    ticks: last.ticks.wrapping_add(next.0 >> 30),
                    monotonic: last.monotonic.wrapping_add(next.1 >> 30),
                    wall: last.wall.wrapping_add(next.2 >> 30),
                },
            };
            timeline.is_due(last.ticks, last.wall);
            timeline.follow(last);
            for ticks in [last.ticks, next.0, next.0 >> 20, last.ticks.wrapping_add(next.0 >> 25)] {
                let date = timeline.whenever(ticks);
                prop_assert_eq!(timeline.unix_nanos(ticks), date, "the short way");
            }
            prop_assert!(timeline.past.len() <= PAST);
        }
    }
}
