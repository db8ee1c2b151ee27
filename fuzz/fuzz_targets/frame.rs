//! The law: whatever arrives, however it is cut, a decoder holds no more than its buffer, what it takes
//! for a frame can be printed and followed, the next frame that nobody touched arrives, and one in
//! which a byte was changed does not.
#![no_main]
use jaegerling_core::Clock;
use jaegerling_core::frame::{Content, Decoder, Losses, Writer};

struct Zero;

impl Clock for Zero {
    fn now(&self) -> u64 {
        0
    }
    fn unix_nanos(&self, _: u64) -> i64 {
        0
    }
}

libfuzzer_sys::fuzz_target!(|input: (Vec<u8>, Vec<u8>, u8, u16, u8)| {
    let (noise, payload, cut, at, flip) = input;
    // As Thrift does, it ends in a zero.
    let payload = [&payload[..payload.len().min(45)], &[0]].concat();
    let sent: Vec<u8> = Writer::new(1).datagram(&Zero, &payload).collect();
    let mut hurt = sent.clone();
    let at = 1 + usize::from(at) % (sent.len() - 2);
    hurt[at] ^= flip;
    let stream = [&noise[..], &hurt, &sent].concat();

    let (mut decoder, mut losses) = (Decoder::new([0; 64]), Losses::new());
    let mut whole = 0;
    for mut piece in stream.chunks(usize::from(cut) + 1) {
        while let Some(read) = decoder.next(&mut piece) {
            let Ok(frame) = read else { continue };
            let _ = (format!("{frame:?}"), losses.follow(&frame));
            whole += usize::from(matches!(frame.content, Content::Datagram(it) if it == payload));
        }
    }
    let untouched = 1 + usize::from(flip == 0);
    assert!(whole == untouched || whole > untouched && !noise.is_empty());
});
