//! What a device says of itself, and how it is asked.

use jaegerling_core::decode::TagValue;
use jaegerling_core::frame::{
    Arrival, Content, Device, Losses, REQUEST, RequestListener, Writer, max_len,
};
use jaegerling_core::{BUFFER_EXTRA, Stats, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::line::{self, Header};
use crate::oracle::{OracleBatch, OracleTag};
use crate::{Micros, whole, with_one};

proptest! {
    #[test]
    fn a_hello_is_read_as_it_was_said(
        (session, sent_at, hz) in any::<(u32, i64, u32)>(),
        counts in any::<[u64; 5]>(),
        (service, text) in (".{0,30}", ".{0,30}"),
        number in any::<i64>(),
        close in any::<bool>(),
    ) {
        let mut stats = Stats::default();
        let dropped = &mut stats.dropped;
        let [handed_over, ring_full, evicted, too_large, failed] = counts;
        (dropped.ring_full, dropped.evicted) = (ring_full, evicted);
        (dropped.too_large, dropped.failed) = (too_large, failed);
        let dropped = *dropped;
        stats.handed_over = handed_over;
        let tags = [("text", Value::from(&*text)), ("number", number.into())];
        let device = Device::new(&service, hz).with_tags(tags);
        let mut buffer = [0xa5; 300];
        let mut writer = Writer::new(session);
        let clock = Micros(sent_at);
        writer.datagram(&clock, b"");
        let encoder = match close {
            true => writer.close(&clock, &device, &stats, &mut buffer),
            false => writer.hello(&clock, &device, &stats, &mut buffer),
        };
        with_one(&whole(encoder.unwrap()), |frame| {
            let hello = match frame.content {
                Content::Hello(hello) if !close => hello,
                Content::Close(hello) if close => hello,
                other => panic!("{other:?}"),
            };
            assert_eq!((frame.session, hello.sequence), (session as u16, 1));
            assert_eq!((frame.sent_at, hello.sent_at), (sent_at as u32, sent_at));
            assert_eq!((hello.ticks_per_second, hello.handed_over), (hz, handed_over));
            assert_eq!(hello.dropped, dropped);
            let process = hello.process;
            assert_eq!(process.service_name, *service);
            let tags: Vec<_> = process.tags.iter().map(|tag| tag.value).collect();
            assert_eq!(tags, [TagValue::String((&*text).into()), TagValue::Long(number)]);
        });
    }

    #[test]
    fn a_listener_hears_a_request_wherever_it_is(
        noise in vec(0..3_u8, 0..40),
        parts in vec((0..17_usize, 0..17_usize), 0..5),
        cut in 1..20_usize,
    ) {
        let mut stream = noise;
        for (from, to) in parts {
            stream.extend(&REQUEST[from.min(to)..from.max(to).min(REQUEST.len())]);
            stream.extend(REQUEST);
        }
        let expected = stream.windows(REQUEST.len()).filter(|window| **window == REQUEST);
        let expected = expected.count();
        let mut listener = RequestListener::new();
        let mut one_by_one = listener;
        let heard = stream.iter().filter(|byte| one_by_one.hear(&[**byte]));
        prop_assert_eq!(heard.count(), expected);
        let heard = stream.chunks(cut).filter(|bytes| listener.hear(bytes)).count();
        prop_assert!(heard <= expected && (heard > 0) == (expected > 0));
    }
}

#[test]
fn a_hello_has_as_many_tags_as_fit_and_no_byte_more() {
    let tags = [
        ("one", Value::from("first")),
        ("two", 2.into()),
        ("f", 0.5_f64.into()),
    ];
    let device = Device::new("thermostat", 1).with_tags(tags);
    let mut seen = [0; 4];
    for len in 0..200 {
        let mut buffer = vec![0xa5; len];
        let mut writer = Writer::new(1);
        let hello = writer.hello(&Micros(0), &device, &Stats::default(), &mut buffer);
        let Some(hello) = hello else {
            assert!(len < BUFFER_EXTRA + 56 + 13);
            continue;
        };
        let bytes = whole(hello);
        assert!(bytes.len() <= max_len(len - BUFFER_EXTRA));
        with_one(&bytes, |frame| {
            let Content::Hello(hello) = frame.content else {
                panic!("{frame:?}");
            };
            assert_eq!(hello.process.service_name, "thermostat");
            let kept = hello.process.tags.len();
            let keys = hello.process.tags.iter().zip(["one", "two", "f"]);
            assert!(keys.into_iter().all(|(tag, key)| tag.key == key));
            seen[kept] += 1;
        });
    }
    assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
}

#[test]
fn what_stands_in_a_hello_is_a_process_of_jaeger() {
    let device = Device::new("thermostat", 1).with_tags([("board", "microbit".into())]);
    let mut buffer = [0; 300];
    let mut writer = Writer::new(1);
    let hello = writer.hello(&Micros(0), &device, &Stats::default(), &mut buffer);
    let bytes = whole(hello.unwrap());
    // Around it, a message with no span, for Apache Thrift.
    let contents = unstuffed(&bytes[1..bytes.len() - 1]);
    let process = &contents[14 + 56..];
    let message = b"\x82\x81\x01\x09emitBatch\x1c\x1c";
    let batch = OracleBatch::read(&[message, process, b"\x19\x0c\0\0"].concat());
    let process = batch.unwrap().process;
    assert_eq!(process.service_name, "thermostat");
    assert_eq!(process.tags(), [OracleTag::string("board", "microbit")]);
}

/// Of contents that end in a zero.
fn unstuffed(mut stuffed: &[u8]) -> Vec<u8> {
    let mut contents = Vec::new();
    while let [code, rest @ ..] = stuffed {
        let (block, behind) = rest.split_at(usize::from(*code) - 1);
        contents.extend(block);
        contents.extend((*code < 255).then_some(0));
        stuffed = behind;
    }
    contents
}

#[test]
fn a_hello_is_due_at_the_start_and_every_ten_seconds() {
    let mut buffer = [0; 200];
    let device = Device::new("s", 1);
    for start in [0, u32::MAX as i64 - 5_000_000] {
        let mut hello = |writer: &mut Writer, now| {
            let hello = writer.hello(&Micros(now), &device, &Stats::default(), &mut buffer);
            whole(hello.unwrap())
        };
        let mut writer = Writer::new(1);
        assert!(writer.is_hello_due(&Micros(start)));
        hello(&mut writer, start);
        assert!(!writer.is_hello_due(&Micros(start)));
        whole(writer.datagram(&Micros(start + 9_999_999), b""));
        assert!(!writer.is_hello_due(&Micros(start + 9_999_999)));
        assert!(writer.is_hello_due(&Micros(start + 10_000_000)));
        hello(&mut writer, start + 10_000_000);
        assert!(!writer.is_hello_due(&Micros(start + 10_000_001)));
    }
}

#[test]
fn a_request_is_a_frame_that_is_always_the_same() {
    let header = Header {
        sent_at: 0,
        session: 0,
        sequence: 0,
        kind: crate::REQUEST,
        recorded_in: None,
    };
    assert_eq!(line::frame(header, b""), REQUEST);
    let mut losses = Losses::new();
    with_one(&REQUEST, |frame| {
        assert!(matches!(frame.content, Content::Request));
        assert_eq!(losses.follow(&frame), Arrival::Request);
    });
    assert_eq!(losses, Losses::new());
}
