//! Datagrams on their way: at their pace, and to wherever the receiver is now.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::link::Link;
use super::pace::Pacer;
use super::{Options, Resolve, UdpStats};
use crate::os;

/// The address is resolved again after a failure, but not more often than this.
const RESOLVE_PERIOD: Duration = Duration::from_secs(5);

/// Smaller datagrams to try when one is too long: what macOS sends unless told otherwise, what an
/// Ethernet frame holds, what every host must take.
const SMALLER: [usize; 3] = [9_216, 1_472, 548];

/// Sends datagrams that were packed elsewhere, as a bridge from another link does. Made by
/// [`Options::connect`].
pub struct DatagramSender {
    link: Link,
    resolve: Arc<Resolve>,
    /// When it was resolved again.
    resolved: Option<Instant>,
    pacer: Option<Pacer>,
    stats: UdpStats,
}

/// A datagram that was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// It is too long for the system.
    TooLong {
        /// The next length that is worth a try, in bytes.
        at_most: Option<usize>,
    },
    /// The system's reason. The address is resolved again, or the name's next one is tried.
    Failed(io::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { at_most } => {
                f.write_str("the datagram is too long for the system")?;
                match at_most {
                    Some(bytes) => write!(f, ", which may take {bytes} bytes"),
                    None => Ok(()),
                }
            }
            Self::Failed(error) => write!(f, "the datagram could not be sent: {error}"),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TooLong { .. } => None,
            Self::Failed(error) => Some(error),
        }
    }
}

impl DatagramSender {
    pub(super) fn new(link: Link, resolve: Arc<Resolve>, options: Options) -> Self {
        Self {
            link,
            resolve,
            resolved: None,
            pacer: options.pace.map(|pace| Pacer::new(pace, Instant::now())),
            stats: UdpStats::default(),
        }
    }

    /// Sends a datagram once its time has come, which it waits for.
    ///
    /// # Errors
    ///
    /// It is too long, or the system cannot send it. That it was not received, UDP does not tell.
    pub fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        if let Some(pacer) = &mut self.pacer {
            thread::sleep(pacer.delay(Instant::now(), datagram.len()));
        }
        match self.try_send(datagram) {
            Ok(()) => {
                self.stats.sent += 1;
                Ok(())
            }
            Err(error) if os::is_too_long(&error) => {
                let smaller = SMALLER.into_iter().find(|limit| *limit < datagram.len());
                self.stats.too_long += u64::from(smaller.is_some());
                Err(SendError::TooLong { at_most: smaller })
            }
            Err(error) => {
                self.go_elsewhere();
                Err(SendError::Failed(error))
            }
        }
    }

    /// What happened so far.
    pub const fn stats(&self) -> UdpStats {
        self.stats
    }

    fn try_send(&mut self, datagram: &[u8]) -> io::Result<()> {
        if self.link.addr().is_none() {
            self.resolve_again();
        }
        let mut waits = 0;
        let mut refused = false;
        loop {
            match self.link.send(datagram) {
                // The answer to a datagram before this one, which did not go out for it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.stats.refused += 1;
                    if std::mem::replace(&mut refused, true) {
                        return Err(error);
                    }
                    self.go_elsewhere();
                }
                // The system's buffers are full for now.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && waits < 10 => {
                    waits += 1;
                    thread::sleep(Duration::from_millis(1));
                }
                result => return result,
            }
        }
    }

    /// Looks for the receiver at another address: the name's new one, or the next one it has.
    fn go_elsewhere(&mut self) {
        let failed = self.link.addr();
        self.resolve_again();
        if self.link.addr() == failed {
            self.link.try_another();
        }
    }

    fn resolve_again(&mut self) {
        let recently = |then: Instant| then.elapsed() < RESOLVE_PERIOD;
        if self.resolved.is_some_and(recently) {
            return;
        }
        self.stats.resolved += 1;
        let link = Link::connect(&*self.resolve);
        self.resolved = Some(Instant::now());
        if let Ok(link) = link {
            self.link = link;
        }
    }
}
