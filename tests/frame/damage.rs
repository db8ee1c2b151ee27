//! A line that damages one byte in a thousand.

use jaegerling_core::Stats;
use jaegerling_core::frame::{Content, Decoder, Device, Frame, Losses, Writer};

use crate::line::{self, Damage, Header, Received};
use crate::{DATAGRAM, Micros, each_frame, whole};

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
            let header = Header {
                sent_at: frame.sent_at,
                session: frame.session,
                sequence: index as u16,
                kind: DATAGRAM,
                recorded_in: None,
            };
            assert_eq!(line::frame(header, datagram), bytes);
        }
        other => panic!("{other:?}"),
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
