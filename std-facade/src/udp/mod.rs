//! Sending to Jaeger's agent port over UDP, for those who do not care how.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! let (traces_in, traces_out) = jaegerling::builder("checkout").build()?;
//! let sender = jaegerling::udp::spawn(traces_out, "localhost:6831")?;
//!
//! drop(traces_in.new_trace("work"));
//!
//! sender.flush(Duration::from_secs(1))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A thread gathers spans for 100 ms, or until one of the threads that trace has filled a sixteenth of its
//! ring (of a small one, a quarter) and wakes it, and sends them no faster than a stock Jaeger on the same
//! machine can take them: 5 MB/s, which is about 50,000 spans of 100 bytes a second, and at most two full
//! datagrams at once. [`Options`] changes both.
//!
//! What the system refuses because it is too long is packed smaller, and no span is lost. After a
//! failure the address is resolved again.

mod datagram;
mod link;
mod pace;
#[cfg(all(test, not(loom)))]
mod tests;
mod worker;

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use crate::TracesOut;
use crate::fork::PerProcess;
use crate::global::lock;
use crate::process::ProcessTags;
use crate::root::Root;
pub use datagram::{DatagramSender, SendError};
use link::Link;
use worker::Control;

/// How a sender sends.
#[derive(Clone, Copy, Debug)]
#[must_use = "options do nothing until `spawn`"]
pub struct Options {
    linger: Duration,
    pace: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// As [`spawn`] sends.
    pub const fn new() -> Self {
        Self {
            linger: Duration::from_millis(100),
            pace: Some(5_000_000),
        }
    }

    /// How long a span may wait for others to share its datagram: 100 ms unless set. In that time, the threads
    /// that trace may gather more than one is full of; that leaves all at once, as fast as the pace allows.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// At most so many bytes a second, after a burst of 130,000: 5,000,000 unless set. 0 is taken
    /// for 1.
    pub const fn pace(mut self, bytes_per_second: u64) -> Self {
        self.pace = Some(bytes_per_second);
        self
    }

    /// As fast as the system takes it. A stock Jaeger on the same machine then loses spans.
    pub const fn unpaced(mut self) -> Self {
        self.pace = None;
        self
    }

    /// Sends what comes out to an address, on a thread of its own.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved, no socket can be had for it, or no thread. `out` is gone
    /// then, so that each span is refused and counted: tracing is off, and the program goes on.
    pub fn spawn(
        self,
        out: TracesOut,
        addr: impl ToSocketAddrs + Send + Sync + 'static,
    ) -> io::Result<UdpSender> {
        let (resolve, link) = connect(addr)?;
        let sender = Arc::new(Sender {
            root: out.root().clone(),
            tags: out.tags().clone(),
            options: self,
            forks: crate::os::forks(),
            resolve,
            first: Mutex::new(Some((out, link))),
            running: PerProcess::new(),
        });
        let _ = sender.root.sender.set(Arc::downgrade(&sender));
        sender.try_start()?;
        Ok(UdpSender(sender))
    }

    /// For datagrams that were packed elsewhere: sends them to an address, with no thread and no
    /// [`linger`](Self::linger).
    ///
    /// # Errors
    ///
    /// The address cannot be resolved, or no socket can be had for it.
    pub fn connect(
        self,
        addr: impl ToSocketAddrs + Send + Sync + 'static,
    ) -> io::Result<DatagramSender> {
        let (resolve, link) = connect(addr)?;
        Ok(DatagramSender::new(link, resolve, self))
    }
}

/// Sends what comes out to an address, on a thread of its own, with the default [`Options`].
///
/// # Errors
///
/// As for [`Options::spawn`].
pub fn spawn(
    out: TracesOut,
    addr: impl ToSocketAddrs + Send + Sync + 'static,
) -> io::Result<UdpSender> {
    Options::new().spawn(out, addr)
}

/// A sender at work. When it is dropped, it flushes for at most a second, and stops.
pub struct UdpSender(Arc<Sender>);

