//! Who is at the other end: a device, from one start to the next. What its clock says of UTC, and
//! what became of its spans.

use std::collections::VecDeque;
use std::time::SystemTime;

use jaegerling::LOSS_SPAN;
use jaegerling_core::Dropped;
use jaegerling_core::decode::Batch;
use jaegerling_core::frame::{Arrival as Follows, Content, Frame, Hello, Losses};

use super::clock::{Arrival, DeviceClock, Epoch, HostClock};

/// No device's clock counts from its start for 30 years, in microseconds: what is later is UTC.
const NO_UPTIME: i64 = 30 * 365 * 86_400 * 1_000_000;

/// So many sessions are remembered, for what a reset has left of them.
const KEPT: usize = 64;

pub(super) struct Devices {
    losses: Losses,
    host: HostClock,
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
    /// When its last frame was sent, in microseconds of the device, in full; and when it came.
    last: Option<(i64, Option<Arrival>)>,
    /// Spans that have arrived, but for those that tell of lost ones.
    arrived: u64,
    /// Spans in frames that seem to have come again. If the device has started again and does not say so,
    /// they are of the session that it will tell of.
    again: u64,
    /// It has said who it is.
    is_known: bool,
    /// Spans that the device had handed over before it was listened to. `None`: it has not said yet.
    before: Option<u64>,
    lost: Lost,
}

/// What is to be known of the spans in a datagram.
#[derive(Clone, Copy)]
pub(super) struct Spans {
    /// How many the device counts: not those that tell of lost ones.
    counted: u64,
    /// When the first one began, and when the last one ended, by the clock that they were recorded by.
    began: i64,
    ended: i64,
}

impl Spans {
    pub(super) fn of(batch: &Batch<'_>) -> Self {
        let none = Self {
            counted: 0,
            began: i64::MAX,
            ended: i64::MIN,
        };
        batch.spans.iter().fold(none, |all, span| Self {
            counted: all.counted + u64::from(span.operation_name != LOSS_SPAN),
            began: all.began.min(span.start_time),
            ended: all.ended.max(span.start_time.saturating_add(span.duration)),
        })
    }
}

/// Spans that are missing.
#[derive(Clone, Copy, Default)]
pub(super) struct Lost {
    /// The device has handed them over, and they did not arrive.
    pub(super) by_link: u64,
    /// The device has lost them itself.
    pub(super) by_device: Dropped,
    /// Frames that are missing since the device has told of its spans: these may be missing, too.
    pub(super) untold: u64,
}

/// How a frame follows those before it.
pub(super) struct Heard {
    pub(super) follows: Follows,
    /// So many are missing in between.
    pub(super) missing: u64,
}

