//! Frames for a byte pipe that loses, flips and makes up bytes: a UART, RTT, a radio, a probe.
//!
//! On the device, a [`Writer`] numbers frames, and each is an [`Encoder`] that gives its bytes as
//! the link takes them: in pieces, one by one, or as many as a buffer holds. A datagram is sent from
//! where the packer has left it, with no second copy. On the host, or in a gateway, a [`Decoder`]
//! finds the frames in whatever arrives, and [`Losses`] counts those that are missing.
//!
//! ```
//! use jaegerling_core::frame::{Content, Decoder, Losses, Writer};
//! # use jaegerling_core::Clock;
//! # struct Timer;
//! # impl Clock for Timer {
//! #     fn now(&self) -> u64 { 1_734 }
//! #     fn unix_nanos(&self, ticks: u64) -> i64 { ticks as i64 * 1_000 }
//! # }
//!
//! // On the device. The session tells this boot from others: a boot counter, a random number.
//! let mut writer = Writer::new(7);
//! let mut line = Vec::new();
//! let mut frame = writer.datagram(&Timer, b"a datagram");
//! while let Some(bytes) = frame.next_chunk() {
//!     line.extend_from_slice(bytes); // Here they go out.
//! }
//!
//! // On the host.
//! let mut decoder = Decoder::new([0; 400]);
//! let mut losses = Losses::new();
//! let mut input = &line[..];
//! while let Some(read) = decoder.next(&mut input) {
//!     let frame = read?;
//!     losses.follow(&frame);
//!     assert!(matches!(frame.content, Content::Datagram(b"a datagram")));
//! }
//! assert_eq!(losses.frames, 1);
//! # Ok::<(), jaegerling_core::frame::FrameError>(())
//! ```
//!
//! # On the wire
//!
//! ```text
//! 00 │ COBS( CRC-32 │ sent at │ session │ sequence │ version, kind │ recorded in │ 00 │ payload ) │ 00
//!              4         4         2         2             1          0 or 2      1
//! ```
//!
//! [Consistent Overhead Byte Stuffing][COBS] leaves no zero but the delimiters. They stand on both
//! sides, so that a damaged one costs no other frame. Numbers are little-endian.
//!
//! | field | bytes | what |
//! |---|---:|---|
//! | CRC-32 | 4 | of all behind it, as in IEEE 802.3 (`CRC-32/ISO-HDLC`) |
//! | sent at | 4 | what the device's clock said, in microseconds, as spans have their times: the low 32 bits, which wrap every 71 minutes |
//! | session | 2 | which boot of the device this is: the low 16 bits of a number |
//! | sequence | 2 | of the frame in its session, from 0: the low 16 bits |
//! | version, kind | 1 | bits 5 to 7: the version, 1; bit 4: the clock is UTC; bits 0 to 3: the kind |
//! | recorded in | 2 | of kind `RECOVERED` only: the session that the spans were recorded in |
//! | zero | 1 | |
//! | payload | any | see below |
//!
//! | kind | | payload |
//! |---|---|---|
//! | 1 | `DATAGRAM` | an `emitBatch` message with spans of this session |
//! | 2 | `RECOVERED` | one with spans of an earlier session, which a reset has left |
//! | 3 | `HELLO` | who sends, what its clock says, what it has lost: at the start, on request, and now and then |
//! | 4 | `CLOSE` | the same, and no more frames follow |
//! | 5 | `REQUEST` | none: from the host to the device, which answers with a hello. All else is 0. |
//!
//! | payload of a hello | bytes | what |
//! |---|---:|---|
//! | sequence | 4 | all 32 bits |
//! | ticks per second | 4 | of the device's clock; 0: it does not say |
//! | sent at | 8 | all 64 bits |
//! | handed over, ring full, evicted, too large, failed | 8 each | spans, as [`Stats`] has them |
//! | process | the rest | jaeger.thrift's `Process`, in Thrift's compact protocol |
//!
//! COBS takes a zero for granted behind what it stuffs. A payload of Thrift ends in one, as each of
//! its structs does: that one it is. Where contents do not end in a zero, their CRC is without it.
//!
//! So a frame takes 16 bytes beside its datagram, up to 254 bytes of that; of a longer one at most
//! one more for each 254 bytes ([`max_len`]).
//!
//! [COBS]: https://doi.org/10.1109/90.769765
//! [`Stats`]: crate::Stats

mod crc;
mod decoder;
mod encoder;
mod hello;
mod losses;
mod request;
mod writer;

use crate::decode;
use crate::stats::Dropped;

pub use decoder::{Bad, Decoder, FrameError};
pub use encoder::Encoder;
pub use hello::Device;
pub use losses::{Arrival, Losses};
pub use request::{REQUEST, RequestListener};
pub use writer::Writer;

