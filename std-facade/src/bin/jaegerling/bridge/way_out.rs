//! The way to Jaeger, and to the screen.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jaegerling::udp::{self, DatagramSender, SendError};
use jaegerling_core::decode::{Batch, Tag, TagValue, decode};
use jaegerling_core::{FORWARD_EXTRA, ForwardTooLarge, MAX_DATAGRAM, forward, forward_cut};

use super::Bridge;
use super::clock::Epoch;
use crate::gallery::Gallery;

/// Where a Jaeger on this machine listens.
const JAEGER: &str = "localhost:6831";

pub(super) struct WayOut {
    /// Where it sends to.
    pub(super) to: String,
    sender: Option<DatagramSender>,
    gallery: Option<Gallery>,
    tags: Vec<Tag<'static>>,
    buffer: Box<[u8]>,
    /// The longest datagram that the system has not refused.
    limit: usize,
    pub(super) spans: Passed,
}

/// What became of spans.
#[derive(Clone, Copy, Default)]
pub(super) struct Passed {
    /// The system has taken them, or they were drawn.
    pub(super) passed_on: u64,
    /// Of these, some lack tags or logs, for which there was no room.
    pub(super) cut: u64,
    /// They are too large even without any.
    pub(super) too_large: u64,
    /// The system would not send them.
    pub(super) failed: u64,
    /// They were sent, and the screen was too slow for them.
    pub(super) undrawn: u64,
}

impl WayOut {
    pub(super) fn new(options: &Bridge, stop: &Arc<AtomicBool>) -> Result<Self, String> {
        let to = match &options.to {
            Some(to) => Some(to.as_str()),
            None => (!options.view).then_some(JAEGER),
        };
        let tags = options.tags.iter().map(|(key, value)| Tag {
            key: leak(key).into(),
            value: TagValue::String(leak(value).into()),
        });
        Ok(Self {
            to: to.unwrap_or_default().into(),
            sender: to.map(|to| connect(to, options.pace)).transpose()?,
            gallery: options
                .view
                .then(|| Gallery::open(&options.gathering, stop)),
            tags: tags.collect(),
            buffer: vec![0; MAX_DATAGRAM + FORWARD_EXTRA].into(),
            limit: MAX_DATAGRAM,
            spans: Passed::default(),
        })
    }

    /// Passes spans on, with their times by this clock; `None`: as they are.
    pub(super) fn pass_on(&mut self, datagram: &[u8], spans: &Batch<'_>, clock: Option<&Epoch>) {
        let all = 0..spans.spans.len();
        let is_as_it_is = clock.is_none() && self.tags.is_empty() && datagram.len() <= self.limit;
        match is_as_it_is.then(|| self.send(datagram, all.len())) {
            Some(Sent::Done) => {}
            None | Some(Sent::TooLong) => self.forward(spans, all, clock),
        }
    }

    /// Passes on what the bridge itself has to tell: in UTC, and no span of the device.
    pub(super) fn tell(&mut self, datagram: &[u8]) {
        if let Ok(batch) = decode(datagram) {
            let spans = self.spans;
            self.pass_on(datagram, &batch, None);
            self.spans = spans;
        }
    }

    /// Waits until all is drawn, unless the program is to stop and nobody reads.
    pub(super) fn close(&mut self) -> Result<(), String> {
        self.gallery.take().map_or(Ok(()), Gallery::close)
    }

    /// What nobody listened to, in datagrams, and where.
    pub(super) fn refused(&self) -> u64 {
        let stats = self.sender.as_ref().map(DatagramSender::stats);
        stats.map_or(0, |stats| stats.refused)
    }

    /// In one datagram, or in as many as it takes.
    fn forward(&mut self, spans: &Batch<'_>, which: Range<usize>, clock: Option<&Epoch>) {
        let utc = |micros| clock.map_or(micros, |clock| clock.unix_micros(micros));
        let mut buffer = std::mem::take(&mut self.buffer);
        let room = &mut buffer[..self.limit + FORWARD_EXTRA];
        let sent = match forward(spans, which.clone(), &self.tags, room, utc) {
            Ok(datagram) => Ok(self.send(datagram, which.len())),
            Err(_) if which.len() == 1 => {
                let cut = forward_cut(spans, which.start, &self.tags, room, utc);
                cut.map(|cut| {
                    let sent = self.send(cut.bytes, 1);
                    self.spans.cut += u64::from(matches!(sent, Sent::Done));
                    sent
                })
            }
            Err(error) => Err(error),
        };
        self.buffer = buffer;
        match sent {
            Ok(Sent::Done) => {}
            // With the limit that is smaller now.
            Ok(Sent::TooLong) => self.forward(spans, which, clock),
            Err(ForwardTooLarge { .. }) if which.len() > 1 => {
                let middle = usize::midpoint(which.start, which.end);
                self.forward(spans, which.start..middle, clock);
                self.forward(spans, middle..which.end, clock);
            }
            Err(ForwardTooLarge { .. }) => self.spans.too_large += 1,
        }
    }

    fn send(&mut self, datagram: &[u8], spans: usize) -> Sent {
        match self.sender.as_mut().map_or(Ok(()), |it| it.send(datagram)) {
            Ok(()) => self.spans.passed_on += spans as u64,
            Err(SendError::TooLong {
                at_most: Some(limit),
            }) => {
                self.limit = limit;
                return Sent::TooLong;
            }
            Err(_) => self.spans.failed += spans as u64,
        }
        if let Some(gallery) = &self.gallery {
            // Those who look do not hold up those who are sent to.
            match self.sender.is_some() {
                true => {
                    self.spans.undrawn += if gallery.offer(datagram) {
                        0
                    } else {
                        spans as u64
                    }
                }
                false => gallery.show(datagram),
            }
        }
        Sent::Done
    }
}

/// What became of a datagram.
enum Sent {
    Done,
    /// It has to be shorter; the limit is set already.
    TooLong,
}

fn connect(to: &str, pace: u64) -> Result<DatagramSender, String> {
    let options = udp::Options::new();
    let options = match pace {
        0 => options.unpaced(),
        pace => options.pace(pace),
    };
    let sender = options.connect(to.to_owned());
    sender.map_err(|error| format!("cannot send to {to}: {error}"))
}

/// For as long as the program runs.
fn leak(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
