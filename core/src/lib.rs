//! Spans from Rust code to Jaeger without `std`.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(all(feature = "alloc", feature = "hashbrown"))]
pub mod collect;
pub mod decode;
mod drain;
mod id;
mod jaeger;
mod lock;
mod packet;
pub mod propagate;
mod record;
mod ring;
mod slot;
mod span;
mod stats;
mod text;
mod thrift;
mod time;
mod tracer;
mod value;
mod view;

pub use drain::{Drain, Outcome, Seen};
pub use id::{Flags, IdSource, ReferenceKind, SeededIds, SpanContext, SpanId, TraceId};
pub use lock::{ClaimLock, SingleContext};
pub use packet::{
    BUFFER_EXTRA, LOSS_SPAN, LimitTooSmall, Loss, LossWatch, MAX_DATAGRAM, Packed, Packer, Process,
};
pub use record::Lane;
pub use ring::{MAX_SLOTS, SpanRing};
pub use slot::{Claimed, Slot};
pub use span::{Log, Span};
pub use stats::{Dropped, Stats, Trimmed};
pub use time::{Clock, Time};
pub use tracer::{Tracer, TracerDrain};
pub use value::Value;
pub use view::{SpanView, TagView, Text};
