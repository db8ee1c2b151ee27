//! Frames: on the wire as their documentation says, whole over a line that damages them or not there
//! at all, and counted.
#![allow(missing_docs, clippy::unwrap_used)]

mod line;

use jaegerling_core::decode::TagValue;
use jaegerling_core::frame::{
    Arrival, Bad, Content, Decoder, Device, Encoder, Frame, FrameError, Hello, Losses, REQUEST,
    RequestListener, Writer, datagram_limit, max_len,
};
use jaegerling_core::{BUFFER_EXTRA, Clock, LimitTooSmall, Packer, Stats, Value};
use line::{Damage, Received, Trailer};
use proptest::collection::vec;
use proptest::prelude::*;

/// A clock that says a number of microseconds.
struct Micros(i64);

impl Clock for Micros {
    fn now(&self) -> u64 {
        self.0 as u64
    }

    fn unix_nanos(&self, _: u64) -> i64 {
        unreachable!("frames have microseconds")
    }

    fn unix_micros(&self, ticks: u64) -> i64 {
        ticks as i64
    }
}

const DATAGRAM: u8 = 0x21;
const RECOVERED: u8 = 0x22;
const HELLO: u8 = 0x23;
const UTC: u8 = 0x10;

/// The bytes of a frame, in pieces of which `how` says how they are taken.
fn bytes_of(mut encoder: Encoder<'_>, how: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for how in how.iter().cycle() {
        let before = bytes.len();
        match how {
            0 => bytes.extend(encoder.next_chunk().unwrap_or_default()),
            1 => bytes.extend(encoder.next()),
            _ => {
                let mut buffer = vec![0xa5; usize::from(*how) - 1];
                let len = encoder.fill(&mut buffer);
                bytes.extend(&buffer[..len]);
            }
        }
        if bytes.len() == before {
            break;
        }
    }
    assert!(encoder.next_chunk().is_none() && encoder.next().is_none());
    assert_eq!(encoder.fill(&mut [0; 4]), 0);
    bytes
}

fn whole(encoder: Encoder<'_>) -> Vec<u8> {
    bytes_of(encoder, &[0])
}

