//! The law: whatever arrives, however it is cut, a decoder ends with it in a buffer of fixed size, and
//! what it takes for a frame can be printed and followed. Of frames that came over a line which flips,
//! drops and makes up bytes, those that are whole and fit arrive, in order; and nothing else does, if
//! no more than one byte was damaged.
#![no_main]

#[path = "../../tests/line/mod.rs"]
mod line;

use std::collections::BTreeMap;

use jaegerling_core::frame::{Content, Decoder, Losses};
use line::{Damage, Received};

type Input = (Vec<u8>, Vec<Vec<u8>>, BTreeMap<u8, Damage>, u8);

libfuzzer_sys::fuzz_target!(|input: Input| {
    let (noise, datagrams, damages, cut) = input;
    let mut at = 0..=255;
    let damage = || damages.get(&at.next()?).copied();
    let received = Received::over(&line::sent(&datagrams), damage);
    let whole = datagrams.iter().zip(received.is_whole);
    let fits = |datagram: &[u8]| datagram.len() + usize::from(!datagram.ends_with(&[0])) <= 50;
    let whole = whole.filter(|(datagram, is_whole)| *is_whole && fits(datagram));
    let mut expected = whole.map(|(datagram, _)| datagram).peekable();
    let (mut decoder, mut losses) = (Decoder::new([0; 64]), Losses::new());
    let stream = [&noise[..], &received.bytes].concat();
    for mut piece in stream.chunks(usize::from(cut) + 1) {
        while let Some(read) = decoder.next(&mut piece) {
            let Ok(frame) = read else { continue };
            let _ = (format!("{frame:?}"), losses.follow(&frame));
            if let Content::Datagram(datagram) = frame.content {
                let is_expected = expected.next_if(|expected| *expected == datagram).is_some();
                assert!(is_expected || !noise.is_empty() || damages.len() > 1);
            }
        }
    }
    assert!(expected.next().is_none());
});
