use super::*;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

const IDLE: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn process(name: &str) -> Arc<Process> {
    Arc::new(Process {
        service_name: name.into(),
        tags: [Tag {
            key: "host".into(),
            value: TagValue::Double(f64::NAN),
        }]
        .into(),
    })
}

fn span(id: u64) -> Span {
    Span {
        span_id: id,
        parent_span_id: 0,
        operation_name: "op".into(),
        references: Box::default(),
        flags: 1,
        start_time: 1,
        duration: 1,
        tags: Box::default(),
        logs: Box::default(),
        process: process("svc"),
    }
}

fn text_tag(len: usize) -> Tag {
    Tag {
        key: "k".into(),
        value: TagValue::String("x".repeat(len).into()),
    }
}

fn ids(trace: &Trace) -> Vec<u64> {
    trace.spans.iter().map(|span| span.span_id).collect()
}

/// Recounts from what is there, so that no sum can drift.
#[track_caller]
fn check_accounts(collector: &Collector) {
    let spans: usize = collector.traces().map(|trace| trace.spans.len()).sum();
    assert_eq!(spans, collector.spans());
    let traces: usize = collector.traces.values().map(|entry| entry.bytes).sum();
    let processes = collector.processes.iter();
    let processes: usize = processes.map(|p| PROCESS_OVERHEAD + p.heap_bytes()).sum();
    assert_eq!(traces + processes, collector.bytes());
    assert_eq!(collector.processes.len(), collector.uses.len());
    assert_eq!(
        collector.due.len() + collector.done.len(),
        collector.traces.len()
    );
    assert!(collector.spans() <= collector.max_spans);
    assert!(collector.bytes() <= collector.max_bytes + PROCESS_OVERHEAD + 200);
    let stats = collector.stats();
    assert_eq!(stats.spans - stats.evicted_spans, spans as u64);
}

#[test]
fn a_trace_is_finished_once_its_last_span_is_idle_old() {
    let mut collector = Collector::new(100);
    collector.add_span(7, span(1), at(10));
    collector.add_span(7, span(2), at(12));
    collector.add_span(8, span(3), at(11));
    assert_eq!(collector.next_finish(IDLE), Some(at(12)));
    assert!(collector.poll_finished(at(11), IDLE).is_none());
    let finished = collector.poll_finished(at(12), IDLE).expect("trace 8");
    assert_eq!((finished.trace.trace_id, finished.late_spans), (8, 0));
    assert!(collector.poll_finished(at(12), IDLE).is_none());
    let finished = collector.poll_finished(at(13), IDLE).expect("trace 7");
    assert_eq!(ids(finished.trace), [1, 2]);
    assert!(collector.poll_finished(Duration::MAX, IDLE).is_none());
    assert_eq!(collector.next_finish(IDLE), None);
    check_accounts(&collector);
}

#[test]
fn a_late_span_makes_its_trace_due_again_and_marked() {
    let mut collector = Collector::new(100);
    collector.add_span(7, span(1), at(0));
    assert!(
        !collector
            .poll_finished(at(1), IDLE)
            .expect("first")
            .is_late()
    );
    collector.add_span(7, span(2), at(5));
    collector.add_span(7, span(3), at(5));
    assert!(collector.poll_finished(at(5), IDLE).is_none());
    let again = collector.poll_finished(at(6), IDLE).expect("again");
    assert_eq!((ids(again.trace).len(), again.late_spans), (3, 2));
    assert!(again.is_late());
    check_accounts(&collector);
}

