//! A test alone in its program: the first thing that it does is to trace.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jaegerling::decode::decode;

#[test]
fn the_first_span_of_a_program_has_its_time_without_a_wait() {
    let begin = SystemTime::now();
    let (traces_in, mut traces_out) = jaegerling::builder("first").build().expect("no setting");
    let before = Instant::now();
    let span = traces_in.new_trace("first");
    let started = Instant::now();
    while started.elapsed() < Duration::from_micros(30) {}
    let least = started.elapsed();
    drop(span);
    let most = before.elapsed();
    let datagram = traces_out.try_next();
    let end = SystemTime::now();

    let datagram = datagram.expect("it goes on").expect("a span waits");
    let batch = decode(&datagram).expect("a datagram");
    let span = batch.spans.into_iter().next().expect("a span");
    let (start, duration) = (span.start_time, span.duration);
    let micros = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_micros() as i64
    };
    // What the wall clock may be away by, and a microsecond that is begun.
    assert!((micros(begin) - 501..=micros(end) + 501).contains(&start));
    let expected = least.as_micros() as i64 - 1..=most.as_micros() as i64 + 1;
    assert!(
        expected.contains(&duration),
        "{duration} µs, not in {expected:?}"
    );
}
