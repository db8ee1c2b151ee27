//! The gateway: what to copy. It needs `core`, `alloc` and some kilobytes.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use jaegerling_core::decode::{Batch, Tag, TagValue, decode};
use jaegerling_core::frame::{Arrival, Bad, Content, Decoder, Frame, Losses};
use jaegerling_core::{FORWARD_EXTRA, forward};

/// What the IP stack does here: a UDP socket of `smoltcp` or lwIP, in a line.
pub(crate) trait UdpSocket {
    /// Sends a datagram to Jaeger. `false`: not now.
    fn send(&mut self, datagram: &[u8]) -> bool;
}

/// The longest datagram to Jaeger: what a packet of Ethernet holds.
const LONGEST: usize = 1_472;
/// So many datagrams wait while the network is down; then the oldest give way.
const MOST_WAITING: usize = 32;

/// Takes frames from a device, and passes its spans on to Jaeger.
pub(crate) struct Gateway<S> {
    decoder: Decoder<Box<[u8]>>,
    losses: Losses,
    way_out: WayOut<S>,
}

impl<S: UdpSocket> Gateway<S> {
    /// A gateway of this name for a device whose datagrams have at most so many bytes.
    pub(crate) fn new(name: &'static str, longest_datagram: usize, socket: S) -> Self {
        Self {
            // A frame takes 16 bytes more.
            decoder: Decoder::new(vec![0; longest_datagram + 16].into()),
            losses: Losses::new(),
            way_out: WayOut {
                socket,
                name,
                clock: DeviceClock::default(),
                last_clock: None,
                buffer: vec![0; LONGEST + FORWARD_EXTRA].into(),
                waiting: VecDeque::new(),
                account: Account::default(),
            },
        }
    }

    /// Bytes have come over the link, at this time: microseconds since 1970.
    pub(crate) fn receive(&mut self, now: i64, mut bytes: &[u8]) {
        while let Some(read) = self.decoder.next(&mut bytes) {
            // What is no frame, the decoder counts.
            let Ok(frame) = read else { continue };
            let arrival = self.losses.follow(&frame);
            self.way_out.take(now, &frame, arrival);
        }
        self.send();
    }

    /// Sends what waits. Called now and then, too, as the network may have come back.
    pub(crate) fn send(&mut self) {
        self.way_out.send();
    }

    /// What became of all that came over the link: what was lost on it, and what behind it.
    pub(crate) fn account(&self) -> (Losses, Bad, Account) {
        (
            self.losses.clone(),
            self.decoder.bad(),
            self.way_out.account,
        )
    }

    /// The socket.
    pub(crate) fn socket(&mut self) -> &mut S {
        &mut self.way_out.socket
    }
}

/// Datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Account {
    /// The socket has taken them.
    pub(crate) sent: usize,
    /// They gave way, as the network was down for too long.
    pub(crate) dropped: usize,
    /// They could not be read, or not be passed on.
    pub(crate) refused: usize,
}

struct WayOut<S> {
    socket: S,
    name: &'static str,
    clock: DeviceClock,
    /// That of the session before.
    last_clock: Option<DeviceClock>,
    buffer: Box<[u8]>,
    waiting: VecDeque<Vec<u8>>,
    account: Account,
}

impl<S: UdpSocket> WayOut<S> {
    fn take(&mut self, now: i64, frame: &Frame<'_>, arrival: Arrival) {
        if arrival == Arrival::NewSession {
            let before = core::mem::take(&mut self.clock);
            self.last_clock = Some(before).filter(|clock| clock.is_heard);
        }
        let (datagram, recorded_in) = match frame.content {
            Content::Datagram(datagram) => (datagram, None),
            Content::Recovered {
                recorded_in,
                datagram,
            } => (datagram, Some(recorded_in)),
            Content::Hello(hello) | Content::Close(hello) => {
                return self.clock.hear(now, frame, hello.sent_at);
            }
            _ => return,
        };
        let Ok(batch) = decode(datagram) else {
            self.account.refused += 1;
            return;
        };
        let ended = latest_end(&batch);
        let near = match (self.clock.is_heard, recorded_in) {
            // The spans have ended shortly before.
            (false, None) => ended,
            _ => self.clock.sent_at,
        };
        self.clock.hear(now, frame, frame.sent_near(near));
        let to_utc = match (recorded_in, &self.last_clock) {
            (None, _) => self.clock.to_utc,
            (Some(session), Some(clock)) if clock.session == session => clock.to_utc,
            // Nobody was here then. They ended when the device started again, at the latest.
            (Some(_), _) => self.clock.to_utc.saturating_sub(ended),
        };
        self.pass_on(&batch, to_utc);
    }

    fn pass_on(&mut self, batch: &Batch<'_>, to_utc: i64) {
        let tags = [Tag {
            key: "gateway".into(),
            value: TagValue::String(self.name.into()),
        }];
        let all = 0..batch.spans.len();
        let utc = |micros: i64| micros.saturating_add(to_utc);
        match forward(batch, all, &tags, &mut self.buffer, utc) {
            Ok(datagram) => self.waiting.push_back(datagram.into()),
            Err(_) => self.account.refused += 1,
        }
        if self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
            self.account.dropped += 1;
        }
    }

    fn send(&mut self) {
        while let Some(datagram) = self.waiting.front() {
            if !self.socket.send(datagram) {
                return;
            }
            self.waiting.pop_front();
            self.account.sent += 1;
        }
    }
}

/// When the last of the spans ended, by the clock of its device, in microseconds.
fn latest_end(batch: &Batch<'_>) -> i64 {
    let ends = batch.spans.iter();
    let ends = ends.map(|span| span.start_time.saturating_add(span.duration));
    ends.max().unwrap_or(0)
}

/// What a device's clock says of UTC.
#[derive(Clone, Copy, Default)]
struct DeviceClock {
    session: u16,
    is_heard: bool,
    /// When its last frame was sent, by itself, in microseconds.
    sent_at: i64,
    /// When that one came here, in UTC.
    came_at: i64,
    /// What to add to its time, so that it is UTC.
    to_utc: i64,
}

impl DeviceClock {
    /// A frame can only come after it was sent: the least delay is the best guess. It is forgotten by
    /// a millisecond a second, so that a clock which is slower than ours is followed.
    fn hear(&mut self, now: i64, frame: &Frame<'_>, sent_at: i64) {
        let apart = now.saturating_sub(sent_at);
        let forgotten = now.saturating_sub(self.came_at) / 1_000;
        // What UTC says tells nothing of a clock that has counted before, or does again.
        self.to_utc = match self.is_heard && self.to_utc != 0 {
            _ if frame.is_utc => 0,
            false => apart,
            true => apart.min(self.to_utc.saturating_add(forgotten)),
        };
        self.session = frame.session;
        (self.is_heard, self.sent_at, self.came_at) = (true, sent_at, now);
    }
}
