//! What a crate has to do to be measured.

use std::net::SocketAddr;

use crate::shape::Shape;

mod fastrace;
mod mick;
mod none;
mod ours;
mod rustracing;

pub use self::fastrace::Fastrace;
pub use mick::Mick;
pub use none::Nothing;
pub use ours::Ours;
pub use rustracing::Rustracing;

/// Why a crate has no figure for a case.
#[derive(Clone, Copy, Debug)]
pub struct Lacks(pub &'static str);

/// One crate under test: its tracer, and the side that drains. Generic, not `dyn`: a span must be inlined as it is
/// in an application.
pub trait Peer {
    const NAME: &'static str;
    /// Spans that its queue holds without a loss and without waking a thread.
    const BATCH: usize;
    /// Spans in one go while it sends: as many as its queue takes with ease. The fewer, the more of the CPU is that of the
    /// pauses.
    const BURST: usize = 8_000;
    /// Spans after which its queue is full, if it can be.
    const FULL: Result<usize, Lacks>;
    /// The clock whose time its spans have.
    const CLOCK: &'static str;

    type Recorder: Recorder;

    fn new() -> Self;
    /// For one thread.
    fn recorder(&self) -> Self::Recorder;
    /// Reads the clock, as a span does.
    fn read_clock();
    /// Takes the `spans` that wait out of the queue, on whichever thread does that for this crate, and checks that
    /// none is missing.
    fn drain(&mut self, spans: usize);
    /// Sends to `sink` in the background from now on, as its documentation has it.
    fn send_to(&mut self, sink: SocketAddr);
    /// Returns when every span was sent or lost, with how many are lost by its own account, if it has one.
    fn finish(self) -> Option<u64>;

    /// How many spans each of so many threads may record before the queue is drained.
    fn per_thread(threads: usize) -> Result<usize, Lacks> {
        Ok(Self::BATCH / threads)
    }
}

/// What a thread has to record spans with.
pub trait Recorder: Send {
    type Span: Send;

    /// A root span with both tags, open.
    fn open(&mut self) -> Self::Span;

    /// Records the shape so often. Without a figure for it, the crate says why, and does nothing.
    fn record(&mut self, shape: Shape, times: usize) -> Result<(), Lacks>;
}
