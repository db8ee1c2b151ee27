//! Spans from Rust code to [Jaeger](https://www.jaegertracing.io): recorded in rings of fixed
//! capacity, sent as compact Thrift over UDP, and counted where they are lost.
//!
//! ```no_run
//! let (traces_in, traces_out) = jaegerling::builder("shop").build()?;
//! let _sender = jaegerling::udp::spawn(traces_out, "localhost:6831")?;
//!
//! let mut span = traces_in.new_trace("checkout");
//! span.add_string_tag("user", "ada");
//! let child = span.child("charge card");
//! drop(child); // A span ends when it is dropped.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`builder`] makes a tracer: [`TracesIn`], where a [`Span`] begins, in whatever thread, and
//! [`TracesOut`], where datagrams come out. Between two processes a span's [`SpanContext`] travels
//! as text: see [`propagate`] and [`TracesIn::span_in`].
//!
//! # Sending
//!
//! [`udp::spawn`] does it on a thread of its own, and [`udp::Options::connect`] for datagrams that were
//! packed elsewhere. Whoever wants to do it otherwise takes the
//! datagrams from [`TracesOut`]:
//!
//! | | |
//! |---|---|
//! | [`next`](TracesOut::next), [`next_or_end`](TracesOut::next_or_end) | async, on any executor |
//! | [`next_timeout`](TracesOut::next_timeout), [`try_next`](TracesOut::try_next) | blocking, and not |
//! | [`lend`](TracesOut::lend) | allocates nothing, and is told whether the packet was sent |
//!
//! What becomes of each span is in [`TracesIn::stats`]. A loss is also shown in Jaeger, as a span
//! named [`LOSS_SPAN`].
//!
//! # The interface of `mick-jaeger`
//!
//! Every public item of `mick-jaeger` 0.1.8 is here under the same name, so that its users change
//! the crate's name only:
//!
//! ```
//! use std::num::NonZeroU128;
//!
//! let (traces_in, mut traces_out) = jaegerling::init(jaegerling::Config {
//!     service_name: "shop".to_string(),
//! });
//! traces_out.add_string_tag("region", "eu-north-1");
//!
//! let mut span = traces_in.span(NonZeroU128::new(43).unwrap(), "checkout");
//! span.add_int_tag("items", 3);
//! drop(span);
//!
//! # async fn send(mut traces_out: jaegerling::TracesOut) {
//! let datagram: Vec<u8> = traces_out.next().await;
//! # }
//! ```
//!
//! Different on purpose: the flags on the wire are right (sampled 1, debug 3, inherited); the
//! library's name and version are process tags, not two tags of every span; packets are as full
//! as their limit allows; nothing is lost in silence; and once everything is gone and drained,
//! `next` stays pending, since its type cannot say so ([`TracesOut::next_or_end`] can).
//!
//! # Features
//!
//! The default build depends on `jaegerling-core` and, on Unix, on `libc`: to notice a fork, for
//! random ids, for the host's name.
//!
//! - `collect`: decoded spans grouped by trace, drawn as a waterfall in the terminal, written as
//!   the JSON that Jaeger's UI opens.
//! - `cli`: the program `jaegerling`; `jaegerling listen` draws what arrives, without a server, and
//!   `jaegerling bridge` brings the spans of a device to Jaeger.
//!
//! # What it is not
//!
//! It does not decide which traces to keep: a trace that begins here is sampled, one that comes
//! from elsewhere is if its flag says so. It has no current span that functions find by
//! themselves: a span is a value that is handed on. It speaks neither OTLP nor HTTP. It does not
//! learn whether a datagram that was sent has arrived, because UDP does not tell.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod begin;
mod bell;
mod builder;
mod clock;
mod counter;
mod drains;
mod fork;
mod global;
mod hub;
#[cfg(feature = "collect")]
pub mod json;
mod lane;
mod local;
mod name;
#[cfg_attr(any(not(unix), jaegerling_portable), path = "os_portable.rs")]
mod os;
mod process;
mod random;
mod root;
mod settings;
mod span;
mod sync;
mod timeline;
mod traces_in;
mod traces_out;
pub mod udp;
mod unrecorded;
#[cfg(feature = "collect")]
pub mod waterfall;

pub use builder::{BuildError, Builder, Config, builder, init};
pub use clock::{StartTime, SystemClock};
#[cfg(feature = "collect")]
pub use jaegerling_core::collect;
pub use jaegerling_core::{
    Clock, Dropped, Flags, IdSource, LOSS_SPAN, LimitTooSmall, ReferenceKind, SeededIds,
    SpanContext, SpanId, Stats, TraceId, Trimmed, Value, decode, propagate,
};
pub use process::OwnTags;
pub use span::{Log, Span};
pub use traces_in::{OpenSpan, TracesIn};
pub use traces_out::{Ended, Next, NextOrEnd, Packet, TracesOut};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
