//! Decoded spans grouped by trace, within bounded memory: what a collector, a gateway or a tail
//! sampler needs. No clock and no I/O of its own: `now` is an argument, any monotonic time.
//!
//! ```text
//! datagram ─► decode ─► Collector::add ─► poll_finished (until None) ─► a trace, to draw or to send on
//!                                     └─► SeqLosses::observe: what never arrived
//! ```
//!
//! A trace is *finished* once its last span is `idle` old. It then stays in memory until room is
//! needed, so that a span that comes late makes it due once more, whole.

mod model;
mod seq;

pub use model::{Log, Process, Span, Tag, TagValue, Trace};
pub use seq::{Losses, Sender, SeqLosses};

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::hash::BuildHasher;
use core::mem::size_of;
use core::time::Duration;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};

use crate::decode::Batch;

/// What a span costs beside itself: its place in the set of known spans, and the slack of a
/// growing `Vec`.
const SPAN_OVERHEAD: usize = size_of::<Span>() + 40;
/// What a trace costs beside its spans: its entry (twice, for the slack of the table), its place
/// in the order of age, and its empty set of known spans.
const TRACE_OVERHEAD: usize = 2 * size_of::<Entry>() + 160;
/// What a process costs beside itself: its places in two tables.
const PROCESS_OVERHEAD: usize = size_of::<Process>() + 96;

/// Spans grouped by trace, within a number of spans and a number of bytes.
///
/// When it is full, the trace whose last span is the oldest makes room: first one that was handed
/// out already, else one that was not. Both are counted in [`Stats`]. A trace that alone would
/// pass a bound refuses further spans, and that is counted too.
///
/// Adding a span takes O(log traces); no input makes it slower.
#[derive(Debug)]
pub struct Collector {
    max_spans: usize,
    max_bytes: usize,
    spans: usize,
    bytes: usize,
    traces: HashMap<u128, Entry>,
    /// Traces with spans that were not handed out, by the time of their last span.
    due: BTreeSet<(Duration, u128)>,
    /// Traces that were handed out whole.
    done: BTreeSet<(Duration, u128)>,
    /// Every process that a kept span has, once.
    processes: HashSet<Arc<Process>>,
    /// How many spans have the process at this address. The address is unique for as long as
    /// `processes` holds the process.
    uses: HashMap<usize, usize>,
    hasher: DefaultHashBuilder,
    stats: Stats,
}

/// What a [`Collector`] counted since it was made. The numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Spans that were kept when they came.
    pub spans: u64,
    /// Spans that were there already, with the same content.
    pub duplicates: u64,
    /// Spans that were not kept, because their trace alone fills the memory.
    pub refused_spans: u64,
    /// Traces that made room for others.
    pub evicted_traces: u64,
    /// Spans of these.
    pub evicted_spans: u64,
    /// Those among `evicted_traces` with spans that had not been handed out.
    pub unseen_traces: u64,
    /// Those among `evicted_spans` that had not been handed out.
    pub unseen_spans: u64,
}

/// A trace that [`Collector::poll_finished`] hands out.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// The whole trace, as far as it came.
    pub trace: &'a Trace,
    /// How many of its spans, the last ones in [`Trace::spans`], came after it was handed out
    /// before; 0 when it is handed out for the first time.
    pub late_spans: usize,
}

impl Finished<'_> {
    /// Whether the trace was handed out before, and is again because of spans that came late.
    pub fn is_late(&self) -> bool {
        self.late_spans > 0
    }
}

#[derive(Debug)]
struct Entry {
    trace: Trace,
    /// When its last span came.
    last: Duration,
    /// How many of its spans were handed out.
    shown: usize,
    /// The hash of each span's content, and the span's index.
    known: HashMap<u64, usize, DefaultHashBuilder>,
    bytes: usize,
}

impl Entry {
    fn is_due(&self) -> bool {
        self.trace.spans.len() > self.shown
    }
}

