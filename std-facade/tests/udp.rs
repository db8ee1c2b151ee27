//! The sender, against sockets that listen, that do not, and that are elsewhere now.
#![allow(missing_docs)]

mod received;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jaegerling::udp::{self, NotFlushed, Options};
use jaegerling::{TracesIn, TracesOut, builder};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(50);

fn tracer() -> (Arc<TracesIn>, TracesOut) {
    builder("udp").build().expect("a tracer")
}

struct Sink {
    socket: UdpSocket,
    addr: SocketAddr,
}

impl Sink {
    fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket")
    }

    fn at(addr: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(addr)?;
        let addr = socket.local_addr()?;
        Ok(Self { socket, addr })
    }

    fn receive_within(&self, timeout: Duration) -> Option<Vec<u8>> {
        self.socket
            .set_read_timeout(Some(timeout))
            .expect("a timeout");
        let mut buffer = vec![0; 65_536];
        let len = self.socket.recv(&mut buffer).ok()?;
        buffer.truncate(len);
        Some(buffer)
    }

    #[track_caller]
    fn receive(&self) -> Vec<u8> {
        self.receive_within(LONG).expect("a datagram")
    }

    #[track_caller]
    fn names(&self) -> Vec<String> {
        let spans = received::spans(&self.receive());
        spans.into_iter().map(|span| span.name).collect()
    }

    fn is_silent(&self) -> bool {
        self.receive_within(SHORT).is_none()
    }
}

/// A port where nobody listens; where there is such a thing, on an address at which no sink of
/// another test will.
fn refusing() -> SocketAddr {
    let last = if cfg!(target_os = "linux") { 2 } else { 1 };
    let sink = Sink::at((Ipv4Addr::new(127, 0, 0, last), 0).into());
    sink.expect("a socket").addr
}

fn wait_until(what: impl Fn() -> bool) {
    let begin = Instant::now();
    while !what() {
        assert!(begin.elapsed() < LONG, "it never came");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn spans_that_end_while_it_lingers_share_a_datagram() {
    let sink = Sink::new();
    let (traces_in, out) = tracer();
    let begin = Instant::now();
    let sender = Options::new()
        .linger(Duration::from_secs(1))
        .spawn(out, sink.addr);
    let _sender = sender.expect("a sender");
    for name in ["a", "b"] {
        drop(traces_in.new_trace(name));
        thread::sleep(Duration::from_millis(20));
    }
    drop(traces_in.new_trace("c"));
    assert_eq!(sink.names(), ["a", "b", "c"]);
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert!(sink.is_silent());
}

#[test]
fn a_full_datagram_does_not_linger() {
    let sink = Sink::new();
    let (traces_in, out) = tracer();
    let begin = Instant::now();
    let sender = Options::new()
        .linger(2 * LONG)
        .spawn(out, sink.addr)
        .expect("a sender");
    let text = "x".repeat(1_000);
    for _ in 0..70 {
        drop(traces_in.new_trace("large").with_string_tag("text", &text));
    }
    let datagram = sink.receive();
    assert!(begin.elapsed() < LONG);
    assert!(
        (60_000..=65_000).contains(&datagram.len()),
        "{} bytes",
        datagram.len()
    );
    drop(sender);
}

#[test]
fn a_lane_that_holds_less_than_a_datagram_is_emptied_before_it_is_full() {
    let sink = Sink::new();
    let (traces_in, out) = builder("udp").capacity(512).build().expect("a tracer");
    let sender = Options::new().linger(2 * LONG).spawn(out, sink.addr);
    let sender = sender.expect("a sender");
    for _ in 0..500 {
        (0..4).for_each(|_| drop(traces_in.new_trace("tick")));
        thread::sleep(Duration::from_millis(1));
    }
    sender.flush(LONG).expect("flushed");
    let stats = traces_in.stats();
    assert_eq!((stats.started, stats.dropped.total()), (2_000, 0));
}

#[test]
fn a_flush_sends_at_once_all_that_has_ended() {
    let sink = Sink::new();
    let (traces_in, out) = tracer();
    let sender = Options::new()
        .linger(2 * LONG)
        .spawn(out, sink.addr)
        .expect("a sender");
    let open = traces_in.new_trace("open");
    for round in 0..20 {
        let name = format!("round {round}");
        drop(traces_in.new_trace(&*name));
        sender.flush(LONG).expect("flushed");
        assert_eq!(sink.names(), [name]);
    }
    sender.flush(LONG).expect("nothing to flush");
    drop(open);
    sender.flush(LONG).expect("flushed");
    assert_eq!(sink.names(), ["open"]);
    assert_eq!(traces_in.stats().handed_over, 21);
    assert_eq!(sender.stats().sent, 21);
}

#[test]
fn many_threads_flush_at_once_and_each_gets_its_answer() {
    let sink = Sink::new();
    let (traces_in, out) = tracer();
    let sender = udp::spawn(out, sink.addr).expect("a sender");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    drop(traces_in.new_trace("span"));
                    sender.flush(LONG).expect("flushed");
                }
            });
        }
    });
    assert_eq!(traces_in.stats().handed_over, 200);
}

