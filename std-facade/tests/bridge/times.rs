//! What comes after silences, restarts and changes of clocks: from recordings, whose times the test sets.

use std::fs;

use crate::device::Device;
use crate::jaeger::{Arrived, Jaeger};
use crate::program::{Program, folder};

/// When the host's monotonic clock was 0, in seconds since 1970.
const BEGIN: i64 = 1_790_000_000;
/// After so many seconds of that, the device is switched on.
const BOOT: i64 = 100;

const SECOND: i64 = 1_000_000;

/// What has come over a link, and when.
struct Recording(Vec<u8>);

impl Recording {
    fn new() -> Self {
        Self(b"jaegerling link\n".to_vec())
    }

    /// Frames that come at a microsecond of the device that was switched on first.
    fn add(&mut self, at: i64, frames: &[Vec<u8>]) {
        let monotonic = (BOOT * SECOND + at) * 1_000;
        for frame in frames {
            self.0.extend(monotonic.to_le_bytes());
            self.0
                .extend((monotonic + BEGIN * 1_000_000_000).to_le_bytes());
            self.0.extend((frame.len() as u32).to_le_bytes());
            self.0.extend(frame);
        }
    }

    /// So many spans of it, and the account.
    fn replay(&self, name: &str, spans: usize) -> (Vec<Arrived>, String) {
        let file = folder("bridge-times").join(name);
        fs::write(&file, &self.0).expect("a file");
        let jaeger = Jaeger::new();
        let arguments = ["bridge", &file.to_string_lossy(), "--to", &jaeger.address()];
        let bridge = Program::start(&arguments);
        let spans = jaeger.spans(spans);
        (spans, bridge.wait().stderr)
    }
}

/// When a span began, by the device that was switched on first.
fn begun(span: &Arrived) -> i64 {
    span.start - (BEGIN + BOOT) * SECOND
}

#[track_caller]
fn assert_near(is: i64, should_be: i64) {
    assert!(is.abs_diff(should_be) <= 10_000, "{is}, not {should_be}");
}

#[test]
fn after_hours_of_silence_the_first_datagram_has_the_right_time() {
    for minutes in [30, 40, 75, 80, 105, 110, 150, 600] {
        let mut device = Device::new(1);
        let mut recording = Recording::new();
        let mut expected = vec![];
        let mut say = |device: &mut Device, recording: &mut Recording, at: i64, hello: bool| {
            device.record_at(expected.len() as i64, at - 50_000, at - 1_000);
            expected.push(at - 50_000);
            device.set_time(at);
            let mut frames = vec![device.datagram()];
            frames[0] = device.frame(&frames[0].clone());
            if hello {
                frames.push(device.hello());
            }
            recording.add(at, &frames);
        };
        (1..50).for_each(|n| say(&mut device, &mut recording, n * SECOND / 5, n == 1));
        let back = minutes * 60 * SECOND;
        (0..50).for_each(|n| say(&mut device, &mut recording, back + n * SECOND / 5, n == 20));
        let (spans, _) = recording.replay(&format!("silence-{minutes}"), expected.len());
        for (span, expected) in spans.iter().zip(expected) {
            assert_near(begun(span), expected);
            assert_near(span.duration, 49_000);
        }
    }
}

#[test]
fn a_device_that_learns_utc_in_the_middle_and_forgets_it_again_has_the_right_times() {
    let mut device = Device::new(1);
    let mut recording = Recording::new();
    for second in 1..30 {
        let is_utc = (10..20).contains(&second);
        let at = second * SECOND;
        let clock = at + if is_utc { (BEGIN + BOOT) * SECOND } else { 0 };
        device.set_utc(is_utc);
        device.record_at(second, clock - 50_000, clock - 1_000);
        device.set_time(clock);
        recording.add(at, &device.send());
    }
    let (spans, _) = recording.replay("utc", 29);
    for (span, second) in spans.iter().zip(1..) {
        assert_near(begun(span), second * SECOND - 50_000);
    }
}

#[test]
fn spans_of_a_session_that_kept_another_kind_of_time_are_not_put_to_1970() {
    let utc = |at: i64| at + (BEGIN + BOOT) * SECOND;
    for was_utc in [false, true] {
        let mut first = Device::new(1);
        let mut recording = Recording::new();
        let of_first = |at: i64| if was_utc { utc(at) } else { at };
        first.set_utc(was_utc);
        first.set_time(of_first(SECOND));
        recording.add(SECOND, &first.send());
        first.record_at(0, of_first(5 * SECOND), of_first(5 * SECOND + 1_000));
        let left = first.datagram();

        let mut second = Device::new(2);
        second.set_utc(!was_utc);
        let now = 8 * SECOND;
        second.set_time(if was_utc { SECOND } else { utc(now) });
        recording.add(now, &second.send());
        recording.add(now, &[second.recovered(&left, 1)]);
        let (spans, _) = recording.replay(&format!("kinds-{was_utc}"), 1);
        assert_near(begun(&spans[0]), 5 * SECOND);
    }
}

#[test]
fn a_restart_that_does_not_say_so_is_right_from_the_next_hello_on_and_no_span_is_counted_twice() {
    let mut recording = Recording::new();
    let mut first = Device::new(0);
    for n in 1..=100 {
        first.record_at(n, n * SECOND / 5 - 1_000, n * SECOND / 5);
        recording.add(n * SECOND / 5, &first.send());
    }
    // With the same number; the first hello is lost.
    let mut second = Device::new(0);
    drop(second.send());
    for n in 1..=10 {
        second.record_at(100 + n, n * SECOND / 5 - 1_000, n * SECOND / 5);
        let mut frames = vec![];
        if n == 5 {
            frames.push(second.hello());
        }
        frames.extend(second.send());
        recording.add(30 * SECOND + n * SECOND / 5, &frames);
    }
    // With one more that tells of what is missing.
    let (spans, account) = recording.replay("silent-restart", 111);
    let last = spans.iter().find(|span| span.number == Some(110));
    assert_near(begun(last.expect("it arrives")), 32 * SECOND);
    assert!(account.contains("lost on the link: 0 spans;"), "{account}");
}
