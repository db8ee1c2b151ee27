//! Clocks that panic, datagrams that fail, rings that stay full: what goes wrong around a tracer is
//! told, and harms nothing.
#![allow(missing_docs)]

mod received;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use jaegerling::decode::decode;
use jaegerling::udp::{self, Options};
use jaegerling::{Clock, Ended, LOSS_SPAN, Span, builder};

const LONG: Duration = Duration::from_secs(30);

/// A clock that panics on demand: when it is read, or when its ticks are converted.
#[derive(Clone, Default)]
struct Fuse {
    now: Arc<AtomicBool>,
    convert: Arc<AtomicBool>,
}

impl Clock for Fuse {
    fn now(&self) -> u64 {
        assert!(!self.now.load(Ordering::SeqCst), "the clock is broken");
        1
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        assert!(!self.convert.load(Ordering::SeqCst), "the clock is broken");
        ticks as i64
    }
}

#[test]
fn a_clock_that_panics_costs_its_span_and_not_its_slot() {
    let fuse = Fuse::default();
    let (traces_in, mut out) = builder("svc")
        .clock(fuse.clone())
        .build()
        .expect("a tracer");
    fuse.now.store(true, Ordering::SeqCst);
    let begun = std::panic::catch_unwind(|| traces_in.new_trace("never begun"));
    assert!(begun.is_err());
    fuse.now.store(false, Ordering::SeqCst);
    assert_eq!(traces_in.stats().open, 0);
    drop(traces_in);
    while let Ok(datagram) = out.try_next() {
        assert!(datagram.is_some(), "the stream has not ended");
    }
    assert_eq!(out.try_next(), Err(Ended));
}

#[test]
fn a_span_whose_clock_panicked_has_its_own_flags_and_not_those_of_the_slot_s_last_one() {
    let fuse = Fuse::default();
    let (traces_in, mut out) = builder("svc")
        .clock(fuse.clone())
        .capacity(1)
        .build()
        .expect("a tracer");
    let mut flags = Vec::new();
    for breaks in [true, false, true] {
        fuse.now.store(breaks, Ordering::SeqCst);
        let begun = std::panic::catch_unwind(|| traces_in.new_trace("debugged").set_debug());
        assert_eq!(begun.is_err(), breaks);
        fuse.now.store(false, Ordering::SeqCst);
        while let Some(datagram) = out.try_next().expect("it goes on") {
            let batch = decode(&datagram).expect("a datagram");
            flags.extend(batch.spans.iter().map(|span| span.flags));
        }
    }
    assert_eq!(flags, [1, 3, 1]);
}

#[test]
fn a_panic_while_a_datagram_is_packed_costs_no_span() {
    /// Panics once, at the conversion of 7 ticks.
    struct Once(Arc<AtomicU64>, AtomicBool);
    impl Clock for Once {
        fn now(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }
        fn unix_nanos(&self, ticks: u64) -> i64 {
            let panics = ticks == 7 && self.1.swap(false, Ordering::SeqCst);
            assert!(!panics, "the clock is broken");
            ticks as i64
        }
    }
    let ticks = Arc::new(AtomicU64::new(1));
    let clock = Once(ticks.clone(), AtomicBool::new(true));
    let (traces_in, mut out) = builder("svc").clock(clock).build().expect("a tracer");
    drop(traces_in.new_trace("packed"));
    ticks.store(7, Ordering::SeqCst);
    drop(traces_in.new_trace("odd"));
    ticks.store(8, Ordering::SeqCst);
    let packed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| out.try_next()));
    assert!(packed.is_err());
    let names = received::names(&mut out);
    assert_eq!(names, ["packed", "odd"]);
    let stats = traces_in.stats();
    assert_eq!((stats.handed_over, stats.dropped.failed), (2, 0));
}

#[test]
fn a_flush_after_the_sender_has_panicked_says_that_spans_wait() {
    let fuse = Fuse::default();
    let clock = fuse.clone();
    let (traces_in, out) = builder("svc").clock(clock).build().expect("a tracer");
    let sender = udp::spawn(out, "127.0.0.1:9").expect("a sender");
    fuse.convert.store(true, Ordering::SeqCst);
    drop(traces_in.new_trace("a"));
    let flushed = sender.flush(LONG);
    fuse.convert.store(false, Ordering::SeqCst);
    assert!(flushed.is_err(), "the span was not sent");
}

