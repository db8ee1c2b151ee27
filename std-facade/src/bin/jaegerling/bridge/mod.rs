//! `jaegerling bridge`: frames of a device in, its spans to Jaeger.
//!
//! ```text
//!  serial port, TCP, ──► reader ──► Decoder ──► Devices ──► WayOut ──► Jaeger, pictures
//!  stdin, file             │         frames      sessions,    forward
//!                          ▼                     clocks
//!                      recording
//! ```
//!
//! A thread reads the link, so that the time of each arrival is known, and none waits for Jaeger. Another one
//! draws. All else is done by the thread that calls [`run`].

mod account;
mod clock;
mod devices;
mod reader;
mod recording;
mod source;
mod told;
mod way_out;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use jaegerling::waterfall::Visible;
use jaegerling_core::MAX_DATAGRAM;
use jaegerling_core::decode::decode;
use jaegerling_core::frame::{
    self, Arrival as Follows, Bad, Content, Decoder, Frame, FrameError, Hello,
};

use crate::bad::BadDatagrams;
use crate::pictures::Gathering;
use crate::queue::{Next, Queue};
use crate::screen::{stop_on_signal, tell};
use clock::Arrival;
use devices::{Devices, Heard, Spans};
use reader::{Event, Reader};
use source::Source;
use told::Told;
use way_out::WayOut;

/// Bring the spans of a device to Jaeger
///
/// Reads frames of jaegerling_core::frame, gives the spans in them their time in UTC, and passes them on. When the
/// link goes away, it waits for it to come back. Ctrl-C or SIGTERM, or the end of a file, ends it with an account of
/// what came and what was lost where.
#[derive(Args)]
pub(crate) struct Bridge {
    /// A serial port (/dev/ttyACM0, COM3), tcp:HOST:PORT, a file that --record or anything else has written, or - for
    /// standard input
    #[arg(value_name = "LINK")]
    link: Source,
    /// Bits a second of a serial port
    #[arg(long, value_name = "N", default_value_t = 115_200)]
    baud: u32,
    /// Where Jaeger takes compact Thrift over UDP [default: localhost:6831, unless --view]
    #[arg(long, value_name = "HOST:PORT")]
    to: Option<String>,
    /// At most so many bytes a second to Jaeger; one on the same machine loses spans at more. 0: as many as come
    #[arg(long, value_name = "BYTES", default_value_t = 5_000_000)]
    pace: u64,
    /// Draw each trace, as `jaegerling listen` does; with --to, send it as well
    #[arg(long)]
    view: bool,
    /// A process tag for all spans; may be given more than once
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Keep the bytes of the link in FILE, with the time of their arrival, to be read again
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    gathering: Gathering,
}

impl Bridge {
    fn recording(&self) -> Result<Option<recording::Writer>, String> {
        match (&self.record, &self.link) {
            (Some(_), Source::File(_)) => {
                Err("a file is there already: --record is for a link".into())
            }
            (Some(path), _) => recording::Writer::create(path).map(Some),
            (None, _) => Ok(None),
        }
    }
}

fn tag(argument: &str) -> Result<(String, String), String> {
    match argument.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("a key, = and a value are needed".into()),
    }
}

/// The longest frame: with the longest datagram that Jaeger takes.
const MAX_FRAME: usize = frame::max_len(MAX_DATAGRAM);
/// How long bytes are waited for after the flag to stop was set: those that have come already.
const LAST: Duration = Duration::from_millis(200);
/// A hello that does not come is asked for again after so long.
const ASK_PERIOD: Duration = Duration::from_secs(2);

/// Runs until a signal comes, or until the link has an end.
pub(crate) fn run(options: &Bridge) -> Result<(), String> {
    let stop = stop_on_signal()?;
    let mut crossing = Crossing::new(options, &stop)?;
    let recording = options.recording()?;
    let events = Arc::new(Queue::default());
    let reader = Reader {
        source: options.link.clone(),
        baud: options.baud,
        events: Arc::clone(&events),
        stop: Arc::clone(&stop),
        ask: Arc::clone(&crossing.ask),
    };
    // Not waited for at the end: it may be waiting itself, for standard input.
    thread::spawn(move || reader.run(recording));

    let crossed = crossing.take_all(&events, &stop);
    tell(crossing.account());
    crossed
}

/// Takes what the link brings, and passes it on.
struct Crossing {
    decoder: Decoder<Box<[u8]>>,
    /// When the frame that is arriving began to.
    began: Option<Arrival>,
    devices: Devices,
    unreadable: BadDatagrams,
    told: Told,
    way_out: WayOut,
    is_refusal_told: bool,
    ask: Arc<AtomicBool>,
    asked: Option<Instant>,
    /// What of the recording or of a picture went wrong.
    failed: Option<String>,
}

