//! A real `fork`: what a child inherits is its parent's, and all that it does is its own.
//!
//! The portable twin cannot tell a child from its parent, and says so.
#![cfg(all(unix, not(jaegerling_portable)))]
#![allow(missing_docs)]

mod received;

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::fd::FromRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jaegerling::udp::{self, Options};
use jaegerling::{Stats, TracesIn, TracesOut, builder};

const LONG: Duration = Duration::from_secs(30);

/// A child process.
struct Child {
    pid: libc::pid_t,
    says: std::fs::File,
}

/// Runs `child` in a child process. What it writes can be read by [`Child::join`]; a panic in it,
/// too.
fn fork(child: impl FnOnce(&mut dyn Write)) -> Child {
    let mut ends = [0; 2];
    // SAFETY: an array of two.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the child does what programs do after a fork, and then exits without running what
    // its parent registered.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no child");
    // SAFETY: an end of the pipe each, which nobody else owns.
    let [read, write] = ends.map(|end| unsafe { std::fs::File::from_raw_fd(end) });
    if pid > 0 {
        return Child { pid, says: read };
    }
    let mut write = write;
    let result = catch_unwind(AssertUnwindSafe(|| child(&mut write)));
    if let Err(panic) = &result {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        let _ = write!(write, "{}", text.unwrap_or("a panic"));
    }
    // SAFETY: it ends the process.
    unsafe { libc::_exit(i32::from(result.is_err())) }
}

impl Child {
    /// What the child said, once it has ended well.
    #[track_caller]
    fn join(mut self) -> String {
        let begin = Instant::now();
        let mut status = 0;
        // SAFETY: a child of this process, and a place for its status.
        while unsafe { libc::waitpid(self.pid, &mut status, libc::WNOHANG) } == 0 {
            if begin.elapsed() > LONG {
                // SAFETY: a child of this process.
                unsafe { libc::kill(self.pid, libc::SIGKILL) };
                // SAFETY: as above.
                unsafe { libc::waitpid(self.pid, &mut status, 0) };
                panic!("the child hangs");
            }
            thread::sleep(Duration::from_micros(500));
        }
        let mut said = String::new();
        self.says.read_to_string(&mut said).expect("text");
        assert_eq!(status, 0, "{said}");
        said
    }
}

fn tracer(capacity: usize) -> (Arc<TracesIn>, TracesOut) {
    let builder = builder("fork").capacity(capacity);
    builder.build().expect("a tracer")
}

fn accounted(stats: &Stats) -> u64 {
    stats.handed_over + stats.in_flight + stats.open + stats.waiting + stats.dropped.total()
}

#[test]
fn inherited_handles_are_dead_but_harmless_and_the_child_traces_on_its_own() {
    let (traces_in, mut out) = tracer(3);
    drop(traces_in.new_trace("parent"));
    let first = out.try_next().expect("not ended").expect("a span");
    let uuid = received::process_tag(&first, "client-uuid").expect("a uuid");
    let mut open = traces_in.new_trace("open");
    let waiting = traces_in.new_trace("waiting");
    let third = traces_in.new_trace("third");
    let refused = traces_in.new_trace("refused");
    assert!(open.is_recording() && !refused.is_recording());
    drop(waiting);

    let child = fork(|_| {
        assert!(!open.is_recording());
        open.add_string_tag("key", &"long ".repeat(200));
        open.add_tag_with("closure", || -> i64 { panic!("run for a dead span") });
        open.add_int_tag("key", 1);
        open.log().with_string("event", "nowhere");
        open.set_name("nobody");
        // The very first thing that traces here: children of what was inherited.
        let own = open.child("child of an inherited span");
        assert!(own.is_recording());
        assert_eq!(own.context().parent_id, Some(open.context().span_id));
        drop(own);
        drop(refused.child("child of a refused span"));
        let mut seen = 0;
        traces_in.for_each_open(|_| seen += 1);
        assert_eq!(seen, 0);
        drop((open, third, refused));
        let stats = traces_in.stats();
        assert_eq!((stats.started, stats.waiting, accounted(&stats)), (2, 2, 2));

        let own = out.try_next().expect("not ended").expect("two spans");
        let names: Vec<_> = received::spans(&own)
            .into_iter()
            .map(|span| span.name)
            .collect();
        assert_eq!(
            names,
            ["child of an inherited span", "child of a refused span"]
        );
        assert_eq!(received::seq_no(&own), Some(1));
        let own_uuid = received::process_tag(&own, "client-uuid").expect("a uuid");
        assert_ne!(own_uuid, uuid);
        drop(traces_in);
        assert!(out.try_next().is_err(), "ended");
    });
    child.join();
}

