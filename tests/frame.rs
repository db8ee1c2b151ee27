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
const CLOSE: u8 = 0x24;
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
