//! A connected socket.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::Resolve;

/// A socket that is connected to one of the addresses that a name has.
pub(super) struct Link {
    addrs: Vec<SocketAddr>,
    at: usize,
    socket: Option<UdpSocket>,
}

impl Link {
    /// One that knows no address yet, and sends nothing.
    pub(super) const fn unresolved() -> Self {
        Self {
            addrs: Vec::new(),
            at: 0,
            socket: None,
        }
    }

    /// One to the first of the addresses that it can be connected to.
    pub(super) fn connect(resolve: &Resolve) -> io::Result<Self> {
        let mut addrs = resolve()?;
        // `localhost` is often both, with the new protocol first, where a Jaeger seldom listens.
        if addrs.iter().all(|addr| addr.ip().is_loopback()) {
            addrs.sort_by_key(SocketAddr::is_ipv6);
        }
        let mut link = Self {
            addrs,
            ..Self::unresolved()
        };
        link.connect_from(0)?;
        Ok(link)
    }

    /// Where it sends to.
    pub(super) fn addr(&self) -> Option<SocketAddr> {
        self.addrs.get(self.at).copied()
    }

    /// Goes on to the name's next address, if it has several.
    pub(super) fn try_another(&mut self) {
        if self.addrs.len() > 1 {
            // If there is none, it stays where it is.
            let _ = self.connect_from(self.at + 1);
        }
    }

    fn connect_from(&mut self, start: usize) -> io::Result<()> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for offset in 0..self.addrs.len() {
            let at = (start + offset) % self.addrs.len();
            match connect(self.addrs[at]) {
                Ok(socket) => {
                    self.at = at;
                    self.socket = Some(socket);
                    return Ok(());
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let Some(socket) = &self.socket else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        #[cfg(all(test, not(loom)))]
        longest::check(self.addrs[self.at], datagram)?;
        loop {
            match socket.send(datagram) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn connect(addr: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(addr)?;
    Ok(socket)
}

/// A system that refuses long datagrams, which macOS does and Linux cannot be told to.
#[cfg(all(test, not(loom)))]
pub(super) mod longest {
    use super::*;
    use std::sync::Mutex;

    static LONGEST: Mutex<Vec<(SocketAddr, usize)>> = Mutex::new(Vec::new());

    pub(in crate::udp) fn set(addr: SocketAddr, bytes: usize) {
        LONGEST.lock().expect("no panic").push((addr, bytes));
    }

    pub(super) fn check(addr: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let limits = LONGEST.lock().expect("no panic");
        let mut limits = limits.iter();
        match limits.any(|(to, bytes)| *to == addr && datagram.len() > *bytes) {
            #[cfg(unix)]
            true => Err(io::Error::from_raw_os_error(libc::EMSGSIZE)),
            #[cfg(not(unix))]
            true => Err(io::Error::from_raw_os_error(10_040)),
            false => Ok(()),
        }
    }
}
