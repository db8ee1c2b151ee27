use std::hint::black_box;
use std::net::{SocketAddr, UdpSocket};

use fastrace::Event;
use fastrace::collector::{Config, SpanContext};
use fastrace::local::LocalSpan;
use fastrace_jaeger::JaegerReporter;

use super::{Lacks, Peer, Recorder};
use crate::shape::{OPERATION, Shape, TAGS, at_run_time, fence, repeat};

pub struct Fastrace {
    /// Takes what is reported before `send_to`; nobody reads it.
    _nobody: UdpSocket,
}

pub struct FastraceRecorder;

impl Peer for Fastrace {
    const NAME: &'static str = "fastrace 0.7.18";
    /// A root span is three commands; its thread is woken when more than half of 10,240 wait.
    const BATCH: usize = 1_500;
    const BURST: usize = Self::BATCH;
    const FULL: Result<usize, Lacks> = Err(Lacks("its thread wakes up when a queue is half full"));
    const CLOCK: &'static str = "fastant::Instant::now";

    type Recorder = FastraceRecorder;

    fn new() -> Self {
        let nobody = UdpSocket::bind("127.0.0.1:0").expect("a port");
        report_to(nobody.local_addr().expect("bound"));
        Self { _nobody: nobody }
    }

    fn recorder(&self) -> FastraceRecorder {
        FastraceRecorder
    }

    #[inline(always)]
    fn read_clock() {
        black_box(fastant::Instant::now());
    }

    fn drain(&mut self, _spans: usize) {
        fastrace::flush();
    }

    fn send_to(&mut self, sink: SocketAddr) {
        report_to(sink);
    }

    fn finish(self) -> Option<u64> {
        fastrace::flush();
        None
    }

    /// Each has a queue of its own.
    fn per_thread(_threads: usize) -> Result<usize, Lacks> {
        Ok(Self::BATCH)
    }
}

fn report_to(agent: SocketAddr) {
    let reporter = JaegerReporter::new(agent, Fastrace::NAME).expect("a port");
    fastrace::set_reporter(reporter, Config::default());
}

/// Its fastest way. `add_property` on a root that is not moved costs two more commands for each tag.
#[inline(always)]
fn root() -> fastrace::Span {
    fastrace::Span::root(OPERATION, SpanContext::random()).with_properties(|| TAGS)
}

/// Its fastest way to a child: within a thread, of the thread's current span.
#[inline(always)]
fn local() -> LocalSpan {
    LocalSpan::enter_with_local_parent(OPERATION).with_properties(|| TAGS)
}

impl Recorder for FastraceRecorder {
    type Span = fastrace::Span;

    #[inline(always)]
    fn open(&mut self) -> fastrace::Span {
        root()
    }

    fn record(&mut self, shape: Shape, times: usize) -> Result<(), Lacks> {
        match shape {
            Shape::Root => repeat(times, || drop(root())),
            Shape::Fenced => repeat(times, || {
                fence();
                drop(root());
            }),
            Shape::Strings => {
                let (name, tags) = at_run_time();
                // It takes literals, or owns.
                let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
                repeat(times, || {
                    let span = fastrace::Span::root(name.to_owned(), SpanContext::random());
                    drop(span.with_properties(|| tags.map(owned)));
                });
            }
            Shape::Moved => repeat(times, || drop(second())),
            Shape::Child => {
                let parent = fastrace::Span::root(OPERATION, SpanContext::random());
                let _current = parent.set_local_parent();
                repeat(times, || drop(local()));
            }
            Shape::Chain => repeat(times, || {
                let root = root();
                let _current = root.set_local_parent();
                let _child = local();
                let _grandchild = local();
                let _last = local();
            }),
            Shape::Ten => repeat(times, ten),
            Shape::Disabled => repeat(times, || {
                drop(black_box(fastrace::Span::noop()).with_properties(|| TAGS));
            }),
            Shape::Unsampled => {
                let parent = SpanContext::random().sampled(false);
                repeat(times, || {
                    drop(fastrace::Span::root(OPERATION, parent).with_properties(|| TAGS));
                });
            }
        }
        Ok(())
    }
}

#[inline(never)]
fn first() -> fastrace::Span {
    fastrace::Span::root(OPERATION, SpanContext::random()).with_property(|| TAGS[0])
}

#[inline(never)]
fn second() -> fastrace::Span {
    first().with_property(|| TAGS[1])
}

/// All its values are text, and an event has a name of its own, which is sent as a field.
#[inline(always)]
fn ten() {
    let span = root().with_properties(|| {
        [
            ("span.kind", "server"),
            ("http.url", "/checkout?cart=77"),
            ("region", "eu-north-1"),
            ("host", "shop-4"),
            ("http.status_code", "200"),
            ("user.id", "184467"),
            ("total", "49.9"),
            ("cached", "false"),
        ]
    });
    span.add_event(Event::new("retry").with_property(|| ("attempt", "2")));
}
