//! Frames in whatever arrives.

use core::fmt;

use super::{BLOCK, Content, DELIMITER, Frame, Hello, crc, header, kind};
use crate::decode::DecodeError;

/// Finds frames in a stream of bytes, which may come in pieces of any size.
///
/// It holds one frame at a time, in a buffer of fixed size: an array, a slice, a vector. What is
/// damaged or too long is skipped up to the next delimiter, and counted. Of the buffer, a frame takes
/// the bytes of its datagram and 14 more, or 16 with spans of an earlier session; of a payload that
/// does not end in a zero, one more.
#[derive(Clone, Debug)]
pub struct Decoder<B> {
    buffer: B,
    /// How much of the buffer is of the frame that is arriving.
    len: usize,
    state: State,
    bad: Bad,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Behind a delimiter.
    Between,
    /// In a block with this code, of which `left` bytes are to come.
    Block { code: u8, left: u8 },
    /// On the way to the next delimiter, for a reason. At the beginning there is none: nobody knows
    /// what was before.
    Skip(Option<FrameError>),
}

/// Why what stood between two delimiters was no frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// It does not fit the decoder's buffer.
    TooLong,
    /// It ends within a block of COBS, or in one that no encoder writes.
    BadStuffing,
    /// It has fewer bytes than a frame.
    TooShort,
    /// Its CRC is not that of its bytes.
    BadCrc,
    /// It is whole, and of a version of the format that this decoder does not know.
    UnknownVersion(
        /// The version, which should be 1.
        u8,
    ),
    /// It is whole, and of a kind that this decoder does not know.
    UnknownKind(
        /// The number of the kind.
        u8,
    ),
    /// It is whole, but its hello is none.
    BadHello(
        /// Why; the offset is counted from where the process begins.
        DecodeError,
    ),
}

/// How much of a stream was no frame, by reason: pieces between two delimiters.
///
/// A frame that was damaged in one place is one of them, or two if a zero came into it, or none if
/// nothing of it was left.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Bad {
    /// [`FrameError::TooLong`]
    pub too_long: u64,
    /// [`FrameError::BadStuffing`]
    pub bad_stuffing: u64,
    /// [`FrameError::TooShort`]
    pub too_short: u64,
    /// [`FrameError::BadCrc`]
    pub bad_crc: u64,
    /// [`FrameError::UnknownVersion`]
    pub unknown_version: u64,
    /// [`FrameError::UnknownKind`]
    pub unknown_kind: u64,
    /// [`FrameError::BadHello`]
    pub bad_hello: u64,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Decoder<B> {
    /// A decoder at the beginning of a stream, or somewhere in the middle: what comes before the
    /// first delimiter is skipped.
    pub const fn new(buffer: B) -> Self {
        Self {
            buffer,
            len: 0,
            state: State::Skip(None),
            bad: Bad::NONE,
        }
    }

    /// The next frame that ends in `input`, or what was none; moves `input` on to what is behind it.
    /// `None`: all of `input` was taken, and the rest of a frame may follow.
    ///
    /// ```
    /// # use jaegerling_core::frame::{Decoder, Frame};
    /// fn receive(decoder: &mut Decoder<[u8; 1_000]>, mut input: &[u8], show: impl Fn(Frame)) {
    ///     while let Some(read) = decoder.next(&mut input) {
    ///         match read {
    ///             Ok(frame) => show(frame),
    ///             Err(error) => eprintln!("{error}"), // and counted
    ///         }
    ///     }
    /// }
    /// ```
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Result<Frame<'_>, FrameError>> {
        let ended = self.take(input)?;
        let contents = self.buffer.as_ref().get(..self.len).unwrap_or_default();
        let read = ended.and_then(|may_end_before_zero| Frame::read(contents, may_end_before_zero));
        if let Err(error) = read {
            self.bad.count(error);
        }
        Some(read)
    }

    /// Whether the beginning of a frame has come, or of what will turn out to be none, and not its end:
    /// if not, the next frame begins in what comes next. So its arrival is known, which tells more of
    /// the time than its end.
    pub const fn is_in_frame(&self) -> bool {
        matches!(self.state, State::Block { .. })
    }

    /// What was no frame so far.
    pub const fn bad(&self) -> Bad {
        self.bad
    }

    /// Takes bytes up to the next delimiter with something in front of it. Says whether the zero at
    /// the end of that may be too much.
    fn take(&mut self, input: &mut &[u8]) -> Option<Result<bool, FrameError>> {
        while let Some((&byte, rest)) = input.split_first() {
            if byte == DELIMITER {
                *input = rest;
                match self.end() {
                    Some(ended) => return Some(ended),
                    None => continue,
                }
            }
            *input = match self.state {
                State::Block { left: 1.., .. } => self.block(input),
                State::Skip(_) => skip(input),
                State::Between | State::Block { .. } => {
                    self.begin_block(byte);
                    rest
                }
            };
        }
        None
    }

    /// A delimiter has come.
    fn end(&mut self) -> Option<Result<bool, FrameError>> {
        self.end_block();
        match core::mem::replace(&mut self.state, State::Between) {
            // An empty block would not be there but for its zero.
            State::Block { code, left: 0 } => Some(Ok(code > 1 && stands_for_zero(code))),
            State::Block { .. } => Some(Err(FrameError::BadStuffing)),
            State::Skip(Some(error)) => Some(Err(error)),
            State::Between | State::Skip(None) => None,
        }
    }

    /// If a block has come whole: it may stand for a zero, too.
    fn end_block(&mut self) {
        if let State::Block { code, left: 0 } = self.state {
            if stands_for_zero(code) {
                self.push(&[0]);
            }
        }
    }

    /// A code has come.
    fn begin_block(&mut self, code: u8) {
        if matches!(self.state, State::Between) {
            self.len = 0;
        }
        self.end_block();
        if !matches!(self.state, State::Skip(_)) {
            self.state = State::Block {
                code,
                left: code - 1,
            };
        }
    }

    /// Takes what has come of a block. Returns what is behind it.
    fn block<'i>(&mut self, input: &'i [u8]) -> &'i [u8] {
        let State::Block { left, .. } = &mut self.state else {
            return input;
        };
        let come = input.get(..usize::from(*left)).unwrap_or(input);
        let len = come.iter().position(|&byte| byte == DELIMITER);
        let (bytes, rest) = input.split_at(len.unwrap_or(come.len()));
        *left -= bytes.len() as u8;
        self.push(bytes);
        rest
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.buffer.as_mut().get_mut(self.len..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len = end;
            }
            None => self.state = State::Skip(Some(FrameError::TooLong)),
        }
    }
}

