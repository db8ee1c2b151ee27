//! Spans.

mod handle;
mod log;

use std::fmt;
use std::mem::ManuallyDrop;
use std::num::{NonZeroU64, NonZeroU128};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use jaegerling_core::{self as core, Flags, ReferenceKind, SpanContext, SpanId, TraceId, Value};

pub(crate) use handle::Kind;
use handle::{At, no_lane};
pub use log::Log;

use crate::begin;
use crate::clock::StartTime;
use crate::lane::{ThreadLane, WORDS};
use crate::name::Name;
use crate::random;
use crate::unrecorded::{self, Unrecorded};

/// Something that takes time. It ends when it is dropped, on whatever thread.
///
/// A span that is not recorded, because there was no room or its trace is not sampled, has its ids
/// and can have children all the same; nothing that is said of it costs anything.
#[must_use = "a span ends when it is dropped: do not name it `_`"]
pub struct Span {
    /// Where it is recorded; or, if that is odd, what an [`Unrecorded`] says there.
    lane: NonNull<ThreadLane>,
    at: At,
}

/// The span while something is said of it.
type Recorded = core::Span<'static, &'static ThreadLane, WORDS>;

// What is behind the handle is written by this span alone, and whole after each call.
impl UnwindSafe for Span {}
impl RefUnwindSafe for Span {}

impl Span {
    /// The span, if it is recorded.
    #[inline(always)]
    fn recorded(&mut self) -> Option<ManuallyDrop<Recorded>> {
        let Kind::Recorded(lane, place) = self.kind() else {
            return None;
        };
        // SAFETY: this is the one handle of that span, which ends when this is dropped; it is borrowed alone, and
        // so it stays while what is made here is used.
        let span = unsafe { Recorded::resume(lane, place) };
        Some(ManuallyDrop::new(span))
    }

    #[inline(always)]
    fn reference(&mut self, kind: ReferenceKind, trace_id: TraceId, span_id: SpanId) {
        self.write(|span| span.reference(kind, trace_id, span_id));
    }

    #[inline(always)]
    fn write(&mut self, write: impl FnOnce(&mut Recorded)) {
        if let Some(mut span) = self.recorded() {
            write(&mut span);
        }
    }

    /// A span that is not recorded, nor are its children: for code that wants one where there is
    /// nothing to trace.
    #[inline]
    pub fn disabled() -> Self {
        Unrecorded::root(unrecorded::word(0, Flags::NONE), random::next()).into()
    }

    /// Begins a child of this span. It may outlive its parent.
    #[inline]
    pub fn child(&self, operation_name: impl Into<String>) -> Self {
        begin::child(self, operation_name)
    }

    /// Begins a child with an id of its own choice.
    pub fn child_with_id(&self, span_id: NonZeroU64, operation_name: impl Into<String>) -> Self {
        begin::named(begin::child_with_id(self, span_id.into()), operation_name)
    }

    /// The id of its trace.
    pub fn trace_id(&self) -> NonZeroU128 {
        self.context().trace_id.into()
    }

    /// Its own id.
    pub fn span_id(&self) -> NonZeroU64 {
        self.context().span_id.into()
    }

    /// Its ids and flags, as they travel to other processes: see
    /// [`propagate`](crate::propagate) and [`TracesIn::span_in`](crate::TracesIn::span_in).
    #[inline]
    pub fn context(&self) -> SpanContext {
        match self.kind() {
            // SAFETY: it is this span's.
            Kind::Recorded(_, place) => unsafe { place.context() },
            Kind::Unrecorded(span) => span.context(),
        }
    }

    /// Whether what is said of it is recorded.
    pub fn is_recording(&self) -> bool {
        self.lane().is_some_and(ThreadLane::is_of_this_process)
    }

    /// Adds a log: a point in time, now, with fields. It is recorded when it is dropped.
    ///
    /// ```
    /// # let (traces_in, _traces_out) = jaegerling::builder("demo").build()?;
    /// let mut span = traces_in.new_trace("fetch");
    /// span.log().with_string("event", "cache miss").with_int("tries", 1);
    /// # Ok::<(), jaegerling::BuildError>(())
    /// ```
    pub fn log(&mut self) -> Log<'_> {
        Log::of(self.recorded(), None)
    }

    /// Adds a log at a given time.
    pub fn log_at(&mut self, time: StartTime) -> Log<'_> {
        let time = self.time(time);
        Log::of(self.recorded(), time)
    }

    fn time(&self, time: StartTime) -> Option<core::Time> {
        let lane = self.lane()?;
        Some(time.on(&lane.hub.settings.clock))
    }

    /// Adds a tag whose value is asked for only if the span is recorded.
    ///
    /// ```
    /// # let (traces_in, _traces_out) = jaegerling::builder("demo").build()?;
    /// # let rows = vec![1, 2, 3];
    /// let mut span = traces_in.new_trace("query");
    /// span.add_tag_with("rows", || format!("{rows:?}"));
    /// # Ok::<(), jaegerling::BuildError>(())
    /// ```
    pub fn add_tag_with<V>(&mut self, key: &str, value: impl FnOnce() -> V)
    where
        for<'v> &'v V: Into<Value<'v>>,
    {
        if self.is_recording() {
            self.add_tag(key, &value());
        }
    }

    /// As [`add_tag_with`](Self::add_tag_with), on the span itself.
    pub fn with_tag_with<V>(mut self, key: &str, value: impl FnOnce() -> V) -> Self
    where
        for<'v> &'v V: Into<Value<'v>>,
    {
        self.add_tag_with(key, value);
        self
    }
}

