//! `jaegerling bridge`, the program itself, with a device of core's own tracer at the other end.
#![cfg(all(unix, feature = "cli"))]
#![allow(missing_docs)]

#[path = "../program/mod.rs"]
mod program;

mod arguments;
mod device;
mod file;
mod jaeger;
mod limits;
mod link;
mod recovered;
mod times;

use std::io::Write;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::time::Duration;

use jaegerling_core::Stats;

use device::Device;
use jaeger::Jaeger;
use program::Program;

/// A bridge that reads its standard input and sends to a Jaeger of the test.
fn bridge(jaeger: &Jaeger, more: &[&str]) -> Program {
    let to = jaeger.address();
    let mut bridge = Program::fed(&[&["bridge", "-", "--to", &to], more].concat());
    // Once it reads, it knows when something comes.
    feed(&mut bridge, &[vec![0]]);
    let stdin = bridge.stdin.as_ref().expect("it is open").as_raw_fd();
    let mut unread = 1;
    while unread > 0 {
        std::thread::sleep(Duration::from_millis(1));
        // SAFETY: it stores how many bytes are in the pipe.
        let known = unsafe { libc::ioctl(stdin, libc::FIONREAD, &raw mut unread) };
        assert_eq!(known, 0);
    }
    bridge
}

/// Brings some frames to the bridge.
fn feed(bridge: &mut Program, frames: &[Vec<u8>]) {
    let stdin = bridge.stdin.as_mut().expect("it is open");
    for frame in frames {
        stdin.write_all(frame).expect("it reads");
    }
    stdin.flush().expect("it reads");
}

#[test]
fn the_spans_of_a_device_arrive_in_utc_and_with_more_tags() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &["--tag", "site=roof", "--tag", "rack=a=1"]);
    let mut device = Device::new(1);
    let mut frames = device.send();
    device.record(0);
    frames.extend(device.send());
    feed(&mut bridge, &frames);

    let spans = jaeger.spans(1);
    let span = &spans[0];
    assert_eq!(
        (span.service.as_str(), span.name.as_str()),
        ("thermostat", "sample")
    );
    let tag = |key: &str| span.process_tags.get(key).map(String::as_str);
    assert_eq!(tag("site"), Some("roof"));
    assert_eq!(tag("rack"), Some("a=1"));
    assert_eq!(tag("board"), Some("virtual"));
    span.assert_begun_at(device.recorded(0));

    feed(&mut bridge, &device.close());
    let ended = bridge.wait();
    assert!(ended.status.success());
    let account = "3 frames, 0 bad, 0 missing; 1 session; 1 span passed on\n  \
                   lost on the link: 0 spans; lost on the device: 0 spans\n";
    assert_eq!(ended.stderr, format!("thermostat, session 1\n{account}"));
}

#[test]
fn what_was_lost_on_the_link_and_what_on_the_device_is_told_apart() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    let mut device = Device::new(1);
    let mut frames = device.send();
    // The ring has 16 slots.
    (0..20).for_each(|number| device.record(number));
    let mut sent = device.send();
    assert!(sent.len() > 3, "in several frames");
    // One never arrives, another is damaged.
    let missing = device::span_count(&sent.remove(1)) + device::span_count(&sent[2]);
    sent[2][20] ^= 1;
    frames.extend(sent);
    frames.extend(device.close());
    feed(&mut bridge, &frames);

    let ended = bridge.wait();
    let told = format!("lost on the link: {missing} spans; lost on the device: 4 spans\n");
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    let account = format!("{} frames, 1 bad, 2 missing; ", frames.len() - 1);
    assert!(ended.stderr.contains(&account), "{}", ended.stderr);
    let line = "  4 spans found no room in the device's ring\n  1 bad frame damaged\n";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
}

#[test]
fn a_device_that_knows_utc_is_passed_through_untouched() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    let mut device = Device::in_utc(1);
    device.record(0);
    let datagram = device.datagram();
    let frame = device.frame(&datagram);
    feed(&mut bridge, &[frame]);
    assert_eq!(jaeger.datagram(), datagram);
    assert!(bridge.wait().stderr.contains("1 span passed on"));
}

#[test]
fn with_a_view_traces_are_drawn_and_sent_only_if_that_is_asked_for_as_well() {
    let jaeger = Jaeger::new();
    for more in [&["--to", &*jaeger.address()][..], &[]] {
        let arguments = [&["bridge", "-", "--view", "--idle", "10ms"], more].concat();
        let mut bridge = Program::fed(&arguments);
        let mut device = Device::new(1);
        device.record(7);
        feed(&mut bridge, &device.send());
        let picture = bridge.wait_for("number=7");
        assert!(picture.contains("thermostat  sample"), "{picture}");
        if more.is_empty() {
            assert!(jaeger.is_silent());
        } else {
            assert_eq!(jaeger.spans(1).len(), 1);
        }
        assert!(bridge.wait().status.success());
    }
}

#[test]
fn a_bridge_that_joins_in_the_middle_counts_what_was_before_apart() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    let mut device = Device::new(1);
    device.record(0);
    let unheard = device.send();
    // It asks who this is.
    let mut frames = vec![device.hello()];
    device.record(1);
    frames.extend(device.send());
    device.record(2);
    let lost = device.send();
    frames.extend(device.close());
    feed(&mut bridge, &frames);

    let ended = bridge.wait();
    let before = format!(
        "  {} frames sent before this bridge listened\n",
        unheard.len()
    );
    assert!(ended.stderr.contains(&before), "{}", ended.stderr);
    let account = format!("{} frames, 0 bad, {} missing; ", frames.len(), lost.len());
    assert!(ended.stderr.contains(&account), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("lost on the link: 1 span;"),
        "{}",
        ended.stderr
    );
}

