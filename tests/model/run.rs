//! Does a [`Case`] to a real tracer and to the model, and compares after each act.

use std::cell::Cell;
use std::collections::HashMap;

use jaegerling_core::decode::decode;
use jaegerling_core::{
    BUFFER_EXTRA, ClaimLock, Clock, Flags, IdSource, KeepNewest, KeepOldest, LOSS_SPAN, Lane,
    LimitTooSmall, LockFree, MAX_DATAGRAM, Packer, Policy, Process, ReferenceKind, SingleContext,
    Slot, Slots, Span, SpanContext, SpanId, SpanView, Time, TraceId, Tracer, TracerDrain, Value,
};

use super::record::Record;
use super::ring::{Ring, State};
use super::wire::{Changes, Datagram, smallest_limit};
use super::{Act, Case, Parent, Step, Text, Val};
use crate::oracle::{OracleBatch, OracleSpan, OracleStats};

/// Does it in the ring that the case names: 10 sizes, times what gives way, who may claim, and
/// where the slots lie.
///
/// # Panics
///
/// If the tracer does anything that the model does not.
pub fn run(case: &Case) {
    let (size, how) = (case.ring % 10, case.ring / 10 % 8);
    match how {
        0 => by_size::<KeepOldest, _>(case, size, SingleContext::new),
        1 => by_size::<KeepNewest, _>(case, size, || LockFree),
        _ => {
            let (slots, words) = SIZES[usize::from(size)];
            let newest = how % 2 == 1;
            match (how / 2, words) {
                (1, 24) => on_heap::<_, 24>(case, slots, newest, SingleContext::new),
                (2, 24) => on_heap::<_, 24>(case, slots, newest, || LockFree),
                (_, 24) => on_heap::<_, 25>(case, slots, newest, SingleContext::new),
                (_, 32) => on_heap::<_, 32>(case, slots, newest, || LockFree),
                (_, 48) => on_heap::<_, 48>(case, slots, newest, SingleContext::new),
                (_, 64) => on_heap::<_, 64>(case, slots, newest, || LockFree),
                (_, 200) => on_heap::<_, 200>(case, slots, newest, SingleContext::new),
                _ => on_heap::<_, 512>(case, slots, newest, || LockFree),
            }
        }
    }
}

/// Does it in rings of so many slots of `WORDS` words.
pub fn run_in<const WORDS: usize>(case: &Case, slots: usize) {
    in_box::<KeepOldest, _, WORDS>(case, slots, SingleContext::new());
    in_box::<KeepNewest, _, WORDS>(case, slots, LockFree);
}

/// Slots, and words of each.
const SIZES: [(usize, usize); 10] = [
    (0, 24),
    (1, 24),
    (2, 24),
    (3, 32),
    (8, 24),
    (16, 48),
    (700, 24),
    (300, 64),
    (100, 200),
    (40, 512),
];

fn by_size<P: Policy, L: ClaimLock>(case: &Case, size: u8, lock: fn() -> L) {
    match size {
        0 => in_itself::<P, L, 0, 24>(case, lock()),
        1 => in_itself::<P, L, 1, 24>(case, lock()),
        2 => in_itself::<P, L, 2, 24>(case, lock()),
        3 => in_itself::<P, L, 3, 32>(case, lock()),
        4 => in_itself::<P, L, 8, 24>(case, lock()),
        5 => in_itself::<P, L, 16, 48>(case, lock()),
        6 => in_itself::<P, L, 700, 24>(case, lock()),
        7 => in_itself::<P, L, 300, 64>(case, lock()),
        8 => in_itself::<P, L, 100, 200>(case, lock()),
        _ => in_itself::<P, L, 40, 512>(case, lock()),
    }
}

