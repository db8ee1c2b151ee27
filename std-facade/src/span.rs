//! Spans and their logs.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::panic::{RefUnwindSafe, UnwindSafe};

use jaegerling_core::{self as core, Flags, ReferenceKind, SpanContext, SpanId, TraceId, Value};

use crate::begin;
use crate::clock::StartTime;
use crate::lane::{Handle, WORDS};
use crate::name::Name;
use crate::random;

/// Something that takes time. It ends when it is dropped, on whatever thread.
///
/// A span that is not recorded, because there was no room or its trace is not sampled, has its ids
/// and can have children all the same; nothing that is said of it costs anything.
#[must_use = "a span ends when it is dropped: do not name it `_`"]
pub struct Span(pub(crate) core::Span<'static, Handle, WORDS>);

// What is behind the handle is written by this span alone, and whole after each call.
impl UnwindSafe for Span {}
impl RefUnwindSafe for Span {}

impl Span {
    pub(crate) fn unrecorded(handle: Handle, context: SpanContext) -> Self {
        Self(core::Span::unrecorded(handle, context))
    }

    /// A span that is not recorded, nor are its children: for code that wants one where there is
    /// nothing to trace.
    pub fn disabled() -> Self {
        let context = SpanContext {
            trace_id: TraceId::new(random::next().into()).unwrap_or(TraceId::MIN),
            span_id: SpanId::new(random::next()).unwrap_or(SpanId::MIN),
            parent_id: None,
            flags: Flags::NONE,
        };
        Self::unrecorded(Handle::Off, context)
    }

    /// Begins a child of this span. It may outlive its parent.
    #[inline]
    pub fn child(&self, operation_name: impl Into<String>) -> Self {
        begin::child(self, operation_name)
    }

    /// Begins a child with an id of its own choice.
    pub fn child_with_id(&self, span_id: NonZeroU64, operation_name: impl Into<String>) -> Self {
        begin::named(
            begin::begin_child(self, Some(span_id.into())),
            operation_name,
        )
    }

    /// The id of its trace.
    pub fn trace_id(&self) -> NonZeroU128 {
        self.0.context().trace_id.into()
    }

    /// Its own id.
    pub fn span_id(&self) -> NonZeroU64 {
        self.0.context().span_id.into()
    }

    /// Its ids and flags, as they travel to other processes: see
    /// [`propagate`](crate::propagate) and [`TracesIn::span_in`](crate::TracesIn::span_in).
    pub fn context(&self) -> SpanContext {
        self.0.context()
    }

    /// Whether what is said of it is recorded.
    pub fn is_recording(&self) -> bool {
        self.0.is_recording() && self.0.lane().lane().is_some()
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
        Log(self.0.log())
    }

    /// Adds a log at a given time.
    pub fn log_at(&mut self, time: StartTime) -> Log<'_> {
        match self.time(time) {
            Some(time) => Log(self.0.log_at(time)),
            None => Log(self.0.log()),
        }
    }

    fn time(&self, time: StartTime) -> Option<core::Time> {
        match self.0.lane() {
            Handle::Recorded(lane) => Some(time.on(&lane.hub.settings.clock)),
            _ => None,
        }
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
            self.0.tag(key, &value());
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
    add_string_tag, with_string_tag(key: &str, value: &str) |span| span.0.tag(key, value);
    /// Adds a tag.
    add_int_tag, with_int_tag(key: &str, value: i64) |span| span.0.tag(key, value);
    /// Adds a tag. `error=true` paints the span red.
    add_bool_tag, with_bool_tag(key: &str, value: bool) |span| span.0.tag(key, value);
    /// Adds a tag. What is not finite is sent as text, because Jaeger fails on the number.
    add_float_tag, with_float_tag(key: &str, value: f64) |span| span.0.tag(key, value);
    /// Adds a tag.
    add_bytes_tag, with_bytes_tag(key: &str, value: &[u8]) |span| span.0.tag(key, value);
    /// Adds a reference to a span that caused this one, of this trace or another.
    add_follows_from, with_follows_from(other: &Span) |span| {
        span.add_follows_from_raw(other.trace_id(), other.span_id());
    };
    /// Adds a reference to a span, known by its ids, that caused this one.
    add_follows_from_raw, with_follows_from_raw(trace_id: NonZeroU128, span_id: NonZeroU64)
        |span| {
            span.0.reference(ReferenceKind::FollowsFrom, trace_id.into(), span_id.into());
        };
    /// Adds a reference to a further span that waits for this one, beside the parent.
    add_child_of, with_child_of(other: &SpanContext) |span| {
        span.0.reference(ReferenceKind::ChildOf, other.trace_id, other.span_id);
    };
    /// Lets the span begin at another time than the one at which it was begun, for example
    /// because its trace id became known only later.
    override_start_time, with_start_time_override(start_time: StartTime) |span| {
        if let Some(time) = span.time(start_time) {
            span.0.set_start(time);
        }
    };
    /// Lets the span end at another time than the one at which it is dropped.
    override_end_time, with_end_time_override(end_time: StartTime) |span| {
        if let Some(time) = span.time(end_time) {
            span.0.set_end(time);
        }
    };
    /// Marks the span, and the children that it will have, as ones that somebody debugs.
    set_debug, with_debug() |span| span.0.set_debug();
}

// The generic ones, which a table of function pointers cannot hold.
impl Span {
    /// Adds a tag of whatever kind the value is.
    #[inline(always)]
    pub fn add_tag<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        self.0.tag(key, value);
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
            self.0.set_name(Name::of(operation_name).as_str());
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

/// A point in time within a span, with fields.
///
/// If it has a field `event`, Jaeger shows that as its headline.
pub struct Log<'a>(core::Log<'a, 'static, WORDS, Handle>);

// As for `Span`.
impl UnwindSafe for Log<'_> {}
impl RefUnwindSafe for Log<'_> {}

impl Log<'_> {
    /// Adds a field.
    pub fn with_string(self, key: &str, value: &str) -> Self {
        self.with(key, value)
    }

    /// Adds a field.
    pub fn with_int(self, key: &str, value: i64) -> Self {
        self.with(key, value)
    }

    /// Adds a field.
    pub fn with_bool(self, key: &str, value: bool) -> Self {
        self.with(key, value)
    }

    /// Adds a field.
    pub fn with_float(self, key: &str, value: f64) -> Self {
        self.with(key, value)
    }

    /// Adds a field.
    pub fn with_bytes(self, key: &str, value: &[u8]) -> Self {
        self.with(key, value)
    }

    /// Adds a field of whatever kind the value is.
    pub fn with<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        self.0.field(key, value);
        self
    }
}

impl fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}