#[test]
fn a_child_knows_its_tracers_whatever_other_threads_were_doing() {
    let (traces_in, _out) = tracer(1);
    let open = traces_in.new_trace("open");
    let refused = traces_in.new_trace("refused");
    let stop = AtomicBool::new(false);
    let go_on = || !stop.load(Ordering::Relaxed);
    thread::scope(|scope| {
        scope.spawn(|| {
            while go_on() {
                drop(tracer(1));
            }
        });
        scope.spawn(|| {
            while go_on() {
                drop(refused.child("looks for its tracer"));
            }
        });
        let known = (0..200).map(|_| {
            let child = fork(|says| {
                let child = open.child("first here");
                write!(says, "{}", child.is_recording()).expect("a pipe");
            });
            child.join() == "true"
        });
        let known = known.filter(|known| *known).count();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(known, 200);
    });
}

#[test]
fn the_parent_does_not_notice_its_children() {
    let (traces_in, mut out) = tracer(64);
    let mut open = traces_in.new_trace("open");
    drop(traces_in.new_trace("waiting"));
    let child = fork(|_| {
        let out = &mut out;
        drop(traces_in.new_trace("of the child"));
        assert_eq!(received::names(out), ["of the child"]);
    });
    child.join();
    open.add_int_tag("after", 1);
    drop(open);
    drop(traces_in);
    let first = out.try_next().expect("not ended").expect("two spans");
    assert_eq!(received::seq_no(&first), Some(1));
    assert_eq!(received::spans(&first).len(), 2);
    assert!(out.try_next().is_err(), "ended");
}

#[test]
fn ids_are_new_in_each_child() {
    let (traces_in, _out) = tracer(64);
    let id = || format!("{:x}", traces_in.new_trace("id").trace_id());
    let mut ids = vec![id()];
    for _ in 0..3 {
        let child = fork(|says| {
            says.write_all(id().as_bytes()).expect("said");
            // A grandchild is new, too.
            let grandchild = fork(|says| says.write_all(id().as_bytes()).expect("said"));
            write!(says, " {}", grandchild.join()).expect("said");
        });
        ids.extend(child.join().split(' ').map(str::to_owned));
        ids.push(id());
    }
    let count = ids.len();
    assert_eq!(count, 10);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn a_tracer_and_a_sender_of_a_childs_own_work() {
    let (sink, addr) = sink();
    let (traces_in, out) = tracer(64);
    // Built by the parent, given to a sender by the child.
    let child = fork(|_| {
        let sender = udp::spawn(out, addr).expect("a sender");
        drop(traces_in.new_trace("inherited tracer"));
        sender.flush(LONG).expect("sent");
        let (traces_in, out) = tracer(64);
        let sender = udp::spawn(out, addr).expect("a sender");
        drop(traces_in.new_trace("own tracer"));
        sender.flush(LONG).expect("sent");
    });
    let names = [receive(&sink), receive(&sink)].map(|(_, name)| name);
    child.join();
    assert_eq!(names, ["inherited tracer", "own tracer"]);
}

/// Takes and gives back all locks, again and again.
fn hammer(traces_in: &Arc<TracesIn>, stop: &AtomicBool) {
    let (wide, _wide_out) = tracer(1);
    let _fits = wide.new_trace("fits");
    let refused = wide.new_trace("refused");
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..20 {
            drop(traces_in.new_trace("hammer").child("child"));
            // Looks its tracer up.
            drop(refused.child("refused"));
        }
        traces_in.stats();
        traces_in.for_each_open(drop);
        // Makes and frees tracers, lanes, bells.
        let (traces_in, mut out) = tracer(16);
        let span = traces_in.new_trace("short-lived");
        let _ = out.try_next();
        drop((traces_in, out, span));
    }
}

#[test]
fn a_child_never_waits_for_a_lock_that_a_thread_of_its_parent_held() {
    let (traces_in, mut out) = tracer(4_096);
    let (drained_in, drained_out) = tracer(4_096);
    let sender = Options::new()
        .linger(Duration::ZERO)
        .spawn(drained_out, "127.0.0.1:9");
    let sender = sender.expect("a sender");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| hammer(&traces_in, &stop));
        }
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                drop(drained_in.new_trace("drained"));
                thread::yield_now();
            }
        });
        let mut forks = || {
            let begin = Instant::now();
            for round in 0..300 {
                // Waits for a lock of the parent's only while it is the parent.
                let _ = out.try_next();
                let open = traces_in.new_trace("open");
                let child = fork(|_| {
                    drop(traces_in.new_trace("child").child("child's child"));
                    drop(open);
                    assert_eq!(received::drain(&mut out).len(), 2);
                    assert_eq!(accounted(&traces_in.stats()), 2);
                    traces_in.for_each_open(drop);
                    // On a lane of its own, on a thread of its own.
                    thread::scope(|scope| {
                        scope.spawn(|| drop(traces_in.new_trace("thread")));
                    });
                    let (own_in, mut own_out) = tracer(16);
                    drop(own_in.new_trace("own"));
                    assert_eq!(received::names(&mut own_out), ["own"]);
                    if round % 10 == 0 {
                        drop(drained_in.new_trace("sent"));
                        sender.flush(LONG).expect("flushed");
                    }
                });
                child.join();
                if begin.elapsed() > Duration::from_secs(20) && round >= 100 {
                    eprintln!("a slow machine: only {round} forks");
                    break;
                }
            }
        };
        let result = catch_unwind(AssertUnwindSafe(&mut forks));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

