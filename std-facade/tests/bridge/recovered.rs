//! Spans that a reset has left: at the time at which they were recorded, as far as that is known.

use std::time::Duration;

use crate::device::Device;
use crate::jaeger::Jaeger;
use crate::{bridge, feed};

#[test]
fn spans_of_a_session_that_was_heard_have_the_time_of_its_clock() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    let mut first = Device::new(1);
    feed(&mut bridge, &first.send());
    std::thread::sleep(Duration::from_millis(900));
    first.record(0);
    // Before this is sent, there is a reset.
    let left = first.datagram();
    std::thread::sleep(Duration::from_millis(900));
    let mut second = Device::new(2);
    let mut frames = second.send();
    frames.push(second.recovered(&left, 1));
    second.record(1);
    frames.extend(second.send());
    feed(&mut bridge, &frames);

    let spans = jaeger.spans(2);
    spans[0].assert_begun_at(first.recorded(0));
    spans[1].assert_begun_at(second.recorded(0));
    let ended = bridge.wait();
    assert!(
        ended.stderr.contains(" 2 sessions; 2 spans passed on"),
        "{}",
        ended.stderr
    );
}

#[test]
fn spans_of_a_session_that_nobody_heard_end_when_the_device_started_again() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    let mut first = Device::new(1);
    first.record(0);
    let early = first.datagram();
    std::thread::sleep(Duration::from_millis(900));
    first.record(1);
    let late = first.datagram();
    let mut second = Device::new(2);
    std::thread::sleep(Duration::from_millis(900));
    let mut frames = second.send();
    frames.push(second.recovered(&early, 1));
    frames.push(second.recovered(&late, 1));
    feed(&mut bridge, &frames);

    let spans = jaeger.spans(2);
    spans[0].assert_begun_at(second.begin());
    // They are as far apart as they were.
    let apart = first.recorded(1).duration_since(first.recorded(0));
    let apart = apart.expect("later").as_micros() as i64;
    assert!((spans[1].start - spans[0].start).abs_diff(apart) < 10_000);
}

#[test]
fn a_device_that_does_not_count_its_starts_is_known_to_have_started_again_by_its_hello() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    for number in 0..3 {
        let mut device = Device::new(0);
        let mut frames = device.send();
        device.record(number);
        frames.extend(device.send());
        feed(&mut bridge, &frames);
        let span = &jaeger.spans(1)[0];
        span.assert_begun_at(device.recorded(0));
    }
    let ended = bridge.wait();
    assert!(
        ended
            .stderr
            .contains("6 frames, 0 bad, 0 missing; 3 sessions"),
        "{}",
        ended.stderr
    );
}
