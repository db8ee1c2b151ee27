//! Clocks, locks, memory, counters, the packer.

use core::ops::AddAssign;

use jaegerling_core::{
    AlreadyInit, ClaimLock, Clock, Complete, Drain, Dropped, Found, InterruptsOff, Lean,
    LimitTooSmall, LockFree, Loss, LossWatch, Outcome, Packed, Packer, Process, Seen,
    SingleContext, Slots, SpanId, Stats, TickCounter, Time, TraceId, Trimmed, Value,
};

pub const WORDS: usize = 32;
/// Not a power of two: that is the longer way round.
pub const SLOTS: usize = 6;
pub type Slot = jaegerling_core::Slot<WORDS>;
pub type Retained = jaegerling_core::Retained<SLOTS, WORDS>;
pub type RetainedSlots = jaegerling_core::RetainedSlots<SLOTS, WORDS>;
pub type Tags = core::iter::Copied<core::slice::Iter<'static, (&'static str, Value<'static>)>>;
pub type Tagged = Process<'static, Tags>;
pub type TickClock = jaegerling_core::TickClock<T>;

/// A clock that says nothing but the time.
pub struct C(pub fn(u64) -> u64);

impl Clock for C {
    fn now(&self) -> u64 {
        (self.0)(0)
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        (self.0)(ticks) as i64
    }
}

/// A counter of 24 bits, and a frequency that does not divide a second.
#[derive(Debug)]
pub struct T(fn() -> u32);

impl TickCounter for T {
    const BITS: u32 = 24;
    const HZ: u32 = 7_372_800;

    fn count(&self) -> u32 {
        (self.0)() & 0xff_ffff
    }
}

pub fn touch_all() {
    touch_complete();
    touch_lean();
    crate::touch! {
        <&C as Clock>::now => (it: &'static &C);
        <&C as Clock>::poll => (it: &'static &C);
        <&C as Clock>::unix_micros => (it: &'static &C, ticks: u64);
        <&C as Clock>::unix_nanos => (it: &'static &C, ticks: u64);
        <LockFree as ClaimLock>::with => (it: &'static LockFree, claim: fn() -> u32);
        <Retained as Default>::default => ();
        <RetainedSlots as Slots<WORDS>>::session => (it: &'static RetainedSlots);
        <RetainedSlots as Slots<WORDS>>::slots => (it: &'static RetainedSlots);
        <SingleContext as ClaimLock>::with => (it: &'static SingleContext, claim: fn() -> u32);
        <Slot as Default>::default => ();
        <TickClock as Clock>::now => (it: &'static TickClock);
        <TickClock as Clock>::unix_micros => (it: &'static TickClock, ticks: u64);
        <TickClock as Clock>::unix_nanos => (it: &'static TickClock, ticks: u64);
        <Trimmed as AddAssign>::add_assign => (it: &'static mut Trimmed, more: Trimmed);
        <[Slot; SLOTS] as Slots<WORDS>>::slots => (it: &'static [Slot; SLOTS]);
        Clock::poll => (it: &'static C);
        Clock::unix_micros => (it: &'static C, ticks: u64);
        Dropped::total => (it: &'static Dropped);
        InterruptsOff::new => ();
        LossWatch::is_pending => (it: &'static LossWatch, dropped: &'static Dropped);
        LossWatch::look => (it: &'static mut LossWatch, now: i64, dropped: &'static Dropped, last: bool);
        LossWatch::take_back => (it: &'static mut LossWatch);
        Packer::lean => (limit: usize, service_name: &'static str);
        Packer::new => (limit: usize, service_name: &'static str);
        Process::new => (service_name: &'static str);
        Process::with_tags => (it: Process, tags: Tags);
        Retained::clear => (it: &'static Retained);
        Retained::new => ();
        SingleContext::new => ();
        Slot::new => ();
        Slots::session => (it: &'static [Slot; SLOTS]);
        TickClock::counter => (it: &'static TickClock);
        TickClock::new => (counter: T);
        Time::unix_micros => (it: Time, clock: &'static C);
        Time::unix_nanos => (it: Time, clock: &'static C);
        <AlreadyInit as Clone>::clone => (it: &'static AlreadyInit);
        <AlreadyInit as PartialEq>::eq => (it: &'static AlreadyInit, other: &'static AlreadyInit);
        <Complete as Clone>::clone => (it: &'static Complete);
        <Dropped as Clone>::clone => (it: &'static Dropped);
        <Dropped as Default>::default => ();
        <Dropped as PartialEq>::eq => (it: &'static Dropped, other: &'static Dropped);
        <Found as Clone>::clone => (it: &'static Found);
        <Found as Default>::default => ();
        <Found as PartialEq>::eq => (it: &'static Found, other: &'static Found);
        <Lean as Clone>::clone => (it: &'static Lean);
        <LimitTooSmall as Clone>::clone => (it: &'static LimitTooSmall);
        <LimitTooSmall as PartialEq>::eq => (it: &'static LimitTooSmall, other: &'static LimitTooSmall);
        <LockFree as Clone>::clone => (it: &'static LockFree);
        <LockFree as Default>::default => ();
        <Loss as Clone>::clone => (it: &'static Loss);
        <LossWatch as Clone>::clone => (it: &'static LossWatch);
        <LossWatch as Default>::default => ();
        <Outcome as Clone>::clone => (it: &'static Outcome);
        <Outcome as PartialEq>::eq => (it: &'static Outcome, other: &'static Outcome);
        <Packed as Clone>::clone => (it: &'static Packed);
        <Process as Clone>::clone => (it: &'static Process);
        <Seen as Clone>::clone => (it: &'static Seen);
        <Seen as Default>::default => ();
        <Seen as PartialEq>::eq => (it: &'static Seen, other: &'static Seen);
        <SingleContext as Default>::default => ();
        <Stats as Clone>::clone => (it: &'static Stats);
        <Stats as Default>::default => ();
        <Stats as PartialEq>::eq => (it: &'static Stats, other: &'static Stats);
        <Time as Clone>::clone => (it: &'static Time);
        <Time as PartialEq>::eq => (it: &'static Time, other: &'static Time);
        <Trimmed as Clone>::clone => (it: &'static Trimmed);
        <Trimmed as Default>::default => ();
        <Trimmed as PartialEq>::eq => (it: &'static Trimmed, other: &'static Trimmed);
    }
}

macro_rules! packer {
    ($name:ident, $extent:ty) => {
        fn $name() {
            type Packer = jaegerling_core::Packer<$extent>;
            crate::touch! {
                Packer::is_unsettled => (it: &'static Packer);
                Packer::limit => (it: &'static Packer);
                Packer::pack => (it: &'static mut Packer, buffer: &'static mut [u8], process: &'static Tagged, drain: &'static mut Drain<'static, WORDS>, clock: &'static C, dropped: &'static Dropped, loss: Option<(Loss, (TraceId, SpanId))>);
                Packer::put_back => (it: &'static mut Packer, drain: &'static mut Drain<'static, WORDS>);
                Packer::set_limit => (it: &'static mut Packer, limit: usize);
                Packer::settled => (it: &'static mut Packer, drain: &'static mut Drain<'static, WORDS>);
                <Packer as Clone>::clone => (it: &'static Packer);
            }
        }
    };
}
packer!(touch_complete, Complete);
packer!(touch_lean, Lean);