fn sink() -> (UdpSocket, std::net::SocketAddr) {
    let sink = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    sink.set_read_timeout(Some(LONG)).expect("a timeout");
    let addr = sink.local_addr().expect("an address");
    (sink, addr)
}

/// The next datagram with its only span's name.
fn receive(sink: &UdpSocket) -> (Vec<u8>, String) {
    let mut buffer = vec![0; 65_000];
    let len = sink.recv(&mut buffer).expect("a datagram");
    buffer.truncate(len);
    let mut spans = received::spans(&buffer);
    assert_eq!(spans.len(), 1);
    (buffer, spans.remove(0).name)
}

#[test]
fn the_sender_starts_again_in_a_child_on_first_use() {
    let (sink, addr) = sink();
    let (traces_in, out) = tracer(64);
    let sender = udp::spawn(out, addr).expect("a sender");
    drop(traces_in.new_trace("parent"));
    sender.flush(LONG).expect("sent");
    let (first, name) = receive(&sink);
    assert_eq!(name, "parent");

    // By a span alone; by a flush; by the drop of the sender, which flushes what a span began.
    let flushes: [fn(&Arc<TracesIn>, udp::UdpSender); 3] = [
        |traces_in, sender| {
            let begin = Instant::now();
            while traces_in.stats().handed_over < 1 && begin.elapsed() < LONG {
                thread::sleep(Duration::from_millis(1));
            }
            std::mem::forget(sender);
        },
        |_, sender| {
            sender.flush(LONG).expect("sent");
            std::mem::forget(sender);
        },
        |_, sender| drop(sender),
    ];
    let mut uuids = vec![received::process_tag(&first, "client-uuid")];
    let mut sender = Some(sender);
    for flush in flushes {
        let child = fork(|_| {
            drop(traces_in.new_trace("child"));
            flush(&traces_in, sender.take().expect("the parent's"));
        });
        let (datagram, name) = receive(&sink);
        child.join();
        assert_eq!(name, "child");
        assert_eq!(received::seq_no(&datagram), Some(1));
        uuids.push(received::process_tag(&datagram, "client-uuid"));
    }
    drop(traces_in.new_trace("parent again"));
    sender.expect("still").flush(LONG).expect("sent");
    let (last, name) = receive(&sink);
    assert_eq!(name, "parent again");
    assert_eq!(received::seq_no(&last), Some(2));
    assert_eq!(received::process_tag(&last, "client-uuid"), uuids[0]);
    uuids.sort();
    uuids.dedup();
    assert_eq!(uuids.len(), 4);

    // A child that never traces has no thread and nothing to flush.
    let (_traces_in, out) = tracer(64);
    let sender = udp::spawn(out, addr).expect("a sender");
    fork(|_| drop(sender)).join();
}

#[test]
fn a_datagram_that_was_lent_before_a_fork_is_the_parents_to_settle() {
    let (traces_in, mut out) = tracer(64);
    drop(traces_in.new_trace("lent"));
    let mut packet = out.lend().expect("not ended");
    let stop = Arc::new(AtomicBool::new(false));
    let hammer = {
        let (traces_in, stop) = (traces_in.clone(), stop.clone());
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                traces_in.stats();
            }
        })
    };
    for _ in 0..50 {
        // Its lock may be held by a thread that is not there.
        let child = fork(|_| drop(packet.take()));
        child.join();
    }
    stop.store(true, Ordering::Relaxed);
    hammer.join().expect("no panic");
    packet.take().expect("still here").sent();
    assert_eq!(traces_in.stats().handed_over, 1);
}

#[test]
fn ids_are_new_in_a_child_that_was_forked_before_the_first_tracer() {
    // Other tests may have made one already; in a process of its own this is the first.
    drop(jaegerling::Span::disabled());
    let first_id = |says: &mut dyn Write| {
        let (traces_in, _out) = tracer(1);
        let _ = write!(says, "{}", traces_in.new_trace("first").trace_id());
    };
    let ids = [fork(first_id).join(), fork(first_id).join()];
    assert_ne!(ids[0], ids[1]);
}
