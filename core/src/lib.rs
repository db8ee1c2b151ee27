//! Spans from Rust code to [Jaeger](https://www.jaegertracing.io) without `std`: recorded in a
//! ring of fixed capacity, and packed from there into compact-Thrift datagrams.
//!
//! ```
//! use jaegerling_core::{
//!     BUFFER_EXTRA, Clock, KeepOldest, Packer, Process, SeededIds, SingleContext, Slot, Tracer,
//! };
//!
//! struct Timer;
//! impl Clock for Timer {
//!     fn now(&self) -> u64 {
//!         0 // a hardware timer's count
//!     }
//!     fn unix_nanos(&self, ticks: u64) -> i64 {
//!         ticks as i64 * 1_000 // at 1 MHz, since boot
//!     }
//! }
//!
//! // 8 slots of 32 words, in which what is there stays.
//! let tracer: Tracer<_, _, _, KeepOldest, [Slot<32>; 8], 32> =
//!     Tracer::new(Timer, SeededIds::new(), SingleContext::new());
//! // With something that differs from device to device and from boot to boot.
//! tracer.init(7)?;
//! let mut span = tracer.root("adc.read");
//! span.tag("raw", 1_734_i64);
//! span.end();
//!
//! let mut drain = tracer.take_drain().expect("nobody else drains");
//! let mut packer = Packer::new(200, "thermostat")?;
//! let mut buffer = [0; 200 + BUFFER_EXTRA];
//! while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &Process::new("thermostat")) {
//!     // Send `datagram.bytes`, and say what became of them.
//! #   assert!(datagram.bytes.len() <= 200);
//!     drain.sent(&mut packer);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Applications with `std` rather use the crate `jaegerling`, which brings the clock, the random
//! ids, a ring for each thread and the sockets.
//!
//! # The way of a span
//!
//! ```text
//! Tracer::root ─► claim a slot ─► tags, logs ─► end ─► Packer ─► datagram ─► your link
//!    Clock,        a ring           written in    one     emitBatch  ≤ limit
//!    IdSource      under the        place, as     store   in compact
//!                  ClaimLock        raw words             Thrift
//! └────── whoever traces ─────────────────────────┘└───── whoever drains ─────────┘
//!
//! datagram ─► decode ─► Batch ─► collect::Collector ─► traces        the way back
//! ```
//!
//! Claiming a slot is the only step that needs exclusion; a [`ClaimLock`] gives it. A span that
//! outgrows its slot takes further ones. A slot is free again once its datagram was [`sent`] or
//! has [`failed`]. If none is free, [`KeepOldest`] refuses the new span, and [`KeepNewest`] lets
//! the oldest finished one give way; both are counted. A span that is refused has its ids all the
//! same and can have children.
//!
//! Each span is accounted for in [`Stats`]. A loss also goes out with the next datagram: in its
//! counters, and as a span named [`LOSS_SPAN`].
//!
//! [`sent`]: TracerDrain::sent
//! [`failed`]: TracerDrain::failed
//!
//! # What is here
//!
//! | | |
//! |---|---|
//! | [`Tracer`], [`TracerDrain`] | clock, ids and ring in one, and what drains it |
//! | [`TickClock`], [`SeededIds`] | a clock from a hardware counter, and ids from a seed |
//! | [`Retained`] | slots that survive a reset |
//! | [`Span`], [`Log`], [`Value`] | what is said of a span |
//! | [`Packer`], [`Process`] | waiting spans into datagrams |
//! | [`decode`] | the datagrams of any Jaeger client back into spans |
//! | [`frame`] | datagrams over a pipe of bytes that loses some: a UART, RTT, a radio |
//! | [`forward()`] | a datagram passed on, its times in UTC and with more process tags |
//! | `collect` | decoded spans grouped by trace (features `alloc` and `hashbrown`) |
//! | [`propagate`] | a [`SpanContext`] as text: `uber-trace-id` |
//! | [`LaneRing`], [`Slot`], [`Drain`], [`Lane`], [`LossWatch`] | the parts, for those who build a tracer of their own, as `jaegerling` does |
//!
//! # On a device: what to provide
//!
//! | | |
//! |---|---|
//! | a clock | [`TickClock`] of a hardware counter of 16 to 32 bits, or a [`Clock`] of your own. It is read from every context that records |
//! | a seed | for [`Tracer::init`]: a word of the hardware's random number generator, or a serial number and a counter of boots, see [`IdSource::seed`] |
//! | a lock | who may record at once, see [`ClaimLock`] |
//! | slots | how many, and of how many words: a span takes 11 words, its name and its tags; what it needs beyond that it takes from further slots |
//! | a link | whatever takes datagrams, of at most so many bytes |
//!
//! With `lto = "fat"`, flash holds only what the program uses: a packer has no code for logs, references,
//! floating-point numbers and the like if they are recorded nowhere. [`Packer::lean`] leaves out more.
//!
//! A handler of a panic or fault may always read ([`Tracer::steal`]). Whether it may record depends on
//! the lock: with [`LockFree`] it may; with all others it may have interrupted a claim, and must not.
//!
//! # What it does not do
//!
//! It does not send, and has no clock, no source of randomness and no thread of its own: they are
//! handed in. It does not allocate but in `collect` and where it is asked for slots on the heap, and
//! calls nothing of yours while it holds the lock, but an [`IdSource`] that wants it so. No input
//! makes it panic: what is too long is cut, what is out of range is moved into it, and both are
//! counted.
//!
//! # Features
//!
//! None is on by default, and the default build has no dependency.
//!
//! - `alloc`: [`Value`]s from `String` and `Vec<u8>`; [`Tracer`]s with slots on the heap.
//! - `hashbrown`: with `alloc`, and on targets that have compare-and-swap, the module `collect`.
//! - `critical-section`: `InCriticalSection`, the lock that the program's HAL provides.
//! - `spin`: `SeveralCores`, a lock for several cores that have compare-and-swap, and their interrupts.
//! - `heapless`: its `String` and `Vec` as [`Value`]s, and [`Packed`] datagrams in its `Vec`. It
//!   needs Rust 1.87.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(all(feature = "alloc", feature = "hashbrown", target_has_atomic = "ptr"))]
pub mod collect;
pub mod decode;
mod forward;
pub mod frame;
mod id;
mod impls;
mod jaeger;
mod lane;
mod lock;
mod packet;
mod part;
pub mod propagate;
mod record;
mod ring;
mod slot;
mod span;
mod stats;
mod text;
mod thrift;
mod ticks;
mod time;
mod tracer;
mod value;
mod view;

