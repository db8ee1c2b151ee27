//! What a tracer was built with: the same in all processes that it lives in.

use jaegerling_core::{IdSource, Packer, SpanId, TraceId};

use crate::clock::AnyClock;
use crate::process::OwnTags;
use crate::{local, random};

/// See the module.
pub(crate) struct Settings {
    pub(crate) number: u64,
    pub(crate) service_name: String,
    /// Slots of a lane.
    pub(crate) capacity: usize,
    pub(crate) packer: Packer,
    pub(crate) clock: AnyClock,
    pub(crate) ids: Option<Box<dyn IdSource + Send + Sync>>,
    pub(crate) own_tags: OwnTags,
    pub(crate) loss_span: bool,
}

impl Settings {
    /// A fresh id.
    #[inline]
    pub(crate) fn next_id(&self) -> u64 {
        match &self.ids {
            None => random::next(),
            Some(ids) => ids.next_id(),
        }
    }

    #[inline]
    pub(crate) fn next_span_id(&self) -> SpanId {
        SpanId::new(self.next_id()).unwrap_or(SpanId::MIN)
    }

    /// The ids of a trace's first span. Of random ones, the span's is the lower half of the trace's, as
    /// with other clients of Jaeger.
    #[inline]
    pub(crate) fn next_trace(&self) -> (TraceId, SpanId) {
        let [high, low, span] = match &self.ids {
            None => {
                let (low, high) = local::get().trace();
                [high, low.get(), low.get()]
            }
            Some(ids) => [ids.next_id(), ids.next_id(), ids.next_id()],
        };
        let trace = TraceId::new(u128::from(high) << 64 | u128::from(low));
        (
            trace.unwrap_or(TraceId::MIN),
            SpanId::new(span).unwrap_or(SpanId::MIN),
        )
    }
}
