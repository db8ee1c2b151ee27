//! Spans from Rust code to Jaeger.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod bell;
mod builder;
mod clock;
mod fork;
mod global;
mod hub;
#[cfg(feature = "collect")]
pub mod json;
mod lane;
mod name;
#[cfg_attr(any(not(unix), jaegerling_portable), path = "os_portable.rs")]
mod os;
mod process;
mod random;
mod root;
mod span;
mod sync;
mod traces_in;
mod traces_out;
pub mod udp;
#[cfg(feature = "collect")]
pub mod waterfall;

pub use builder::{BuildError, Builder, Config, builder, init};
pub use clock::{StartTime, SystemClock};
#[cfg(feature = "collect")]
pub use jaegerling_core::collect;
pub use jaegerling_core::{
    Clock, Dropped, Flags, IdSource, LOSS_SPAN, LimitTooSmall, SeededIds, SpanContext, SpanId,
    Stats, TraceId, Trimmed, Value, decode, propagate,
};
pub use process::OwnTags;
pub use span::{Log, Span};
pub use traces_in::{OpenSpan, TracesIn};
pub use traces_out::{Ended, Next, NextOrEnd, Packet, TracesOut};
