//! A device on the other end of the link, whose clock begins at zero.

use alloc::vec::Vec;
use core::cell::Cell;

use jaegerling_core::frame::{self, Encoder, Writer};
use jaegerling_core::{
    BUFFER_EXTRA, Clock, KeepOldest, Packer, Process, SeededIds, SingleContext, Slot, Tracer,
    TracerDrain,
};

/// The longest datagram of the device.
pub(crate) const LONGEST_DATAGRAM: usize = frame::datagram_limit(255);

const SERVICE: &str = "thermostat";
const DEVICE: frame::Device = frame::Device::new(SERVICE, 1_000_000);

/// Its uptime in microseconds.
#[derive(Default)]
pub(crate) struct Uptime(Cell<u64>);

impl Clock for Uptime {
    fn now(&self) -> u64 {
        self.0.get()
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64 * 1_000
    }
}

/// Its tracer.
pub(crate) type Traces = Tracer<Uptime, SeededIds, SingleContext, KeepOldest, [Slot<40>; 16], 40>;

/// A device that was switched on.
pub(crate) struct Device<'t> {
    tracer: &'t Traces,
    drain: TracerDrain<'t, Traces>,
    packer: Packer,
    writer: Writer,
}

impl<'t> Device<'t> {
    /// `boot` counts how often it was.
    pub(crate) fn new(tracer: &'t Traces, boot: u32) -> Option<Self> {
        tracer.init(0x5eed + u64::from(boot)).ok()?;
        Some(Self {
            tracer,
            drain: tracer.take_drain()?,
            packer: Packer::new(LONGEST_DATAGRAM, SERVICE).ok()?,
            writer: Writer::new(boot),
        })
    }

    /// Time goes on, to so many microseconds since it was switched on.
    pub(crate) fn set_time(&self, uptime: u64) {
        self.tracer.clock().0.set(uptime);
    }

    /// Records a span.
    pub(crate) fn record(&self, number: i64) {
        let mut span = self.tracer.root("sample");
        span.tag("number", number);
        span.end();
    }

    /// The frames that go over the link now.
    pub(crate) fn send(&mut self) -> Vec<Vec<u8>> {
        let clock = self.tracer.clock();
        let mut frames = Vec::new();
        let mut buffer = [0; LONGEST_DATAGRAM + BUFFER_EXTRA];
        if self.writer.is_hello_due(clock) {
            let stats = self.drain.stats();
            let hello = self.writer.hello(clock, &DEVICE, &stats, &mut buffer);
            frames.extend(hello.map(Encoder::collect));
        }
        let process = Process::new(SERVICE);
        while let Some(datagram) = self.drain.pack(&mut self.packer, &mut buffer, &process) {
            frames.push(self.writer.datagram(clock, datagram.bytes).collect());
            self.drain.sent(&mut self.packer);
        }
        frames
    }

    /// A datagram that a reset has overtaken. Retained memory would find its spans again.
    pub(crate) fn unsent(mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; LONGEST_DATAGRAM + BUFFER_EXTRA];
        let process = Process::new(SERVICE);
        let datagram = self.drain.pack(&mut self.packer, &mut buffer, &process)?;
        Some(datagram.bytes.into())
    }

    /// The frame with such a datagram, from the life before.
    pub(crate) fn recover(&mut self, datagram: &[u8], recorded_in: u32) -> Vec<u8> {
        let frame = self
            .writer
            .recovered(self.tracer.clock(), datagram, recorded_in);
        frame.collect()
    }

    /// The last frame.
    pub(crate) fn close(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; LONGEST_DATAGRAM + BUFFER_EXTRA];
        let stats = self.drain.stats();
        let clock = self.tracer.clock();
        let close = self.writer.close(clock, &DEVICE, &stats, &mut buffer)?;
        Some(close.collect())
    }
}
