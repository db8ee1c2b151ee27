//! The device's side: frames in a session, numbered.

use super::hello::Device;
use super::{Encoder, kind, trailer};
use crate::{Clock, Stats, Value};

/// Numbers the frames of a session, and says of each when it was sent.
#[derive(Clone, Debug)]
pub struct Writer {
    session: u16,
    /// Of the next frame.
    sequence: u32,
    /// When the last hello was sent, as a frame has it.
    hello_at: u32,
    is_utc: bool,
}

impl Writer {
    /// After so many microseconds another hello is due: ten seconds.
    pub const HELLO_EVERY: u32 = 10_000_000;

    /// A writer whose next frame is the session's first. What the session is must differ from boot to
    /// boot: a boot counter ([`Found::session`](crate::Found::session)), or a random number. Its low
    /// 16 bits travel.
    pub const fn new(session: u32) -> Self {
        Self {
            session: session as u16,
            sequence: 0,
            hello_at: 0,
            is_utc: false,
        }
    }

    /// Says whether the clock knows UTC, from the next frame on. Without a word, it counts since some
    /// point of its own.
    pub const fn set_utc(&mut self, is_utc: bool) {
        self.is_utc = is_utc;
    }

    /// A frame with a datagram, to be sent now.
    #[inline]
    pub fn datagram<'d>(
        &mut self,
        clock: &(impl Clock + ?Sized),
        datagram: &'d [u8],
    ) -> Encoder<'d> {
        self.frame(kind::DATAGRAM, micros(clock), datagram)
    }

    /// A frame with a datagram whose spans were recorded in another session, and have survived a
    /// reset: [`Packed::session`](crate::Packed::session) says in which.
    pub fn recovered<'d>(
        &mut self,
        clock: &(impl Clock + ?Sized),
        datagram: &'d [u8],
        recorded_in: u32,
    ) -> Encoder<'d> {
        let trailer = self.trailer(kind::RECOVERED, micros(clock), recorded_in as u16);
        Encoder::new(datagram, trailer, 0)
    }

    /// Whether a hello should be sent: none was sent yet, or the last one is ten seconds old.
    pub fn is_hello_due(&self, clock: &(impl Clock + ?Sized)) -> bool {
        let age = (micros(clock) as u32).wrapping_sub(self.hello_at);
        self.sequence == 0 || age >= Self::HELLO_EVERY
    }

    /// A frame that says who sends, and what was lost until now. Sent at the start, when somebody
    /// asks ([`RequestListener`](super::RequestListener)), and when it is due.
    ///
    /// `buffer` may be the packer's: as with that, what is sent is [`BUFFER_EXTRA`](crate::BUFFER_EXTRA) bytes shorter.
    /// Tags that do not fit are left out, and the service's name is cut; for a buffer that is too
    /// short for anything, there is no frame.
    pub fn hello<'b, 'a>(
        &mut self,
        clock: &(impl Clock + ?Sized),
        device: &Device<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
        stats: &Stats,
        buffer: &'b mut [u8],
    ) -> Option<Encoder<'b>> {
        self.introduction(kind::HELLO, clock, device, stats, buffer)
    }

    /// The last frame of a session: whoever hears it knows what of the others is missing. It may be
    /// sent more than once.
    pub fn close<'b, 'a>(
        &mut self,
        clock: &(impl Clock + ?Sized),
        device: &Device<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
        stats: &Stats,
        buffer: &'b mut [u8],
    ) -> Option<Encoder<'b>> {
        self.introduction(kind::CLOSE, clock, device, stats, buffer)
    }

    fn introduction<'b, 'a>(
        &mut self,
        kind: u8,
        clock: &(impl Clock + ?Sized),
        device: &Device<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
        stats: &Stats,
        buffer: &'b mut [u8],
    ) -> Option<Encoder<'b>> {
        let now = micros(clock);
        let len = device.write(self.sequence, now, stats, buffer)?;
        self.hello_at = now as u32;
        Some(self.frame(kind, now, buffer.get(..len)?))
    }

    fn frame<'d>(&mut self, kind: u8, now: i64, payload: &'d [u8]) -> Encoder<'d> {
        let trailer = self.trailer(kind, now, 0);
        Encoder::new(payload, trailer, trailer::USUAL)
    }

    /// The trailer of the next frame, but for its CRC.
    fn trailer(&mut self, kind: u8, now: i64, recorded_in: u16) -> [u8; trailer::LEN] {
        let [r0, r1] = recorded_in.to_le_bytes();
        let [t0, t1, t2, t3] = (now as u32).to_le_bytes();
        let [s0, s1] = self.session.to_le_bytes();
        let [q0, q1] = (self.sequence as u16).to_le_bytes();
        let utc = if self.is_utc { kind::UTC } else { 0 };
        let kind = kind::VERSION << kind::VERSION_SHIFT | utc | kind;
        self.sequence = self.sequence.wrapping_add(1);
        [r0, r1, t0, t1, t2, t3, s0, s1, q0, q1, kind, 0, 0, 0, 0]
    }
}

fn micros(clock: &(impl Clock + ?Sized)) -> i64 {
    clock.unix_micros(clock.now())
}
