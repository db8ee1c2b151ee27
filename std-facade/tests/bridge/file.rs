//! Links that are recorded, and files that are read.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::device::Device;
use crate::jaeger::{Arrived, Jaeger};
use crate::program::{Program, folder};
use crate::{bridge, feed};

fn replay(file: &str, spans: usize) -> (Vec<Arrived>, String) {
    let jaeger = Jaeger::new();
    let replayed = Program::start(&["bridge", file, "--to", &jaeger.address()]);
    let spans = jaeger.spans(spans);
    (spans, replayed.wait().stderr)
}

#[test]
fn a_recording_is_replayed_at_the_time_it_was_recorded_though_the_bridge_was_killed() {
    let file = folder("bridge-replay").join("link.rec");
    let file = file.to_string_lossy();
    let jaeger = Jaeger::new();
    let mut recording = bridge(&jaeger, &["--record", &file]);
    let mut device = Device::new(1);
    for number in 0..5 {
        device.record(number);
        feed(&mut recording, &device.send());
        std::thread::sleep(Duration::from_millis(20));
    }
    let live = jaeger.spans(5);
    drop(recording.end("KILL"));

    let (replayed, account) = replay(&file, 5);
    for (live, replayed) in live.iter().zip(&replayed) {
        assert_eq!(
            (live.start, live.duration),
            (replayed.start, replayed.duration)
        );
        assert_eq!(live.number, replayed.number);
    }
    assert!(
        account.contains(" 0 bad, 0 missing; 1 session; 5 spans"),
        "{account}"
    );

    // A piece that was only half written.
    let bytes = fs::read(&*file).expect("a recording");
    fs::write(&*file, &bytes[..bytes.len() - 40]).expect("a shorter one");
    let (_, account) = replay(&file, 4);
    assert!(
        account.contains(" 0 bad, 0 missing; 1 session; 4 spans"),
        "{account}"
    );
}

#[test]
fn bytes_without_times_are_taken_for_those_of_a_device_that_starts_now() {
    let file = folder("bridge-raw").join("link.bin");
    let mut device = Device::new(1);
    device.record(0);
    let mut frames = device.send();
    std::thread::sleep(Duration::from_millis(300));
    device.record(1);
    frames.extend(device.send());
    fs::write(&file, frames.concat()).expect("a file");

    let micros = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
        since.as_micros() as i64
    };
    let now = micros(SystemTime::now());
    let (spans, _) = replay(&file.to_string_lossy(), 2);
    // It ended when the first frame was sent, which is put to the start of the program.
    assert!((now - 100_000..=micros(SystemTime::now())).contains(&spans[0].start));
    let apart = device.recorded(1).duration_since(device.recorded(0));
    let apart = apart.expect("later").as_micros() as i64;
    assert!((spans[1].start - spans[0].start).abs_diff(apart) < 100_000);
}

#[test]
fn a_damaged_recording_is_read_as_far_as_it_goes() {
    let file = folder("bridge-damaged").join("link.rec");
    let file = file.to_string_lossy();
    let jaeger = Jaeger::new();
    let mut recording = bridge(&jaeger, &["--record", &file]);
    let mut device = Device::new(1);
    device.record(0);
    feed(&mut recording, &device.send());
    jaeger.spans(1);
    recording.wait();
    let bytes = fs::read(&*file).expect("a recording");
    fs::write(&*file, [&bytes[..], &[0xff; 40]].concat()).expect("a longer one");

    let again = Program::start(&["bridge", &file, "--to", &jaeger.address()]);
    assert_eq!(jaeger.spans(1)[0].number, Some(0));
    let ended = again.wait();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.stderr.contains("this recording is damaged"),
        "{}",
        ended.stderr
    );
}

#[test]
fn whatever_a_file_holds_the_bridge_comes_to_its_end() {
    let file = folder("bridge-noise").join("noise");
    for (seed, begin) in [(1_u64, &b""[..]), (2, b"jaegerling link\n"), (3, b"jaeger")] {
        let mut state = seed;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 56) as u8
        });
        let bytes: Vec<u8> = begin.iter().copied().chain(noise.take(200_000)).collect();
        fs::write(&file, bytes).expect("a file");
        let jaeger = Jaeger::new();
        let read = Program::start(&["bridge", &file.to_string_lossy(), "--to", &jaeger.address()]);
        let ended = read.wait();
        assert!(ended.status.code().is_some(), "{ended:?}");
        assert!(ended.stderr.contains("0 frames, "), "{}", ended.stderr);
        assert!(jaeger.is_silent());
    }
}

#[test]
fn a_pipe_with_a_name_is_a_link_like_standard_input() {
    let fifo = folder("bridge-fifo").join("link");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    let jaeger = Jaeger::new();
    let name = fifo.to_string_lossy();
    let bridge = Program::start(&["bridge", &name, "--to", &jaeger.address()]);
    let mut pipe = fs::OpenOptions::new()
        .write(true)
        .open(&fifo)
        .expect("it is read");
    std::thread::sleep(Duration::from_millis(900));
    let mut device = Device::new(1);
    device.record(0);
    pipe.write_all(&device.send().concat()).expect("it is read");
    jaeger.spans(1)[0].assert_begun_at(device.recorded(0));
    drop(pipe);
    assert!(bridge.wait().status.success());
}
