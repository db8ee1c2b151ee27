//! The thermostat, on each board: what Jaeger shows of its two lives, before and after the reset.

use std::collections::{BTreeMap, BTreeSet};

use jaegerling_core::decode::decode;

use crate::board::{Board, LM3S6965EVB, MICROBIT, VIRT};
use crate::bridge;
use crate::frames::{Datagram, datagrams};
use crate::server::{fresh_id, jaeger};
use crate::trace::{Span, Tag, Trace};

/// As the program has it.
const ROUNDS: i64 = 6;

#[test]
fn a_thermostat_on_a_cortex_m3_is_seen_in_jaeger() {
    seen_in_jaeger(&LM3S6965EVB);
}

#[test]
fn a_thermostat_on_a_cortex_m0_is_seen_in_jaeger() {
    seen_in_jaeger(&MICROBIT);
}

#[test]
fn a_thermostat_on_a_risc_v_is_seen_in_jaeger() {
    seen_in_jaeger(&VIRT);
}

fn seen_in_jaeger(board: &Board) {
    let Some(mut image) = board.program("app") else {
        return;
    };
    // Ids that no other run has.
    image.set(
        "SERIAL_NUMBER",
        fresh_id() as u32 | fresh_id().rotate_left(32) as u32,
    );
    let jaeger = jaeger();
    let nowhere = "127.0.0.1:9".to_owned();
    let to = jaeger.map_or(nowhere, |jaeger| jaeger.udp());
    let counted = ["-icount", "shift=0,sleep=off"];
    let (sent, account) = bridge::run(board, &image, &counted, &to);
    // One reset.
    let datagrams = datagrams(&sent, 2);
    let traces = traces_of(&datagrams);
    let spans: usize = traces.values().map(|(_, spans)| spans).sum();
    let whole = format!(" frames, 0 bad, 0 missing; 2 sessions; {spans} spans passed on\n");
    assert!(account.contains(&whole), "{account}");

    let Some(jaeger) = jaeger else { return };
    let mut run = Run::new(board, &datagrams);
    for (trace_id, (session, spans)) in traces {
        let trace = jaeger.trace(trace_id, spans);
        assert_eq!(trace.spans().len(), spans);
        assert_eq!(trace.warnings(), [""; 0], "{}", board.name);
        run.check(session, &trace);
    }
    run.is_whole();
}

/// The traces in the datagrams: each of one session, and how many spans it has. That no datagram is
/// missing, and no span was lost, the datagrams themselves say.
fn traces_of(datagrams: &[Datagram]) -> BTreeMap<u128, (u16, usize)> {
    let mut traces = BTreeMap::new();
    let mut last = 0;
    let mut boots = 0;
    for datagram in datagrams {
        let batch = decode(&datagram.bytes).unwrap();
        let number = batch.seq_no.unwrap();
        if number == 1 {
            boots += 1;
            last = 0;
        }
        assert_eq!(number, last + 1, "a datagram is missing");
        last = number;
        let stats = batch.stats.unwrap();
        assert_eq!(stats.full_queue_dropped_spans, 0);
        assert_eq!(stats.too_large_dropped_spans, 0);
        assert_eq!(stats.failed_to_emit_spans, 0);
        for span in batch.spans.iter() {
            let (session, spans) = traces
                .entry(span.trace_id)
                .or_insert((datagram.recorded_in, 0));
            assert_eq!(*session, datagram.recorded_in);
            *spans += 1;
        }
    }
    assert_eq!(boots, 2, "one reset");
    traces
}

/// What a run has shown so far.
struct Run<'a> {
    board: &'a Board,
    /// Spans that the second life sent, the recovered ones among them.
    sent_after_reset: i64,
    /// Rounds of the loop, and interrupts that were recorded, by session.
    rounds: BTreeSet<(u16, i64)>,
    interrupts: BTreeSet<(u16, i64)>,
    calibrations: u32,
    reports: u32,
}

impl<'a> Run<'a> {
    fn new(board: &'a Board, datagrams: &[Datagram]) -> Self {
        let datagrams = datagrams.iter();
        let batches = datagrams.map(|datagram| decode(&datagram.bytes).unwrap());
        let mut sent = 0;
        for batch in batches {
            if batch.seq_no == Some(1) {
                sent = 0;
            }
            sent += batch.spans.iter().count() as i64;
        }
        Self {
            board,
            sent_after_reset: sent,
            rounds: BTreeSet::new(),
            interrupts: BTreeSet::new(),
            calibrations: 0,
            reports: 0,
        }
    }

    fn check(&mut self, session: u16, trace: &Trace) {
        for span in trace.spans() {
            assert_eq!(span.service(), "thermostat");
            assert_eq!(span.process_tag("board"), Some(self.board.name.into()));
            assert_eq!(span.process_tag("session"), Some(Tag::Int(session.into())));
        }
        let root = trace
            .spans()
            .into_iter()
            .find(|span| span.parent().is_none());
        let root = root.expect("a root");
        match root.name() {
            "sample" => self.round(session, trace, root),
            "calibrate" => self.calibration(session, trace, root),
            "report" => self.report(session, trace, root),
            other => panic!("a trace of {other:?}"),
        }
    }

