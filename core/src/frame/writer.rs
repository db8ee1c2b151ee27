//! The device's side: the frames of a session, numbered.

use super::encoder::stuff;
use super::hello::Device;
use super::{Encoder, crc, header, kind};
use crate::{Clock, Stats, Value};

/// Numbers the frames of a session, and says of each when it was sent. It has one frame under way
/// at a time.
#[derive(Clone, Debug)]
pub struct Writer {
    /// What the last frame began with: a delimiter, a code, the header; behind that its zero.
    front: [u8; 2 + header::RECOVERED_LEN],
    /// Which boot this is.
    session: u16,
    /// The bit that says so, if the clock knows UTC.
    utc: u8,
    /// Of the next frame.
    sequence: u32,
    /// When the last hello was sent, as a frame has it.
    hello_at: u32,
}

impl Writer {
    /// After so many microseconds another hello is due: ten seconds.
    pub const HELLO_EVERY: u32 = 10_000_000;

    /// A writer whose next frame is the session's first. What the session is must differ from boot to
    /// boot: a boot counter ([`Found::session`](crate::Found::session)), or a random number. Its low
    /// 16 bits travel.
    pub const fn new(session: u32) -> Self {
        Self {
            front: [0; 2 + header::RECOVERED_LEN],
            session: session as u16,
            utc: 0,
            sequence: 0,
            hello_at: 0,
        }
    }

    /// Says whether the clock knows UTC, from the next frame on. Without a word, it counts since some
    /// point of its own.
    pub const fn set_utc(&mut self, is_utc: bool) {
        self.utc = if is_utc { kind::UTC } else { 0 };
    }

    /// A frame with a datagram, to be sent now.
    pub fn datagram<'w>(
        &'w mut self,
        clock: &(impl Clock + ?Sized),
        datagram: &'w [u8],
    ) -> Encoder<'w> {
        self.frame(kind::DATAGRAM, micros(clock), 0, datagram)
    }

    /// A frame with a datagram whose spans were recorded in another session, and have survived a
    /// reset: [`Packed::session`](crate::Packed::session) says in which.
    pub fn recovered<'w>(
        &'w mut self,
        clock: &(impl Clock + ?Sized),
        datagram: &'w [u8],
        recorded_in: u32,
    ) -> Encoder<'w> {
        self.frame(kind::RECOVERED, micros(clock), recorded_in as u16, datagram)
    }

    /// Whether a hello should be sent: nothing was sent yet, or the last one is ten seconds old.
    pub fn is_hello_due(&self, clock: &(impl Clock + ?Sized)) -> bool {
        let age = (micros(clock) as u32).wrapping_sub(self.hello_at);
        self.sequence == 0 || age >= Self::HELLO_EVERY
    }

    /// A frame that says who sends, and what was lost until now. It is sent at the start, when somebody
    /// asks ([`RequestListener`](super::RequestListener)), and when it is due.
    ///
    /// `buffer` may be the packer's: as with that, what is sent is [`BUFFER_EXTRA`] bytes shorter.
    /// Tags that do not fit are left out. A buffer that is too short even so, as none is that a packer
    /// can use, gets no frame.
    ///
    /// [`BUFFER_EXTRA`]: crate::BUFFER_EXTRA
    pub fn hello<'w, 'a>(
        &'w mut self,
        clock: &(impl Clock + ?Sized),
        device: &Device<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
        stats: &Stats,
        buffer: &'w mut [u8],
    ) -> Option<Encoder<'w>> {
        self.introduction(kind::HELLO, clock, device, stats, buffer)
    }

    /// The last frame of a session: whoever hears it knows what of the others is missing. It may be
    /// sent more than once.
    pub fn close<'w, 'a>(
        &'w mut self,
        clock: &(impl Clock + ?Sized),
        device: &Device<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
        stats: &Stats,
        buffer: &'w mut [u8],
    ) -> Option<Encoder<'w>> {
        self.introduction(kind::CLOSE, clock, device, stats, buffer)
    }

    fn introduction<'w, 'a>(
        &'w mut self,
        kind: u8,
        clock: &(impl Clock + ?Sized),
        device: &Device<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
        stats: &Stats,
        buffer: &'w mut [u8],
    ) -> Option<Encoder<'w>> {
        let now = micros(clock);
        let len = device.write(self.sequence, now, stats, buffer)?;
        self.hello_at = now as u32;
        Some(self.frame(kind, now, 0, buffer.get(..len)?))
    }

    fn frame<'w>(
        &'w mut self,
        kind: u8,
        now: i64,
        recorded_in: u16,
        payload: &'w [u8],
    ) -> Encoder<'w> {
        let [
            _,
            code,
            _,
            _,
            _,
            _,
            at0,
            at1,
            at2,
            at3,
            session0,
            session1,
            seq0,
            seq1,
            version_kind,
            in0,
            in1,
            _,
        ] = &mut self.front;
        *code = 0;
        [*at0, *at1, *at2, *at3] = (now as u32).to_le_bytes();
        [*session0, *session1] = self.session.to_le_bytes();
        [*seq0, *seq1] = (self.sequence as u16).to_le_bytes();
        self.sequence = self.sequence.wrapping_add(1);
        *version_kind = kind::VERSION << kind::VERSION_SHIFT | self.utc | kind;
        // A zero stands behind either; the other kinds have it where this one has a session.
        [*in0, *in1] = recorded_in.to_le_bytes();
        let len = match kind {
            kind::RECOVERED => header::RECOVERED_LEN,
            _ => header::LEN,
        };
        let fields = self.front.get(2 + header::CRC..2 + len).unwrap_or_default();
        let crc = crc::update(crc::update(crc::BEGIN, fields), payload);
        let [_, _, crc0, crc1, crc2, crc3, ..] = &mut self.front;
        [*crc0, *crc1, *crc2, *crc3] = (!crc).to_le_bytes();
        stuff(self.front.get_mut(1..1 + len).unwrap_or_default());
        Encoder::new(self.front.get(..1 + len).unwrap_or_default(), payload)
    }
}

fn micros(clock: &(impl Clock + ?Sized)) -> i64 {
    clock.unix_micros(clock.now())
}
