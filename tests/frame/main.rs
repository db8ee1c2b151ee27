//! Frames: on the wire as their documentation says; whole over a line that damages them, or not there
//! at all, and counted.
#![allow(missing_docs, clippy::unwrap_used)]

mod damage;
mod decoder;
mod hello;
#[path = "../line/mod.rs"]
mod line;
mod losses;
#[path = "../oracle/mod.rs"]
mod oracle;
mod wire;

use jaegerling_core::Clock;
use jaegerling_core::frame::{Bad, Decoder, Encoder, Frame, FrameError};

/// A clock that says a number of microseconds.
struct Micros(i64);

impl Clock for Micros {
    fn now(&self) -> u64 {
        self.0 as u64
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64 * 1_000
    }

    fn unix_micros(&self, ticks: u64) -> i64 {
        ticks as i64
    }
}

/// Version and kind of a frame.
const DATAGRAM: u8 = 0x21;
const RECOVERED: u8 = 0x22;
const HELLO: u8 = 0x23;
const REQUEST: u8 = 0x25;
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
