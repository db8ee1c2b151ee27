//! The bytes of a link in a file, with the times of their arrival.
//!
//! ```text
//! "jaegerling link\n", then for each piece that arrived at once:
//! monotonic │ unix │ length │ bytes
//!     8         8      4
//! ```
//!
//! Both times are nanoseconds, of a clock that nobody sets and since 1970; all numbers are
//! little-endian. A file that ends in the middle of a piece, as when the bridge was killed, is good up
//! to there.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::path::Path;

use super::clock::Arrival;

const MAGIC: &[u8; 16] = b"jaegerling link\n";
/// Both times, and the length.
const HEADER: usize = 8 + 8 + 4;
/// What is read at once at most.
pub(super) const PIECE: usize = 1 << 14;

/// A recording that is made.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    entry: Vec<u8>,
}

impl Writer {
    /// A new file: one that is there already is worth too much to be overwritten.
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let begun = file.and_then(|mut file| {
            file.write_all(MAGIC)?;
            Ok(file)
        });
        let file =
            begun.map_err(|error| format!("cannot record to {}: {error}", path.display()))?;
        Ok(Self {
            file,
            entry: Vec::new(),
        })
    }

    /// Adds a piece, in one write.
    pub(super) fn add(&mut self, arrival: Arrival, bytes: &[u8]) -> io::Result<()> {
        self.entry.clear();
        self.entry.extend(arrival.monotonic.to_le_bytes());
        self.entry.extend(arrival.unix.to_le_bytes());
        self.entry.extend((bytes.len() as u32).to_le_bytes());
        self.entry.extend(bytes);
        self.file.write_all(&self.entry)
    }
}

/// A file that is read: a recording, or bytes that something else has written.
pub(super) struct Reader<R> {
    input: R,
    is_recording: bool,
    /// What was read to see which it is.
    ahead: Vec<u8>,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut ahead = Vec::new();
        while ahead.len() < MAGIC.len() && MAGIC.starts_with(&ahead) {
            if !fill(&mut input, &mut ahead, 1)? {
                break;
            }
        }
        let is_recording = ahead == MAGIC;
        if is_recording {
            ahead.clear();
        }
        Ok(Self {
            input,
            is_recording,
            ahead,
        })
    }

    /// The next piece, and when it arrived, if that is known.
    pub(super) fn next(&mut self) -> io::Result<Option<(Vec<u8>, Option<Arrival>)>> {
        match self.is_recording {
            true => self.next_recorded(),
            false => self.next_raw(),
        }
    }

    fn next_raw(&mut self) -> io::Result<Option<(Vec<u8>, Option<Arrival>)>> {
        if !self.ahead.is_empty() {
            return Ok(Some((mem::take(&mut self.ahead), None)));
        }
        let mut bytes = vec![0; PIECE];
        let len = loop {
            match self.input.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        bytes.truncate(len);
        Ok((len > 0).then_some((bytes, None)))
    }

    fn next_recorded(&mut self) -> io::Result<Option<(Vec<u8>, Option<Arrival>)>> {
        let mut header = Vec::with_capacity(HEADER);
        if !fill(&mut self.input, &mut header, HEADER)? {
            return Ok(None);
        }
        let number = |at: usize| i64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let length = u32::from_le_bytes(std::array::from_fn(|i| header[16 + i])) as usize;
        if length > PIECE {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "this recording is damaged: it tells of a piece that is too long",
            ));
        }
        let arrival = Arrival {
            monotonic: number(0),
            unix: number(8),
        };
        let mut bytes = Vec::with_capacity(length);
        fill(&mut self.input, &mut bytes, length)?;
        Ok(Some((bytes, Some(arrival))))
    }
}

/// Reads so many more bytes; `false`: there are fewer.
fn fill(input: &mut impl Read, bytes: &mut Vec<u8>, more: usize) -> io::Result<bool> {
    Ok(input.by_ref().take(more as u64).read_to_end(bytes)? == more)
}
