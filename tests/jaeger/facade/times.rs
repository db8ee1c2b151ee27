//! When a span was and for how long: exact where it can be, sane where not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jaegerling::{Span, StartTime};

use super::{Rig, trace_id};

const START: i64 = 1_700_000_000_123_456;
const YEAR: Duration = Duration::from_secs(31_556_952);
/// The last microsecond of which Jaeger can keep the nanoseconds.
const LATEST: i64 = i64::MAX / 1000;

#[test]
fn start_and_duration_are_exact_to_the_microsecond() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    lasting(
        rig.tracer.span(id, "root"),
        at(START),
        at(START + 1_234_567),
    );
    lasting(rig.tracer.span(id, "shortest"), at(START), at(START + 1));
    // Both ends are rounded down, so that spans that touch still do.
    let fraction = Duration::from_nanos(999);
    lasting(
        rig.tracer.span(id, "fractions"),
        at(START) + fraction,
        at(START + 10) + fraction,
    );

    let trace = rig.read_clean(id, 3);
    for (name, duration) in [("root", 1_234_567), ("shortest", 1), ("fractions", 10)] {
        assert_eq!(trace.span(name).start(), START, "{name}");
        assert_eq!(trace.span(name).duration(), duration, "{name}");
    }
}

#[test]
fn the_clock_is_that_of_the_machine() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let before = micros(SystemTime::now());
    let span = rig.tracer.span(id, "root");
    std::thread::sleep(Duration::from_millis(20));
    drop(span);
    let after = micros(SystemTime::now());

    let trace = rig.read_clean(id, 1);
    let span = trace.span("root");
    let tolerance = 2_000;
    assert!(span.duration() >= 20_000 - 1);
    assert!(span.start() >= before - tolerance);
    assert!(span.start() + span.duration() <= after + tolerance);
}

#[test]
fn spans_of_no_time_are_not_warned_about() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let root = rig.tracer.span(id, "root");
    drop(root.child("at once"));
    lasting(root.child("zero"), at(START), at(START));
    drop(root);
    assert_eq!(rig.read_clean(id, 3).span("zero").duration(), 1);
}

#[test]
fn children_outside_of_their_parents_time_are_not_warned_about() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let root = rig.tracer.span(id, "root");
    lasting(root.child("begins before"), at(START - 1), at(START + 1));
    lasting(root.child("ends after"), at(START + 1), at(START + 1001));
    lasting(root.child("longer"), at(START - 1), at(START + 5000));
    lasting(root, at(START), at(START + 1000));
    rig.read_clean(id, 4);
}

#[test]
fn impossible_times_are_made_possible() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let span = |name: &str| rig.tracer.span(id, name);
    let before_1970 = UNIX_EPOCH - Duration::from_secs(10);
    lasting(span("before 1970"), before_1970, at(500));
    lasting(span("wholly before 1970"), before_1970 - YEAR, before_1970);
    lasting(span("backwards"), at(START), at(START - 10));
    lasting(
        span("far future"),
        UNIX_EPOCH + 400 * YEAR,
        UNIX_EPOCH + 401 * YEAR,
    );
    lasting(span("endless"), at(START), UNIX_EPOCH + 400 * YEAR);

    let trace = rig.read_clean(id, 5);
    let times = |name| (trace.span(name).start(), trace.span(name).duration());
    assert_eq!(times("before 1970"), (0, 500));
    assert_eq!(times("wholly before 1970"), (0, 1));
    assert_eq!(times("backwards"), (START, 1));
    // Jaeger keeps the end in 64-bit nanoseconds, too, so start and end must both fit.
    assert_eq!(times("endless"), (START, LATEST - START));
    let (start, duration) = times("far future");
    assert!(start > START && duration >= 1 && start + duration <= LATEST);
}

/// Ends the span after giving it these times.
fn lasting(mut span: Span, start: SystemTime, end: SystemTime) {
    span.override_start_time(StartTime::from(start));
    span.override_end_time(StartTime::from(end));
}

fn at(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())
}

fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}