impl Crossing {
    fn new(options: &Bridge, stop: &Arc<AtomicBool>) -> Result<Self, String> {
        Ok(Self {
            decoder: Decoder::new(vec![0; MAX_FRAME].into()),
            began: None,
            devices: Devices::new(),
            unreadable: BadDatagrams::default(),
            told: Told::default(),
            way_out: WayOut::new(options, stop)?,
            is_refusal_told: false,
            ask: Arc::default(),
            asked: None,
            failed: None,
        })
    }

    fn take_all(&mut self, events: &Queue<Event>, stop: &AtomicBool) -> Result<(), String> {
        let end = loop {
            let is_stopped = stop.load(Ordering::Relaxed);
            match events.next(LAST) {
                Next::Item(event) => self.take(event),
                Next::Nothing if is_stopped => break Ok(()),
                Next::Nothing => {}
                Next::End(why) => break why,
            }
        };
        self.tell_of_losses(Told::rest);
        let drawn = self.way_out.close();
        end.and(drawn).and(self.failed.take().map_or(Ok(()), Err))
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Bytes { bytes, arrival } => self.take_bytes(&bytes, arrival),
            Event::Said(what) => tell(format_args!("{what}\n")),
            Event::Failed(why) => {
                tell(format_args!("{why}\n"));
                self.failed = Some(why);
            }
        }
    }

    fn take_bytes(&mut self, mut bytes: &[u8], arrival: Option<Arrival>) {
        if !self.decoder.is_in_frame() {
            self.began = arrival;
        }
        // Borrowed apart from the rest: a frame lies in its buffer.
        let empty = Decoder::new(Box::default());
        let mut decoder = std::mem::replace(&mut self.decoder, empty);
        while let Some(read) = decoder.next(&mut bytes) {
            match read {
                Ok(frame) => self.take_frame(&frame),
                Err(error) => self.explain(error, &decoder.bad()),
            }
            self.began = arrival;
        }
        self.decoder = decoder;
    }

    /// Says what a person can do something about, the first time.
    fn explain(&self, error: FrameError, bad: &Bad) {
        let hint = match error {
            FrameError::UnknownVersion(_) if bad.unknown_version == 1 => {
                "; the device and this program are of different versions"
            }
            FrameError::BadHello(_) if bad.bad_hello == 1 => "",
            _ => return,
        };
        tell(format_args!("bad frame: {error}{hint}\n"));
    }

    fn take_frame(&mut self, frame: &Frame<'_>) {
        let datagram = match frame.content {
            Content::Datagram(datagram) | Content::Recovered { datagram, .. } => Some(datagram),
            _ => None,
        };
        let batch = datagram.and_then(|datagram| match decode(datagram) {
            Ok(batch) => Some((datagram, batch, Spans::of(&batch))),
            Err(error) => {
                let noted = self.unreadable.note(&error, datagram.len(), "the device");
                noted
                    .into_iter()
                    .for_each(|it| tell(format_args!("{it}\n")));
                None
            }
        });
        let was_known = self.devices.is_known();
        let spans = batch.as_ref().map(|(.., spans)| *spans);
        let Heard { follows, missing } = self.devices.follow(frame, spans, self.began);
        self.told.hear(missing, self.devices.unix_nanos(self.began));
        if let (Content::Hello(hello) | Content::Close(hello), true) =
            (&frame.content, !was_known || follows == Follows::NewSession)
        {
            self.greet(frame.session, hello);
        }
        // What comes again may be of a device that has started again.
        if follows == Follows::Again || !self.devices.is_known() {
            self.ask();
        }
        if let Some((datagram, batch, spans)) = &batch {
            let clock = self.devices.clock_of(frame, *spans, self.began);
            self.way_out.pass_on(datagram, batch, clock);
            self.told.set_service(batch.process.service_name);
        }
        self.tell_of_losses(Told::datagram);
        self.tell_of_refusals();
    }

    /// Says, the first time, that nobody listens where spans are sent to.
    fn tell_of_refusals(&mut self) {
        if self.way_out.refused() > 0 && !self.is_refusal_told {
            self.is_refusal_told = true;
            tell(format_args!("nobody listens at {}\n", self.way_out.to));
        }
    }

    fn tell_of_losses(&mut self, tell: impl FnOnce(&mut Told) -> Option<Vec<u8>>) {
        if let Some(datagram) = tell(&mut self.told) {
            self.way_out.tell(&datagram);
        }
    }

    /// Says who sends.
    fn greet(&mut self, session: u16, hello: &Hello<'_>) {
        let service = hello.process.service_name.to_string();
        tell(format_args!("{}, session {session}\n", Visible(&service)));
        self.told.set_service(hello.process.service_name);
    }

    /// Asks who sends, now and then.
    fn ask(&mut self) {
        let is_recent = |asked: Instant| asked.elapsed() < ASK_PERIOD;
        if !self.asked.is_some_and(is_recent) {
            self.asked = Some(Instant::now());
            self.ask.store(true, Ordering::Relaxed);
        }
    }
}