pub use forward::{FORWARD_EXTRA, ForwardCut, ForwardTooLarge, forward, forward_cut};
pub use id::{Flags, IdSource, ReferenceKind, SeededIds, SpanContext, SpanId, TraceId};
#[cfg(feature = "critical-section")]
pub use impls::critical_section_v1::InCriticalSection;
#[cfg(feature = "spin")]
pub use impls::spin_v0_12::SeveralCores;
pub use lane::{Drain, LaneRing, Outcome, Seen};
#[cfg(any(
    all(target_arch = "arm", target_os = "none"),
    target_arch = "riscv32",
    doc
))]
pub use lock::InterruptsOff;
#[cfg(target_has_atomic = "32")]
pub use lock::LockFree;
pub use lock::{ClaimLock, SingleContext};
pub use packet::{
    BUFFER_EXTRA, Complete, Extent, LOSS_SPAN, Lean, LimitTooSmall, Loss, LossWatch, MAX_DATAGRAM,
    Packed, Packer, Process,
};
pub use record::{Ending, Lane};
pub use ring::{Found, KeepNewest, KeepOldest, Policy, Retained, RetainedSlots, Slots};
pub use slot::{Claimed, MAX_SLOTS, Slot};
pub use span::{Log, Place, Span};
pub use stats::{Dropped, Stats, Trimmed};
pub use ticks::{TickClock, TickCounter};
pub use time::{Clock, Time};
pub use tracer::{AlreadyInit, Stolen, Tracer, TracerDrain};
pub use value::Value;
pub use view::{SpanView, TagView, Text};
