//! `jaegerling listen`: datagrams in, pictures out.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jaegerling_core::MAX_DATAGRAM;
use jaegerling_core::collect::SeqLosses;
use jaegerling_core::decode::decode;
use socket2::{Domain, Protocol, Socket, Type};

use crate::Listen;
use crate::bad::BadDatagrams;
use crate::inbox::{self, Inbox};
use crate::out::Out;
use crate::pictures::Pictures;
use crate::queue::Next;
use crate::screen::{stop_on_signal, tell};
use crate::summary::{Summary, Written};

/// What the OS may hold for us while we draw. It gives what it allows, and says nothing.
const SOCKET_BUFFER: usize = 8 << 20;
/// How often the end is looked for.
const TICK: Duration = Duration::from_secs(1);

/// Runs until a signal comes.
pub(crate) fn run(options: &Listen) -> Result<(), String> {
    let out = options.out.as_deref().map(Out::prepare).transpose()?;
    let stop = stop_on_signal()?;
    let socket = bind(options.bind)
        .map_err(|error| format!("cannot listen on {}: {}", options.bind, explain(&error)))?;
    let bound = socket.local_addr().unwrap_or(options.bind);
    tell(format_args!("listening on {bound}\n"));

    let mut listener = Listener::new(options);
    let served = listener.serve(&socket, &stop);
    // Whatever ended it: what came is worth to be written.
    let written = out.map(|out| listener.write(&out)).transpose();
    tell(listener.summary(written.as_ref().ok().cloned().flatten()));
    served.and(written.map(drop))
}

struct Listener {
    pictures: Pictures,
    losses: SeqLosses,
    bad: BadDatagrams,
    packets: u64,
    oversized: u64,
}

impl Listener {
    fn new(options: &Listen) -> Self {
        Self {
            pictures: Pictures::new(&options.gathering),
            losses: SeqLosses::default(),
            bad: BadDatagrams::default(),
            packets: 0,
            oversized: 0,
        }
    }

    /// Draws what comes until told to stop; then what is left.
    fn serve(&mut self, socket: &UdpSocket, stop: &AtomicBool) -> Result<(), String> {
        let inbox = Inbox::default();
        thread::scope(|scope| {
            scope.spawn(|| inbox::fill(&inbox, socket, stop));
            let drawn = self.draw(&inbox, stop);
            // If there was an error: the other thread may wait for room or for the flag.
            stop.store(true, Ordering::Relaxed);
            while !matches!(inbox.next(TICK), Next::End(_)) {}
            drawn
        })
    }

    fn draw(&mut self, inbox: &Inbox, stop: &AtomicBool) -> Result<(), String> {
        let end = loop {
            match inbox.next(self.pictures.patience()) {
                Next::Item((datagram, from)) => self.take(&datagram, from),
                Next::Nothing => {}
                Next::End(why) => break why,
            }
            self.pictures.draw()?;
            if self.pictures.is_closed() {
                stop.store(true, Ordering::Relaxed);
            }
        };
        self.pictures.draw_rest()?;
        end
    }

    fn take(&mut self, datagram: &[u8], from: SocketAddr) {
        self.packets += 1;
        self.oversized += u64::from(datagram.len() > MAX_DATAGRAM);
        match decode(datagram) {
            Ok(batch) => {
                self.losses.observe(&batch, &from.to_string());
                self.pictures.add(&batch);
            }
            Err(error) => {
                if let Some(explained) = self.bad.note(&error, datagram.len(), from) {
                    tell(format_args!("{explained}\n"));
                }
            }
        }
    }

    fn write(&self, out: &Out) -> Result<Written, String> {
        out.write(self.pictures.traces())?;
        let traces = self.pictures.traces().len() as u64;
        let path = out.path().into();
        Ok(Written { path, traces })
    }

    fn summary(&self, written: Option<Written>) -> Summary<'_> {
        Summary {
            packets: self.packets,
            oversized: self.oversized,
            spans: self.pictures.stats(),
            losses: &self.losses,
            bad: &self.bad,
            written,
        }
    }
}

fn bind(to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
    // Best effort: a small buffer loses spans of bursts, and `seqNo` shows that.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    socket.bind(&to.into())?;
    Ok(socket.into())
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "another program has this port (a Jaeger?); end it, or choose another with --bind"
                .into()
        }
        _ => error.to_string(),
    }
}
