//! A loss on the link, told where people look: in Jaeger, as a span of the device's service.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jaegerling::{Clock, OwnTags, TracesIn, TracesOut, builder};

/// The span's name.
const NAME: &str = "jaegerling: frames lost";
/// At most one in so many nanoseconds.
const PERIOD: u64 = 1_000_000_000;

/// Frames that are missing, and not told of yet.
#[derive(Default)]
pub(super) struct Told {
    service: String,
    missing: u64,
    /// When a frame came and none was missing before it, in nanoseconds since 1970; and when the last one
    /// came.
    from: i64,
    to: i64,
    /// When the last span was told.
    told: i64,
    tracer: Option<Tracer>,
}

struct Tracer {
    time: SetTime,
    traces_in: Arc<TracesIn>,
    traces_out: TracesOut,
}

impl Told {
    /// The service of the device.
    pub(super) fn set_service(&mut self, name: impl PartialEq<str> + ToString) {
        if name != *self.service {
            self.service = name.to_string();
            self.tracer = None;
        }
    }

    /// A frame has come, behind so many that did not, at this time: nanoseconds since 1970.
    pub(super) fn hear(&mut self, missing: u64, unix: i64) {
        if self.missing == 0 {
            self.from = self.to;
        }
        self.missing += missing;
        self.to = unix;
    }

    /// A datagram with the span that tells of what is missing, once it is time for that.
    pub(super) fn datagram(&mut self) -> Option<Vec<u8>> {
        let is_time = self.to.abs_diff(self.told) >= PERIOD;
        is_time.then(|| self.rest()).flatten()
    }

    /// The same at the end.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        if self.missing == 0 || self.service.is_empty() {
            return None;
        }
        self.told = self.to;
        let missing = std::mem::take(&mut self.missing);
        if self.tracer.is_none() {
            self.tracer = Tracer::new(&self.service);
        }
        self.tracer.as_mut()?.tell([self.from, self.to], missing)
    }
}

impl Tracer {
    /// `None`: there can be none, for want of memory or because of the name.
    fn new(service: &str) -> Option<Self> {
        let time = SetTime::default();
        let tracer = builder(service)
            .capacity(4)
            .clock(time.clone())
            .own_process_tags(OwnTags::NONE)
            .build();
        let (traces_in, traces_out) = tracer.ok()?;
        Some(Self {
            time,
            traces_in,
            traces_out,
        })
    }

    fn tell(&mut self, [from, to]: [i64; 2], missing: u64) -> Option<Vec<u8>> {
        self.time.set(from);
        let mut span = self.traces_in.new_trace(NAME);
        span.add_int_tag("missing", missing as i64);
        span.add_bool_tag("error", true);
        self.time.set(to);
        drop(span);
        self.traces_out.try_next().ok().flatten()
    }
}

/// A clock that says what it is told to: nanoseconds since 1970.
#[derive(Clone, Default)]
struct SetTime(Arc<AtomicU64>);

impl SetTime {
    fn set(&self, unix: i64) {
        self.0.store(unix.max(0) as u64, Ordering::Relaxed);
    }
}

impl Clock for SetTime {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64
    }
}
