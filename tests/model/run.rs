//! Does a [`Case`] to a real tracer and to the model, and compares after each act.

use std::cell::Cell;
use std::collections::VecDeque;

use jaegerling_core::decode::decode;
use jaegerling_core::{
    BUFFER_EXTRA, Clock, Flags, IdSource, LOSS_SPAN, LimitTooSmall, MAX_DATAGRAM, Packer, Process,
    ReferenceKind, SingleContext, Span, SpanContext, SpanId, SpanView, Time, TraceId, Tracer,
    TracerDrain, Value,
};

use super::record::Record;
use super::wire::{Changes, Datagram, smallest_limit};
use super::{Act, Case, Parent, Step, Text, Val};
use crate::oracle::{OracleBatch, OracleSpan, OracleStats};

/// Does it in the ring that the case names.
///
/// # Panics
///
/// If the tracer does anything that the model does not.
pub fn run(case: &Case) {
    match case.ring % 10 {
        0 => run_in::<0, 24>(case),
        1 => run_in::<1, 24>(case),
        2 => run_in::<2, 24>(case),
        3 => run_in::<3, 32>(case),
        4 => run_in::<8, 24>(case),
        5 => run_in::<16, 48>(case),
        6 => run_in::<700, 24>(case),
        7 => run_in::<300, 64>(case),
        8 => run_in::<100, 200>(case),
        _ => run_in::<40, 512>(case),
    }
}

/// Does it in a ring of `SLOTS` slots of `WORDS` words.
pub fn run_in<const SLOTS: usize, const WORDS: usize>(case: &Case) {
    let (hand, ids) = (Hand::default(), Ids::default());
    let tracer = Box::new(Tracer::<_, _, _, SLOTS, WORDS>::new(
        &hand,
        &ids,
        SingleContext::new(),
    ));
    let limit = smallest_limit(&case.service) + usize::from(case.limit);
    let limit = limit.min(MAX_DATAGRAM);
    let mut run = Run {
        hand: &hand,
        tracer: &tracer,
        drain: tracer.take_drain().expect("the first who asks"),
        packer: Packer::new(limit, &case.service).expect("a limit that will do"),
        case,
        spans: vec![],
        model: Model::new(SLOTS, WORDS, limit),
    };
    assert!(tracer.take_drain().is_none());
    for act in &case.acts {
        run.act(act);
        if case.account_often {
            run.account();
        }
    }
    run.finish();
}

/// A clock of nanoseconds that only moves when it is told to.
#[derive(Default)]
pub struct Hand(pub Cell<u64>);

impl Clock for &Hand {
    fn now(&self) -> u64 {
        self.0.get()
    }
    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64
    }
}

/// Ids without end, each once; the first one is 0.
#[derive(Default)]
pub struct Ids(Cell<u64>);

impl IdSource for &Ids {
    fn next_id(&self) -> u64 {
        self.0
            .replace(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15))
    }
}

type RealTracer<'c, const SLOTS: usize, const WORDS: usize> =
    Tracer<&'c Hand, &'c Ids, SingleContext, SLOTS, WORDS>;
type RealSpan<'t, 'c, const SLOTS: usize, const WORDS: usize> =
    Span<'t, &'t RealTracer<'c, SLOTS, WORDS>, WORDS>;

struct Run<'t, 'c, const SLOTS: usize, const WORDS: usize> {
    hand: &'c Hand,
    tracer: &'t RealTracer<'c, SLOTS, WORDS>,
    drain: TracerDrain<'t, &'c Hand, &'c Ids, SingleContext, SLOTS, WORDS>,
    packer: Packer,
    case: &'c Case,
    spans: Vec<RealSpan<'t, 'c, SLOTS, WORDS>>,
    model: Model,
}

