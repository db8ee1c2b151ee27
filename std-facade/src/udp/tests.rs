//! What cannot be had from a real system here: one that refuses long datagrams.

use std::net::UdpSocket;
use std::sync::Arc;

use super::*;
use crate::{TracesIn, builder, decode};

const LONG: Duration = Duration::from_secs(30);

struct Limited {
    sink: UdpSocket,
    addr: SocketAddr,
    traces_in: Arc<TracesIn>,
    sender: UdpSender,
}

impl Limited {
    /// A sender on a system that sends no more than so many bytes.
    fn to(bytes: usize) -> Self {
        let sink = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        sink.set_read_timeout(Some(LONG)).expect("a timeout");
        let addr = sink.local_addr().expect("an address");
        link::longest::set(addr, bytes);
        let (traces_in, out) = builder("limited").build().expect("a tracer");
        let options = Options::new().unpaced().linger(2 * LONG);
        let sender = options.spawn(out, addr).expect("a sender");
        Self {
            sink,
            addr,
            traces_in,
            sender,
        }
    }

    fn record(&self, spans: usize) {
        for _ in 0..spans {
            let span = self.traces_in.new_trace("span");
            drop(span.with_string_tag("text", &"x".repeat(300)));
        }
        self.sender.flush(LONG).expect("flushed");
    }

    /// So many spans come, in datagrams that are no longer than that.
    #[track_caller]
    fn receive(&self, spans: usize, longest: usize) {
        let mut buffer = vec![0; 65_536];
        let mut received = 0;
        while received < spans {
            let len = self.sink.recv(&mut buffer).expect("a datagram");
            assert!(len <= longest, "{len} bytes");
            received += decode::decode(&buffer[..len])
                .expect("a datagram")
                .spans
                .len();
        }
        assert_eq!(received, spans);
    }
}

#[test]
fn what_is_too_long_for_the_system_is_packed_smaller_once_and_nothing_is_lost() {
    let limited = Limited::to(9_216);
    for _ in 0..3 {
        // Sent in several rounds, so that the sink's buffer holds them.
        limited.record(100);
        limited.receive(100, 9_216);
    }
    let stats = limited.sender.stats();
    assert_eq!(stats.too_long, 1, "the limit is remembered");
    let stats = limited.traces_in.stats();
    assert_eq!((stats.started, stats.handed_over), (300, 300));
    assert_eq!(stats.dropped.total() + stats.trimmed.tags, 0);
}

#[test]
fn a_limit_that_shrinks_is_followed_down() {
    let limited = Limited::to(9_216);
    limited.record(30);
    limited.receive(30, 9_216);
    link::longest::set(limited.addr, 1_200);
    limited.record(30);
    limited.receive(30, 548);
    let stats = limited.sender.stats();
    assert_eq!(stats.too_long, 3, "9,216 and then 1,472 and 548");
    assert_eq!(limited.traces_in.stats().handed_over, 60);
}

#[test]
fn spans_that_a_system_takes_in_no_size_fail_and_are_counted() {
    let limited = Limited::to(100);
    limited.record(20);
    let stats = limited.traces_in.stats();
    assert_eq!((stats.handed_over, stats.dropped.failed), (0, 20));
    assert_eq!(limited.sender.stats().sent, 0);
}