impl UdpSender {
    /// Waits until all spans that have ended before are sent, or have failed.
    ///
    /// # Errors
    ///
    /// [`NotFlushed`] if that took longer than `timeout`.
    pub fn flush(&self, timeout: Duration) -> Result<(), NotFlushed> {
        self.0.start();
        let flushed = self.0.control().flush(timeout);
        flushed.then_some(()).ok_or_else(|| NotFlushed {
            waiting: self.0.root.hub().gather().spans,
            timeout,
        })
    }

    /// What happened on the way, beside the account of spans.
    pub fn stats(&self) -> UdpStats {
        self.0.control().stats()
    }
}

impl Drop for UdpSender {
    fn drop(&mut self) {
        // A child that never traced has nothing to flush, and no thread.
        if let Some(running) = self.0.running.get() {
            running.control.flush(Duration::from_secs(1));
            running.control.stop();
        }
    }
}

/// What happened on the way to the system's socket, beside the account of spans.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct UdpStats {
    /// Datagrams that the system accepted.
    pub sent: u64,
    /// How often the receiver's machine said that nobody listens there. The datagram that the
    /// message came in place of is sent again.
    pub refused: u64,
    /// Datagrams that were too long for the system; then smaller ones are tried.
    pub too_long: u64,
    /// How often the address was resolved again.
    pub resolved: u64,
}

/// A flush that took too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NotFlushed {
    /// Spans that still wait.
    pub waiting: usize,
    /// How long the flush waited.
    pub timeout: Duration,
}

impl fmt::Display for NotFlushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { waiting, timeout } = self;
        write!(
            f,
            "after {timeout:?}, {waiting} spans still wait to be sent"
        )
    }
}

impl Error for NotFlushed {}

pub(crate) type Resolve = dyn Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// How an address is resolved, now and later, and a socket that is connected to it.
fn connect(addr: impl ToSocketAddrs + Send + Sync + 'static) -> io::Result<(Arc<Resolve>, Link)> {
    let resolve = move || Ok(addr.to_socket_addrs()?.collect());
    let link = Link::connect(&resolve)?;
    Ok((Arc::new(resolve), link))
}

/// A sender, in the process that spawned it and in its children.
pub(crate) struct Sender {
    root: Arc<Root>,
    tags: ProcessTags,
    options: Options,
    resolve: Arc<Resolve>,
    /// The process that spawned it, by its number of forks.
    forks: u32,
    /// What the first process drains; a child makes its own.
    first: Mutex<Option<(TracesOut, Link)>>,
    running: PerProcess<Running>,
}

struct Running {
    started: Once,
    control: Arc<Control>,
}

impl Running {
    fn new() -> Self {
        Self {
            started: Once::new(),
            control: Arc::default(),
        }
    }
}

impl Sender {
    fn control(&self) -> &Arc<Control> {
        &self.running.get_or_make(Running::new).control
    }

    /// Starts this process's thread, if it has none.
    pub(crate) fn start(&self) {
        // In a child, where nobody waits for an error: the next flush says what waits.
        let _ = self.try_start();
    }

    fn try_start(&self) -> io::Result<()> {
        let is_child = self.forks != crate::os::forks();
        let running = self.running.get_or_make(Running::new);
        let mut result = Ok(());
        running.started.call_once(|| {
            let first = match is_child {
                // Whose lock its parent may hold.
                true => None,
                false => lock(&self.first).take(),
            };
            result = self.spawn_thread(first, running.control.clone());
        });
        result
    }

    fn spawn_thread(
        &self,
        first: Option<(TracesOut, Link)>,
        control: Arc<Control>,
    ) -> io::Result<()> {
        let (out, link) = match first {
            Some(first) => first,
            None => {
                let out = TracesOut::new(self.root.clone(), self.tags.clone());
                // A name is looked up by the thread, not by the span that came first.
                (out, Link::unresolved())
            }
        };
        let worker = worker::Worker::new(
            out,
            link,
            self.resolve.clone(),
            self.options,
            control.clone(),
        );
        let thread = std::thread::Builder::new().name("jaegerling-udp".into());
        let thread = thread.spawn(move || worker.run())?;
        control.set_thread(thread.thread().clone());
        Ok(())
    }
}
