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
mod id;
mod jaeger;
pub mod propagate;
mod thrift;
mod value;

pub use id::{Flags, ReferenceKind, SpanContext, SpanId, TraceId};
pub use value::Value;