/// All frames of a stream that comes in pieces of these lengths.
fn each_frame(
    decoder: &mut Decoder<impl AsRef<[u8]> + AsMut<[u8]>>,
    stream: &[u8],
    cuts: &[usize],
    mut f: impl FnMut(Result<Frame<'_>, FrameError>),
) {
    let mut rest = stream;
    for cut in cuts.iter().cycle() {
        let (mut piece, behind) = rest.split_at((*cut).min(rest.len()));
        while let Some(read) = decoder.next(&mut piece) {
            f(read);
        }
        assert!(piece.is_empty());
        rest = behind;
        if rest.is_empty() {
            return;
        }
    }
}

/// The only frame of a stream.
fn with_one<R>(stream: &[u8], f: impl FnOnce(Frame<'_>) -> R) -> R {
    let mut decoder = Decoder::new(vec![0xa5; stream.len()]);
    let mut input = stream;
    let result = f(decoder.next(&mut input).unwrap().unwrap());
    assert!(decoder.next(&mut input).is_none());
    assert_eq!(decoder.bad(), Bad::default());
    result
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
        let expected = line::frame(&payload, Trailer {
            recorded_in: recovered.map(|session| session as u16),
            sent_at: sent_at as u32,
            session: session as u16,
            sequence: sequence.into(),
            kind: kind | if is_utc { UTC } else { 0 },
        });
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
}

/// SplitMix64: the same numbers each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One byte in a thousand is flipped, dropped, or made up.
    fn damage(&mut self) -> Option<Damage> {
        if self.below(1_000) > 0 {
            return None;
        }
        Some(match self.below(3) {
            0 => Damage::Flip(self.below(255) as u8 + 1),
            1 => Damage::Drop,
            _ => Damage::Insert(self.next() as u8),
        })
    }

    /// Up to 600 bytes, with many zeros or none.
    fn payload(&mut self) -> Vec<u8> {
        let len = self.below(600);
        let zeros = [0, 4, 25, 230][self.below(4) as usize];
        let byte = |(zero, byte): (u64, u64)| if zero < zeros { 0 } else { byte as u8 };
        (0..len)
            .map(|_| byte((self.below(256), self.below(255) + 1)))
            .collect()
    }
}

/// The frames of a session of at least so many bytes: a hello, then datagrams and now and then
/// another hello.
fn session(random: &mut Random, bytes: usize) -> (Writer, Vec<Vec<u8>>) {
    let mut writer = Writer::new(random.next() as u32);
    let mut clock = Micros(0);
    let device = Device::new("thermostat", 16_000_000).with_tags([("board", "microbit".into())]);
    let mut frames = Vec::new();
    let mut len = 0;
    while len < bytes {
        let frame = match writer.is_hello_due(&clock) {
            true => {
                let mut buffer = [0; 200];
                let hello = writer.hello(&clock, &device, &Stats::default(), &mut buffer);
                whole(hello.unwrap())
            }
            false => whole(writer.datagram(&clock, &random.payload())),
        };
        len += frame.len();
        frames.push(frame);
        clock.0 += 200_000;
    }
    (writer, frames)
}

/// The bar: 20 seeds, 10 million bytes in all.
#[test]
fn over_a_line_that_damages_a_byte_in_a_thousand_all_that_is_whole_arrives_and_nothing_else() {
    let (mut bytes, mut sent, mut untouched, mut arrived, mut half) = (0, 0, 0, 0, 0);
    for seed in 0..20 {
        let random = &mut Random(seed);
        let (mut writer, mut frames) = session(random, 500_000);
        let line = &mut Random(seed + 1_000);
        let mut received = Received::over(&frames, || line.damage());
        // The frame that ends the stream is not damaged, or it would be sent again.
        let mut buffer = [0; 200];
        let device = Device::new("thermostat", 0);
        let close = writer.close(&Micros(0), &device, &Stats::default(), &mut buffer);
        frames.push(whole(close.unwrap()));
        received.bytes.extend(frames.last().unwrap());
        received.is_whole.push(true);
        received.is_untouched.push(true);

        let mut expected = frames.iter().zip(&received.is_whole).enumerate();
        let mut losses = Losses::new();
        let mut decoder = Decoder::new([0; 700]);
        let cuts: Vec<_> = (0..97).map(|_| random.below(300) as usize + 1).collect();
        each_frame(&mut decoder, &received.bytes, &cuts, |read| {
            let Ok(frame) = read else { return };
            losses.follow(&frame);
            // The next one that is whole, and as it was sent.
            let (index, (bytes, _)) = expected.find(|(_, (_, is_whole))| **is_whole).unwrap();
            is_the_one_that_was_sent(&frame, index, bytes);
        });
        assert!(expected.all(|(_, (_, is_whole))| !is_whole));

        let lost = frames.len() as u64 - losses.frames;
        assert_eq!(losses.missing + losses.before, lost);
        assert_eq!((losses.sessions, losses.again), (1, 0));
        for (is_untouched, is_whole) in received.is_untouched.iter().zip(&received.is_whole) {
            assert!(is_whole >= is_untouched);
            half += usize::from(is_whole > is_untouched);
            untouched += usize::from(*is_untouched);
        }
        bytes += received.bytes.len();
        sent += frames.len();
        arrived += losses.frames as usize;
    }
    println!(
        "{bytes} bytes, {sent} frames, {untouched} untouched, {arrived} arrived, \
         {half} of them with one delimiter of two left"
    );
    assert!(bytes > 10_000_000);
    assert_eq!(arrived, untouched + half);
    assert!(arrived < sent * 9 / 10);
}

/// It is the one that was sent as the `index`th, of these bytes.
fn is_the_one_that_was_sent(frame: &Frame<'_>, index: usize, bytes: &[u8]) {
    match &frame.content {
        Content::Hello(hello) | Content::Close(hello) => {
            assert_eq!(hello.sequence as usize, index);
            assert_eq!(hello.process.service_name, "thermostat");
        }
        Content::Datagram(datagram) => {
            let trailer = Trailer {
                recorded_in: None,
                sent_at: frame.sent_at,
                session: frame.session,
                sequence: index as u16,
                kind: DATAGRAM,
            };
            assert_eq!(line::frame(datagram, trailer), bytes);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hello_tells_who_sends_what_its_clock_says_and_what_it_has_lost() {
    let mut writer = Writer::new(0x0001_0007);
    let sent_at = 5 << 40;
    let device = Device::new("thermostat", 32_768).with_tags([("board", Value::from("microbit"))]);
    let mut buffer = [0; 300];
    assert!(writer.is_hello_due(&Micros(sent_at)));
    let hello = writer.hello(&Micros(sent_at), &device, &Stats::default(), &mut buffer);
    let bytes = whole(hello.unwrap());
    with_one(&bytes, |frame| {
        let Content::Hello(hello) = frame.content else {
            panic!("{frame:?}");
        };
        assert_eq!((frame.session, frame.sequence), (7, 0));
        assert_eq!((hello.sequence, hello.sent_at), (0, sent_at));
        assert_eq!((hello.ticks_per_second, hello.handed_over), (32_768, 0));
        assert_eq!(hello.dropped, Stats::default().dropped);
        assert_eq!(hello.process.service_name, "thermostat");
        let tag = hello.process.tags.iter().next().unwrap();
        assert_eq!(tag.key, "board");
        assert_eq!(tag.value, TagValue::String("microbit".into()));
    });
    let due = i64::from(Writer::HELLO_EVERY) + sent_at;
    assert!(!writer.is_hello_due(&Micros(due - 1)) && writer.is_hello_due(&Micros(due)));
}

#[test]
fn of_a_hello_that_has_no_room_tags_go_first_then_the_end_of_the_name() {
    let tags = [("a", Value::from(1_i64)), ("b", Value::from(2_i64))];
    let device = Device::new("thermostat", 0).with_tags(tags);
    let (mut names, mut counts) = (Vec::new(), Vec::new());
    for len in 0..=BUFFER_EXTRA + 100 {
        let mut writer = Writer::new(0);
        let mut buffer = vec![0; len];
        match writer.hello(&Micros(0), &device, &Stats::default(), &mut buffer) {
            Some(hello) => with_one(&whole(hello), |frame| {
                let Content::Hello(Hello { process, .. }) = frame.content else {
                    panic!("{frame:?}");
                };
                names.push(process.service_name.as_str().unwrap().len());
                counts.push(process.tags.len());
            }),
            None => assert!(len < BUFFER_EXTRA + 60, "{len}"),
        }
    }
    assert!(names.is_sorted() && counts.is_sorted());
    assert_eq!((names[0], names.last()), (0, Some(&10)));
    assert_eq!((counts[0], counts.last()), (0, Some(&2)));
    let whole_name = names.iter().position(|len| *len == 10).unwrap();
    assert_eq!(counts[whole_name], 0);
}

#[test]
fn what_was_no_frame_is_told_and_counted_by_reason() {
    let payload = b"a datagram";
    let good = whole(Writer::new(1).datagram(&Micros(1), payload));
    let with = |kind: u8| {
        let trailer = Trailer {
            recorded_in: None,
            sent_at: 0,
            session: 0,
            sequence: 0,
            kind,
        };
        line::frame(payload, trailer)
    };
    let mut flipped = good.clone();
    flipped[3] ^= 1;
    let mut shorter = good.clone();
    shorter.remove(good.len() - 2);
    let long = whole(Writer::new(1).datagram(&Micros(1), &[1; 28]));
    let stream = [
        &flipped[..],
        &shorter,
        &long,
        &[0, 2, 7, 0],
        &with(0x41),
        &with(0x2f),
        &with(HELLO),
        &good,
    ]
    .concat();
    let mut decoder = Decoder::new([0; 40]);
    let (mut errors, mut good) = (Vec::new(), 0);
    each_frame(&mut decoder, &stream, &[7], |read| match read {
        Ok(_) => good += 1,
        Err(error) => errors.push(error),
    });
    assert_eq!(good, 1);
    let [
        FrameError::BadCrc,
        FrameError::BadStuffing,
        FrameError::TooLong,
        FrameError::TooShort,
        FrameError::UnknownVersion(2),
        FrameError::UnknownKind(15),
        FrameError::BadHello(_),
    ] = errors[..]
    else {
        panic!("{errors:?}");
    };
    let bad = decoder.bad();
    assert_eq!(bad.total(), 7);
    let Bad {
        too_long,
        bad_stuffing,
        too_short,
        bad_crc,
        unknown_version,
        unknown_kind,
        bad_hello,
        ..
    } = bad;
    let all = [
        too_long,
        bad_stuffing,
        too_short,
        bad_crc,
        unknown_version,
        unknown_kind,
        bad_hello,
    ];
    assert_eq!(all, [1; 7]);
    assert!(errors[4].to_string().contains("version 2"));
}

#[test]
fn a_host_that_joins_in_the_middle_asks_and_hears_how_many_frames_there_were_before() {
    let mut writer = Writer::new(3);
    let mut losses = Losses::new();
    let mut follow = |bytes: &[u8]| {
        let mut arrival = None;
        with_one(bytes, |frame| arrival = Some(losses.follow(&frame)));
        (arrival.unwrap(), losses.missing, losses.before)
    };
    let datagram = |writer: &mut Writer| whole(writer.datagram(&Micros(0), b"d"));
    for _ in 0..70_000 {
        datagram(&mut writer);
    }
    assert_eq!(follow(&REQUEST), (Arrival::Request, 0, 0));
    // Only the lower half of its number is known yet.
    let heard = follow(&datagram(&mut writer));
    assert_eq!(heard, (Arrival::NewSession, 0, 70_000 - 65_536));
    datagram(&mut writer);
    let heard = follow(&datagram(&mut writer));
    assert_eq!(heard, (Arrival::Next { missing: 1 }, 1, 4_464));
    let mut buffer = [0; 200];
    let device = Device::new("d", 0);
    let hello = writer.hello(&Micros(0), &device, &Stats::default(), &mut buffer);
    let heard = follow(&whole(hello.unwrap()));
    assert_eq!(heard, (Arrival::Next { missing: 0 }, 1, 70_000));
    // A reset, after which the first two frames are lost.
    let mut writer = Writer::new(4);
    let first = datagram(&mut writer);
    datagram(&mut writer);
    let third = datagram(&mut writer);
    assert_eq!(follow(&third), (Arrival::NewSession, 3, 70_000));
    assert_eq!(follow(&first), (Arrival::Again, 3, 70_000));
    assert_eq!((losses.sessions, losses.frames, losses.again), (2, 5, 1));
}

#[test]
fn a_request_is_heard_in_whatever_else_arrives_and_is_a_frame() {
    with_one(&REQUEST, |frame| {
        assert!(matches!(frame.content, Content::Request));
    });
    let mut listener = RequestListener::new();
    let noise = [&REQUEST[..7], &[0, 0, 9], &REQUEST, &REQUEST[1..], &[5]].concat();
    let heard = noise.iter().filter(|byte| listener.hear(&[**byte])).count();
    assert_eq!(heard, 2);
    assert!(RequestListener::new().hear(&[&noise[..], &[1]].concat()));
    assert!(!RequestListener::new().hear(&REQUEST[..15]));
}

#[test]
fn when_a_frame_was_sent_is_carried_on_over_the_bits_that_it_has_not() {
    for (sent_at, earlier) in [
        (5, 0),
        (1 << 40 | 5, (1 << 40) - 5),
        (-3, -4),
        (7 << 32, 7 << 32),
    ] {
        with_one(
            &whole(Writer::new(0).datagram(&Micros(sent_at), b"")),
            |frame| {
                assert_eq!(frame.sent_after(earlier), sent_at);
            },
        );
    }
}

#[test]
fn a_limit_that_suits_the_link_is_kept_and_one_that_holds_no_span_is_refused() {
    for max_frame in 0..2_000 {
        let limit = datagram_limit(max_frame);
        assert!(limit == 0 || max_len(limit) <= max_frame, "{max_frame}");
        for byte in [0, 1] {
            let payload = vec![byte; limit];
            let frame = whole(Writer::new(1).datagram(&Micros(-1), &payload));
            assert!(limit == 0 || frame.len() <= max_frame, "{max_frame}");
            assert!(frame.len() <= max_len(limit));
        }
    }
    assert_eq!(datagram_limit(255), 239);
    let refused: Result<Packer, LimitTooSmall> = Packer::new(datagram_limit(64), "thermostat");
    assert_eq!(refused.unwrap_err().limit, datagram_limit(64));
}