macro_rules! with_twins {
    ($(
        $(#[$doc:meta])*
        $add:ident, $with:ident($($arg:ident: $ty:ty),*) |$span:ident| $body:expr;
    )*) => {
        impl Span {$(
            $(#[$doc])*
            // Also where the compiler thinks it too long: if it is not in line, the span is in memory.
            #[inline(always)]
            pub fn $add(&mut self, $($arg: $ty),*) {
                let $span = self;
                $body
            }

            #[doc = concat!("As [`", stringify!($add), "`](Self::", stringify!($add), "), on the span itself.")]
            #[inline(always)]
            pub fn $with(mut self, $($arg: $ty),*) -> Self {
                self.$add($($arg),*);
                self
            }
        )*}
    };
}

with_twins! {
    /// Adds a tag.
    add_string_tag, with_string_tag(key: &str, value: &str) |span| span.add_tag(key, value);
    /// Adds a tag.
    add_int_tag, with_int_tag(key: &str, value: i64) |span| span.add_tag(key, value);
    /// Adds a tag. `error=true` paints the span red.
    add_bool_tag, with_bool_tag(key: &str, value: bool) |span| span.add_tag(key, value);
    /// Adds a tag. What is not finite is sent as text, because Jaeger fails on the number.
    add_float_tag, with_float_tag(key: &str, value: f64) |span| span.add_tag(key, value);
    /// Adds a tag.
    add_bytes_tag, with_bytes_tag(key: &str, value: &[u8]) |span| span.add_tag(key, value);
    /// Adds a reference to a span that caused this one, of this trace or another.
    add_follows_from, with_follows_from(other: &Span) |span| {
        span.add_follows_from_raw(other.trace_id(), other.span_id());
    };
    /// Adds a reference to a span, known by its ids, that caused this one.
    add_follows_from_raw, with_follows_from_raw(trace_id: NonZeroU128, span_id: NonZeroU64)
        |span| {
            span.reference(ReferenceKind::FollowsFrom, trace_id.into(), span_id.into());
        };
    /// Adds a reference to a further span that waits for this one, beside the parent.
    add_child_of, with_child_of(other: &SpanContext) |span| {
        span.reference(ReferenceKind::ChildOf, other.trace_id, other.span_id);
    };
    /// Lets the span begin at another time than the one at which it was begun, for example
    /// because its trace id became known only later.
    override_start_time, with_start_time_override(start_time: StartTime) |span| {
        if let Some(time) = span.time(start_time) {
            span.write(|span| span.set_start(time));
        }
    };
    /// Lets the span end at another time than the one at which it is dropped.
    override_end_time, with_end_time_override(end_time: StartTime) |span| {
        if let Some(time) = span.time(end_time) {
            span.write(|span| span.set_end(time));
        }
    };
    /// Marks the span, and the children that it will have, as ones that somebody debugs.
    set_debug, with_debug() |span| match span.kind() {
        Kind::Recorded(..) => span.write(core::Span::set_debug),
        Kind::Unrecorded(look) => span.lane = no_lane(look.debug_word()),
    };
}

// The generic ones, which a table of function pointers cannot hold.
impl Span {
    /// Adds a tag of whatever kind the value is.
    #[inline(always)]
    pub fn add_tag<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        // No closure: one that is not in line would have the span in memory.
        if let Some(mut span) = self.recorded() {
            span.tag(key, value);
        }
    }

    /// As [`add_tag`](Self::add_tag), on the span itself.
    #[inline(always)]
    pub fn with_tag<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        self.add_tag(key, value);
        self
    }

    /// Adds a tag with a value as it is displayed, which it is only if the span is recorded.
    pub fn add_display_tag(&mut self, key: &str, value: impl fmt::Display) {
        self.add_tag_with(key, || value.to_string());
    }

    /// As [`add_display_tag`](Self::add_display_tag), on the span itself.
    pub fn with_display_tag(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.add_display_tag(key, value);
        self
    }

    /// Adds a tag with a value as [`Debug`](fmt::Debug) shows it.
    pub fn add_debug_tag(&mut self, key: &str, value: impl fmt::Debug) {
        self.add_tag_with(key, || format!("{value:?}"));
    }

    /// As [`add_debug_tag`](Self::add_debug_tag), on the span itself.
    pub fn with_debug_tag(mut self, key: &str, value: impl fmt::Debug) -> Self {
        self.add_debug_tag(key, value);
        self
    }

    /// Gives the span another name.
    pub fn set_name(&mut self, operation_name: impl Into<String>) {
        if self.is_recording() {
            let name = Name::of(operation_name);
            self.write(|span| span.set_name(name.as_str()));
        }
    }

    /// As [`set_name`](Self::set_name), on the span itself.
    pub fn with_name(mut self, operation_name: impl Into<String>) -> Self {
        self.set_name(operation_name);
        self
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Span").field(&self.context()).finish()
    }
}