#[test]
fn the_drop_of_a_sender_flushes() {
    let sink = Sink::new();
    let (traces_in, out) = tracer();
    let sender = Options::new()
        .linger(2 * LONG)
        .spawn(out, sink.addr)
        .expect("a sender");
    drop(traces_in.new_trace("last"));
    drop(sender);
    assert_eq!(sink.names(), ["last"]);
    // Its thread ends, and with it the output.
    wait_until(|| !traces_in.new_trace("refused").is_recording());
}

#[test]
fn a_sender_whose_input_is_gone_ends_by_itself_with_all_sent() {
    let sink = Sink::new();
    let (traces_in, out) = tracer();
    let sender = Options::new()
        .linger(Duration::ZERO)
        .spawn(out, sink.addr)
        .expect("a sender");
    let open = traces_in.new_trace("open");
    drop(traces_in);
    sender.flush(LONG).expect("nothing to flush");
    drop(open);
    assert_eq!(sink.names(), ["open"]);
    // Also when its thread is gone.
    for _ in 0..3 {
        sender.flush(LONG).expect("nothing to flush");
    }
}

#[test]
fn the_drop_of_a_sender_that_nobody_listens_to_takes_about_a_second_at_most() {
    let (traces_in, out) = tracer();
    let sender = Options::new()
        .linger(2 * LONG)
        .spawn(out, refusing())
        .expect("a sender");
    for _ in 0..2_000 {
        drop(
            traces_in
                .new_trace("nobody hears")
                .with_string_tag("text", &"x".repeat(100)),
        );
    }
    let begin = Instant::now();
    drop(sender);
    assert!(begin.elapsed() < Duration::from_secs(10));

    // So does one that is told to be slow.
    let (traces_in, out) = tracer();
    let sender = Options::new()
        .pace(1)
        .spawn(out, refusing())
        .expect("a sender");
    let text = "x".repeat(1_000);
    for _ in 0..300 {
        drop(traces_in.new_trace("slow").with_string_tag("text", &text));
    }
    let NotFlushed {
        waiting, timeout, ..
    } = sender.flush(SHORT).expect_err("too slow");
    assert!(waiting > 0 && timeout == SHORT);
    let begin = Instant::now();
    drop(sender);
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn ipv6_works_like_ipv4() {
    let Ok(sink) = Sink::at((Ipv6Addr::LOCALHOST, 0).into()) else {
        eprintln!("SKIPPED: this machine has no ::1");
        return;
    };
    let (traces_in, out) = tracer();
    let sender = udp::spawn(out, sink.addr).expect("a sender");
    drop(traces_in.new_trace("over IPv6"));
    sender.flush(LONG).expect("flushed");
    assert_eq!(sink.names(), ["over IPv6"]);
}

#[test]
fn names_are_resolved_and_one_with_two_addresses_finds_the_one_that_listens() {
    let v6: SocketAddr = (Ipv6Addr::LOCALHOST, 0).into();
    for addr in [(Ipv4Addr::LOCALHOST, 0).into(), v6] {
        let Ok(sink) = Sink::at(addr) else {
            eprintln!("SKIPPED: this machine has no {addr}");
            continue;
        };
        let port = sink.addr.port();
        let known: Vec<_> = ("localhost", port)
            .to_socket_addrs()
            .expect("localhost")
            .collect();
        if !known.contains(&sink.addr) {
            eprintln!("SKIPPED: here, localhost is {known:?}");
            continue;
        }
        let (traces_in, out) = tracer();
        let sender = udp::spawn(out, ("localhost", port)).expect("a sender");
        // The first ones may go to the address where nobody listens, until that says so.
        let begin = Instant::now();
        while sink.receive_within(SHORT).is_none() {
            assert!(begin.elapsed() < LONG, "nothing comes at {addr}");
            drop(traces_in.new_trace("by name"));
            sender.flush(LONG).expect("flushed");
        }
        if addr.is_ipv4() {
            assert_eq!(
                sender.stats().refused,
                0,
                "IPv4 is tried first on this machine"
            );
        }
    }
}

#[test]
fn a_name_that_does_not_resolve_is_an_error_and_not_a_panic() {
    let (_traces_in, out) = tracer();
    let error = udp::spawn(out, "no-such-host.invalid:6831")
        .err()
        .expect("no such host");
    assert!(!error.to_string().is_empty());
    let (_traces_in, out) = tracer();
    let error = udp::spawn(out, "no port at all").err().expect("no address");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let (_traces_in, out) = tracer();
    let none: &[SocketAddr] = &[];
    let error = udp::spawn(out, none).err().expect("no address");
    assert_eq!(error.to_string(), "the name has no address");
}

#[test]
fn a_receiver_that_comes_back_gets_spans_again_and_all_others_are_counted() {
    let addr = refusing();
    let (traces_in, out) = tracer();
    let sender = Options::new()
        .linger(Duration::ZERO)
        .spawn(out, addr)
        .expect("a sender");
    for _ in 0..20 {
        drop(traces_in.new_trace("nobody listens"));
        sender.flush(LONG).expect("accepted or failed");
    }
    let stats = traces_in.stats();
    // The system accepts each the second time: the refusal was the answer to the one before.
    assert_eq!(stats.handed_over + stats.dropped.failed, 20);
    assert_eq!(stats.started, 20);
    if cfg!(target_os = "linux") {
        assert!(sender.stats().refused >= 10, "{:?}", sender.stats());
    }
    let sink = Sink::at(addr).expect("the port is still free");
    drop(traces_in.new_trace("somebody listens"));
    sender.flush(LONG).expect("sent");
    // A loss may be told in the same datagram.
    assert!(sink.names().contains(&"somebody listens".to_owned()));
}

/// A name whose address changes.
#[derive(Clone)]
struct Moving(Arc<Mutex<io::Result<SocketAddr>>>);

impl ToSocketAddrs for Moving {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        match &*self.0.lock().expect("no panic") {
            Ok(addr) => Ok(vec![*addr].into_iter()),
            Err(error) => Err(error.kind().into()),
        }
    }
}