impl<'t, 'c, const SLOTS: usize, const WORDS: usize> Run<'t, 'c, SLOTS, WORDS> {
    fn now(&self) -> i64 {
        self.hand.0.get() as i64
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Start {
                parent,
                name,
                steps,
            } => {
                let span = self.start(parent.as_ref(), &name.get());
                self.spans.push(span);
                steps
                    .iter()
                    .for_each(|step| self.say(self.spans.len() - 1, step));
            }
            Act::Say(which, step) => {
                if let Some(which) = self.which(*which) {
                    self.say(which, step);
                }
            }
            Act::End(which) => {
                if let Some(which) = self.which(*which) {
                    let now = self.now();
                    let span = self.spans.remove(which);
                    self.model.end(id(&span), now);
                    span.end();
                }
            }
            Act::EndAll => (0..self.spans.len()).for_each(|_| self.act(&Act::End(0))),
            Act::Forget(which) => {
                if let Some(which) = self.which(*which) {
                    std::mem::forget(self.spans.remove(which));
                }
            }
            Act::Tick(ticks) => self.hand.0.set(self.hand.0.get().wrapping_add(*ticks)),
            Act::Pack => _ = self.pack(),
            Act::Sent => {
                self.drain.sent(&mut self.packer);
                self.model.settle(true);
            }
            Act::Failed => {
                self.drain.failed(&mut self.packer);
                self.model.settle(false);
            }
            Act::TooLarge(limit) => self.too_large(usize::from(*limit)),
            Act::Look => self.look(),
        }
    }

    fn which(&self, number: u8) -> Option<usize> {
        usize::from(number).checked_rem(self.spans.len())
    }

    fn start(&mut self, parent: Option<&Parent>, name: &str) -> RealSpan<'t, 'c, SLOTS, WORDS> {
        let span = match parent {
            None => self.tracer.root(name),
            Some(parent) => {
                let context = SpanContext {
                    trace_id: TraceId::new(parent.trace_id).unwrap_or(TraceId::MIN),
                    span_id: SpanId::new(parent.span_id).unwrap_or(SpanId::MIN),
                    parent_id: None,
                    flags: Flags::from_bits(parent.flags.into()),
                };
                let span = self.tracer.child_of(&context, name);
                assert_eq!(span.context().trace_id, context.trace_id);
                assert_eq!(span.context().parent_id, Some(context.span_id));
                assert_eq!(span.context().flags, context.flags);
                span
            }
        };
        let recorded = self.model.start(span.context(), name, self.now());
        assert_eq!(
            span.is_recording(),
            recorded,
            "a span is refused if no slot is free"
        );
        span
    }

    fn say(&mut self, which: usize, step: &Step) {
        let now = self.now();
        let span = &mut self.spans[which];
        self.model.say(id(span), step, now);
        match step {
            Step::Tag(key, value) => value.with(|value| span.tag(&key.get(), value)),
            Step::Log(time, fields) => {
                let mut log = match time {
                    Some(time) => span.log_at(Time::UnixNanos(*time)),
                    None => span.log(),
                };
                for (key, value) in fields {
                    value.with(|value| log.field(&key.get(), value));
                }
            }
            Step::Reference {
                follows_from,
                trace_id,
                span_id,
            } => {
                let kind = match follows_from {
                    true => ReferenceKind::FollowsFrom,
                    false => ReferenceKind::ChildOf,
                };
                let trace_id = TraceId::new(*trace_id).unwrap_or(TraceId::MIN);
                let span_id = SpanId::new(*span_id).unwrap_or(SpanId::MIN);
                span.reference(kind, trace_id, span_id);
            }
            Step::Name(name) => span.set_name(&name.get()),
            Step::Start(time) => span.set_start(Time::UnixNanos(*time)),
            Step::End(time) => span.set_end(Time::UnixNanos(*time)),
            Step::Debug => span.set_debug(),
        }
    }

    /// Packs, compares with the model byte for byte, and says whether there was anything.
    fn pack(&mut self) -> bool {
        let limit = self.packer.limit();
        let mut buffer = vec![0xa5; limit + BUFFER_EXTRA];
        let tags: Vec<_> = self.case.process_tags.iter().map(Owned::of).collect();
        let process = Process::new(&self.case.service).with_tags(tags.iter().map(Owned::get));
        let packed = self.drain.pack(&mut self.packer, &mut buffer, &process);
        let Some(packed) = packed else {
            self.model.pack(self.case, None, |_| ());
            return false;
        };
        assert!(packed.bytes.len() <= limit, "never a byte over the limit");
        let read = OracleBatch::read(packed.bytes).expect("Apache Thrift reads it");
        let decoded = decode(packed.bytes).expect("the decoder reads it");
        assert_eq!(OracleBatch::from(decoded), read.normal());
        let loss = read
            .spans
            .first()
            .filter(|span| span.operation_name == LOSS_SPAN);
        assert_eq!(packed.spans, read.spans.len() - loss.iter().len());
        self.model.pack(self.case, Some(loss.cloned()), |expected| {
            assert_eq!(read, expected);
            assert_eq!(
                packed.bytes,
                expected.datagram(),
                "as Apache's encoder writes it"
            );
        });
        true
    }

    fn too_large(&mut self, limit: usize) {
        let needed = smallest_limit(&self.case.service);
        let limit = limit.min(MAX_DATAGRAM);
        let expected = match limit < needed {
            true => Err(LimitTooSmall { limit, needed }),
            false => Ok(()),
        };
        assert_eq!(self.drain.too_large(&mut self.packer, limit), expected);
        self.model.put_back();
        if expected.is_ok() {
            self.model.limit = limit;
        }
    }

    fn look(&mut self) {
        let mut seen = vec![];
        self.drain.for_each_open(|span| seen.push(looks(span)));
        self.model.sweep();
        self.model.recheck();
        assert_eq!(seen, self.model.looks());
    }

    fn account(&mut self) {
        let stats = self.drain.stats();
        self.model.recheck();
        let model = &self.model;
        let waiting = model.ready.len() + model.unseen.iter().filter(|span| span.ended).count();
        let open = model.open.len() + model.unseen.iter().filter(|span| !span.ended).count();
        assert_eq!(stats.started, model.started);
        assert_eq!(stats.handed_over, model.handed_over);
        assert_eq!(stats.in_flight, model.taken.len() as u64);
        assert_eq!(stats.open, open as u64);
        assert_eq!(stats.waiting, waiting as u64);
        assert_eq!(stats.dropped.ring_full, model.refused);
        assert_eq!(stats.dropped.too_large, 0);
        assert_eq!(stats.dropped.failed, model.failed);
        let accounted = stats.handed_over + stats.in_flight + stats.open + stats.waiting;
        assert_eq!(stats.started, accounted + stats.dropped.total(), "the law");
        let trimmed = Changes {
            tags: stats.trimmed.tags,
            logs: stats.trimmed.logs,
            references: stats.trimmed.references,
            names: stats.trimmed.names,
            times: stats.trimmed.times,
            process_tags: stats.trimmed.process_tags,
        };
        assert_eq!(trimmed, model.changes);
    }

    /// Ends and drains all; then all slots can be claimed but those of forgotten spans.
    fn finish(&mut self) {
        self.act(&Act::EndAll);
        while self.pack() {
            self.act(&Act::Sent);
        }
        self.act(&Act::Sent);
        self.account();
        assert!(self.model.taken.is_empty() && self.model.ready.is_empty());
        let free = self.model.free;
        for _ in 0..free {
            let span = self.start(None, "claims a slot");
            self.spans.push(span);
        }
        assert_eq!(self.model.free, 0);
        _ = self.start(None, "finds none");
        self.look();
        self.account();
    }
}

