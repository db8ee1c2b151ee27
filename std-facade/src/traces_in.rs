//! Where spans begin.

use std::num::{NonZeroU64, NonZeroU128};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::SystemTime;

use jaegerling_core::{SpanContext, Stats};

use crate::Span;
use crate::begin::{self, sampled};
use crate::clock::system_time;
use crate::root::Root;

/// Where spans begin. Shared by all that trace, as `Arc<TracesIn>`.
pub struct TracesIn {
    pub(crate) root: Arc<Root>,
}

// All state behind it is atomic, or is under a lock in which nothing panics.
impl UnwindSafe for TracesIn {}
impl RefUnwindSafe for TracesIn {}

impl TracesIn {
    /// Begins a span of a trace, with no parent.
    #[inline]
    pub fn span(
        self: &Arc<Self>,
        trace_id: NonZeroU128,
        operation_name: impl Into<String>,
    ) -> Span {
        let span_id = self.root.settings.next_span_id();
        self.start(sampled(trace_id, span_id, None), operation_name)
    }

    /// Begins a span with an id of its own choice, with no parent.
    pub fn span_with_id(
        self: &Arc<Self>,
        trace_id: NonZeroU128,
        span_id: NonZeroU64,
        operation_name: impl Into<String>,
    ) -> Span {
        self.start(sampled(trace_id, span_id.into(), None), operation_name)
    }

    /// Begins a span whose parent, known by its id alone, may be in another process. `None` is no
    /// parent.
    pub fn span_with_parent(
        self: &Arc<Self>,
        trace_id: NonZeroU128,
        parent_id: Option<NonZeroU64>,
        operation_name: impl Into<String>,
    ) -> Span {
        let span_id = self.root.settings.next_span_id();
        self.start(sampled(trace_id, span_id, parent_id), operation_name)
    }

    /// Begins a span with an id of its own choice, and perhaps a parent.
    pub fn span_with_id_and_parent(
        self: &Arc<Self>,
        trace_id: NonZeroU128,
        span_id: NonZeroU64,
        parent_id: Option<NonZeroU64>,
        operation_name: impl Into<String>,
    ) -> Span {
        self.start(sampled(trace_id, span_id.into(), parent_id), operation_name)
    }

    /// Begins the first span of a trace with a fresh 128-bit id.
    #[inline]
    pub fn new_trace(self: &Arc<Self>, operation_name: impl Into<String>) -> Span {
        begin::trace(&self.root, operation_name)
    }

    /// Begins a child of a span of another process, whose context came with a message. If the
    /// parent is not sampled, neither is the child: it has its ids, and nothing is recorded.
    ///
    /// ```
    /// use jaegerling::propagate::uber;
    /// # let (traces_in, _traces_out) = jaegerling::builder("demo").build()?;
    /// let header = "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1";
    /// let span = match uber::parse(header) {
    ///     Ok(caller) => traces_in.span_in(&caller, "GET /"),
    ///     Err(_) => traces_in.new_trace("GET /"),
    /// };
    /// # assert_eq!(span.context().parent_id.map(|id| id.get()), Some(0x00f067aa0ba902b7));
    /// # Ok::<(), jaegerling::BuildError>(())
    /// ```
    #[inline]
    pub fn span_in(
        self: &Arc<Self>,
        parent: &SpanContext,
        operation_name: impl Into<String>,
    ) -> Span {
        begin::named(begin::child_in(&self.root, parent), operation_name)
    }

    #[inline]
    fn start(self: &Arc<Self>, context: SpanContext, name: impl Into<String>) -> Span {
        begin::named(begin::in_context(&self.root, context), name)
    }

    /// The counters: what became of the spans.
    pub fn stats(&self) -> Stats {
        self.root.hub().stats()
    }

    /// Shows the spans that are open now, in whatever thread: what is the program doing?
    ///
    /// It is a snapshot: `show` is called after it was taken, and may trace.
    pub fn for_each_open(&self, show: impl FnMut(OpenSpan)) {
        let hub = self.root.hub();
        let dates = hub.settings.clock.dates();
        let look = |span: &jaegerling_core::SpanView<'_, { crate::lane::WORDS }>| {
            Some(OpenSpan {
                name: span.name().to_string(),
                context: span.context()?,
                since: system_time(span.start().unix_nanos(&dates)),
                tags: span
                    .tags()
                    .map(|(key, value)| (key.to_string(), value.to_string()))
                    .collect(),
            })
        };
        hub.open_spans(look).into_iter().for_each(show);
    }
}

impl Drop for TracesIn {
    fn drop(&mut self) {
        self.root.drop_input();
    }
}

/// A span that has not ended, as [`TracesIn::for_each_open`] saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OpenSpan {
    /// Its name.
    pub name: String,
    /// Its ids, its parent, its flags.
    pub context: SpanContext,
    /// When it began.
    pub since: SystemTime,
    /// Its tags so far, as text.
    pub tags: Vec<(String, String)>,
}
