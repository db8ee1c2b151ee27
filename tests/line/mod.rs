//! A line that flips, drops and makes up bytes, and frames as the documentation of
//! `jaegerling_core::frame` says they are, made with `Vec` and written separately from it.
#![allow(dead_code, unreachable_pub, missing_docs)]

use jaegerling_core::Clock;
use jaegerling_core::frame::Writer;

/// Frames with these datagrams, as a device sends them whose clock stands still.
pub fn sent(datagrams: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut writer = Writer::new(1);
    let datagrams = datagrams.iter();
    datagrams
        .map(|datagram| writer.datagram(&Still, datagram).collect())
        .collect()
}

struct Still;

impl Clock for Still {
    fn now(&self) -> u64 {
        0
    }

    fn unix_nanos(&self, _: u64) -> i64 {
        0
    }
}

/// What a frame says beside its payload.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub sent_at: u32,
    pub session: u16,
    pub sequence: u16,
    pub kind: u8,
    pub recorded_in: Option<u16>,
}

/// The bytes of a frame, delimiters included.
pub fn frame(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut checked = header.sent_at.to_le_bytes().to_vec();
    checked.extend(header.session.to_le_bytes());
    checked.extend(header.sequence.to_le_bytes());
    checked.push(header.kind);
    checked.extend(header.recorded_in.into_iter().flat_map(u16::to_le_bytes));
    checked.push(0);
    checked.extend(payload);
    let contents = [&crc_32(&checked).to_le_bytes()[..], &checked].concat();
    [&[0][..], &stuffed(&contents), &[0]].concat()
}

/// Bit by bit.
pub fn crc_32(bytes: &[u8]) -> u32 {
    let mut crc = !0;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

/// COBS: each piece up to a zero becomes a code and the piece without the zero; of a piece that is
/// too long, 254 bytes at once, with no zero behind them. At the end, a zero is taken for granted.
pub fn stuffed(contents: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::new();
    for piece in contents.split_inclusive(|byte| *byte == 0) {
        let (mut rest, has_zero) = match piece {
            [rest @ .., 0] => (rest, true),
            rest => (rest, false),
        };
        while rest.len() >= 254 {
            stuffed.push(255);
            stuffed.extend(&rest[..254]);
            rest = &rest[254..];
        }
        if has_zero || !rest.is_empty() {
            stuffed.push(rest.len() as u8 + 1);
            stuffed.extend(rest);
        }
    }
    stuffed
}

/// What happens to a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub enum Damage {
    /// These bits of it are flipped; if there is none, nothing is.
    Flip(u8),
    Drop,
    /// This one comes before it.
    Insert(u8),
}

/// What has come over the line.
#[derive(Default, Debug)]
pub struct Received {
    pub bytes: Vec<u8>,
    /// For each frame, whether it is there: all that it has between its delimiters, and a delimiter on
    /// either side of that. It may be the neighbour's: where one of two delimiters is left, nobody
    /// can tell whose it is.
    pub is_whole: Vec<bool>,
    /// For each frame, whether the line did nothing to any of its bytes, nor put one between them.
    pub is_untouched: Vec<bool>,
}

impl Received {
    /// Sends frames over a line that does what `damage` says to each byte of them.
    pub fn over(frames: &[Vec<u8>], mut damage: impl FnMut() -> Option<Damage>) -> Self {
        let mut bytes = Vec::new();
        let mut is_untouched = Vec::new();
        let mut begins = Vec::new();
        for frame in frames {
            let mut untouched = true;
            for (index, &byte) in frame.iter().enumerate() {
                if index == 1 {
                    begins.push(bytes.len());
                }
                let damage = damage();
                match damage {
                    Some(Damage::Flip(bits)) => bytes.push(byte ^ bits),
                    Some(Damage::Drop) => {}
                    Some(Damage::Insert(other)) => bytes.extend([other, byte]),
                    None => bytes.push(byte),
                }
                untouched &= match damage {
                    None | Some(Damage::Flip(0)) => true,
                    Some(Damage::Insert(_)) => index == 0,
                    Some(_) => false,
                };
            }
            is_untouched.push(untouched);
        }
        let is_whole = begins.iter().zip(frames);
        let is_whole = is_whole.map(|(begin, frame)| is_whole_at(&bytes, *begin, frame));
        Self {
            is_whole: is_whole.collect(),
            bytes,
            is_untouched,
        }
    }
}

/// Whether the frame is there, from its first delimiter on, which ends at `begin`.
fn is_whole_at(bytes: &[u8], begin: usize, frame: &[u8]) -> bool {
    let more = bytes[begin..].iter().take_while(|byte| **byte == 0).count();
    let (before, rest) = bytes.split_at(begin + more);
    before.last() == Some(&0) && rest.starts_with(&frame[1..])
}