#[test]
fn after_a_failure_the_name_is_resolved_again() {
    let first = Sink::new();
    let name = Moving(Arc::new(Mutex::new(Ok(first.addr))));
    let (traces_in, out) = tracer();
    let options = Options::new().linger(Duration::ZERO);
    let sender = options.spawn(out, name.clone()).expect("a sender");
    drop(traces_in.new_trace("first"));
    assert_eq!(first.names(), ["first"]);

    let second = Sink::new();
    *name.0.lock().expect("no panic") = Ok(second.addr);
    drop(traces_in.new_trace("still the first: nothing failed"));
    assert_eq!(first.names().len(), 1);
    drop(first);
    // The refusal is told late, and a name is asked for every five seconds at most.
    wait_until(|| {
        drop(traces_in.new_trace("second"));
        sender.flush(LONG).expect("flushed");
        second.receive_within(SHORT).is_some()
    });
    assert!(sender.stats().resolved >= 1 && sender.stats().refused >= 1);

    // A name that is gone for a while keeps its last address.
    *name.0.lock().expect("no panic") = Err(io::ErrorKind::NotFound.into());
    drop(traces_in.new_trace("second"));
    assert_eq!(second.names(), ["second"]);
}

#[test]
fn two_full_datagrams_go_at_once_and_the_rest_at_the_pace() {
    let sink = Sink::new();
    let (traces_in, out) = tracer();
    let pace = 260_000;
    let options = Options::new().pace(pace).linger(2 * LONG);
    let sender = options.spawn(out, sink.addr).expect("a sender");
    // A thread of its own: the socket's buffer does not hold them all.
    let receiver = thread::spawn(move || {
        let mut bytes = sink.receive().len();
        let begin = Instant::now();
        while bytes < 300_000 {
            bytes += sink.receive().len();
        }
        (bytes, begin.elapsed())
    });
    let text = "x".repeat(1_000);
    for _ in 0..5 * 61 {
        drop(traces_in.new_trace("large").with_string_tag("text", &text));
    }
    sender.flush(LONG).expect("flushed");
    let (bytes, took) = receiver.join().expect("no panic");
    // What is more than 130,000 bytes, at 260,000 a second: 0.65 s, however slow the machine is.
    let paced = Duration::from_secs_f64((bytes - 130_000) as f64 / pace as f64);
    assert!(took >= paced.mul_f64(0.95), "{bytes} bytes in {took:?}");
}

#[test]
fn a_hundred_thousand_spans_all_come_out_or_are_counted() {
    let sink = Sink::new();
    let (traces_in, out) = tracer();
    let options = Options::new().unpaced().linger(Duration::from_millis(1));
    let sender = options.spawn(out, sink.addr).expect("a sender");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..25_000).for_each(|_| drop(traces_in.new_trace("span"))));
        }
    });
    sender.flush(LONG).expect("flushed");
    let stats = traces_in.stats();
    assert_eq!(stats.started, 100_000);
    assert_eq!(stats.handed_over + stats.dropped.total(), 100_000);
}
