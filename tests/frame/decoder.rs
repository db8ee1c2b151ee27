//! What a decoder takes, and what it refuses.

use jaegerling_core::frame::{Content, Decoder, FrameError, Writer};

use crate::line::{self, Damage, Header, Received};
use crate::{DATAGRAM, HELLO, Micros, each_frame, whole};

#[test]
fn what_is_no_frame_is_told_and_counted_by_reason() {
    let header = Header {
        sent_at: 1,
        session: 2,
        sequence: 3,
        kind: DATAGRAM,
        recorded_in: None,
    };
    let good = line::frame(header, b"datagram");
    let of_kind = |kind| line::frame(Header { kind, ..header }, b"datagram");
    let contents = |bytes: &[u8]| [&[0][..], &line::stuffed(bytes), &[0]].concat();
    let mut cut = good.clone();
    cut.remove(20);
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    let checked = |bytes: &[u8]| contents(&[&line::crc_32(bytes).to_le_bytes(), bytes].concat());
    let frames = [
        (cut, FrameError::BadStuffing),
        (flipped, FrameError::BadCrc),
        (contents(b"abc"), FrameError::TooShort),
        (checked(b"short"), FrameError::TooShort),
        // No zero behind its header.
        (
            checked(b"\x01\0\0\0\x02\0\x03\0\x21datagram"),
            FrameError::TooShort,
        ),
        (of_kind(0x41), FrameError::UnknownVersion(2)),
        (of_kind(0x2f), FrameError::UnknownKind(15)),
        (line::frame(header, &[1; 50]), FrameError::TooLong),
    ];
    let mut decoder = Decoder::new([0; 40]);
    for (frame, error) in frames {
        let mut read = Vec::new();
        // Each of them costs no more than itself.
        let stream = [&good, &frame, &good].map(|frame| &frame[..]).concat();
        each_frame(&mut decoder, &stream, &[7], |frame| read.push(frame.err()));
        assert_eq!(read, [None, Some(error), None]);
    }
    let bad = decoder.bad();
    assert_eq!(bad.total(), 8);
    assert_eq!((bad.too_long, bad.bad_stuffing, bad.too_short), (1, 1, 3));
    assert_eq!(
        (bad.bad_crc, bad.unknown_version, bad.unknown_kind),
        (1, 1, 1)
    );

    let mut decoder = Decoder::new([0; 100]);
    let hello = |payload: &[u8]| {
        line::frame(
            Header {
                kind: HELLO,
                ..header
            },
            payload,
        )
    };
    let short = hello(&[7; 30]);
    let no_service = hello(&[0; 57]);
    let mut errors = Vec::new();
    each_frame(&mut decoder, &[short, no_service].concat(), &[9], |read| {
        errors.push(read.unwrap_err().to_string());
    });
    let expected = [
        "a hello that cannot be read: the datagram ends within what begins at byte 30",
        "a hello that cannot be read: the field `serviceName` of the struct Process that ends at byte 1 is missing",
    ];
    assert_eq!(errors, expected);
    assert_eq!((decoder.bad().bad_hello, decoder.bad().total()), (2, 2));
}

#[test]
fn a_frame_as_long_as_the_buffer_is_taken_and_one_longer_is_not() {
    for len in [0, 1, 100, 253, 254, 255, 600] {
        let payload = [&vec![7; len][..], &[0]].concat();
        let mut writer = Writer::new(1);
        let bytes = whole(writer.datagram(&Micros(0), &payload));
        let read = |len| {
            let mut decoder = Decoder::new(vec![0xa5; len]);
            let mut input = &bytes[..];
            let read = decoder.next(&mut input).unwrap();
            read.map(|frame| assert!(matches!(frame.content, Content::Datagram(d) if d == payload)))
        };
        assert_eq!(read(payload.len() + 14), Ok(()));
        assert_eq!(read(payload.len() + 13), Err(FrameError::TooLong));
        assert_eq!(read(0), Err(FrameError::TooLong));
    }
}

#[test]
fn before_the_first_delimiter_nobody_knows_what_it_is() {
    let mut writer = Writer::new(1);
    let bytes = whole(writer.datagram(&Micros(0), b"datagram"));
    for joined_at in 1..bytes.len() {
        let stream = [&bytes[joined_at..], &bytes].concat();
        let mut decoder = Decoder::new([0; 100]);
        let mut frames = 0;
        each_frame(&mut decoder, &stream, &[5], |read| {
            frames += read.map_or(9, |_| 1)
        });
        assert_eq!((frames, decoder.bad().total()), (1, 0));
    }
}

#[test]
fn text_between_frames_costs_no_frame() {
    let mut writer = Writer::new(1);
    let mut stream = b"boot\r\n".to_vec();
    for _ in 0..3 {
        stream.extend(whole(writer.datagram(&Micros(0), b"datagram")));
        stream.extend(b"a line of a log\r\n");
    }
    let mut decoder = Decoder::new([0; 100]);
    let mut frames = 0;
    each_frame(&mut decoder, &stream, &[5], |read| {
        frames += u32::from(read.is_ok())
    });
    // The last line has not ended.
    assert_eq!((frames, decoder.bad().total()), (3, 2));
}

/// One byte of a frame between two others is damaged in every way there is.
#[test]
fn a_frame_with_one_damaged_byte_is_not_taken_for_one() {
    let mut long = vec![7; 600];
    long[300] = 0;
    let mut ways: Vec<_> = (1..=255).map(Damage::Flip).collect();
    ways.extend((0..=255).map(Damage::Insert));
    ways.push(Damage::Drop);
    // Payloads that end in a zero or not, in a block that is full or not.
    let payloads = [
        &b""[..],
        b"a\0",
        b"a\0b",
        &long[..254],
        &long[47..301],
        &long[46..301],
    ];
    for payload in payloads {
        let mut writer = Writer::new(0x1234);
        let frames: Vec<_> = (0..3)
            .map(|_| whole(writer.datagram(&Micros(99), payload)))
            .collect();
        let first = frames[0].len();
        for at in first..first + frames[1].len() {
            // Of a long block, some bytes are as good as all.
            if (first + 24..first + 256).contains(&at) {
                continue;
            }
            for way in &ways {
                let mut index = 0..;
                let damage = || (index.next() == Some(at)).then_some(*way);
                let received = Received::over(&frames, damage);
                let mut arrived = [false; 3];
                each_frame(
                    &mut Decoder::new([0; 300]),
                    &received.bytes,
                    &[300],
                    |read| {
                        if let Ok(frame) = read {
                            let index = usize::from(frame.sequence);
                            assert!(
                                matches!(frame.content, Content::Datagram(read) if read == payload)
                            );
                            arrived[index] = true;
                        }
                    },
                );
                assert_eq!(arrived[..], received.is_whole, "{way:?} at {at}");
            }
        }
    }
}
