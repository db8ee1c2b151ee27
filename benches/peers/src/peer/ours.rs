use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jaegerling::propagate::uber;
use jaegerling::udp::UdpSender;
use jaegerling::{Clock as _, OwnTags, Span, SpanContext, SystemClock, TracesIn, TracesOut};

use super::{Lacks, Peer, Recorder};
use crate::shape::{OPERATION, Shape, TAGS, at_run_time, fence, repeat};

pub struct Ours {
    pub traces_in: Arc<TracesIn>,
    traces_out: Option<TracesOut>,
    sender: Option<UdpSender>,
}

pub struct OursRecorder {
    traces_in: Arc<TracesIn>,
    unsampled: SpanContext,
}

impl Ours {
    /// As [`drain`](Peer::drain), without a look at what is in the datagrams.
    pub fn take(&mut self) -> usize {
        let out = self.traces_out.as_mut().expect("not sending");
        let mut spans = 0;
        while let Some(packet) = out.lend().expect("not ended") {
            spans += packet.span_count();
            packet.sent();
        }
        spans
    }
}

impl Peer for Ours {
    const NAME: &'static str = "jaegerling";
    const BATCH: usize = 1_500;
    const FULL: Result<usize, Lacks> = Ok(32_768);
    const CLOCK: &'static str = "SystemClock";

    type Recorder = OursRecorder;

    fn new() -> Self {
        // The same content as the others': they send no host name, no address, no version of the library.
        let builder = jaegerling::builder(Self::NAME).own_process_tags(OwnTags::NONE);
        let (traces_in, traces_out) = builder.build().expect("a tracer");
        Self {
            traces_in,
            traces_out: Some(traces_out),
            sender: None,
        }
    }

    fn recorder(&self) -> OursRecorder {
        let header = "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:0";
        OursRecorder {
            traces_in: self.traces_in.clone(),
            unsampled: uber::parse(header).expect("a context"),
        }
    }

    #[inline(always)]
    fn read_clock() {
        black_box(SystemClock.now());
    }

    fn drain(&mut self, spans: usize) {
        assert_eq!(self.take(), spans, "jaegerling kept every span");
    }

    fn send_to(&mut self, sink: SocketAddr) {
        let out = self.traces_out.take().expect("not sending");
        let options = jaegerling::udp::Options::new().unpaced();
        self.sender = Some(options.spawn(out, sink).expect("a socket"));
    }

    fn finish(self) -> Option<u64> {
        if let Some(sender) = self.sender {
            sender.flush(Duration::from_secs(5)).expect("all sent");
        }
        let stats = self.traces_in.stats();
        let dropped = stats.dropped.total();
        assert_eq!(
            stats.started,
            stats.handed_over + dropped,
            "each span is accounted for"
        );
        Some(dropped)
    }

    /// Each has a ring of its own.
    fn per_thread(_threads: usize) -> Result<usize, Lacks> {
        Ok(30_000)
    }
}

impl Recorder for OursRecorder {
    type Span = Span;

    #[inline(always)]
    fn open(&mut self) -> Span {
        let mut span = self.traces_in.new_trace(OPERATION);
        tag(&mut span);
        span
    }

    fn record(&mut self, shape: Shape, times: usize) -> Result<(), Lacks> {
        let traces_in = &self.traces_in;
        let root = || {
            let mut span = traces_in.new_trace(OPERATION);
            tag(&mut span);
        };
        match shape {
            Shape::Root => repeat(times, root),
            Shape::Fenced => repeat(times, || {
                fence();
                root();
            }),
            Shape::Strings => {
                let (name, tags) = at_run_time();
                repeat(times, || {
                    let mut span = traces_in.new_trace(name);
                    for (key, value) in tags {
                        span.add_string_tag(key, value);
                    }
                });
            }
            Shape::Moved => repeat(times, || {
                let _span = second(traces_in);
            }),
            Shape::Child => {
                let parent = traces_in.new_trace(OPERATION);
                repeat(times, || tag(&mut parent.child(OPERATION)));
            }
            Shape::Chain => repeat(times, || {
                let mut root = traces_in.new_trace(OPERATION);
                tag(&mut root);
                let mut child = root.child(OPERATION);
                tag(&mut child);
                let mut grandchild = child.child(OPERATION);
                tag(&mut grandchild);
                let mut last = grandchild.child(OPERATION);
                tag(&mut last);
            }),
            Shape::Ten => repeat(times, || ten(traces_in)),
            Shape::Disabled => repeat(times, || tag(black_box(&mut Span::disabled()))),
            Shape::Unsampled => repeat(times, || {
                tag(&mut traces_in.span_in(&self.unsampled, OPERATION));
            }),
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
fn first(traces_in: &Arc<TracesIn>) -> Span {
    let mut span = traces_in.new_trace(OPERATION);
    span.add_string_tag(TAGS[0].0, TAGS[0].1);
    span
}

#[inline(never)]
fn second(traces_in: &Arc<TracesIn>) -> Span {
    let mut span = first(traces_in);
    span.add_string_tag(TAGS[1].0, TAGS[1].1);
    span
}

#[inline(always)]
fn ten(traces_in: &Arc<TracesIn>) {
    let mut span = traces_in.new_trace(OPERATION);
    tag(&mut span);
    span.add_string_tag("span.kind", "server");
    span.add_string_tag("http.url", "/checkout?cart=77");
    span.add_string_tag("region", "eu-north-1");
    span.add_string_tag("host", "shop-4");
    span.add_int_tag("http.status_code", 200);
    span.add_int_tag("user.id", 184_467);
    span.add_float_tag("total", 49.9);
    span.add_bool_tag("cached", false);
    span.log()
        .with_string("event", "retry")
        .with_string("attempt", "2");
}