impl Devices {
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_micros() as i64);
        Self {
            losses: Losses::new(),
            host: HostClock::default(),
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
        spans: Option<Spans>,
        arrival: Option<Arrival>,
    ) -> Heard {
        let missing = self.losses.missing;
        let follows = self.losses.follow(frame);
        if follows == Follows::NewSession {
            self.begin(frame);
        }
        let missing = self.losses.missing - missing;
        let heard = Heard { follows, missing };
        let Some(session) = self.sessions.back_mut() else {
            return heard;
        };
        if !frame.is_utc && follows != Follows::Request {
            let sent_at = session.sent_at(frame, spans, arrival);
            match arrival {
                Some(arrival) => session.clock.hear(sent_at, arrival, &mut self.host),
                None if session.last.is_none() => {
                    session.clock = DeviceClock::silent(sent_at, self.untimed);
                }
                None => self.untimed = session.clock.unix_micros(sent_at).unwrap_or(self.untimed),
            }
            session.last = Some((sent_at, arrival));
        }
        *match follows {
            Follows::Again => &mut session.again,
            _ => &mut session.arrived,
        } += spans.map_or(0, |spans| spans.counted);
        session.lost.untold += missing;
        if let Content::Hello(hello) | Content::Close(hello) = &frame.content {
            session.hear(hello);
        }
        heard
    }

    /// What was said of the clock that the spans of a frame were recorded by; `None`: their times are
    /// UTC. Of what began before the host's clock was set, as it was before.
    pub(super) fn clock_of(
        &mut self,
        frame: &Frame<'_>,
        spans: Spans,
        arrival: Option<Arrival>,
    ) -> Option<&Epoch> {
        let Content::Recovered { recorded_in, .. } = frame.content else {
            let session = self.sessions.back().filter(|_| !frame.is_utc);
            return session?.clock.epoch(spans.began);
        };
        // Which clock the session had, the frame does not say.
        if spans.ended > NO_UPTIME {
            return None;
        }
        let is_it = |session: &&Session| session.id == recorded_in && session.last.is_some();
        if self.earlier().find(is_it).is_none() {
            self.remember(recorded_in, spans, arrival);
        }
        self.earlier().find(is_it)?.clock.epoch(spans.began)
    }

    /// The sessions before the one that sends, the last one first.
    fn earlier(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().rev().skip(1)
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
        let before = self.sessions.back();
        let clock = before.map_or_else(DeviceClock::new, |it| it.clock.after_restart());
        let mut session = Session::new(frame.session, clock);
        // Somebody listened from its start on: what is missing is missing.
        let is_heard_from_start = match frame.content {
            Content::Hello(hello) | Content::Close(hello) => hello.sequence == 0,
            _ => false,
        };
        if before.is_some() || is_heard_from_start {
            session.before = Some(0);
        }
        if let Some(before) = before.filter(|it| it.id == frame.session) {
            session.arrived = before.again;
        }
        self.make_room();
        self.sessions.push_back(session);
    }

    /// A session that nobody has heard has left spans. They ended when the device started again, at
    /// the latest: that is where the first of them are put.
    fn remember(&mut self, id: u16, spans: Spans, arrival: Option<Arrival>) {
        let started = self.sessions.back().and_then(|it| it.clock.unix_micros(0));
        let started = started.unwrap_or(self.unix_nanos(arrival) / 1_000);
        let mut session = Session::new(id, DeviceClock::silent(spans.ended, started));
        session.last = Some((spans.ended, None));
        self.make_room();
        self.sessions.push_front(session);
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
            last: None,
            arrived: 0,
            again: 0,
            is_known: false,
            before: None,
            lost: Lost::default(),
        }
    }

    /// When a frame was sent, in full.
    fn sent_at(&self, frame: &Frame<'_>, spans: Option<Spans>, arrival: Option<Arrival>) -> i64 {
        // Spans have ended before, and mostly shortly before.
        let ended = match &frame.content {
            Content::Hello(hello) | Content::Close(hello) => return hello.sent_at,
            Content::Datagram(_) => spans.map(|spans| spans.ended).filter(|it| *it < NO_UPTIME),
            _ => None,
        };
        let gone = |(last, came): (i64, _)| last.saturating_add(passed(came, arrival));
        match self.last.map(gone).max(ended) {
            Some(near) => frame.sent_near(near),
            // The device has just started.
            None => frame.sent_at.into(),
        }
    }

    fn hear(&mut self, hello: &Hello<'_>) {
        self.is_known = true;
        let missing = hello.handed_over.saturating_sub(self.arrived);
        let before = *self.before.get_or_insert(missing);
        self.lost = Lost {
            by_link: missing.saturating_sub(before),
            by_device: hello.dropped,
            untold: 0,
        };
    }
}

impl Lost {
    fn and(self, other: Self) -> Self {
        let (one, two) = (self.by_device, other.by_device);
        let mut by_device = one;
        by_device.ring_full = one.ring_full.saturating_add(two.ring_full);
        by_device.evicted = one.evicted.saturating_add(two.evicted);
        by_device.too_large = one.too_large.saturating_add(two.too_large);
        by_device.failed = one.failed.saturating_add(two.failed);
        Self {
            by_link: self.by_link.saturating_add(other.by_link),
            by_device,
            untold: self.untold + other.untold,
        }
    }
}

/// How many microseconds have passed on the host, as far as both are known.
fn passed(from: Option<Arrival>, to: Option<Arrival>) -> i64 {
    match (from, to) {
        (Some(from), Some(to)) => to.monotonic.saturating_sub(from.monotonic) / 1_000,
        _ => 0,
    }
}
