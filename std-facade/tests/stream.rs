//! The stream of datagrams: when it is awake, when it sleeps, when it ends.
#![allow(missing_docs)]

mod received;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use jaegerling::{Ended, TracesIn, TracesOut, builder};

const LONG: Duration = Duration::from_secs(60);

fn tracer() -> (Arc<TracesIn>, TracesOut) {
    builder("stream").build().expect("a tracer")
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll<F: Future>(future: Pin<&mut F>, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    let waker = Waker::from(wakes.clone());
    future.poll(&mut Context::from_waker(&waker))
}

#[test]
fn next_is_woken_by_a_span_that_ends_on_another_thread() {
    let (traces_in, mut out) = tracer();
    for round in 0..200 {
        let traces_in = traces_in.clone();
        let thread = thread::spawn(move || {
            let span = traces_in.new_trace(format!("round {round}"));
            if round % 2 == 0 {
                thread::yield_now();
            }
            drop(span);
        });
        let datagram = pollster::block_on(out.next());
        let spans = received::spans(&datagram);
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].name, format!("round {round}"));
        thread.join().expect("no panic");
    }
}

#[test]
fn no_wake_up_is_lost_when_threads_end_spans_as_fast_as_they_can() {
    let (traces_in, mut out) = tracer();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let traces_in = traces_in.clone();
            thread::spawn(move || {
                for index in 0..3_000 {
                    drop(traces_in.new_trace("tick"));
                    if index % 64 == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    drop(traces_in);
    let mut spans = 0;
    // Hangs if a wake-up is lost.
    while let Some(datagram) = pollster::block_on(out.next_or_end()) {
        spans += received::spans(&datagram).len();
    }
    assert_eq!(spans, 9_000);
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("no panic"));
}

#[test]
fn a_future_that_is_dropped_half_way_loses_nothing() {
    let (traces_in, mut out) = tracer();
    let wakes = Arc::new(Wakes::default());
    assert!(poll(pin!(out.next()), &wakes).is_pending());
    drop(traces_in.new_trace("after the first future"));
    assert_eq!(wakes.count(), 1, "the future that is gone was woken");
    drop(out.next());
    let Poll::Ready(datagram) = poll(pin!(out.next()), &wakes) else {
        panic!("a span waits");
    };
    assert_eq!(received::spans(&datagram).len(), 1);

    // Polled by one task, dropped, polled by another: the last one is woken.
    let other = Arc::new(Wakes::default());
    assert!(poll(pin!(out.next()), &wakes).is_pending());
    assert!(poll(pin!(out.next()), &other).is_pending());
    drop(traces_in.new_trace("for the other"));
    assert_eq!((wakes.count(), other.count()), (1, 1));
    assert_eq!(received::names(&mut out), ["for the other"]);
}

#[test]
fn ten_thousand_spans_wake_a_sleeper_once() {
    let (traces_in, mut out) = tracer();
    let wakes = Arc::new(Wakes::default());
    for busy in 1..=3 {
        assert!(poll(pin!(out.next()), &wakes).is_pending());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_500 {
                        drop(traces_in.new_trace("tick"));
                    }
                });
            }
        });
        assert_eq!(wakes.count(), busy);
        assert_eq!(received::drain(&mut out).len(), 10_000);
    }
}

#[test]
fn nobody_is_woken_who_does_not_sleep() {
    let (traces_in, mut out) = tracer();
    let wakes = Arc::new(Wakes::default());
    drop(traces_in.new_trace("waits"));
    assert!(poll(pin!(out.next()), &wakes).is_ready());
    drop(traces_in.new_trace("later"));
    assert_eq!(wakes.count(), 0);
    assert_eq!(
        out.next_timeout(Duration::ZERO).map(|d| d.is_some()),
        Ok(true)
    );
    assert_eq!(out.next_timeout(Duration::ZERO), Ok(None));
    drop(traces_in.new_trace("later"));
    assert_eq!(wakes.count(), 0);
}

/// A waker that holds the last of a task, and the task a span.
struct Task {
    span: std::sync::Mutex<Option<jaegerling::Span>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        drop(self.span.lock().expect("no panic").take());
    }
}

#[test]
fn a_task_that_ends_spans_as_its_waker_is_dropped_does_not_deadlock() {
    let (traces_in, mut out) = tracer();
    let task = || {
        let span = traces_in.new_trace("in a task");
        Waker::from(Arc::new(Task {
            span: Some(span).into(),
        }))
    };
    for _ in 0..3 {
        let waker = task();
        let poll = pin!(out.next()).poll(&mut Context::from_waker(&waker));
        drop((poll, waker));
        // The second listener replaces the waker, which was the last of the first task.
        let wakes = Arc::new(Wakes::default());
        drop(poll_once(&mut out, &wakes));
    }
    received::drain(&mut out);
    let waker = task();
    assert!(
        pin!(out.next())
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    drop(out);
    assert_eq!(traces_in.stats().open, 0, "the task went with its receiver");
}

fn poll_once(out: &mut TracesOut, wakes: &Arc<Wakes>) -> Poll<Vec<u8>> {
    poll(pin!(out.next()), wakes)
}

#[test]
fn nothing_now_and_ended_are_different_answers() {
    let (traces_in, mut out) = tracer();
    assert_eq!(out.try_next(), Ok(None));
    assert_eq!(out.next_timeout(Duration::from_millis(1)), Ok(None));
    assert!(matches!(out.lend(), Ok(None)));
    drop(traces_in);
    assert_eq!(out.try_next(), Err(Ended));
    assert_eq!(out.next_timeout(LONG), Err(Ended));
    assert!(matches!(out.lend(), Err(Ended)));
    assert_eq!(pollster::block_on(out.next_or_end()), None);
    assert_eq!(pollster::block_on(out.next_or_end()), None, "for good");
    let wakes = Arc::new(Wakes::default());
    for _ in 0..3 {
        assert!(
            poll_once(&mut out, &wakes).is_pending(),
            "`next` cannot say"
        );
    }
    assert_eq!(wakes.count(), 0);
}

#[test]
fn the_drop_of_the_last_input_wakes_a_sleeper() {
    let (traces_in, mut out) = tracer();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        drop(traces_in);
    });
    assert_eq!(out.next_timeout(LONG), Err(Ended));
    thread.join().expect("no panic");
}

