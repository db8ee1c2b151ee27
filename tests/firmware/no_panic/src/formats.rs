//! What is printed, as far as the language's own `core::fmt` cannot panic.
//!
//! It can, as it is compiled, where it prints `u64`, `i64`, `u128` or `f64` in decimal, where it
//! quotes a `str` or `char` (it asks whether that is printable), and where a derived `Debug` has six
//! fields or more (it compares two lengths). Whatever is made of these cannot avoid it, short of
//! printing numbers on its own; so it is not touched, and named here instead.

use core::fmt::{Debug, Display, Formatter};

use jaegerling_core::*;

use crate::lanes::Text;
use crate::parts::TickClock;

type T = decode::Tag<'static>;

pub fn touch_all() {
    crate::touch! {
        <AlreadyInit as Display>::fmt => (it: &'static AlreadyInit, f: &'static mut Formatter<'static>);
        <ForwardTooLarge as Display>::fmt => (it: &'static ForwardTooLarge, f: &'static mut Formatter<'static>);
        <LimitTooSmall as Display>::fmt => (it: &'static LimitTooSmall, f: &'static mut Formatter<'static>);
        <SpanId as Debug>::fmt => (it: &'static SpanId, f: &'static mut Formatter<'static>);
        <SpanId as Display>::fmt => (it: &'static SpanId, f: &'static mut Formatter<'static>);
        <Text as Display>::fmt => (it: &'static Text, f: &'static mut Formatter<'static>);
        <TraceId as Debug>::fmt => (it: &'static TraceId, f: &'static mut Formatter<'static>);
        <TraceId as Display>::fmt => (it: &'static TraceId, f: &'static mut Formatter<'static>);
        <decode::DecodeError as Display>::fmt => (it: &'static decode::DecodeError, f: &'static mut Formatter<'static>);
        <decode::MethodName as Debug>::fmt => (it: &'static decode::MethodName, f: &'static mut Formatter<'static>);
        <decode::MethodName as Display>::fmt => (it: &'static decode::MethodName, f: &'static mut Formatter<'static>);
        <decode::Text as Display>::fmt => (it: &'static decode::Text, f: &'static mut Formatter<'static>);
        <frame::FrameError as Display>::fmt => (it: &'static frame::FrameError, f: &'static mut Formatter<'static>);
        <propagate::uber::ParseError as Display>::fmt => (it: &'static propagate::uber::ParseError, f: &'static mut Formatter<'static>);
        <propagate::uber::Part as Display>::fmt => (it: &'static propagate::uber::Part, f: &'static mut Formatter<'static>);
        <propagate::uber::Uber as Display>::fmt => (it: &'static propagate::uber::Uber, f: &'static mut Formatter<'static>);
        <AlreadyInit as Debug>::fmt => (it: &'static AlreadyInit, f: &'static mut Formatter<'static>);
        <frame::Arrival as Debug>::fmt => (it: &'static frame::Arrival, f: &'static mut Formatter<'static>);
        <frame::Encoder as Debug>::fmt => (it: &'static frame::Encoder<'static>, f: &'static mut Formatter<'static>);
        <frame::RequestListener as Debug>::fmt => (it: &'static frame::RequestListener, f: &'static mut Formatter<'static>);
        <frame::Writer as Debug>::fmt => (it: &'static frame::Writer, f: &'static mut Formatter<'static>);
        <Complete as Debug>::fmt => (it: &'static Complete, f: &'static mut Formatter<'static>);
        <Flags as Debug>::fmt => (it: &'static Flags, f: &'static mut Formatter<'static>);
        <Found as Debug>::fmt => (it: &'static Found, f: &'static mut Formatter<'static>);
        <InterruptsOff as Debug>::fmt => (it: &'static InterruptsOff, f: &'static mut Formatter<'static>);
        <KeepNewest as Debug>::fmt => (it: &'static KeepNewest, f: &'static mut Formatter<'static>);
        <KeepOldest as Debug>::fmt => (it: &'static KeepOldest, f: &'static mut Formatter<'static>);
        <Lean as Debug>::fmt => (it: &'static Lean, f: &'static mut Formatter<'static>);
        <ForwardCut as Debug>::fmt => (it: &'static ForwardCut, f: &'static mut Formatter<'static>);
        <ForwardTooLarge as Debug>::fmt => (it: &'static ForwardTooLarge, f: &'static mut Formatter<'static>);
        <LimitTooSmall as Debug>::fmt => (it: &'static LimitTooSmall, f: &'static mut Formatter<'static>);
        <LockFree as Debug>::fmt => (it: &'static LockFree, f: &'static mut Formatter<'static>);
        <Outcome as Debug>::fmt => (it: &'static Outcome, f: &'static mut Formatter<'static>);
        <Packed as Debug>::fmt => (it: &'static Packed, f: &'static mut Formatter<'static>);
        <ReferenceKind as Debug>::fmt => (it: &'static ReferenceKind, f: &'static mut Formatter<'static>);
        <SeededIds as Debug>::fmt => (it: &'static SeededIds, f: &'static mut Formatter<'static>);
        <Seen as Debug>::fmt => (it: &'static Seen, f: &'static mut Formatter<'static>);
        <SingleContext as Debug>::fmt => (it: &'static SingleContext, f: &'static mut Formatter<'static>);
        <SpanContext as Debug>::fmt => (it: &'static SpanContext, f: &'static mut Formatter<'static>);
        <TickClock as Debug>::fmt => (it: &'static TickClock, f: &'static mut Formatter<'static>);
        <decode::Iter<T> as Debug>::fmt => (it: &'static decode::Iter<'static, T>, f: &'static mut Formatter<'static>);
        <propagate::uber::Part as Debug>::fmt => (it: &'static propagate::uber::Part, f: &'static mut Formatter<'static>);
        <propagate::uber::Uber as Debug>::fmt => (it: &'static propagate::uber::Uber, f: &'static mut Formatter<'static>);
    }
    crate::core_fmt! {
        <TagView as Display>::fmt => "f64, i64";
        <decode::List<T> as Debug>::fmt => "f64, i64, char";
        <decode::Text as Debug>::fmt => "char";
        <Dropped as Debug>::fmt => "u64";
        <Loss as Debug>::fmt => "i64, u64";
        <LossWatch as Debug>::fmt => "i64, u64";
        <Packer as Debug>::fmt => "i64, six fields";
        <Process as Debug>::fmt => "str";
        <Stats as Debug>::fmt => "u64, six fields";
        <Time as Debug>::fmt => "i64, u64";
        <Trimmed as Debug>::fmt => "u64, six fields";
        <Value as Debug>::fmt => "f64, i64, str";
        <decode::Batch as Debug>::fmt => "f64, i64, char";
        <decode::ClientStats as Debug>::fmt => "i64";
        <decode::DecodeError as Debug>::fmt => "str";
        <decode::Log as Debug>::fmt => "f64, i64, char";
        <decode::Process as Debug>::fmt => "f64, i64, char";
        <decode::Reference as Debug>::fmt => "u128, u64";
        <decode::Span as Debug>::fmt => "u128, f64, i64, char, six fields";
        <decode::Tag as Debug>::fmt => "f64, i64, char";
        <decode::TagValue as Debug>::fmt => "f64, i64, char";
        <frame::Bad as Debug>::fmt => "u64, six fields";
        <frame::Content as Debug>::fmt => "f64, i64, u64, char";
        <frame::Decoder as Debug>::fmt => "u64, six fields";
        <frame::Device as Debug>::fmt => "str";
        <frame::Frame as Debug>::fmt => "f64, i64, u64, char, six fields";
        <frame::FrameError as Debug>::fmt => "str";
        <frame::Hello as Debug>::fmt => "f64, i64, u64, char, six fields";
        <frame::Losses as Debug>::fmt => "u64, six fields";
        <propagate::uber::ParseError as Debug>::fmt => "char";
    }
}