fn id<const SLOTS: usize, const WORDS: usize>(span: &RealSpan<'_, '_, SLOTS, WORDS>) -> u64 {
    span.context().span_id.get()
}

/// A process tag whose texts are made already.
struct Owned(String, Val, String);

impl Owned {
    fn of((key, value): &(Text, Val)) -> Self {
        let text = match value {
            Val::Str(text) => text.get(),
            _ => String::new(),
        };
        Self(key.get(), value.clone(), text)
    }

    fn get(&self) -> (&str, Value<'_>) {
        let value = match &self.1 {
            Val::Str(_) => Value::Str(&self.2),
            Val::Bytes(bytes) => Value::Bytes(bytes),
            Val::Bool(value) => Value::Bool(*value),
            Val::I64(value) => Value::I64(*value),
            Val::F64(value) => Value::F64(*value),
        };
        (&self.0, value)
    }
}

/// What can be seen of an open span.
type Look = (SpanContext, Time, String, Vec<(String, String)>);

fn looks<const WORDS: usize>(span: &SpanView<'_, WORDS>) -> Look {
    let tags = span.tags();
    let tags = tags.map(|(key, value)| (key.to_string(), value.to_string()));
    let context = span.context().expect("a tracer wrote it");
    let start = match span.start() {
        Time::Ticks(ticks) => Time::UnixNanos(ticks as i64),
        nanos => nanos,
    };
    (context, start, span.name().to_string(), tags.collect())
}

/// The ring and its drainer, as lists.
struct Model {
    words: usize,
    free: usize,
    limit: usize,
    /// Claimed since the drainer last looked, in that order.
    unseen: Vec<One>,
    open: Vec<One>,
    ready: VecDeque<One>,
    taken: Vec<One>,
    seq_no: i64,
    unsettled: bool,
    pending: Changes,
    changes: Changes,
    started: u64,
    refused: u64,
    handed_over: u64,
    failed: u64,
}

struct One {
    context: SpanContext,
    record: Record,
    ended: bool,
}

impl Model {
    fn new(free: usize, words: usize, limit: usize) -> Self {
        Self {
            words,
            free,
            limit,
            unseen: vec![],
            open: vec![],
            ready: VecDeque::new(),
            taken: vec![],
            seq_no: 0,
            unsettled: false,
            pending: Changes::default(),
            changes: Changes::default(),
            started: 0,
            refused: 0,
            handed_over: 0,
            failed: 0,
        }
    }

