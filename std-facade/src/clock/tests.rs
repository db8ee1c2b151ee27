use super::*;
use std::time::{Duration, Instant};

/// How far dates may be away from the wall clock, in nanoseconds: what is not followed, and a look's
/// error.
const AWAY: i64 = 510_000;

fn wall() -> i64 {
    nanos(SystemTime::now())
}

#[test]
fn dates_are_those_of_the_wall_clock() {
    for _ in 0..200 {
        let before = wall();
        let ticks = SystemClock.now();
        let after = wall();
        let date = SystemClock.unix_nanos(ticks);
        assert!(
            before - AWAY <= date && date <= after + AWAY,
            "{before} {date} {after}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn durations_are_those_of_the_monotonic_clock() {
    let (before, start, after) = (Instant::now(), SystemClock.now(), Instant::now());
    for pause in [0, 1, 20, 100, 1_100] {
        std::thread::sleep(Duration::from_millis(pause));
        let least = after.elapsed().as_nanos() as i64;
        let end = SystemClock.now();
        let most = before.elapsed().as_nanos() as i64;
        let dates = SystemClock::dates();
        let duration = dates.unix_nanos(end) - dates.unix_nanos(start);
        // One part in 20,000, and what two looks may be wrong by.
        let slack = 1_000 + most / 20_000;
        assert!(
            least - slack <= duration && duration <= most + slack,
            "{least} {duration} {most}"
        );
    }
}

#[test]
fn the_counter_is_read_where_the_system_keeps_time_by_it() {
    SystemClock.now();
    let is_read = SOURCE.load(Ordering::Relaxed) == Source::Counter as u8;
    // What Linux found out on its own; where it says nothing, nothing is known here.
    let file = |path| std::fs::read_to_string(path).unwrap_or_default();
    let flags = file("/proc/cpuinfo");
    let current = file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let fit = flags.contains("constant_tsc") && flags.contains("nonstop_tsc");
    if cfg!(jaegerling_portable) || current.trim() == "hpet" || current.trim() == "acpi_pm" {
        assert!(!is_read);
    } else if current.trim() == "tsc" {
        assert_eq!(is_read, fit);
    }
}

#[test]
fn without_a_counter_the_monotonic_clock_is_as_right() {
    let mut timeline = Timeline::new(Source::Monotonic.look());
    for _ in 0..50 {
        let (before, ticks, after) = (wall(), Source::Monotonic.read(), wall());
        timeline.follow(Source::Monotonic.look());
        let date = timeline.unix_nanos(ticks);
        assert!(
            before - AWAY <= date && date <= after + AWAY,
            "{before} {date} {after}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn time_goes_on_from_thread_to_thread() {
    let (there, arrives) = std::sync::mpsc::sync_channel::<u64>(0);
    let other = std::thread::spawn(move || {
        arrives
            .into_iter()
            .map(|sent| (sent, SystemClock.now()))
            .collect::<Vec<_>>()
    });
    for _ in 0..2_000 {
        there
            .send(SystemClock.now())
            .expect("the other one listens");
    }
    drop(there);
    let dates = SystemClock::dates();
    for (sent, came) in other.join().expect("no panic") {
        // Neither core waits with its look for what stands before it.
        assert!(dates.unix_nanos(came) - dates.unix_nanos(sent) > -1_000);
    }
}