#[test]
fn next_timeout_waits_as_long_as_it_was_told_and_no_longer_than_a_span_takes() {
    let (traces_in, mut out) = tracer();
    let begin = Instant::now();
    assert_eq!(out.next_timeout(Duration::from_millis(50)), Ok(None));
    assert!(begin.elapsed() >= Duration::from_millis(50));
    let begin = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            drop(traces_in.new_trace("wakes"));
        });
        let next = out.next_timeout(Duration::MAX).expect("not ended");
        assert_eq!(received::spans(&next.expect("a span")).len(), 1);
    });
    assert!(begin.elapsed() < LONG / 2);
}

#[test]
fn children_that_begin_after_the_input_is_gone_still_come_out_before_the_end() {
    let (traces_in, mut out) = tracer();
    let parent = traces_in.new_trace("parent");
    drop(traces_in);
    assert_eq!(out.try_next(), Ok(None));
    let child = parent.child("child");
    drop(parent);
    assert_eq!(received::names(&mut out), ["parent"]);
    assert_eq!(out.try_next(), Ok(None), "a child is open");
    let grandchild = thread::spawn(move || child.child("grandchild"));
    let grandchild = grandchild.join().expect("no panic");
    assert_eq!(received::names(&mut out), ["child"]);
    assert_eq!(out.next_timeout(Duration::from_millis(5)), Ok(None));
    drop(grandchild);
    assert_eq!(received::names(&mut out), ["grandchild"]);
    assert_eq!(out.try_next(), Err(Ended));
}

#[test]
fn the_end_comes_after_the_last_of_many_families() {
    let (traces_in, mut out) = tracer();
    const FAMILIES: usize = 4;
    const GENERATIONS: usize = 500;
    let threads: Vec<_> = (0..FAMILIES)
        .map(|_| {
            let mut span = traces_in.new_trace("first");
            thread::spawn(move || {
                for _ in 1..GENERATIONS {
                    let child = span.child("next");
                    span = child;
                }
            })
        })
        .collect();
    drop(traces_in);
    let mut spans = 0;
    while let Ok(next) = out.next_timeout(LONG) {
        spans += received::spans(&next.expect("within a minute")).len();
    }
    assert_eq!(spans, FAMILIES * GENERATIONS, "none came after the end");
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("no panic"));
}

#[test]
fn a_forgotten_span_keeps_the_stream_open_and_no_flush_waiting() {
    let (traces_in, mut out) = tracer();
    std::mem::forget(traces_in.new_trace("forgotten"));
    drop(traces_in.new_trace("ended"));
    drop(traces_in);
    assert_eq!(received::names(&mut out), ["ended"]);
    assert_eq!(out.try_next(), Ok(None));
    let sender = jaegerling::udp::spawn(out, "127.0.0.1:9").expect("a sender");
    assert_eq!(sender.flush(LONG), Ok(()));
}

#[test]
fn a_packet_is_handed_over_failed_or_packed_again_as_its_sender_says() {
    let (traces_in, mut out) = tracer();
    for _ in 0..100 {
        drop(
            traces_in
                .new_trace("one of a hundred")
                .with_string_tag("text", "some text"),
        );
    }
    let packet = out.lend().expect("not ended").expect("spans wait");
    assert_eq!(packet.span_count(), 100);
    let number = received::seq_no(packet.bytes());
    assert!(packet.too_large(1_000).is_ok());
    let mut lent = 0;
    let mut first = None;
    while let Ok(Some(packet)) = out.lend() {
        assert!(packet.bytes().len() <= 1_000);
        first.get_or_insert(received::seq_no(packet.bytes()));
        lent += packet.span_count();
        match lent < 50 {
            true => packet.sent(),
            false => drop(packet),
        }
    }
    assert_eq!(lent, 100);
    assert_eq!(
        first,
        Some(number),
        "the number of a datagram that never was"
    );
    let stats = traces_in.stats();
    assert_eq!(stats.handed_over + stats.dropped.failed, 100);
    assert!(stats.dropped.failed > 40 && stats.handed_over > 30);
    drop(traces_in.new_trace("x"));
    let packet = out.lend().expect("not ended").expect("a span waits");
    assert!(packet.too_large(10).is_err());
    // The loss of the failed ones is told beside it.
    assert!(
        received::names(&mut out).contains(&"x".to_owned()),
        "it waits all the same"
    );
}

#[test]
fn a_name_that_panics_leaves_no_span_open() {
    struct Bad;
    impl From<Bad> for String {
        fn from(_: Bad) -> Self {
            panic!("no name");
        }
    }
    let (traces_in, mut out) = tracer();
    let input = traces_in.clone();
    let joined = thread::spawn(move || drop(input.new_trace(Bad))).join();
    assert!(joined.is_err());
    assert_eq!(traces_in.stats().open, 0);
    drop(traces_in);
    assert_eq!(received::names(&mut out), [""]);
    assert_eq!(out.try_next(), Err(Ended));
}