impl Collector {
    /// A collector of at most `max_spans` spans in at most 2 KiB each on average (and 1 MiB
    /// at least).
    pub fn new(max_spans: usize) -> Self {
        Self::with_limits(max_spans, max_spans.saturating_mul(2048).max(1 << 20))
    }

    /// A collector of at most `max_spans` spans and about `max_bytes` bytes. The bytes are
    /// counted as a usual allocator would hand them out, not measured.
    pub fn with_limits(max_spans: usize, max_bytes: usize) -> Self {
        Self {
            max_spans,
            max_bytes,
            spans: 0,
            bytes: 0,
            traces: HashMap::new(),
            due: BTreeSet::new(),
            done: BTreeSet::new(),
            processes: HashSet::new(),
            uses: HashMap::new(),
            hasher: DefaultHashBuilder::default(),
            stats: Stats::default(),
        }
    }

    /// Adds the spans of a batch that came at `now`.
    pub fn add(&mut self, batch: &Batch<'_>, now: Duration) {
        let process = self.intern(Arc::new(Process::from(&batch.process)));
        for span in batch.spans {
            let owned = Span::from_decoded(&span, Arc::clone(&process));
            self.store(span.trace_id, owned, now);
        }
        self.release(&process);
    }

    /// Adds one span that came at `now`, of any origin.
    pub fn add_span(&mut self, trace_id: u128, mut span: Span, now: Duration) {
        let process = self.intern(Arc::clone(&span.process));
        span.process = Arc::clone(&process);
        self.store(trace_id, span, now);
        self.release(&process);
    }

