use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustracing::sampler::AllSampler;
use rustracing::tag::Tag;
use rustracing_jaeger::Tracer;
use rustracing_jaeger::reporter::JaegerCompactReporter;
use rustracing_jaeger::span::{FinishedSpan, SpanReceiver};

use super::{OPERATION, Peer, TAGS};

/// Spans per report: about 50,000 bytes, which it sends as one datagram whatever the size.
const REPORT: usize = 400;

pub struct Rustracing {
    tracer: Tracer,
    receiver: Option<SpanReceiver>,
    sender: Option<JoinHandle<()>>,
}

impl Peer for Rustracing {
    const NAME: &'static str = "rustracing_jaeger 0.10.0";
    const BATCH: usize = 1_500;

    fn new() -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(16_384);
        Self {
            tracer: Tracer::with_sender(AllSampler, sender),
            receiver: Some(receiver),
            sender: None,
        }
    }

    #[inline]
    fn span(&mut self) {
        let _span = self
            .tracer
            .span(OPERATION)
            .tag(Tag::new(TAGS[0].0, TAGS[0].1))
            .tag(Tag::new(TAGS[1].0, TAGS[1].1))
            .start();
    }

    fn drain(&mut self, batch: usize) {
        let receiver = self.receiver.as_ref().expect("not sending");
        assert_eq!(
            receiver.try_iter().count(),
            batch,
            "rustracing_jaeger kept every span"
        );
    }

    fn send_to(&mut self, sink: SocketAddr) {
        let receiver = self.receiver.take().expect("not sending");
        let mut reporter = JaegerCompactReporter::new(Self::NAME).expect("a port");
        reporter.set_agent_addr(sink);
        self.sender = Some(thread::spawn(move || send(&receiver, &reporter)));
    }

    fn finish(self) {
        drop(self.tracer);
        if let Some(sender) = self.sender {
            sender.join().expect("the sender ended well");
        }
    }
}

/// The loop is the user's to write. This one is kind to the crate: it lets spans gather, so that datagrams are full.
fn send(receiver: &SpanReceiver, reporter: &JaegerCompactReporter) {
    while let Ok(first) = receiver.recv() {
        thread::sleep(Duration::from_millis(10));
        let mut waiting: Vec<FinishedSpan> = vec![first];
        waiting.extend(receiver.try_iter());
        for spans in waiting.chunks(REPORT) {
            reporter.report(spans).expect("sent");
        }
    }
}