/// Whether a block with this code has been cut short by a zero.
fn stands_for_zero(code: u8) -> bool {
    usize::from(code) <= BLOCK
}

/// What is behind all that stands before the next delimiter.
fn skip(input: &[u8]) -> &[u8] {
    let end = input.iter().position(|&byte| byte == DELIMITER);
    end.and_then(|end| input.get(end..)).unwrap_or_default()
}

impl<'d> Frame<'d> {
    /// Reads what has stood between two delimiters. Whether it ends before its last zero, if it may,
    /// its CRC tells.
    fn read(contents: &'d [u8], may_end_before_zero: bool) -> Result<Self, FrameError> {
        let short = FrameError::TooShort;
        if contents.len() < header::LEN {
            return Err(short);
        }
        let (crc, mut rest) = contents.split_first_chunk().ok_or(short)?;
        let is_whole = |rest| !crc::update(crc::BEGIN, rest) == u32::from_le_bytes(*crc);
        if !is_whole(rest) {
            rest = match rest {
                [rest @ .., 0] if may_end_before_zero && is_whole(rest) => rest,
                _ => return Err(FrameError::BadCrc),
            };
        }
        let (sent_at, rest) = rest.split_first_chunk().ok_or(short)?;
        let (session, rest) = rest.split_first_chunk().ok_or(short)?;
        let (sequence, rest) = rest.split_first_chunk().ok_or(short)?;
        let (&kind, rest) = rest.split_first().ok_or(short)?;
        let version = kind >> kind::VERSION_SHIFT;
        if version != kind::VERSION {
            return Err(FrameError::UnknownVersion(version));
        }
        Ok(Self {
            session: u16::from_le_bytes(*session),
            sequence: u16::from_le_bytes(*sequence),
            sent_at: u32::from_le_bytes(*sent_at),
            is_utc: kind & kind::UTC != 0,
            content: Content::read(kind & kind::MASK, rest)?,
        })
    }
}

impl<'d> Content<'d> {
    /// Reads what stands behind the kind.
    fn read(kind: u8, rest: &'d [u8]) -> Result<Self, FrameError> {
        let short = FrameError::TooShort;
        let payload = |rest: &'d [u8]| rest.strip_prefix(&[0]).ok_or(short);
        let hello = || Hello::read(payload(rest)?).map_err(FrameError::BadHello);
        Ok(match kind {
            kind::DATAGRAM => Self::Datagram(payload(rest)?),
            kind::RECOVERED => {
                let (recorded_in, rest) = rest.split_first_chunk().ok_or(short)?;
                Self::Recovered {
                    recorded_in: u16::from_le_bytes(*recorded_in),
                    datagram: payload(rest)?,
                }
            }
            kind::HELLO => Self::Hello(hello()?),
            kind::CLOSE => Self::Close(hello()?),
            kind::REQUEST => Self::Request,
            other => return Err(FrameError::UnknownKind(other)),
        })
    }
}

impl Bad {
    const NONE: Self = Self {
        too_long: 0,
        bad_stuffing: 0,
        too_short: 0,
        bad_crc: 0,
        unknown_version: 0,
        unknown_kind: 0,
        bad_hello: 0,
    };

    /// All of it.
    pub const fn total(&self) -> u64 {
        self.too_long
            + self.bad_stuffing
            + self.too_short
            + self.bad_crc
            + self.unknown_version
            + self.unknown_kind
            + self.bad_hello
    }

    fn count(&mut self, error: FrameError) {
        *match error {
            FrameError::TooLong => &mut self.too_long,
            FrameError::BadStuffing => &mut self.bad_stuffing,
            FrameError::TooShort => &mut self.too_short,
            FrameError::BadCrc => &mut self.bad_crc,
            FrameError::UnknownVersion(_) => &mut self.unknown_version,
            FrameError::UnknownKind(_) => &mut self.unknown_kind,
            FrameError::BadHello(_) => &mut self.bad_hello,
        } += 1;
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("longer than the receiver's buffer"),
            Self::BadStuffing => {
                f.write_str("bytes are missing: its stuffing does not come out even")
            }
            Self::TooShort => f.write_str("too short for a frame"),
            Self::BadCrc => f.write_str("damaged: its CRC is not that of its bytes"),
            Self::UnknownVersion(version) => {
                write!(f, "version {version} of the frame format, not 1")
            }
            Self::UnknownKind(kind) => write!(f, "a frame of the unknown kind {kind}"),
            Self::BadHello(error) => write!(f, "a hello that cannot be read: {error}"),
        }
    }
}

impl core::error::Error for FrameError {}
