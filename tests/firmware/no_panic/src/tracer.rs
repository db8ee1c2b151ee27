//! Tracers and their drains: with each lock, each policy, slots of either kind, and both packers.

use core::sync::atomic::AtomicU32;

use jaegerling_core::{
    Complete, Ending, InterruptsOff, KeepNewest, KeepOldest, Lane, Lean, LockFree, ReferenceKind,
    SeededIds, SingleContext, SpanContext, SpanId, SpanView, Time, TraceId, Value,
};

use crate::ids::I;
use crate::parts::{C, Retained, RetainedSlots, SLOTS, Slot, Tagged, WORDS};

macro_rules! tracer {
    ($name:ident, $ids:ty, $lock:ty, $policy:ty, $slots:ty, $extent:ty) => {
        fn $name() {
            type Tracer = jaegerling_core::Tracer<C, $ids, $lock, $policy, $slots, WORDS>;
            type Span = jaegerling_core::Span<'static, &'static Tracer, WORDS>;
            type Log = jaegerling_core::Log<'static, &'static mut Span, &'static Tracer, WORDS>;
            type TracerDrain = jaegerling_core::TracerDrain<'static, Tracer>;
            type Stolen = jaegerling_core::Stolen<'static, Tracer>;
            type Packer = jaegerling_core::Packer<$extent>;
            crate::touch! {
                <&Tracer as Lane<WORDS>>::end => (it: &'static &Tracer, span: Ending<'static, WORDS>);
                <&Tracer as Lane<WORDS>>::may_have => (it: &'static &Tracer, slots: usize);
                <&Tracer as Lane<WORDS>>::more => (it: &'static &Tracer);
                <&Tracer as Lane<WORDS>>::now => (it: &'static &Tracer);
                <&Tracer as Lane<WORDS>>::publish => (it: &'static &Tracer, word: &'static AtomicU32, value: u32);
                <&Tracer as Lane<WORDS>>::released => (it: &'static &Tracer);
                drop::<Log> => (it: Log);
                drop::<Span> => (it: Span);
                Log::field => (it: &'static mut Log, key: &'static str, value: Value<'static>);
                Span::context => (it: &'static Span);
                Span::log => (it: &'static mut Span);
                Span::reference => (it: &'static mut Span, kind: ReferenceKind, trace_id: TraceId, span_id: SpanId);
                Span::set_debug => (it: &'static mut Span);
                Span::set_name => (it: &'static mut Span, name: &'static str);
                Span::set_start => (it: &'static mut Span, time: Time);
                Span::tag => (it: &'static mut Span, key: &'static str, value: Value<'static>);
                Stolen::pack => (it: &'static mut Stolen, packer: &'static mut Packer, buffer: &'static mut [u8], process: &'static Tagged);
                Tracer::child_of => (it: &'static Tracer, parent: &'static SpanContext, name: &'static str);
                Tracer::clock => (it: &'static Tracer);
                Tracer::is_init => (it: &'static Tracer);
                Tracer::root => (it: &'static Tracer, name: &'static str);
                Tracer::steal => (it: &'static Tracer);
                Tracer::take_drain => (it: &'static Tracer);
                TracerDrain::failed => (it: &'static mut TracerDrain, packer: &'static mut Packer);
                TracerDrain::for_each_open => (it: &'static mut TracerDrain, show: fn(&SpanView<'_, WORDS>));
                TracerDrain::pack => (it: &'static mut TracerDrain, packer: &'static mut Packer, buffer: &'static mut [u8], process: &'static Tagged);
                TracerDrain::sent => (it: &'static mut TracerDrain, packer: &'static mut Packer);
                TracerDrain::session => (it: &'static TracerDrain);
                TracerDrain::stats => (it: &'static mut TracerDrain);
                TracerDrain::too_large => (it: &'static mut TracerDrain, packer: &'static mut Packer, limit: usize);
            }
        }
    };
}
tracer!(
    one_context,
    I,
    SingleContext,
    KeepOldest,
    [Slot; SLOTS],
    Complete
);
tracer!(
    interrupts_off,
    SeededIds,
    InterruptsOff,
    KeepNewest,
    [Slot; SLOTS],
    Lean
);
tracer!(lock_free, I, LockFree, KeepNewest, [Slot; SLOTS], Complete);
tracer!(
    retained,
    SeededIds,
    InterruptsOff,
    KeepOldest,
    RetainedSlots,
    Complete
);
tracer!(
    retained_newest,
    SeededIds,
    LockFree,
    KeepNewest,
    RetainedSlots,
    Lean
);

/// Those that are there for one kind of slots only.
fn beginnings() {
    type L = InterruptsOff;
    {
        type Tracer = jaegerling_core::Tracer<C, I, L, KeepNewest, [Slot; SLOTS], WORDS>;
        crate::touch! {
            Tracer::init => (it: &'static Tracer, seed: u64);
            Tracer::new => (clock: C, ids: I, lock: L);
        }
    }
    {
        type Tracer = jaegerling_core::Tracer<C, I, L, KeepNewest, RetainedSlots, WORDS>;
        crate::touch! {
            Tracer::init_retained => (it: &'static Tracer, memory: &'static Retained, seed: u64);
            Tracer::retained => (clock: C, ids: I, lock: L);
        }
    }
}

pub fn touch_all() {
    one_context();
    interrupts_off();
    lock_free();
    retained();
    retained_newest();
    beginnings();
}