/// What begins and ends each frame.
const DELIMITER: u8 = 0;

/// The longest block of COBS: so many bytes that are not zero, behind a code.
const BLOCK: usize = 254;

/// How long the parts of a header are.
mod header {
    pub(super) const CRC: usize = 4;
    /// What other kinds do not have.
    pub(super) const RECORDED_IN: usize = 2;
    /// CRC, sent at, session, sequence, version and kind, the zero behind all of them.
    pub(super) const LEN: usize = CRC + 4 + 2 + 2 + 1 + 1;
    pub(super) const RECOVERED_LEN: usize = LEN + RECORDED_IN;
}

/// The byte with version and kind.
mod kind {
    pub(super) const VERSION: u8 = 1;
    pub(super) const VERSION_SHIFT: u32 = 5;
    pub(super) const UTC: u8 = 1 << 4;
    pub(super) const MASK: u8 = UTC - 1;

    pub(super) const DATAGRAM: u8 = 1;
    pub(super) const RECOVERED: u8 = 2;
    pub(super) const HELLO: u8 = 3;
    pub(super) const CLOSE: u8 = 4;
    pub(super) const REQUEST: u8 = 5;
}

/// A frame that arrived whole.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'d> {
    /// Which boot of the device sent it: ids and times of another one have nothing to do with it.
    pub session: u16,
    /// Which of the session's frames it is: the low 16 bits of a number from 0 on.
    pub sequence: u16,
    /// What the device's clock said when it was sent, in microseconds: the low 32 bits.
    pub sent_at: u32,
    /// Whether that clock says UTC, in microseconds since 1970; if not, it counts from some point of
    /// its session. The spans of the frame are as this says, but for those of an earlier session, which
    /// may have had another clock.
    pub is_utc: bool,
    /// What it carries.
    pub content: Content<'d>,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Content<'d> {
    /// Spans that were recorded in the session that sent them: a datagram for
    /// [`decode`](crate::decode::decode), or for Jaeger.
    Datagram(&'d [u8]),
    /// Spans of an earlier session: their times are those of its clock.
    Recovered {
        /// Which session.
        recorded_in: u16,
        /// The datagram.
        datagram: &'d [u8],
    },
    /// Who sends, and what it has lost.
    Hello(Hello<'d>),
    /// The same, and nothing follows in this session.
    Close(Hello<'d>),
    /// Somebody wants a hello.
    Request,
}

/// What a device says of itself.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Hello<'d> {
    /// Which of the session's frames it is, in full.
    pub sequence: u32,
    /// What the device's clock said, in full, in microseconds.
    pub sent_at: i64,
    /// What that clock counts in; 0: the device does not say.
    pub ticks_per_second: u32,
    /// Spans that the device has given to the link, in this frame's session.
    pub handed_over: u64,
    /// Spans that were lost before they came to the link.
    pub dropped: Dropped,
    /// The service, and its tags.
    pub process: decode::Process<'d>,
}

impl Frame<'_> {
    /// When it was sent, in full: what is nearest to a time that is known to be no more than 35 minutes
    /// apart from that. It may be when another frame of the session was sent, or the end of a span that
    /// was recorded shortly before.
    pub const fn sent_near(&self, time: i64) -> i64 {
        time.wrapping_add(self.sent_at.wrapping_sub(time as u32) as i32 as i64)
    }
}

/// How long a frame can be, with everything, whose datagram has so many bytes: one of an earlier
/// session takes two more, and a payload that does not end in a zero one more.
pub const fn max_len(datagram: usize) -> usize {
    let blocks = datagram.saturating_sub(1) / BLOCK;
    datagram.saturating_add(2 + header::LEN + blocks)
}

/// The limit of a datagram for a link that takes frames of at most so many bytes: what a
/// [`Packer`](crate::Packer) is given, which refuses one that cannot hold a bare span.
///
/// ```
/// use jaegerling_core::{LimitTooSmall, Packer, frame};
///
/// // A radio that sends 255 bytes at once.
/// const LIMIT: usize = frame::datagram_limit(255);
/// const PACKER: Result<Packer, LimitTooSmall> = Packer::new(LIMIT, "thermostat");
/// assert_eq!(PACKER.unwrap().limit(), 239);
///
/// // One that sends 64: no frame can hold a span.
/// assert!(Packer::new(frame::datagram_limit(64), "thermostat").is_err());
/// ```
pub const fn datagram_limit(max_frame: usize) -> usize {
    match max_frame.checked_sub(2 + header::LEN + 1) {
        Some(behind_first) => behind_first - behind_first.saturating_add(1) / (BLOCK + 1) + 1,
        None => 0,
    }
}