#[test]
fn frames_that_are_lost_are_told_in_jaeger_as_a_span_of_the_devices_service() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &["--tag", "site=roof"]);
    let mut device = Device::new(1);
    feed(&mut bridge, &device.send());
    (0..2).for_each(|number| {
        device.record(number);
        drop(device.send());
    });
    device.record(2);
    feed(&mut bridge, &device.send());
    // At once, the first time.
    let spans = jaeger.spans(2);
    let [arrived, told] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(arrived.number, Some(2));
    assert_eq!(told.name, "jaegerling: frames lost");
    assert_eq!(told.service, "thermostat");
    assert_eq!(told.tags["missing"], "Long(2)");
    assert_eq!(told.tags["error"], "Bool(true)");
    assert_eq!(told.process_tags["site"], "roof");
    told.assert_begun_at(device.recorded(0));
    assert!(told.duration > 0);

    // What comes within the same second, with what comes later or at the end.
    (3..5).for_each(|number| {
        device.record(number);
        drop(device.send());
        feed(&mut bridge, &[device.hello()]);
    });
    let ended = bridge.wait();
    assert_eq!(jaeger.spans(1)[0].tags["missing"], "Long(2)");
    assert!(jaeger.is_silent());
    assert!(
        ended.stderr.contains("1 span passed on"),
        "{}",
        ended.stderr
    );
}

#[test]
fn frames_that_come_twice_do_not_hide_a_loss() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    let mut device = Device::new(1);
    let mut frames = device.send();
    for number in 0..3 {
        device.record(number);
        frames.extend(device.send());
    }
    // The second span is lost, and the first one comes again.
    frames[2] = frames[1].clone();
    frames.extend(device.close());
    feed(&mut bridge, &frames);
    let ended = bridge.wait();
    let told = "lost on the link: 1 span; lost on the device: 0 spans\n";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let line = "  1 frame came more than once\n";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
}

#[test]
fn frames_that_are_lost_after_the_last_hello_are_told_apart() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    let mut device = Device::new(1);
    feed(&mut bridge, &device.send());
    for number in 0..3 {
        device.record(number);
        let frames = device.send();
        if number == 2 {
            feed(&mut bridge, &frames);
        }
    }
    let ended = bridge.wait();
    assert!(
        ended.stderr.contains("lost on the link: 0 spans;"),
        "{}",
        ended.stderr
    );
    let line = "  2 frames missing since the device has told of its spans\n";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
}

#[test]
fn counters_that_cannot_be_are_told_as_they_are() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    for session in [1, 2] {
        let mut device = Device::new(session);
        let mut stats = Stats::default();
        stats.handed_over = u64::MAX;
        stats.dropped.ring_full = u64::MAX;
        stats.dropped.evicted = u64::MAX;
        feed(&mut bridge, &[device.hello_of(&stats)]);
    }
    let ended = bridge.wait();
    assert!(ended.status.success(), "{}", ended.stderr);
    let told = format!("lost on the device: {} spans\n", u64::MAX);
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
}

#[test]
fn that_nobody_listens_is_said() {
    let unused = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let to = unused.local_addr().expect("an address").to_string();
    drop(unused);
    let mut bridge = Program::fed(&["bridge", "-", "--to", &to]);
    let mut device = Device::new(1);
    for number in 0..5 {
        device.record(number);
        feed(&mut bridge, &device.send());
    }
    let ended = bridge.wait();
    assert!(
        ended.stderr.contains(&format!("nobody listens at {to}\n")),
        "{}",
        ended.stderr
    );
    let line = format!(" refused: nobody listened at {to}\n");
    assert!(ended.stderr.contains(&line), "{}", ended.stderr);
}

#[test]
fn a_screen_that_nobody_reads_holds_up_neither_jaeger_nor_the_end() {
    let jaeger = Jaeger::new();
    let to = jaeger.address();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = program::command();
    command.stdin(Stdio::piped()).stdout(writer);
    command.args(["bridge", "-", "--view", "--idle", "1ms", "--to", &to]);
    let mut bridge = Program::spawn(&mut command);
    let mut device = Device::new(1);
    for number in 0..1_000 {
        device.record(number);
        feed(&mut bridge, &device.send());
        assert_eq!(jaeger.spans(1)[0].number, Some(number));
    }
    let ended = bridge.end("TERM");
    drop(reader);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(" 1000 spans passed on\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_span_that_is_larger_than_the_devices_datagrams_arrives_without_what_has_no_room() {
    let jaeger = Jaeger::new();
    let mut bridge = bridge(&jaeger, &[]);
    let mut device = Device::new(1);
    device.record_large(40);
    feed(&mut bridge, &device.send());
    let span = &jaeger.spans(1)[0];
    let kept = span
        .tags
        .keys()
        .filter(|key| key.starts_with("tag-"))
        .count();
    assert!(kept < 40);
    let cut = &span.tags["otel.dropped_attributes_count"];
    assert_eq!(*cut, format!("Long({})", 40 - kept));
    assert!(bridge.wait().stderr.contains("1 span passed on"));
}
