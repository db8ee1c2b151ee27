use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jaegerling::udp::UdpSender;
use jaegerling::{Config, TracesIn, TracesOut};
use jaegerling_core::decode::decode;

use super::{OPERATION, Peer, TAGS};

pub struct Ours {
    traces_in: Arc<TracesIn>,
    traces_out: Option<TracesOut>,
    sender: Option<UdpSender>,
}

impl Peer for Ours {
    const NAME: &'static str = "jaegerling";
    const BATCH: usize = 1_500;

    fn new() -> Self {
        let (traces_in, traces_out) = jaegerling::init(Config {
            service_name: Self::NAME.into(),
        });
        Self {
            traces_in,
            traces_out: Some(traces_out),
            sender: None,
        }
    }

    #[inline]
    fn span(&mut self) {
        let mut span = self.traces_in.new_trace(OPERATION);
        span.add_string_tag(TAGS[0].0, TAGS[0].1);
        span.add_string_tag(TAGS[1].0, TAGS[1].1);
    }

    fn drain(&mut self, batch: usize) {
        let out = self.traces_out.as_mut().expect("not sending");
        let mut spans = 0;
        while let Some(packet) = out.try_next().expect("not ended") {
            spans += decode(&packet).expect("a batch").spans.len();
        }
        assert_eq!(spans, batch, "jaegerling kept every span");
    }

    fn send_to(&mut self, sink: SocketAddr) {
        let out = self.traces_out.take().expect("not sending");
        self.sender = Some(
            jaegerling::udp::Options::new()
                .unpaced()
                .spawn(out, sink)
                .expect("a socket"),
        );
    }

    fn finish(self) {
        if let Some(sender) = self.sender {
            sender.flush(Duration::from_secs(5)).expect("all sent");
        }
    }
}
