//! The thread that reads the link: nothing that others do keeps it from telling when a byte came.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use jaegerling_core::frame::REQUEST;

use super::clock::Arrival;
use super::recording::{self, PIECE, Writer};
use super::source::{self, Link, Source};
use crate::queue::Queue;

/// A link that is not there is tried again after so long.
const RETRY: Duration = Duration::from_millis(200);

/// What the thread has to tell.
pub(super) enum Event {
    /// Bytes have come, at this time; `None`: nobody knows when.
    Bytes {
        bytes: Vec<u8>,
        arrival: Option<Arrival>,
    },
    /// Something that a person wants to know.
    Said(String),
    /// Something went wrong, and the rest goes on.
    Failed(String),
}

pub(super) struct Reader {
    pub(super) source: Source,
    pub(super) baud: u32,
    pub(super) events: Arc<Queue<Event>>,
    /// Set when it is to end.
    pub(super) stop: Arc<AtomicBool>,
    /// Set when the device is to say who it is.
    pub(super) ask: Arc<AtomicBool>,
}

impl Reader {
    /// Reads until it is to end, or the link has an end.
    pub(super) fn run(self, recording: Option<Writer>) {
        let mut tape = Tape {
            began: Instant::now(),
            recording,
            events: &self.events,
        };
        let read = match &self.source {
            Source::Serial(name) => {
                self.read_link(&mut tape, || source::open_serial(name, self.baud))
            }
            Source::Tcp(address) => self.read_link(&mut tape, || source::connect(address)),
            Source::File(path) | Source::Pipe(path) => {
                let is_live = matches!(self.source, Source::Pipe(_));
                let file = File::open(path).map(BufReader::new);
                file.and_then(|file| self.read_file(&mut tape, file, is_live))
            }
            Source::Stdin => self.read_file(&mut tape, io::stdin().lock(), true),
        };
        let why = read.map_err(|error| format!("cannot read {}: {error}", self.source));
        self.events.close(why);
    }

    fn read_file(&self, tape: &mut Tape<'_>, file: impl Read, is_live: bool) -> io::Result<()> {
        let mut file = recording::Reader::new(file)?;
        while !self.is_stopped() {
            let Some((bytes, recorded)) = file.next()? else {
                return Ok(());
            };
            let arrival = match recorded {
                None if is_live => Some(tape.now()),
                recorded => recorded,
            };
            tape.add(bytes, arrival);
        }
        Ok(())
    }

    fn read_link(
        &self,
        tape: &mut Tape<'_>,
        open: impl Fn() -> io::Result<Box<dyn Link>>,
    ) -> io::Result<()> {
        let source = &self.source;
        let [mut was_there, mut is_told] = [false; 2];
        while !self.is_stopped() {
            match open() {
                Ok(mut link) => {
                    let is_back = if was_there { "is back" } else { "is open" };
                    tape.say(format!("{source} {is_back}"));
                    (was_there, is_told) = (true, true);
                    if let Err(why) = self.read_until_gone(tape, &mut *link) {
                        tape.say(format!("{source} went away ({why}); waiting for it"));
                    }
                }
                Err(error) if !is_told && !may_come(&error) => return Err(error),
                Err(error) if !is_told => {
                    tape.say(format!("waiting for {source}: {error}"));
                    is_told = true;
                }
                Err(_) => {}
            }
            if !self.is_stopped() {
                thread::sleep(RETRY);
            }
        }
        Ok(())
    }

    /// Reads until it is to end; or with an error.
    fn read_until_gone(&self, tape: &mut Tape<'_>, link: &mut dyn Link) -> io::Result<()> {
        let mut buffer = vec![0; PIECE];
        self.ask.store(true, Ordering::Relaxed);
        while !self.is_stopped() {
            if self.ask.swap(false, Ordering::Relaxed) {
                // Not each link goes both ways.
                let _ = link.write_all(&REQUEST);
            }
            match link.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => {
                    let arrival = tape.now();
                    tape.add(buffer[..len].into(), Some(arrival));
                }
                Err(error) => match error.kind() {
                    ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// To wait may help.
fn may_come(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::ResourceBusy
    )
}

/// Where bytes go.
struct Tape<'a> {
    began: Instant,
    recording: Option<Writer>,
    events: &'a Queue<Event>,
}

impl Tape<'_> {
    fn now(&self) -> Arrival {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Arrival {
            monotonic: self.began.elapsed().as_nanos() as i64,
            unix: unix.map_or(0, |since| since.as_nanos() as i64),
        }
    }

    fn add(&mut self, bytes: Vec<u8>, arrival: Option<Arrival>) {
        if let (Some(recording), Some(arrival)) = (&mut self.recording, arrival) {
            if let Err(error) = recording.add(arrival, &bytes) {
                self.recording = None;
                let failed = format!("the recording ends here: {error}");
                self.events.push(Event::Failed(failed), 0);
            }
        }
        let len = bytes.len();
        self.events.push(Event::Bytes { bytes, arrival }, len);
    }

    fn say(&self, what: String) {
        let len = what.len();
        self.events.push(Event::Said(what), len);
    }
}