#[test]
fn everything_left_comes_out_at_the_end() {
    let mut collector = Collector::new(100);
    for n in 0..10 {
        collector.add_span(n, span(1), at(n as u64));
    }
    let mut seen = Vec::new();
    while let Some(finished) = collector.poll_finished(Duration::MAX, Duration::ZERO) {
        seen.push(finished.trace.trace_id);
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_clock_that_goes_back_does_no_harm() {
    let mut collector = Collector::new(100);
    collector.add_span(7, span(1), at(10));
    collector.add_span(7, span(2), at(3));
    assert!(collector.poll_finished(at(4), IDLE).is_none());
    assert!(collector.poll_finished(at(11), IDLE).is_some());
    check_accounts(&collector);
}

#[test]
fn a_span_sent_twice_is_there_once() {
    let mut collector = Collector::new(100);
    let mut odd = span(1);
    odd.tags = [Tag {
        key: "nan".into(),
        value: TagValue::Double(f64::NAN),
    }]
    .into();
    collector.add_span(7, odd.clone(), at(0));
    collector.add_span(7, odd.clone(), at(0));
    assert_eq!(collector.stats().duplicates, 1);
    // Known process tags may change between the two.
    odd.process = Arc::new(Process {
        tags: Box::default(),
        ..(*odd.process).clone()
    });
    collector.add_span(7, odd.clone(), at(0));
    assert_eq!((collector.spans(), collector.stats().duplicates), (1, 2));
    // The same id with other content is another span, and so is one in another trace.
    odd.duration = 2;
    collector.add_span(7, odd.clone(), at(0));
    collector.add_span(8, odd, at(0));
    assert_eq!((collector.spans(), collector.stats().duplicates), (3, 2));
    check_accounts(&collector);
}

#[test]
fn a_duplicate_does_not_make_its_trace_due_again() {
    let mut collector = Collector::new(100);
    collector.add_span(7, span(1), at(0));
    assert!(collector.poll_finished(at(1), IDLE).is_some());
    collector.add_span(7, span(1), at(2));
    assert!(collector.poll_finished(Duration::MAX, IDLE).is_none());
}

#[test]
fn equal_processes_are_shared_and_freed() {
    let mut collector = Collector::new(100);
    collector.add_span(1, span(1), at(0));
    collector.add_span(2, span(2), at(0));
    let processes = collector.traces().map(|trace| &trace.spans[0].process);
    let processes: Vec<_> = processes.map(Arc::as_ptr).collect();
    assert_eq!(processes[0], processes[1]);
    assert_eq!(collector.processes.len(), 1);
    // A clone outside changes no account.
    let kept = collector.remove(1).expect("trace 1");
    check_removed(&collector, 1);
    collector.remove(2);
    check_removed(&collector, 0);
    assert_eq!(collector.bytes(), 0);
    assert_eq!(&*kept.spans[0].process.service_name, "svc");
}

#[test]
fn a_process_outlives_the_eviction_of_its_last_trace_if_its_next_span_is_there() {
    let mut collector = Collector::new(1);
    for n in 1..5 {
        collector.add_span(n, span(1), at(0));
        check_accounts(&collector);
        assert_eq!(collector.processes.len(), 1);
    }
}

#[track_caller]
fn check_removed(collector: &Collector, processes: usize) {
    assert_eq!(collector.processes.len(), processes);
    assert_eq!(collector.uses.len(), processes);
}

#[test]
fn the_number_of_spans_is_bounded_and_evictions_are_counted() {
    let mut collector = Collector::new(10);
    for n in 0..100 {
        collector.add_span(n / 2, span(n as u64), at(n as u64));
        check_accounts(&collector);
    }
    let stats = collector.stats();
    assert_eq!((collector.spans(), stats.spans), (10, 100));
    assert_eq!((stats.evicted_traces, stats.evicted_spans), (45, 90));
    assert_eq!((stats.unseen_traces, stats.unseen_spans), (45, 90));
    assert!(collector.traces().all(|trace| trace.trace_id >= 45));
}

#[test]
fn what_was_handed_out_makes_room_first() {
    let mut collector = Collector::new(3);
    collector.add_span(1, span(1), at(0));
    collector.add_span(2, span(2), at(1));
    assert!(collector.poll_finished(at(1), IDLE).is_some());
    collector.add_span(1, span(3), at(2));
    assert!(collector.poll_finished(at(2), IDLE).is_some());
    // Trace 2 was handed out; trace 1 is older, but has a late span.
    collector.add_span(3, span(4), at(3));
    assert!(collector.remove(2).is_none());
    let stats = collector.stats();
    assert_eq!((stats.evicted_spans, stats.unseen_spans), (1, 0));
    collector.add_span(4, span(5), at(3));
    collector.add_span(4, span(6), at(3));
    let stats = collector.stats();
    assert_eq!((stats.evicted_spans, stats.unseen_traces), (3, 1));
    assert_eq!(stats.unseen_spans, 1, "the first span of trace 1 was seen");
    check_accounts(&collector);
}

#[test]
fn the_bytes_are_bounded() {
    let mut collector = Collector::with_limits(1_000_000, 100_000);
    for n in 0..1000_u64 {
        let mut large = span(n);
        large.tags = [text_tag(1000)].into();
        large.process = process(&format!("service {n}"));
        collector.add_span(u128::from(n), large, at(n));
        check_accounts(&collector);
    }
    assert!(collector.spans() > 40, "{}", collector.spans());
    assert_eq!(
        collector.stats().evicted_spans,
        1000 - collector.spans() as u64
    );
}

#[test]
fn a_trace_too_large_refuses_and_evicts_no_other() {
    let mut collector = Collector::with_limits(10, 100_000);
    collector.add_span(1, span(1), at(0));
    let mut large = span(2);
    large.tags = [text_tag(200_000)].into();
    collector.add_span(2, large, at(0));
    assert_eq!((collector.spans(), collector.stats().refused_spans), (1, 1));
    for n in 0..20 {
        collector.add_span(3, span(n), at(1));
    }
    check_accounts(&collector);
    let stats = collector.stats();
    assert_eq!((collector.spans(), stats.refused_spans), (10, 11));
    assert_eq!(stats.evicted_traces, 1);
    collector.add_span(4, span(1), at(2));
    assert_eq!(collector.spans(), 1);
}

#[test]
fn a_limit_of_nothing_keeps_nothing() {
    for mut collector in [Collector::new(0), Collector::with_limits(10, 0)] {
        collector.add_span(1, span(1), at(0));
        assert_eq!((collector.spans(), collector.bytes()), (0, 0));
        assert_eq!(collector.stats().refused_spans, 1);
        assert!(collector.poll_finished(Duration::MAX, IDLE).is_none());
    }
}

#[test]
fn a_datagram_is_collected_with_everything_in_it() {
    let mut datagram = Vec::new();
    datagram.extend(b"\x82\x81\x01\x09emitBatch\x1c\x1c\x18\x03s\xffc");
    datagram.extend(b"\x19\x1c\x18\x0bclient-uuid\x15\x00\x18\x01u\x00\x00");
    // Trace 1, span 2, parent 3, "op", a reference, flags 1, start 5 µs, duration 6 µs.
    datagram.extend(b"\x19\x1c\x16\x02\x16\x00\x16\x04\x16\x06\x18\x02op");
    datagram.extend(b"\x19\x1c\x15\x02\x16\x02\x16\x00\x16\x06\x00\x15\x02\x16\x0a\x16\x0c");
    datagram.extend(b"\x19\x1c\x18\x01k\x15\x00\x18\x01\xff\x00");
    datagram.extend(b"\x19\x1c\x16\x0e\x19\x1c\x18\x05event\x15\x06\x46\x03\x00\x00\x00");
    // seqNo 1.
    datagram.extend(b"\x16\x02\x00\x00");
    let batch = crate::decode::decode(&datagram).expect("a batch");
    let mut collector = Collector::new(10);
    collector.add(&batch, at(0));
    let mut losses = SeqLosses::default();
    losses.observe(&batch, "[::1]:7");
    let (sender, _) = losses.senders().next().expect("a sender");
    assert_eq!(sender, &Sender::Client("u".into()));

    let trace = collector.remove(1).expect("trace 1");
    let span = &trace.spans[0];
    assert_eq!(&*span.process.service_name, "s\u{fffd}c");
    assert_eq!((span.span_id, span.start_time, span.duration), (2, 5, 6));
    assert_eq!(span.parent(1).map(|parent| parent.span_id), Some(3));
    assert_eq!(span.tags[0].value, TagValue::Binary([0xff].into()));
    assert_eq!(span.logs[0].timestamp, 7);
    assert_eq!(span.logs[0].fields[0].value, TagValue::Long(-2));
    assert_eq!(collector.bytes(), 0);
}

#[test]
fn parents_are_found_as_jaeger_finds_them() {
    use crate::ReferenceKind::{ChildOf, FollowsFrom};
    let link = |kind, trace_id, span_id| crate::decode::Reference {
        kind,
        trace_id,
        span_id,
    };
    let mut child = span(1);
    assert_eq!(child.parent(9), None);
    child.references = [link(FollowsFrom, 9, 5), link(ChildOf, 8, 6)].into();
    assert_eq!(child.parent(9), Some(link(FollowsFrom, 9, 5)));
    child.references = [link(FollowsFrom, 9, 5), link(ChildOf, 9, 6)].into();
    assert_eq!(child.parent(9), Some(link(ChildOf, 9, 6)));
    child.parent_span_id = 4;
    assert_eq!(child.parent(9), Some(link(ChildOf, 9, 4)));
    child.parent_span_id = 5;
    assert_eq!(child.parent(9), Some(link(FollowsFrom, 9, 5)));
}

#[test]
fn errors_are_what_jaeger_takes_for_errors() {
    let tag = |key: &str, value| Tag {
        key: key.into(),
        value,
    };
    let with = |tags: &[Tag]| Span {
        tags: tags.into(),
        ..span(1)
    };
    let code = |code: &str| tag("otel.status_code", TagValue::String(code.into()));
    let error = |yes| tag("error", TagValue::Bool(yes));
    assert!(with(&[error(true)]).is_error());
    assert!(!with(&[error(true), error(false)]).is_error());
    assert!(!with(&[tag("error", TagValue::String("true".into()))]).is_error());
    assert!(with(&[code("ERROR")]).is_error());
    assert!(!with(&[code("OK")]).is_error());
    assert!(!with(&[]).is_error());
}