/// Does it in a tracer that has its slots in itself.
fn in_itself<P: Policy, L: ClaimLock, const SLOTS: usize, const WORDS: usize>(
    case: &Case,
    lock: L,
) {
    let (hand, ids) = (Hand::default(), Ids::default());
    type In<'c, P, L, const SLOTS: usize, const WORDS: usize> =
        Tracer<&'c Hand, &'c Ids, L, P, [Slot<WORDS>; SLOTS], WORDS>;
    let tracer = Box::new(In::<'_, P, L, SLOTS, WORDS>::new(&hand, &ids, lock));
    assert_eq!(tracer.init(0), Ok(()));
    compare(case, &*tracer, SLOTS);
}

fn on_heap<L: ClaimLock, const WORDS: usize>(
    case: &Case,
    slots: usize,
    newest: bool,
    lock: fn() -> L,
) {
    match newest {
        true => in_box::<KeepNewest, _, WORDS>(case, slots, lock()),
        false => in_box::<KeepOldest, _, WORDS>(case, slots, lock()),
    }
}

/// Does it in a tracer that has its slots on the heap.
fn in_box<P: Policy, L: ClaimLock, const WORDS: usize>(case: &Case, slots: usize, lock: L) {
    let (hand, ids) = (Hand::default(), Ids::default());
    type In<'c, P, L, const WORDS: usize> =
        Tracer<&'c Hand, &'c Ids, L, P, Box<[Slot<WORDS>]>, WORDS>;
    let tracer = In::<'_, P, L, WORDS>::with_capacity(&hand, &ids, lock, slots);
    assert_eq!(tracer.init(0), Ok(()));
    compare(case, &tracer, slots);
}

fn compare<'c, L: ClaimLock, P: Policy, S: Slots<WORDS>, const WORDS: usize>(
    case: &'c Case,
    tracer: &RealTracer<'c, L, P, S, WORDS>,
    slots: usize,
) {
    let limit = smallest_limit(&case.service) + usize::from(case.limit);
    let limit = limit.min(MAX_DATAGRAM);
    let mut run = Run {
        hand: tracer.clock(),
        tracer,
        drain: tracer.take_drain().expect("the first who asks"),
        packer: Packer::new(limit, &case.service).expect("a limit that will do"),
        case,
        spans: vec![],
        model: Model::new(Ring::new(slots, P::KEEPS_NEWEST), WORDS, limit),
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

type RealTracer<'c, L, P, S, const WORDS: usize> = Tracer<&'c Hand, &'c Ids, L, P, S, WORDS>;
type RealSpan<'t, 'c, L, P, S, const WORDS: usize> =
    Span<'t, &'t RealTracer<'c, L, P, S, WORDS>, WORDS>;

struct Run<'t, 'c, L: ClaimLock, P: Policy, S: Slots<WORDS>, const WORDS: usize> {
    hand: &'c Hand,
    tracer: &'t RealTracer<'c, L, P, S, WORDS>,
    drain: TracerDrain<'t, RealTracer<'c, L, P, S, WORDS>>,
    packer: Packer,
    case: &'c Case,
    spans: Vec<RealSpan<'t, 'c, L, P, S, WORDS>>,
    model: Model,
}

impl<'t, 'c, L: ClaimLock, P: Policy, S: Slots<WORDS>, const WORDS: usize>
    Run<'t, 'c, L, P, S, WORDS>
{
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

    fn start(&mut self, parent: Option<&Parent>, name: &str) -> RealSpan<'t, 'c, L, P, S, WORDS> {
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
        assert_eq!(seen, self.model.looks());
    }

    fn account(&mut self) {
        let stats = self.drain.stats();
        let model = &self.model;
        let count = |state| model.ring.all(state).len() as u64;
        assert_eq!(stats.started, model.started);
        assert_eq!(stats.handed_over, model.handed_over);
        assert_eq!(stats.in_flight, count(State::Taken));
        assert_eq!(stats.open, count(State::Open));
        assert_eq!(stats.waiting, count(State::Done));
        assert_eq!(stats.dropped.ring_full, model.refused);
        assert_eq!(stats.dropped.evicted, model.ring.evicted);
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
        let states = [State::Taken, State::Done].map(|state| self.model.ring.all(state));
        assert!(states.iter().all(Vec::is_empty));
        for _ in 0..self.model.ring.count_free() {
            let span = self.start(None, "claims a slot");
            self.spans.push(span);
        }
        assert_eq!(self.model.ring.count_free(), 0);
        _ = self.start(None, "finds none");
        self.look();
        self.account();
    }
}

fn id<'r, L: Lane<'r, WORDS>, const WORDS: usize>(span: &Span<'r, L, WORDS>) -> u64 {
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

/// The ring, what is said of the spans in it, and the account.
struct Model {
    words: usize,
    limit: usize,
    ring: Ring,
    spans: HashMap<u64, One>,
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
}

impl Model {
    fn new(ring: Ring, words: usize, limit: usize) -> Self {
        Self {
            words,
            limit,
            ring,
            spans: HashMap::new(),
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
        let id = context.span_id.get();
        if !self.ring.claim(id) {
            self.refused += 1;
            return false;
        }
        let parent_id = context.parent_id.map_or(0, SpanId::get);
        let ids = (context.trace_id.get(), id, parent_id);
        let flags = context.flags.bits();
        let more = &mut |count| self.ring.claim_more(id, count);
        let record = Record::new(self.words, ids, (flags, now), name, more);
        let one = One { context, record };
        assert!(self.spans.insert(id, one).is_none(), "no id comes twice");
        true
    }

    fn say(&mut self, id: u64, step: &Step, now: i64) {
        // Those that are open are there; of those that were refused the model knows nothing.
        if let Some(span) = self.spans.get_mut(&id) {
            let more = &mut |count| self.ring.claim_more(id, count);
            span.record.say(step, now, more);
        }
    }

    fn end(&mut self, id: u64, now: i64) {
        if let Some(span) = self.spans.get_mut(&id) {
            span.record.end(now);
            self.ring.change(id, State::Open, State::Done);
        }
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
        let stats = OracleStats {
            full_queue_dropped_spans: (self.refused + self.ring.evicted) as i64,
            too_large_dropped_spans: 0,
            failed_to_emit_spans: self.failed as i64,
        };
        let (seq_no, tags) = (self.seq_no + 1, &case.process_tags);
        let mut datagram = Datagram::new(self.limit, &case.service, tags, seq_no, stats);
        let told = packed
            .clone()
            .flatten()
            .map(|loss| self.tells(&loss, &mut datagram));
        let mut taken = 0;
        for id in self.ring.all(State::Done) {
            if !datagram.push_record(&self.spans[&id].record) {
                break;
            }
            self.ring.change(id, State::Done, State::Taken);
            taken += 1;
        }
        let something = told.is_some() || taken > 0;
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
        let lost = self.refused + self.ring.evicted + self.failed;
        assert_eq!(loss.tag("lost.since_start").v_long, Some(lost as i64));
        assert_eq!(loss.tag("error").v_bool, Some(true));
        assert!(lost > 0 && loss.duration > 0 && loss.start_time >= 0);
        assert!(datagram.push(loss.clone()));
    }

    fn settle(&mut self, sent: bool) {
        let taken = self.ring.all(State::Taken);
        let count = taken.len() as u64;
        match sent {
            true => self.handed_over += count,
            false => self.failed += count,
        }
        self.changes.add(std::mem::take(&mut self.pending));
        for id in taken {
            self.ring.free(id);
            self.spans.remove(&id);
        }
        self.unsettled = false;
    }

    fn put_back(&mut self) {
        self.pending = Changes::default();
        self.seq_no -= i64::from(std::mem::take(&mut self.unsettled));
        for id in self.ring.all(State::Taken) {
            self.ring.change(id, State::Taken, State::Done);
        }
    }

    fn looks(&self) -> Vec<Look> {
        let open = self.ring.all(State::Open).into_iter();
        open.map(|id| {
            let One { context, record } = &self.spans[&id];
            let tags = record
                .tags
                .iter()
                .map(|(key, value)| (key.clone(), show(value)));
            let flags = Flags::from_bits(record.flags.into());
            let start = Time::UnixNanos(record.start);
            let context = SpanContext { flags, ..*context };
            (context, start, record.name.clone(), tags.collect())
        })
        .collect()
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
