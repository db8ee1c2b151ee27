//! Who is at the other end: a device, from one start to the next. What its clock says of UTC, and
//! what became of its spans.

use std::collections::VecDeque;
use std::time::SystemTime;

use jaegerling::LOSS_SPAN;
use jaegerling_core::Dropped;
use jaegerling_core::decode::Batch;
use jaegerling_core::frame::{Arrival as Follows, Content, Frame, Hello, Losses};

use super::clock::{Arrival, DeviceClock, WallClock};

/// So many sessions are remembered, for what a reset has left of them.
const KEPT: usize = 16;

pub(super) struct Devices {
    losses: Losses,
    wall: WallClock,
    /// The last one is that which sends. Never more than [`KEPT`].
    sessions: VecDeque<Session>,
    /// Of those that are not remembered.
    before: Lost,
    /// Until when, in microseconds since 1970, the spans of a link without arrivals have lasted.
    untimed: i64,
}

/// One start of a device, until the next.
struct Session {
    id: u16,
    clock: DeviceClock,
    /// When its last frame was sent, in microseconds of the device, in full.
    sent_at: Option<i64>,
    /// Spans that have arrived, but for those that tell of lost ones.
    arrived: u64,
    /// It has said who it is.
    is_known: bool,
    /// Spans that the device had handed over before it was listened to. `None`: it has not said yet.
    before: Option<u64>,
    lost: Lost,
}

/// Spans that are missing.
#[derive(Clone, Copy, Default)]
pub(super) struct Lost {
    /// The device has handed them over, and they did not arrive.
    pub(super) by_link: u64,
    /// The device has lost them itself.
    pub(super) by_device: Dropped,
}

impl Devices {
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_micros() as i64);
        Self {
            losses: Losses::new(),
            wall: WallClock::default(),
            sessions: VecDeque::new(),
            before: Lost::default(),
            untimed: now,
        }
    }

    /// The next frame has come, with these spans in it. `arrival` is when it began to; `None`: nobody
    /// knows.
    pub(super) fn follow(
        &mut self,
        frame: &Frame<'_>,
        spans: Option<&Batch<'_>>,
        arrival: Option<Arrival>,
    ) -> Follows {
        let follows = self.losses.follow(frame);
        if follows == Follows::NewSession {
            self.begin(frame);
        }
        let Some(session) = self.sessions.back_mut() else {
            return follows;
        };
        if !frame.is_utc && follows != Follows::Request {
            let sent_at = session.sent_at(frame, spans);
            match arrival {
                Some(arrival) => session.clock.hear(sent_at, arrival, &mut self.wall),
                None if session.sent_at.is_none() => {
                    session.clock = DeviceClock::silent(sent_at, self.untimed);
                }
                None => self.untimed = session.clock.unix_micros(sent_at),
            }
            session.sent_at = Some(sent_at);
        }
        session.arrived += spans.map_or(0, counted);
        if let Content::Hello(hello) | Content::Close(hello) = &frame.content {
            session.hear(hello);
        }
        follows
    }

    /// Which clock the spans of a frame were recorded by; `None`: their times are UTC.
    pub(super) fn clock_of(
        &mut self,
        frame: &Frame<'_>,
        spans: &Batch<'_>,
    ) -> Option<&DeviceClock> {
        if frame.is_utc {
            return None;
        }
        let Content::Recovered { recorded_in, .. } = frame.content else {
            return self.sessions.back().map(|session| &session.clock);
        };
        let mut earlier = self.sessions.iter().rev().skip(1);
        if !earlier.any(|session| session.id == recorded_in) {
            self.remember(recorded_in, spans);
        }
        let mut earlier = self.sessions.iter().rev().skip(1);
        let recorded = earlier.find(|session| session.id == recorded_in);
        recorded.map(|session| &session.clock)
    }

    /// The time of an arrival, in nanoseconds since 1970.
    pub(super) fn unix_nanos(&self, arrival: Option<Arrival>) -> i64 {
        arrival.map_or(self.untimed.saturating_mul(1_000), |arrival| arrival.unix)
    }

    /// Whether it has said who it is, if it has said anything.
    pub(super) fn is_known(&self) -> bool {
        let session = self.sessions.back();
        session.is_none_or(|session| session.is_known)
    }

    pub(super) fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Spans that are missing, as far as the device has told.
    pub(super) fn lost(&self) -> Lost {
        let sessions = self.sessions.iter().map(|session| session.lost);
        sessions.fold(self.before, Lost::and)
    }

    fn begin(&mut self, frame: &Frame<'_>) {
        let is_first = self.sessions.is_empty();
        let clock = match self.sessions.back() {
            Some(before) => before.clock.after_restart(),
            None => DeviceClock::new(),
        };
        let mut session = Session::new(frame.session, clock);
        let sequence = match frame.content {
            Content::Hello(hello) | Content::Close(hello) => hello.sequence,
            _ => frame.sequence.into(),
        };
        // Somebody listened from its start on: what is missing is missing.
        if !is_first || sequence == 0 {
            session.before = Some(0);
        }
        self.make_room();
        self.sessions.push_back(session);
    }

    /// A session that nobody has heard has left spans. They ended when the device started again, at
    /// the latest: that is where the first of them are put.
    fn remember(&mut self, id: u16, spans: &Batch<'_>) {
        let started = self.sessions.back();
        let started = started.map_or(self.untimed, |session| session.clock.unix_micros(0));
        let clock = DeviceClock::silent(latest_end(spans), started);
        self.make_room();
        self.sessions.push_front(Session::new(id, clock));
    }

    fn make_room(&mut self) {
        if self.sessions.len() == KEPT {
            let forgotten = self.sessions.pop_front();
            self.before = forgotten.map_or(self.before, |it| self.before.and(it.lost));
        }
    }
}