#[test]
fn a_flush_after_all_is_gone_finds_nothing_and_touches_nothing() {
    for _ in 0..20 {
        let fuse = Fuse::default();
        let clock = fuse.clone();
        let (traces_in, out) = builder("svc").clock(clock).build().expect("a tracer");
        let sender = Options::new()
            .linger(Duration::ZERO)
            .spawn(out, "127.0.0.1:9")
            .expect("a sender");
        let other = traces_in.clone();
        let spans = thread::spawn(move || [other.new_trace("a"), other.new_trace("b")]);
        let [first, second] = spans.join().expect("no panic");
        fuse.convert.store(true, Ordering::SeqCst);
        drop(first);
        drop((second, traces_in));
        let _ = sender.flush(Duration::from_millis(20));
        fuse.convert.store(false, Ordering::SeqCst);
        let _ = sender.flush(Duration::from_millis(1));
    }
}

#[test]
fn a_sleeping_sender_is_woken_by_the_first_loss() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
    receiver.set_read_timeout(Some(LONG)).expect("a timeout");
    let (traces_in, out) = builder("svc").capacity(4).build().expect("a tracer");
    let address = receiver.local_addr().expect("an address");
    let _sender = udp::spawn(out, address).expect("a sender");
    let _open: Vec<_> = (0..4).map(|_| traces_in.new_trace("hangs")).collect();
    thread::sleep(Duration::from_millis(300));
    drop(traces_in.new_trace("refused"));
    let mut datagram = [0; 65_536];
    let len = receiver.recv(&mut datagram).expect("nobody was told");
    let spans = received::spans(&datagram[..len]);
    let names: Vec<_> = spans.into_iter().map(|span| span.name).collect();
    assert_eq!(names, [LOSS_SPAN]);
}

#[test]
fn a_loss_whose_datagram_failed_is_told_again() {
    let (traces_in, mut out) = builder("svc").capacity(1).build().expect("a tracer");
    let open = traces_in.new_trace("open");
    drop(traces_in.new_trace("refused"));
    let packet = out.lend().expect("not ended").expect("the loss");
    assert_eq!(packet.span_count(), 0);
    packet.failed();
    drop((open, traces_in));
    let mut names = received::names(&mut out);
    names.sort();
    assert_eq!(names, [LOSS_SPAN, "open"]);
}

#[test]
fn a_loss_is_told_by_no_span_where_that_is_switched_off() {
    let builder = builder("svc").capacity(1).loss_span(false);
    let (traces_in, mut out) = builder.build().expect("a tracer");
    let open = traces_in.new_trace("open");
    drop(traces_in.new_trace("refused"));
    drop(open);
    assert_eq!(traces_in.stats().dropped.ring_full, 1);
    drop(traces_in);
    assert_eq!(received::names(&mut out), ["open"]);
}

#[test]
fn a_tag_that_needs_more_room_runs_no_destructor_of_a_clock_that_is_gone() {
    static IS_ARMED: AtomicBool = AtomicBool::new(false);

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> u64 {
            1
        }

        fn unix_nanos(&self, _: u64) -> i64 {
            1
        }
    }

    impl Drop for Stopped {
        fn drop(&mut self) {
            assert!(!IS_ARMED.load(Ordering::Relaxed), "a destructor");
        }
    }

    let (gone_in, mut gone_out) = builder("gone").clock(Stopped).build().expect("a tracer");
    let (traces_in, _traces_out) = builder("here").build().expect("a tracer");
    let (to, moved) = mpsc::channel::<Span>();
    let (say, is_used) = mpsc::channel();
    let thread = thread::spawn(move || {
        drop(gone_in.new_trace("used here"));
        drop(gone_in);
        say.send(()).expect("it is heard");
        let mut span = moved.recv().expect("it comes");
        IS_ARMED.store(true, Ordering::Relaxed);
        // Slots of a lane that this thread makes for it.
        span.add_string_tag("long", &"x".repeat(1_000));
        IS_ARMED.store(false, Ordering::Relaxed);
    });
    is_used.recv().expect("the thread lives");
    while let Ok(Some(_)) = gone_out.try_next() {}
    drop(gone_out);
    to.send(traces_in.new_trace("moved")).expect("it listens");
    thread.join().expect("no panic");
}
