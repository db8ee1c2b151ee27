//! Datagrams from a socket, whose own buffer is small.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::queue::Queue;

/// More than a UDP datagram over IPv4 can hold.
const BUFFER: usize = 65_536;
/// The flag to stop is seen after this time at the latest.
const TICK: Duration = Duration::from_millis(100);
/// For so long at most, what waits in the socket is read after the flag.
const DRAIN: Duration = Duration::from_secs(1);

/// Datagrams, and where each came from.
pub(crate) type Inbox = Queue<(Box<[u8]>, SocketAddr)>;

/// Receives until the flag is set, then what is there already. What the socket cannot hold while the
/// inbox is full is lost, which the sender's numbering shows.
pub(crate) fn fill(inbox: &Inbox, socket: &UdpSocket, stop: &AtomicBool) {
    let result = receive(inbox, socket, stop);
    inbox.close(result.map_err(|error| format!("cannot receive: {error}")));
}

fn receive(inbox: &Inbox, socket: &UdpSocket, stop: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    socket.set_read_timeout(Some(TICK))?;
    while !stop.load(Ordering::Relaxed) {
        receive_one(inbox, socket, &mut buffer)?;
    }
    socket.set_nonblocking(true)?;
    let end = Instant::now() + DRAIN;
    while Instant::now() < end && receive_one(inbox, socket, &mut buffer)? {}
    Ok(())
}

/// Says whether there was one.
fn receive_one(inbox: &Inbox, socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<bool> {
    match socket.recv_from(buffer) {
        Ok((len, from)) => inbox.push((buffer[..len].into(), from), len),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(false),
            // Interrupted by a signal; or, on Windows, news of a datagram that was sent.
            ErrorKind::Interrupted | ErrorKind::ConnectionReset => return Ok(false),
            _ => return Err(error),
        },
    }
    Ok(true)
}
