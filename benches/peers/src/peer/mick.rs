use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroU128;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::FutureExt as _;
use futures::executor::block_on;
use mick_jaeger::{Config, TracesIn, TracesOut};

use super::{OPERATION, Peer, TAGS};

pub struct Mick {
    traces_in: Arc<TracesIn>,
    traces_out: Option<TracesOut>,
    trace: NonZeroU128,
}

impl Peer for Mick {
    const NAME: &'static str = "mick-jaeger 0.1.8";
    /// Its channel holds 256 and one more for its only sender.
    const BATCH: usize = 256;
    const BURST: usize = 200;

    fn new() -> Self {
        let (traces_in, traces_out) = mick_jaeger::init(Config {
            service_name: Self::NAME.into(),
        });
        Self {
            traces_in,
            traces_out: Some(traces_out),
            trace: NonZeroU128::MIN,
        }
    }

    #[inline]
    fn span(&mut self) {
        // The caller has to bring the trace id; the cheapest is a counter, so it gets that.
        self.trace = self.trace.saturating_add(1);
        let mut span = self.traces_in.span(self.trace, OPERATION);
        span.add_string_tag(TAGS[0].0, TAGS[0].1);
        span.add_string_tag(TAGS[1].0, TAGS[1].1);
    }

    fn drain(&mut self, batch: usize) {
        let out = self.traces_out.as_mut().expect("not sending");
        let packets = std::iter::from_fn(|| out.next().now_or_never()).count();
        assert_eq!(
            packets,
            batch.div_ceil(64),
            "mick-jaeger packs 64 spans at most"
        );
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

    fn finish(self) {
        // It has no way to tell, so it gets plenty of (idle) time.
        thread::sleep(Duration::from_millis(300));
        // Without its `TracesIn`, a `next` that is being polled panics; that would be in the figures.
        std::mem::forget(self.traces_in);
    }
}
