//! `jaegerling listen`: datagrams in, pictures out.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};
use jaegerling::waterfall::Waterfall;
use jaegerling_core::collect::{Collector, SeqLosses};
use jaegerling_core::decode::decode;
use socket2::{Domain, Protocol, Socket, Type};

use crate::Listen;
use crate::bad::BadDatagrams;
use crate::inbox::{Inbox, Next};
use crate::out::Out;
use crate::summary::{Summary, Written};

/// A Jaeger takes no more.
const JAEGER_LIMIT: usize = 65_000;
/// What the OS may hold for us while we draw. It gives what it allows, and says nothing.
const SOCKET_BUFFER: usize = 8 << 20;
/// To wait for, when there is nothing to wait for in particular.
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
    began: Instant,
    idle: Duration,
    collector: Collector,
    losses: SeqLosses,
    bad: BadDatagrams,
    packets: u64,
    oversized: u64,
    screen: Screen,
}

impl Listener {
    fn new(options: &Listen) -> Self {
        Self {
            began: Instant::now(),
            idle: options.idle,
            collector: Collector::new(options.max_spans),
            losses: SeqLosses::default(),
            bad: BadDatagrams::default(),
            packets: 0,
            oversized: 0,
            screen: Screen::new(),
        }
    }

    /// Draws what comes until told to stop; then what is left.
    fn serve(&mut self, socket: &UdpSocket, stop: &AtomicBool) -> Result<(), String> {
        let inbox = Inbox::default();
        thread::scope(|scope| {
            scope.spawn(|| inbox.fill(socket, stop));
            let drawn = self.draw(&inbox, stop);
            // If there was an error: the other thread may wait for room or for the flag.
            stop.store(true, Ordering::Relaxed);
            while !matches!(inbox.next(TICK), Next::End(_)) {}
            drawn
        })
    }

    fn draw(&mut self, inbox: &Inbox, stop: &AtomicBool) -> Result<(), String> {
        let end = loop {
            match inbox.next(self.patience()) {
                Next::Datagram(datagram, from) => self.take(&datagram, from),
                Next::Nothing => {}
                Next::End(why) => break why,
            }
            self.draw_finished(self.began.elapsed(), self.idle)?;
            if self.screen.is_closed {
                stop.store(true, Ordering::Relaxed);
            }
        };
        self.draw_finished(Duration::MAX, Duration::ZERO)?;
        end
    }

    /// How long to wait for a datagram: until a trace is to be drawn.
    fn patience(&self) -> Duration {
        let next = self.collector.next_finish(self.idle);
        next.map_or(TICK, |at| at.saturating_sub(self.began.elapsed()))
    }

    fn take(&mut self, datagram: &[u8], from: SocketAddr) {
        self.packets += 1;
        self.oversized += u64::from(datagram.len() > JAEGER_LIMIT);
        match decode(datagram) {
            Ok(batch) => {
                self.losses.observe(&batch, &from.to_string());
                self.collector.add(&batch, self.began.elapsed());
            }
            Err(error) => {
                if let Some(explained) = self.bad.note(&error, datagram.len(), from) {
                    tell(format_args!("{explained}\n"));
                }
            }
        }
    }

    fn write(&self, out: &Out) -> Result<Written, String> {
        out.write(self.collector.traces())?;
        let traces = self.collector.traces().len() as u64;
        let path = out.path().into();
        Ok(Written { path, traces })
    }

    fn summary(&self, written: Option<Written>) -> Summary<'_> {
        Summary {
            packets: self.packets,
            oversized: self.oversized,
            spans: self.collector.stats(),
            losses: &self.losses,
            bad: &self.bad,
            written,
        }
    }

    fn draw_finished(&mut self, now: Duration, idle: Duration) -> Result<(), String> {
        while let Some(finished) = self.collector.poll_finished(now, idle) {
            let picture = Waterfall::new(finished.trace).late(finished.late_spans);
            self.screen.draw(picture)?;
        }
        Ok(())
    }
}

/// Standard output.
struct Screen {
    color: bool,
    /// Whoever read it has gone, as `head` does: no reason to complain, but one to end.
    is_closed: bool,
}

impl Screen {
    fn new() -> Self {
        let choice = AutoStream::choice(&io::stdout());
        Self {
            color: choice != ColorChoice::Never,
            is_closed: false,
        }
    }

    fn draw(&mut self, picture: Waterfall<'_>) -> Result<(), String> {
        if self.is_closed {
            return Ok(());
        }
        let picture = picture.width(width()).color(self.color);
        let mut to = io::BufWriter::new(anstream::stdout().lock());
        match writeln!(to, "{picture}").and_then(|()| to.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.is_closed = true,
            Err(error) => return Err(format!("cannot write to standard output: {error}")),
            Ok(()) => {}
        }
        Ok(())
    }
}

/// The terminal's width; without one what `COLUMNS` says, or 80.
fn width() -> usize {
    let terminal = io::stdout()
        .is_terminal()
        .then(terminal_size::terminal_size);
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    match terminal.flatten() {
        Some((terminal_size::Width(columns), _)) if columns > 0 => columns.into(),
        _ => columns().unwrap_or(80),
    }
}

/// A flag that the first Ctrl-C or SIGTERM sets. The second one ends the program on the spot.
fn stop_on_signal() -> Result<Arc<AtomicBool>, String> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|error| format!("cannot handle signals: {error}"))?;
    Ok(stop)
}

/// Says something beside the pictures. If nobody can hear it, that is no reason to end.
fn tell(what: impl Display) {
    let _ = write!(io::stderr().lock(), "{what}");
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