    /// A trace whose last span is `idle` old, the oldest first, or `None`: nothing now. To be
    /// called until it says `None`, after spans were added and at the time that
    /// [`next_finish`](Self::next_finish) tells. Calling it too early or too late is harmless.
    ///
    /// `poll_finished(Duration::MAX, Duration::ZERO)` hands out what is left at the end.
    pub fn poll_finished(&mut self, now: Duration, idle: Duration) -> Option<Finished<'_>> {
        let &(last, trace_id) = self.due.first()?;
        if last.saturating_add(idle) > now {
            return None;
        }
        self.due.remove(&(last, trace_id));
        self.done.insert((last, trace_id));
        let entry = self.traces.get_mut(&trace_id)?;
        let spans = entry.trace.spans.len();
        let before = core::mem::replace(&mut entry.shown, spans);
        let late_spans = if before == 0 { 0 } else { spans - before };
        Some(Finished {
            trace: &entry.trace,
            late_spans,
        })
    }

    /// Takes a trace out, for example one that was handed out and will not be needed again.
    pub fn remove(&mut self, trace_id: u128) -> Option<Trace> {
        let entry = self.traces.remove(&trace_id)?;
        self.due.remove(&(entry.last, trace_id));
        self.done.remove(&(entry.last, trace_id));
        self.spans -= entry.trace.spans.len();
        self.bytes -= entry.bytes;
        for span in &entry.trace.spans {
            self.release(&span.process);
        }
        Some(entry.trace)
    }

    /// When [`poll_finished`](Self::poll_finished) will hand out the next trace, if no span of it
    /// comes until then.
    pub fn next_finish(&self, idle: Duration) -> Option<Duration> {
        self.due.first().map(|&(last, _)| last.saturating_add(idle))
    }

    /// The traces in memory, handed out or not, in no order.
    pub fn traces(&self) -> impl ExactSizeIterator<Item = &Trace> {
        self.traces.values().map(|entry| &entry.trace)
    }

    /// How many spans are in memory.
    pub fn spans(&self) -> usize {
        self.spans
    }

    /// How many bytes they take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn store(&mut self, trace_id: u128, span: Span, now: Duration) {
        let hash = self.hasher.hash_one(span.content());
        if self.knows(trace_id, hash, &span) {
            self.stats.duplicates += 1;
            return;
        }
        let bytes = SPAN_OVERHEAD + size_of::<Span>() + span.heap_bytes();
        if !self.make_room(trace_id, bytes) {
            self.stats.refused_spans += 1;
            return;
        }
        self.retain(&span.process);
        self.stats.spans += 1;
        self.spans += 1;
        self.bytes += bytes;
        let entry = self.traces.entry(trace_id).or_insert_with(|| {
            self.bytes += TRACE_OVERHEAD;
            Entry::new(trace_id, now)
        });
        let before = (entry.last, trace_id);
        entry.last = entry.last.max(now);
        entry.bytes += bytes;
        entry.known.insert(hash, entry.trace.spans.len());
        entry.trace.spans.push(span);
        if !self.due.contains(&(entry.last, trace_id)) {
            self.due.remove(&before);
            self.done.remove(&before);
            self.due.insert((entry.last, trace_id));
        }
    }

    /// Whether the very same span is there. Two spans with one id and different content (the two
    /// halves of a call, as Zipkin's libraries report it) are two spans.
    fn knows(&self, trace_id: u128, hash: u64, span: &Span) -> bool {
        let entry = self.traces.get(&trace_id);
        let twin = entry.and_then(|entry| entry.trace.spans.get(*entry.known.get(&hash)?));
        twin.is_some_and(|twin| twin.content() == span.content())
    }

    /// Evicts until one more span of `bytes` fits, but never the trace that it belongs to.
    fn make_room(&mut self, trace_id: u128, bytes: usize) -> bool {
        let own = self.traces.get(&trace_id);
        let (own_spans, own_bytes) = own.map_or((0, TRACE_OVERHEAD), |entry| {
            (entry.trace.spans.len(), entry.bytes)
        });
        if own_spans >= self.max_spans || own_bytes + bytes > self.max_bytes {
            return false;
        }
        let bytes = if own_spans == 0 {
            bytes + TRACE_OVERHEAD
        } else {
            bytes
        };
        while self.spans >= self.max_spans || self.bytes + bytes > self.max_bytes {
            let others = self.done.iter().chain(&self.due);
            let Some(oldest) = others.map(|&(_, id)| id).find(|&id| id != trace_id) else {
                return false;
            };
            self.evict(oldest);
        }
        true
    }

    fn evict(&mut self, trace_id: u128) {
        let shown = self.traces.get(&trace_id).map_or(0, |entry| {
            if entry.is_due() {
                self.stats.unseen_traces += 1;
            }
            entry.shown
        });
        if let Some(trace) = self.remove(trace_id) {
            self.stats.evicted_traces += 1;
            self.stats.evicted_spans += trace.spans.len() as u64;
            self.stats.unseen_spans += (trace.spans.len() - shown) as u64;
        }
    }

    /// The one copy of a process that all spans share, with one use more, so that it stays while
    /// others are evicted. To be followed by `release`.
    fn intern(&mut self, process: Arc<Process>) -> Arc<Process> {
        let process = match self.processes.get(&process) {
            Some(known) => Arc::clone(known),
            None => {
                self.bytes += PROCESS_OVERHEAD + process.heap_bytes();
                self.processes.insert(Arc::clone(&process));
                process
            }
        };
        self.retain(&process);
        process
    }

    fn retain(&mut self, process: &Arc<Process>) {
        *self.uses.entry(address(process)).or_insert(0) += 1;
    }

    fn release(&mut self, process: &Arc<Process>) {
        let Some(uses) = self.uses.get_mut(&address(process)) else {
            return;
        };
        *uses -= 1;
        if *uses == 0 {
            self.uses.remove(&address(process));
            self.processes.remove(process);
            self.bytes -= PROCESS_OVERHEAD + process.heap_bytes();
        }
    }
}

impl Entry {
    fn new(trace_id: u128, now: Duration) -> Self {
        Self {
            trace: Trace {
                trace_id,
                spans: alloc::vec::Vec::new(),
            },
            last: now,
            shown: 0,
            known: HashMap::with_hasher(DefaultHashBuilder::default()),
            bytes: TRACE_OVERHEAD,
        }
    }
}

fn address(process: &Arc<Process>) -> usize {
    Arc::as_ptr(process).addr()
}

#[cfg(test)]
mod tests;
