//! Who a span is.

use core::hash::Hash;
use core::num::{NonZero, NonZeroU64, NonZeroU128};

use jaegerling_core::{Flags, IdSource, ReferenceKind, SeededIds, SpanContext, SpanId, TraceId};

/// Ids that come from elsewhere.
pub struct I(pub fn() -> u64);

impl IdSource for I {
    fn next_id(&self) -> u64 {
        self.0()
    }
}

/// A hasher that is not core's.
pub struct H(u64);

impl core::hash::Hasher for H {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

pub fn touch_all() {
    crate::touch! {
        <&I as IdSource>::needs_lock => (it: &'static &I);
        <&I as IdSource>::next_id => (it: &'static &I);
        <&I as IdSource>::seed => (it: &'static &I, seed: u64);
        <Flags as Default>::default => ();
        <NonZeroU128 as From<TraceId>>::from => (id: TraceId);
        <NonZeroU64 as From<SpanId>>::from => (id: SpanId);
        <SeededIds as Default>::default => ();
        <SeededIds as IdSource>::needs_lock => (it: &'static SeededIds);
        <SeededIds as IdSource>::next_id => (it: &'static SeededIds);
        <SeededIds as IdSource>::seed => (it: &'static SeededIds, seed: u64);
        <SpanId as From<NonZero<u64>>>::from => (id: NonZeroU64);
        <TraceId as From<NonZero<u128>>>::from => (id: NonZeroU128);
        Flags::bits => (it: Flags);
        Flags::from_bits => (bits: u32);
        Flags::is_debug => (it: Flags);
        Flags::is_sampled => (it: Flags);
        IdSource::needs_lock => (it: &'static I);
        IdSource::seed => (it: &'static I, seed: u64);
        SeededIds::new => ();
        SpanId::get => (it: SpanId);
        SpanId::new => (id: u64);
        TraceId::get => (it: TraceId);
        TraceId::high => (it: TraceId);
        TraceId::low => (it: TraceId);
        TraceId::new => (id: u128);
        <Flags as Clone>::clone => (it: &'static Flags);
        <Flags as Hash>::hash => (it: &'static Flags, state: &'static mut H);
        <Flags as PartialEq>::eq => (it: &'static Flags, other: &'static Flags);
        <ReferenceKind as Clone>::clone => (it: &'static ReferenceKind);
        <ReferenceKind as Hash>::hash => (it: &'static ReferenceKind, state: &'static mut H);
        <ReferenceKind as PartialEq>::eq => (it: &'static ReferenceKind, other: &'static ReferenceKind);
        <SpanContext as Clone>::clone => (it: &'static SpanContext);
        <SpanContext as Hash>::hash => (it: &'static SpanContext, state: &'static mut H);
        <SpanContext as PartialEq>::eq => (it: &'static SpanContext, other: &'static SpanContext);
        <SpanId as Clone>::clone => (it: &'static SpanId);
        <SpanId as Hash>::hash => (it: &'static SpanId, state: &'static mut H);
        <SpanId as Ord>::cmp => (it: &'static SpanId, other: &'static SpanId);
        <SpanId as PartialEq>::eq => (it: &'static SpanId, other: &'static SpanId);
        <SpanId as PartialOrd>::partial_cmp => (it: &'static SpanId, other: &'static SpanId);
        <TraceId as Clone>::clone => (it: &'static TraceId);
        <TraceId as Hash>::hash => (it: &'static TraceId, state: &'static mut H);
        <TraceId as Ord>::cmp => (it: &'static TraceId, other: &'static TraceId);
        <TraceId as PartialEq>::eq => (it: &'static TraceId, other: &'static TraceId);
        <TraceId as PartialOrd>::partial_cmp => (it: &'static TraceId, other: &'static TraceId);
    }
}
