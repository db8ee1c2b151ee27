//! A device: a tracer of core, whose clock counts from its start.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jaegerling_core::decode::decode;
use jaegerling_core::frame::{self, Content, Decoder, Encoder, Writer};
use jaegerling_core::{
    BUFFER_EXTRA, Clock, KeepOldest, Packer, Process, SeededIds, SingleContext, Slot, Stats,
    Tracer, TracerDrain, Value,
};

pub(crate) const LONGEST_DATAGRAM: usize = 300;

const TAGS: [(&str, Value<'static>); 1] = [("board", Value::Str("virtual"))];

/// Microseconds since it was switched on; or since 1970; or what it is set to.
pub(crate) struct Uptime {
    begin: Instant,
    offset: i64,
    set: Cell<Option<i64>>,
}

impl Uptime {
    /// What it says now.
    pub(crate) fn new(offset: i64) -> Self {
        Self {
            begin: Instant::now(),
            offset,
            set: Cell::new(None),
        }
    }
}

impl Clock for Uptime {
    fn now(&self) -> u64 {
        let runs = || self.begin.elapsed().as_micros() as i64 + self.offset;
        self.set.get().unwrap_or_else(runs) as u64
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64 * 1_000
    }
}

type Traces = Tracer<Uptime, SeededIds, SingleContext, KeepOldest, [Slot<40>; 16], 40>;

pub(crate) struct Device {
    tracer: &'static Traces,
    drain: TracerDrain<'static, Traces>,
    packer: Packer,
    writer: Writer,
    /// When it was switched on.
    begin: SystemTime,
    /// When each span began.
    recorded: Vec<SystemTime>,
}

impl Device {
    /// One that has just been switched on.
    pub(crate) fn new(session: u32) -> Self {
        Self::with_clock(session, 0, Writer::new(session))
    }

    /// One whose clock says UTC.
    pub(crate) fn in_utc(session: u32) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("after 1970").as_micros() as i64;
        let mut writer = Writer::new(session);
        writer.set_utc(true);
        Self::with_clock(session, now, writer)
    }

    fn with_clock(session: u32, offset: i64, writer: Writer) -> Self {
        let tracer = Traces::new(Uptime::new(offset), SeededIds::new(), SingleContext::new());
        // As a static: it lives as long as the test.
        let tracer: &'static Traces = Box::leak(Box::new(tracer));
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seed = now.expect("after 1970").as_nanos() as u64;
        tracer.init(seed ^ u64::from(session)).expect("only once");
        Self {
            tracer,
            drain: tracer.take_drain().expect("only once"),
            packer: Packer::new(LONGEST_DATAGRAM, "thermostat").expect("long enough"),
            writer,
            begin: SystemTime::now(),
            recorded: Vec::new(),
        }
    }

    /// What its clock says from now on, in microseconds.
    pub(crate) fn set_time(&self, micros: i64) {
        self.tracer.clock().set.set(Some(micros));
    }

    /// Whether its clock says UTC.
    pub(crate) fn set_utc(&mut self, is_utc: bool) {
        self.writer.set_utc(is_utc);
    }

    /// Records a span whose times are set.
    pub(crate) fn record_at(&mut self, number: i64, begin: i64, end: i64) {
        self.set_time(begin);
        let mut span = self.tracer.root("sample");
        span.tag("number", number);
        self.set_time(end);
        span.end();
    }

    /// Records a span with so many tags of 30 bytes.
    pub(crate) fn record_large(&mut self, tags: usize) {
        let mut span = self.tracer.root("large");
        for tag in 0..tags {
            span.tag(&format!("tag-{tag:04}"), "xxxxxxxxxxxxxxxxxxxx");
        }
        span.end();
    }

    /// Records a span of a millisecond.
    pub(crate) fn record(&mut self, number: i64) {
        self.recorded.push(SystemTime::now());
        let mut span = self.tracer.root("sample");
        span.tag("number", number);
        std::thread::sleep(Duration::from_millis(1));
        span.end();
    }

    /// When a span began.
    pub(crate) fn recorded(&self, number: usize) -> SystemTime {
        self.recorded[number]
    }

    /// When it was switched on.
    pub(crate) fn begin(&self) -> SystemTime {
        self.begin
    }

    /// The frames that go over the link now: a hello, if that is due, and spans.
    pub(crate) fn send(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        if self.writer.is_hello_due(self.tracer.clock()) {
            frames.push(self.hello());
        }
        frames.extend(self.datagrams());
        frames
    }

    /// A hello, as it answers a request.
    pub(crate) fn hello(&mut self) -> Vec<u8> {
        let stats = self.drain.stats();
        self.hello_of(&stats)
    }

    /// A hello with such counters.
    pub(crate) fn hello_of(&mut self, stats: &Stats) -> Vec<u8> {
        let clock = self.tracer.clock();
        let device = frame::Device::new("thermostat", 1_000_000).with_tags(TAGS);
        let mut buffer = [0; LONGEST_DATAGRAM + BUFFER_EXTRA];
        let hello = self.writer.hello(clock, &device, stats, &mut buffer);
        hello.expect("room").collect()
    }

    /// What waits, and the last frame.
    pub(crate) fn close(&mut self) -> Vec<Vec<u8>> {
        let mut frames = self.datagrams();
        let (clock, stats) = (self.tracer.clock(), self.drain.stats());
        let device = frame::Device::new("thermostat", 1_000_000).with_tags(TAGS);
        let mut buffer = [0; LONGEST_DATAGRAM + BUFFER_EXTRA];
        let close = self.writer.close(clock, &device, &stats, &mut buffer);
        frames.extend(close.map(Encoder::collect));
        frames
    }

    /// The next datagram, which counts as handed over.
    pub(crate) fn datagram(&mut self) -> Vec<u8> {
        self.next_datagram().expect("spans wait")
    }

    /// The frame with a datagram.
    pub(crate) fn frame(&mut self, datagram: &[u8]) -> Vec<u8> {
        self.writer
            .datagram(self.tracer.clock(), datagram)
            .collect()
    }

    /// The frame with a datagram that a reset has left, from another session.
    pub(crate) fn recovered(&mut self, datagram: &[u8], recorded_in: u32) -> Vec<u8> {
        let clock = self.tracer.clock();
        self.writer
            .recovered(clock, datagram, recorded_in)
            .collect()
    }

    fn datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(datagram) = self.next_datagram() {
            frames.push(self.frame(&datagram));
        }
        frames
    }

    fn next_datagram(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; LONGEST_DATAGRAM + BUFFER_EXTRA];
        let process = Process::new("thermostat").with_tags(TAGS);
        let packed = self.drain.pack(&mut self.packer, &mut buffer, &process)?;
        let datagram = packed.bytes.to_vec();
        self.drain.sent(&mut self.packer);
        Some(datagram)
    }
}

/// How many spans are in a frame.
pub(crate) fn span_count(frame: &[u8]) -> usize {
    let mut decoder = Decoder::new([0; 2 * LONGEST_DATAGRAM]);
    let mut input = frame;
    let read = decoder.next(&mut input).expect("a frame");
    match read.expect("a whole one").content {
        Content::Datagram(datagram) => decode(datagram).expect("spans").spans.len(),
        _ => 0,
    }
}