    /// A round of the loop, with all that happened in it.
    fn round(&mut self, session: u16, trace: &Trace, root: Span<'_>) {
        let round = int(root, "round");
        assert!(self.rounds.insert((session, round)), "a round twice");
        let mut interrupts = trace.spans();
        interrupts.retain(|span| span.name() == "tick.isr");
        self.took_as_long_as_measured(root, &interrupts);
        let mut names = BTreeMap::new();
        for span in trace
            .spans()
            .into_iter()
            .filter(|span| span.id() != root.id())
        {
            *names.entry(span.name()).or_insert(0) += 1;
            assert_eq!(span.parent(), Some(root.id()));
            assert!(span.start() >= root.start());
            assert!(span.start() + span.duration() <= root.start() + root.duration());
            assert_eq!(span.tag("unfinished"), None);
            self.took_as_long_as_measured(span, &interrupts);
            if span.name() == "tick.isr" {
                let count = int(span, "count");
                assert!(
                    self.interrupts.insert((session, count)),
                    "an interrupt twice"
                );
            }
        }
        assert!(
            names.remove("tick.isr") >= Some(1),
            "no interrupt in a round"
        );
        let read = trace.span("adc.read");
        assert_eq!(read.tag("sensor"), Some("bme280".into()));
        let publish = trace.span("publish");
        assert_eq!(publish.tag("topic"), Some("home/temperature".into()));
        let failed = round % 3 == 2;
        assert_eq!(publish.tag("fresh"), Some(Tag::Bool(!failed)));
        if failed {
            assert_eq!(
                names.into_iter().collect::<Vec<_>>(),
                [("adc.read", 1), ("publish", 1)]
            );
            assert_eq!(read.tag("error"), Some(Tag::Bool(true)));
            assert_eq!(read.tag("raw"), None);
            let logs = read.logs();
            assert_eq!(logs.len(), 1);
            assert_eq!(logs[0].field("event"), Some("timeout".into()));
            assert_eq!(logs[0].field("retries"), Some(Tag::Int(2)));
            let within = read.start()..=read.start() + read.duration();
            assert!(within.contains(&logs[0].micros));
        } else {
            let all = [("adc.read", 1), ("filter", 1), ("publish", 1)];
            assert_eq!(names.into_iter().collect::<Vec<_>>(), all);
            assert_eq!(read.tag("error"), None);
            assert_eq!(int(read, "raw"), 1_734 + round);
            assert!(int(trace.span("filter"), "average") >= 1_734);
        }
    }

    /// What was open when the watchdog bit: recovered, with what had been said of it until then.
    fn calibration(&mut self, session: u16, trace: &Trace, root: Span<'_>) {
        assert_eq!(trace.spans().len(), 1);
        assert_eq!(session, 0);
        assert_eq!(root.tag("unfinished"), Some(Tag::Bool(true)));
        assert_eq!(int(root, "reference.mv"), 1_250);
        let logs = root.logs();
        assert_eq!(logs.len(), 1);
        assert_eq!(
            logs[0].field("event"),
            Some("waiting for the reference".into())
        );
        assert_eq!(
            logs[0].micros,
            root.start() + root.duration(),
            "its last entry"
        );
        assert!((30..=32).contains(&root.duration()), "{}", root.duration());
        self.calibrations += 1;
    }

    /// The tracer's own account of the second life.
    fn report(&mut self, session: u16, trace: &Trace, root: Span<'_>) {
        assert_eq!(trace.spans().len(), 1);
        assert_eq!(session, 1);
        // All that was sent but this one.
        assert_eq!(int(root, "started"), self.sent_after_reset - 1);
        assert_eq!(int(root, "sent"), self.sent_after_reset - 1);
        assert_eq!(int(root, "dropped"), 0);
        self.reports += 1;
    }

    /// The span's time in Jaeger is what the program has measured around its work. It began and
    /// ended less than a microsecond outside of that, in which it said how long that took: that tag
    /// may need a further slot. Each end is rounded down to a microsecond. If interrupts came just
    /// there, one behind the other, the time that they took is in between, too: that of their spans,
    /// and less than a microsecond beside.
    fn took_as_long_as_measured(&self, span: Span<'_>, interrupts: &[Span<'_>]) {
        let end = |span: Span<'_>| span.start() + span.duration();
        let mut others = interrupts.to_vec();
        others.retain(|interrupt| interrupt.id() != span.id());
        others.sort_by_key(|interrupt| interrupt.start());
        let (mut first, mut last, mut beside) = (span.start(), end(span), 0);
        for interrupt in &others {
            if (0..=1).contains(&(interrupt.start() - first)) {
                first = end(*interrupt);
                beside += 1;
            }
        }
        // They do not nest, so that the one that began last ended last.
        for interrupt in others.iter().rev() {
            if (0..=1).contains(&(last - end(*interrupt))) {
                last = interrupt.start();
                beside += 1;
            }
        }
        let edges = first - span.start() + end(span) - last + beside;
        let micros = int(span, "ticks") as f64 * 1e6 / self.board.hz as f64;
        let apart = span.duration() as f64 - micros;
        assert!(
            (-1.0..2.0 + edges as f64).contains(&apart),
            "{}: {} took {micros} µs, and {} in Jaeger",
            self.board.name,
            span.name(),
            span.duration()
        );
    }

    /// Every round is there, and every interrupt in it.
    fn is_whole(&self) {
        let first = (0..=ROUNDS).map(|round| (0, round));
        let second = (0..ROUNDS).map(|round| (1, round));
        assert!(self.rounds.iter().copied().eq(first.chain(second)));
        for session in [0, 1] {
            let of_session = self.interrupts.range((session, 0)..(session + 1, 0));
            let counts = of_session.map(|(_, count)| *count);
            assert!(
                counts.eq(0..self
                    .interrupts
                    .range((session, 0)..(session + 1, 0))
                    .count() as i64)
            );
        }
        assert_eq!((self.calibrations, self.reports), (1, 1));
    }
}

#[track_caller]
fn int(span: Span<'_>, key: &str) -> i64 {
    match span.tag(key) {
        Some(Tag::Int(value)) => value,
        other => panic!("{} has {key}: {other:?}", span.name()),
    }
}
