//! What is on the wire, and how long it is.

use jaegerling_core::decode::decode;
use jaegerling_core::frame::{Content, Decoder, Writer, datagram_limit, max_len};
use jaegerling_core::{
    BUFFER_EXTRA, KeepOldest, Packer, Process, SeededIds, SingleContext, Slot, Tracer,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::line::{self, Header};
use crate::{DATAGRAM, Micros, RECOVERED, UTC, bytes_of, each_frame, whole, with_one};

proptest! {
    #[test]
    fn a_frame_is_on_the_wire_what_its_documentation_says(
        payload in payloads(),
        (session, sent_at, sequence) in any::<(u32, i64, u8)>(),
        recovered in prop::option::of(any::<u32>()),
        is_utc in any::<bool>(),
        how in vec(0..40_u8, 1..5),
    ) {
        let mut writer = Writer::new(session);
        let clock = Micros(sent_at);
        for _ in 0..sequence {
            writer.datagram(&clock, b"");
        }
        writer.set_utc(is_utc);
        let encoder = match recovered {
            Some(session) => writer.recovered(&clock, &payload, session),
            None => writer.datagram(&clock, &payload),
        };
        let kind = if recovered.is_some() { RECOVERED } else { DATAGRAM };
        let header = Header {
            sent_at: sent_at as u32,
            session: session as u16,
            sequence: sequence.into(),
            kind: kind | if is_utc { UTC } else { 0 },
            recorded_in: recovered.map(|session| session as u16),
        };
        let expected = line::frame(header, &payload);
        let bytes = bytes_of(encoder, &how);
        prop_assert_eq!(&bytes, &expected);
        prop_assert!(bytes[1..bytes.len() - 1].iter().all(|byte| *byte != 0));

        with_one(&bytes, |frame| {
            assert_eq!((frame.session, frame.sequence), (session as u16, sequence.into()));
            assert_eq!((frame.sent_at, frame.is_utc), (sent_at as u32, is_utc));
            match (frame.content, recovered) {
                (Content::Datagram(datagram), None) => assert_eq!(datagram, payload),
                (Content::Recovered { recorded_in, datagram }, Some(session)) => {
                    assert_eq!((recorded_in, datagram), (session as u16, &payload[..]));
                }
                other => panic!("{other:?}"),
            }
        });
    }

    #[test]
    fn no_frame_is_longer_than_it_can_be(payload in payloads()) {
        let mut datagram = payload.clone();
        datagram.push(0);
        let mut writer = Writer::new(1);
        let longest = max_len(datagram.len());
        prop_assert!(whole(writer.datagram(&Micros(1), &datagram)).len() <= longest);
        prop_assert!(whole(writer.recovered(&Micros(1), &datagram, 1)).len() <= longest + 2);
        let longest = max_len(payload.len()) + 1;
        prop_assert!(whole(writer.datagram(&Micros(1), &payload)).len() <= longest);
    }
}

/// Payloads with many zeros or none, around the lengths of one block and of two, or any.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    let lengths = prop_oneof![0..20_usize, 235..262_usize, 490..520_usize, 0..2_000_usize];
    let zeros = prop_oneof![Just(0_u8), 1..40_u8, Just(255)];
    (lengths, zeros).prop_flat_map(|(len, zeros)| {
        let byte = any::<(u8, u8)>().prop_map(move |(byte, of)| match of < zeros {
            true => 0,
            false => byte.max(1),
        });
        vec(byte, len)
    })
}

#[test]
fn the_limit_for_a_link_is_the_longest_datagram_whose_frame_it_takes() {
    for max_frame in 0..70_000 {
        let limit = datagram_limit(max_frame);
        assert!(limit == 0 || max_len(limit) <= max_frame);
        assert!(max_len(limit + 1) > max_frame);
    }
    // A frame of up to 254 bytes takes 16 for itself.
    assert!((1..=254).all(|datagram| max_len(datagram) == datagram + 16));
    assert_eq!(max_len(255), 255 + 17);
    assert_eq!(max_len(usize::MAX), usize::MAX);
    assert!(datagram_limit(usize::MAX) > 65_000);
}

/// A link of so many bytes a frame: spans that are larger are trimmed, and go on.
#[test]
fn no_frame_is_longer_than_its_link_takes() {
    const LINK: usize = 255;
    let tracer: Traces = Traces::new(Micros(1_000_000), SeededIds::new(), SingleContext::new());
    tracer.init(7).unwrap();
    let mut packer = Packer::new(datagram_limit(LINK), "thermostat").unwrap();
    let mut drain = tracer.take_drain().unwrap();
    let mut writer = Writer::new(1);
    let mut buffer = [0; LINK + BUFFER_EXTRA];
    let (mut stream, mut longest) = (Vec::new(), 0);
    for len in 0..300 {
        let mut span = tracer.root(&"n".repeat(len));
        span.tag("text", &*"t".repeat(len));
        span.end();
        let process = Process::new("thermostat");
        while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &process) {
            let frame = whole(writer.datagram(tracer.clock(), datagram.bytes));
            longest = longest.max(frame.len());
            stream.extend(frame);
            drain.sent(&mut packer);
        }
    }
    assert!((LINK - 4..=LINK).contains(&longest), "{longest}");
    let mut spans = 0;
    each_frame(&mut Decoder::new([0; LINK]), &stream, &[64], |read| {
        let Content::Datagram(datagram) = read.unwrap().content else {
            panic!("only datagrams were sent");
        };
        spans += decode(datagram).unwrap().spans.len();
    });
    assert_eq!(spans, 300);
    let stats = drain.stats();
    assert_eq!((stats.handed_over, stats.dropped.total()), (300, 0));
    assert!(stats.trimmed.tags > 0 && stats.trimmed.names > 0);

    // What cannot hold a bare span is refused where it is set.
    let refused = packer.set_limit(datagram_limit(100)).unwrap_err();
    assert_eq!(refused.limit, datagram_limit(100));
    assert_eq!(packer.limit(), datagram_limit(LINK));
}

type Traces = Tracer<Micros, SeededIds, SingleContext, KeepOldest, [Slot<40>; 32], 40>;

#[test]
fn when_a_frame_was_sent_is_known_in_full_from_any_time_near_to_that() {
    for sent_at in [7, 5_i64 << 32 | 7, 1_790_000_000_123_456] {
        let mut writer = Writer::new(1);
        let bytes = whole(writer.datagram(&Micros(sent_at), b""));
        with_one(&bytes, |frame| {
            let half = 1 << 31;
            for apart in [0, 1, 7, 8, half, -1, -7, -8, 1 - half] {
                assert_eq!(frame.sent_near(sent_at + apart), sent_at);
            }
            assert_eq!(frame.sent_near(sent_at + half + 1), sent_at + (1 << 32));
            assert_eq!(frame.sent_near(sent_at - half), sent_at - (1 << 32));
        });
    }
}
