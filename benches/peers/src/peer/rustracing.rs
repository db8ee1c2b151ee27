use std::hint::black_box;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use rustracing::sampler::AllSampler;
use rustracing::tag::Tag;
use rustracing_jaeger::Tracer;
use rustracing_jaeger::reporter::JaegerCompactReporter;
use rustracing_jaeger::span::{
    FinishedSpan, Span, SpanContextState, SpanReceiver, StartSpanOptions,
};

use super::{Lacks, Peer, Recorder};
use crate::shape::{OPERATION, Shape, TAGS, at_run_time, fence, repeat};

/// Spans per report: about 50,000 bytes, which it sends as one datagram whatever the size.
const REPORT: usize = 400;
/// The longest spans are four times as long.
const REPORT_LONG: usize = 100;
/// Spans that its queue holds.
const QUEUE: usize = 65_536;

pub struct Rustracing {
    tracer: Tracer,
    receiver: Option<SpanReceiver>,
    sender: Option<JoinHandle<()>>,
}

pub struct RustracingRecorder {
    tracer: Tracer,
}

impl Peer for Rustracing {
    const NAME: &'static str = "rustracing_jaeger 0.10.0";
    const BATCH: usize = 1_500;
    const FULL: Result<usize, Lacks> = Ok(QUEUE);
    const CLOCK: &'static str = "SystemTime::now";

    type Recorder = RustracingRecorder;

    fn new() -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(QUEUE);
        Self {
            tracer: Tracer::with_sender(AllSampler, sender),
            receiver: Some(receiver),
            sender: None,
        }
    }

    fn recorder(&self) -> RustracingRecorder {
        RustracingRecorder {
            tracer: self.tracer.clone(),
        }
    }

    #[inline(always)]
    fn read_clock() {
        black_box(SystemTime::now());
    }

    fn drain(&mut self, spans: usize) {
        let receiver = self.receiver.as_ref().expect("not sending");
        assert_eq!(
            receiver.try_iter().count(),
            spans,
            "rustracing_jaeger kept every span"
        );
    }

    fn send_to(&mut self, sink: SocketAddr) {
        let receiver = self.receiver.take().expect("not sending");
        let mut reporter = JaegerCompactReporter::new(Self::NAME).expect("a port");
        reporter.set_agent_addr(sink);
        self.sender = Some(thread::spawn(move || send(&receiver, &reporter)));
    }

    fn finish(self) -> Option<u64> {
        drop(self.tracer);
        if let Some(sender) = self.sender {
            sender.join().expect("the sender ended well");
        }
        None
    }

    fn per_thread(threads: usize) -> Result<usize, Lacks> {
        Ok((QUEUE / threads).min(30_000))
    }
}

/// The loop is the user's to write. This one is kind to the crate: it lets spans gather, so that datagrams are full.
fn send(receiver: &SpanReceiver, reporter: &JaegerCompactReporter) {
    while let Ok(first) = receiver.recv() {
        thread::sleep(Duration::from_millis(10));
        let mut waiting: Vec<FinishedSpan> = vec![first];
        waiting.extend(receiver.try_iter());
        let report = match waiting.iter().any(|span| span.tags().len() > TAGS.len()) {
            true => REPORT_LONG,
            false => REPORT,
        };
        for spans in waiting.chunks(report) {
            reporter.report(spans).expect("sent");
        }
    }
}

impl Recorder for RustracingRecorder {
    type Span = Span;

    #[inline(always)]
    fn open(&mut self) -> Span {
        tagged(self.tracer.span(OPERATION)).start()
    }

    fn record(&mut self, shape: Shape, times: usize) -> Result<(), Lacks> {
        let tracer = &self.tracer;
        match shape {
            Shape::Root => repeat(times, || drop(tagged(tracer.span(OPERATION)).start())),
            Shape::Fenced => repeat(times, || {
                fence();
                drop(tagged(tracer.span(OPERATION)).start());
            }),
            Shape::Strings => {
                let (name, tags) = at_run_time();
                // It takes literals, or owns.
                repeat(times, || {
                    let mut span = tracer.span(name.to_owned());
                    for (key, value) in tags {
                        span = span.tag(Tag::new(key.to_owned(), value.to_owned()));
                    }
                    drop(span.start());
                });
            }
            Shape::Moved => repeat(times, || drop(second(tracer))),
            Shape::Child => {
                let parent = tracer.span(OPERATION).start();
                repeat(times, || {
                    drop(parent.child(OPERATION, |span| tagged_child(span).start()));
                });
            }
            Shape::Chain => repeat(times, || {
                let root = tagged(tracer.span(OPERATION)).start();
                let child = root.child(OPERATION, |span| tagged_child(span).start());
                let grandchild = child.child(OPERATION, |span| tagged_child(span).start());
                let _last = grandchild.child(OPERATION, |span| tagged_child(span).start());
            }),
            Shape::Ten => repeat(times, || ten(tracer)),
            Shape::Disabled => repeat(times, || {
                let mut span = black_box(Span::inactive());
                span.set_tag(|| Tag::new(TAGS[0].0, TAGS[0].1));
                span.set_tag(|| Tag::new(TAGS[1].0, TAGS[1].1));
            }),
            // Of an unsampled context of another process it records children; within a process, there is none.
            Shape::Unsampled => {
                let parent = Span::inactive();
                repeat(times, || {
                    drop(parent.child(OPERATION, |span| tagged_child(span).start()));
                });
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn tagged(span: StartSpanOptions<'_>) -> StartSpanOptions<'_> {
    span.tag(Tag::new(TAGS[0].0, TAGS[0].1))
        .tag(Tag::new(TAGS[1].0, TAGS[1].1))
}

type StartChildOptions<'a> = rustracing::span::StartSpanOptions<'a, AllSampler, SpanContextState>;

#[inline(always)]
fn tagged_child(span: StartChildOptions<'_>) -> StartChildOptions<'_> {
    span.tag(Tag::new(TAGS[0].0, TAGS[0].1))
        .tag(Tag::new(TAGS[1].0, TAGS[1].1))
}

#[inline(never)]
fn first(tracer: &Tracer) -> Span {
    tracer
        .span(OPERATION)
        .tag(Tag::new(TAGS[0].0, TAGS[0].1))
        .start()
}

#[inline(never)]
fn second(tracer: &Tracer) -> Span {
    let mut span = first(tracer);
    span.set_tag(|| Tag::new(TAGS[1].0, TAGS[1].1));
    span
}

#[inline(always)]
fn ten(tracer: &Tracer) {
    let mut span = tagged(tracer.span(OPERATION))
        .tag(Tag::new("span.kind", "server"))
        .tag(Tag::new("http.url", "/checkout?cart=77"))
        .tag(Tag::new("region", "eu-north-1"))
        .tag(Tag::new("host", "shop-4"))
        .tag(Tag::new("http.status_code", 200))
        .tag(Tag::new("user.id", 184_467))
        .tag(Tag::new("total", 49.9))
        .tag(Tag::new("cached", false))
        .start();
    span.log(|log| {
        log.field(("event", "retry")).field(("attempt", "2"));
    });
}
