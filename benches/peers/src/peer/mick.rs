use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroU128;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use futures::executor::block_on;
use jaegerling_core::decode::decode;
use mick_jaeger::{Config, Span, TracesIn, TracesOut};

use super::{Lacks, Peer, Recorder};
use crate::shape::{OPERATION, Shape, TAGS, at_run_time, fence, repeat};

pub struct Mick {
    traces_in: Arc<TracesIn>,
    traces_out: Option<TracesOut>,
}

pub struct MickRecorder {
    traces_in: Arc<TracesIn>,
    trace: NonZeroU128,
}

impl Peer for Mick {
    const NAME: &'static str = "mick-jaeger 0.1.8";
    /// Its channel holds 256 and one more for its only sender.
    const BATCH: usize = 256;
    const BURST: usize = 200;
    const FULL: Result<usize, Lacks> = Ok(257);
    const CLOCK: &'static str = "SystemTime::now";

    type Recorder = MickRecorder;

    fn new() -> Self {
        let (traces_in, traces_out) = mick_jaeger::init(Config {
            service_name: Self::NAME.into(),
        });
        Self {
            traces_in,
            traces_out: Some(traces_out),
        }
    }

    fn recorder(&self) -> MickRecorder {
        MickRecorder {
            traces_in: self.traces_in.clone(),
            trace: NonZeroU128::MIN,
        }
    }

    #[inline(always)]
    fn read_clock() {
        std::hint::black_box(SystemTime::now());
    }

    fn drain(&mut self, spans: usize) {
        let out = self.traces_out.as_mut().expect("not sending");
        let packets = std::iter::from_fn(|| out.next().now_or_never());
        let taken = packets.map(|packet| decode(&packet).expect("a batch").spans.len());
        assert_eq!(taken.sum::<usize>(), spans, "mick-jaeger kept every span");
    }

    fn send_to(&mut self, sink: SocketAddr) {
        let mut out = self.traces_out.take().expect("not sending");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.connect(sink).expect("loopback");
        thread::spawn(move || {
            block_on(async {
                loop {
                    let packet = out.next().await;
                    socket.send(&packet).expect("sent");
                }
            })
        });
    }

    fn finish(self) -> Option<u64> {
        // It has no way to tell, so it gets plenty of (idle) time.
        thread::sleep(Duration::from_millis(300));
        // Without its `TracesIn`, a `next` that is being polled panics; that would be in the figures.
        std::mem::forget(self.traces_in);
        None
    }

    fn per_thread(_threads: usize) -> Result<usize, Lacks> {
        Err(Lacks(
            "its queue of 257 spans is full before the threads have all begun",
        ))
    }
}

impl MickRecorder {
    /// The caller has to bring the trace's id; the cheapest is a counter, so it gets that.
    #[inline(always)]
    fn root(&mut self, name: &str) -> Span {
        self.trace = self.trace.saturating_add(1);
        self.traces_in.span(self.trace, name)
    }
}

impl Recorder for MickRecorder {
    type Span = Span;

    #[inline(always)]
    fn open(&mut self) -> Span {
        let mut span = self.root(OPERATION);
        tag(&mut span);
        span
    }

    fn record(&mut self, shape: Shape, times: usize) -> Result<(), Lacks> {
        match shape {
            Shape::Root => repeat(times, || tag(&mut self.root(OPERATION))),
            Shape::Fenced => repeat(times, || {
                fence();
                tag(&mut self.root(OPERATION));
            }),
            Shape::Strings => {
                let (name, tags) = at_run_time();
                repeat(times, || {
                    let mut span = self.root(name);
                    for (key, value) in tags {
                        span.add_string_tag(key, value);
                    }
                });
            }
            Shape::Moved => repeat(times, || {
                let _span = second(self);
            }),
            Shape::Child => {
                let parent = self.root(OPERATION);
                repeat(times, || tag(&mut parent.child(OPERATION)));
            }
            Shape::Chain => repeat(times, || {
                let mut root = self.root(OPERATION);
                tag(&mut root);
                let mut child = root.child(OPERATION);
                tag(&mut child);
                let mut grandchild = child.child(OPERATION);
                tag(&mut grandchild);
                let mut last = grandchild.child(OPERATION);
                tag(&mut last);
            }),
            Shape::Ten => repeat(times, || ten(&mut self.root(OPERATION))),
            Shape::Disabled => return Err(Lacks("a span cannot be switched off")),
            Shape::Unsampled => return Err(Lacks("it does not know sampling")),
        }
        Ok(())
    }
}

#[inline(always)]
fn tag(span: &mut Span) {
    span.add_string_tag(TAGS[0].0, TAGS[0].1);
    span.add_string_tag(TAGS[1].0, TAGS[1].1);
}

#[inline(never)]
fn first(recorder: &mut MickRecorder) -> Span {
    let mut span = recorder.root(OPERATION);
    span.add_string_tag(TAGS[0].0, TAGS[0].1);
    span
}

#[inline(never)]
fn second(recorder: &mut MickRecorder) -> Span {
    let mut span = first(recorder);
    span.add_string_tag(TAGS[1].0, TAGS[1].1);
    span
}

#[inline(always)]
fn ten(span: &mut Span) {
    tag(span);
    span.add_string_tag("span.kind", "server");
    span.add_string_tag("http.url", "/checkout?cart=77");
    span.add_string_tag("region", "eu-north-1");
    span.add_string_tag("host", "shop-4");
    span.add_int_tag("http.status_code", 200);
    span.add_int_tag("user.id", 184_467);
    span.add_string_tag("total", "49.9");
    span.add_string_tag("cached", "false");
    span.log()
        .with_string("event", "retry")
        .with_string("attempt", "2");
}
