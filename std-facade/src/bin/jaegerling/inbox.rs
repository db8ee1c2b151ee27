//! Datagrams between the thread that receives them and the one that draws: while a picture is
//! drawn, or a slow terminal takes it, the socket's small buffer must not run over.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// More than a UDP datagram over IPv4 can hold.
const BUFFER: usize = 65_536;
/// So many bytes may wait: three seconds of what a Jaeger on the same machine can take.
const MAX_BYTES: usize = 16 << 20;
/// What a datagram costs beside its bytes.
const OVERHEAD: usize = 128;
/// The flag to stop is seen after this time at the latest.
const TICK: Duration = Duration::from_millis(100);
/// For so long at most, what waits in the socket is read after the flag.
const DRAIN: Duration = Duration::from_secs(1);

/// A bounded queue of datagrams.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Box<[u8]>, SocketAddr)>,
    bytes: usize,
    /// No more will come, and why, if that is not because of the flag.
    closed: Option<Result<(), String>>,
}

/// What the inbox has.
pub(crate) enum Next {
    Datagram(Box<[u8]>, SocketAddr),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    End(Result<(), String>),
}

impl Inbox {
    /// Receives until the flag is set, then what is there already.
    pub(crate) fn fill(&self, socket: &UdpSocket, stop: &AtomicBool) {
        let result = self.receive(socket, stop);
        let result = result.map_err(|error| format!("cannot receive: {error}"));
        self.lock().closed = Some(result);
        self.changed.notify_all();
    }

    /// The next datagram, waited for no longer than the given time.
    pub(crate) fn next(&self, patience: Duration) -> Next {
        let is_idle = |state: &mut State| state.waiting.is_empty() && state.closed.is_none();
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), patience, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some((datagram, from)) = state.waiting.pop_front() {
            state.bytes -= datagram.len() + OVERHEAD;
            self.changed.notify_all();
            return Next::Datagram(datagram, from);
        }
        match &state.closed {
            Some(why) => Next::End(why.clone()),
            None => Next::Nothing,
        }
    }

    fn receive(&self, socket: &UdpSocket, stop: &AtomicBool) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        socket.set_read_timeout(Some(TICK))?;
        while !stop.load(Ordering::Relaxed) {
            self.receive_one(socket, &mut buffer)?;
        }
        socket.set_nonblocking(true)?;
        let end = Instant::now() + DRAIN;
        while Instant::now() < end && self.receive_one(socket, &mut buffer)? {}
        Ok(())
    }

    /// Says whether there was one.
    fn receive_one(&self, socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<bool> {
        match socket.recv_from(buffer) {
            Ok((len, from)) => self.push(buffer[..len].into(), from),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(false),
                // Interrupted by a signal; or, on Windows, news of a datagram that was sent.
                ErrorKind::Interrupted | ErrorKind::ConnectionReset => return Ok(false),
                _ => return Err(error),
            },
        }
        Ok(true)
    }

    /// Waits while the inbox is full. What the socket cannot hold meanwhile is lost, which the
    /// sender's numbering shows.
    fn push(&self, datagram: Box<[u8]>, from: SocketAddr) {
        let is_full = |state: &mut State| state.bytes >= MAX_BYTES;
        let waited = self.changed.wait_while(self.lock(), is_full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.bytes += datagram.len() + OVERHEAD;
        state.waiting.push_back((datagram, from));
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
