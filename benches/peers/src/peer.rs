//! What is measured of each crate: one root span with two string tags, made in the way its own documentation shows.

use std::net::SocketAddr;

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

pub const OPERATION: &str = "checkout";
pub const TAGS: [(&str, &str); 2] = [("http.method", "GET"), ("peer.service", "inventory")];

/// One crate under test. Generic, not `dyn`: a span must be inlined as it is in an application.
pub trait Peer {
    const NAME: &'static str;
    /// Spans that its queue holds without a loss and without waking a thread.
    const BATCH: usize;

    /// Spans in one go while it sends: as many as its queue takes with ease.
    const BURST: usize = 1_000;

    fn new() -> Self;
    /// A root span with [`TAGS`]: started, tagged, ended.
    fn span(&mut self);
    /// Takes the `batch` spans that wait out of the queue, on whichever thread does that for this crate.
    fn drain(&mut self, batch: usize);
    /// Sends to `sink` in the background from now on, as its documentation has it.
    fn send_to(&mut self, sink: SocketAddr);
    /// Returns when every span was sent or lost.
    fn finish(self);
}