    fn start(&mut self, context: SpanContext, name: &str, now: i64) -> bool {
        if !context.flags.is_sampled() {
            return false;
        }
        self.started += 1;
        if self.free == 0 {
            self.refused += 1;
            return false;
        }
        self.free -= 1;
        let parent_id = context.parent_id.map_or(0, SpanId::get);
        let ids = (context.trace_id.get(), context.span_id.get(), parent_id);
        let flags = context.flags.bits();
        let record = Record::new(self.words, ids, (flags, now), name, &mut self.free);
        self.unseen.push(One {
            context,
            record,
            ended: false,
        });
        true
    }

    fn find(&mut self, id: u64) -> Option<&mut One> {
        let mut open = self.unseen.iter_mut().chain(&mut self.open);
        open.find(|span| span.context.span_id.get() == id)
    }

    fn say(&mut self, id: u64, step: &Step, now: i64) {
        let mut free = self.free;
        if let Some(span) = self.find(id) {
            span.record.say(step, now, &mut free);
        }
        self.free = free;
    }

    fn end(&mut self, id: u64, now: i64) {
        if let Some(span) = self.find(id) {
            span.record.end(now);
            span.ended = true;
        }
    }

    /// New spans that have ended first, then those that were open before.
    fn sweep(&mut self) {
        let (ended, open) = self
            .unseen
            .drain(..)
            .partition::<Vec<_>, _>(|span| span.ended);
        self.ready.extend(ended);
        self.open.extend(open);
    }

    fn recheck(&mut self) {
        let (ended, open) = self
            .open
            .drain(..)
            .partition::<Vec<_>, _>(|span| span.ended);
        self.ready.extend(ended);
        self.open = open;
    }

    /// `packed` is what came: a datagram with or without a span that tells of a loss.
    fn pack(
        &mut self,
        case: &Case,
        packed: Option<Option<OracleSpan>>,
        compare: impl FnOnce(OracleBatch),
    ) {
        if self.unsettled {
            self.settle(false);
        }
        (self.pending, self.unsettled) = (Changes::default(), false);
        self.sweep();
        self.recheck();
        let stats = OracleStats {
            full_queue_dropped_spans: self.refused as i64,
            too_large_dropped_spans: 0,
            failed_to_emit_spans: self.failed as i64,
        };
        let (seq_no, tags) = (self.seq_no + 1, &case.process_tags);
        let mut datagram = Datagram::new(self.limit, &case.service, tags, seq_no, stats);
        let told = packed
            .clone()
            .flatten()
            .map(|loss| self.tells(&loss, &mut datagram));
        while let Some(next) = self.ready.pop_front() {
            if !datagram.push_record(&next.record) {
                self.ready.push_front(next);
                break;
            }
            self.taken.push(next);
        }
        let something = told.is_some() || !self.taken.is_empty();
        assert_eq!(
            packed.is_some(),
            something,
            "a datagram if there is anything to say"
        );
        if something {
            self.seq_no += 1;
            (self.pending, self.unsettled) = (datagram.changes, true);
            compare(datagram.batch);
        }
    }

    /// The span that tells of a loss, which the model does not foresee, but knows when it sees it.
    fn tells(&self, loss: &OracleSpan, datagram: &mut Datagram) {
        let lost = self.refused + self.failed;
        assert_eq!(loss.tag("lost.since_start").v_long, Some(lost as i64));
        assert_eq!(loss.tag("error").v_bool, Some(true));
        assert!(lost > 0 && loss.duration > 0 && loss.start_time >= 0);
        assert!(datagram.push(loss.clone()));
    }

    fn settle(&mut self, sent: bool) {
        self.sweep();
        let count = self.taken.len() as u64;
        match sent {
            true => self.handed_over += count,
            false => self.failed += count,
        }
        self.changes.add(std::mem::take(&mut self.pending));
        self.free += self
            .taken
            .drain(..)
            .map(|span| span.record.slots)
            .sum::<usize>();
        self.unsettled = false;
    }

    fn put_back(&mut self) {
        self.pending = Changes::default();
        self.seq_no -= i64::from(std::mem::take(&mut self.unsettled));
        while let Some(span) = self.taken.pop() {
            self.ready.push_front(span);
        }
    }

    fn looks(&self) -> Vec<Look> {
        let look = |span: &One| {
            let record = &span.record;
            let tags = record
                .tags
                .iter()
                .map(|(key, value)| (key.clone(), show(value)));
            let flags = Flags::from_bits(record.flags.into());
            let context = SpanContext {
                flags,
                ..span.context
            };
            let start = Time::UnixNanos(record.start);
            (context, start, record.name.clone(), tags.collect())
        };
        self.open.iter().map(look).collect()
    }
}

fn show(value: &Val) -> String {
    match value {
        Val::Str(text) => text.get(),
        Val::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Val::Bool(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F64(value) => value.to_string(),
    }
}