impl Session {
    fn new(id: u16, clock: DeviceClock) -> Self {
        Self {
            id,
            clock,
            sent_at: None,
            arrived: 0,
            is_known: false,
            before: None,
            lost: Lost::default(),
        }
    }

    /// When a frame was sent, in full.
    fn sent_at(&self, frame: &Frame<'_>, spans: Option<&Batch<'_>>) -> i64 {
        match (&frame.content, self.sent_at, spans) {
            (Content::Hello(hello) | Content::Close(hello), ..) => hello.sent_at,
            (_, Some(last), _) => frame.sent_near(last),
            // They have ended shortly before.
            (Content::Datagram(_), None, Some(spans)) => frame.sent_near(latest_end(spans)),
            // The device has just started.
            _ => frame.sent_at.into(),
        }
    }

    fn hear(&mut self, hello: &Hello<'_>) {
        self.is_known = true;
        let missing = hello.handed_over.saturating_sub(self.arrived);
        let before = *self.before.get_or_insert(missing);
        self.lost = Lost {
            by_link: missing.saturating_sub(before),
            by_device: hello.dropped,
        };
    }
}

impl Lost {
    fn and(self, other: Self) -> Self {
        let (one, two) = (self.by_device, other.by_device);
        let mut by_device = one;
        by_device.ring_full += two.ring_full;
        by_device.evicted += two.evicted;
        by_device.too_large += two.too_large;
        by_device.failed += two.failed;
        Self {
            by_link: self.by_link + other.by_link,
            by_device,
        }
    }
}

/// How many spans the device counts in a datagram: not those that tell of lost ones.
fn counted(spans: &Batch<'_>) -> u64 {
    let spans = spans.spans.iter();
    spans
        .filter(|span| span.operation_name != LOSS_SPAN)
        .count() as u64
}

/// When the last span ended, in microseconds of the clock that it was recorded by.
fn latest_end(spans: &Batch<'_>) -> i64 {
    let spans = spans.spans.iter();
    let ends = spans.map(|span| span.start_time.saturating_add(span.duration));
    ends.max().unwrap_or(0)
}
