//! Datagrams and headers back into what they say.

use core::hash::Hash;
use core::str::FromStr;

use core::ops::Range;

use jaegerling_core::{
    ForwardCut, ForwardTooLarge, SpanContext, decode, forward, forward_cut, propagate,
};

use crate::ids::H;

type T = decode::Span<'static>;

pub fn touch_all() {
    crate::touch! {
        <&decode::List<T> as IntoIterator>::into_iter => (it: &'static decode::List<'static, T>);
        <decode::Iter<T> as Clone>::clone => (it: &'static decode::Iter<'static, T>);
        <decode::Iter<T> as Iterator>::next => (it: &'static mut decode::Iter<'static, T>);
        <decode::Iter<T> as Iterator>::size_hint => (it: &'static decode::Iter<'static, T>);
        <decode::List<T> as Clone>::clone => (it: &'static decode::List<'static, T>);
        <decode::List<T> as Default>::default => ();
        <decode::List<T> as IntoIterator>::into_iter => (it: decode::List<'static, T>);
        <decode::Text as From<&[u8]>>::from => (bytes: &'static [u8]);
        <decode::Text as From<&str>>::from => (text: &'static str);
        <decode::Text as PartialEq<&str>>::eq => (it: &'static decode::Text, other: &'static &'static str);
        <decode::Text as PartialEq<str>>::eq => (it: &'static decode::Text, other: &'static str);
        <propagate::uber::Uber as FromStr>::from_str => (text: &'static str);
        decode::List::is_empty => (it: &'static decode::List<'static, T>);
        decode::List::iter => (it: &'static decode::List<'static, T>);
        decode::List::len => (it: &'static decode::List<'static, T>);
        decode::Text::as_bytes => (it: decode::Text);
        decode::Text::as_str => (it: decode::Text);
        decode::decode => (datagram: &'static [u8]);
        forward => (batch: &'static decode::Batch<'static>, which: Range<usize>, more: &'static [decode::Tag<'static>], buffer: &'static mut [u8], utc: fn(i64) -> i64);
        forward_cut => (batch: &'static decode::Batch<'static>, index: usize, more: &'static [decode::Tag<'static>], buffer: &'static mut [u8], utc: fn(i64) -> i64);
        <ForwardCut as Clone>::clone => (it: &'static ForwardCut<'static>);
        <ForwardCut as PartialEq>::eq => (it: &'static ForwardCut<'static>, other: &'static ForwardCut<'static>);
        <ForwardTooLarge as Clone>::clone => (it: &'static ForwardTooLarge);
        <ForwardTooLarge as PartialEq>::eq => (it: &'static ForwardTooLarge, other: &'static ForwardTooLarge);
        propagate::uber::encode => (context: &'static SpanContext, buffer: &'static mut [u8; propagate::uber::MAX]);
        propagate::uber::parse => (text: &'static str);
        <decode::Batch as Clone>::clone => (it: &'static decode::Batch);
        <decode::ClientStats as Clone>::clone => (it: &'static decode::ClientStats);
        <decode::ClientStats as PartialEq>::eq => (it: &'static decode::ClientStats, other: &'static decode::ClientStats);
        <decode::DecodeError as Clone>::clone => (it: &'static decode::DecodeError);
        <decode::DecodeError as PartialEq>::eq => (it: &'static decode::DecodeError, other: &'static decode::DecodeError);
        <decode::Log as Clone>::clone => (it: &'static decode::Log);
        <decode::MethodName as Clone>::clone => (it: &'static decode::MethodName);
        <decode::MethodName as PartialEq>::eq => (it: &'static decode::MethodName, other: &'static decode::MethodName);
        <decode::Process as Clone>::clone => (it: &'static decode::Process);
        <decode::Reference as Clone>::clone => (it: &'static decode::Reference);
        <decode::Reference as Hash>::hash => (it: &'static decode::Reference, state: &'static mut H);
        <decode::Reference as PartialEq>::eq => (it: &'static decode::Reference, other: &'static decode::Reference);
        <decode::Span as Clone>::clone => (it: &'static decode::Span);
        <decode::Tag as Clone>::clone => (it: &'static decode::Tag);
        <decode::Tag as PartialEq>::eq => (it: &'static decode::Tag, other: &'static decode::Tag);
        <decode::TagValue as Clone>::clone => (it: &'static decode::TagValue);
        <decode::TagValue as PartialEq>::eq => (it: &'static decode::TagValue, other: &'static decode::TagValue);
        <decode::Text as Clone>::clone => (it: &'static decode::Text);
        <decode::Text as Default>::default => ();
        <decode::Text as Hash>::hash => (it: &'static decode::Text, state: &'static mut H);
        <decode::Text as Ord>::cmp => (it: &'static decode::Text, other: &'static decode::Text);
        <decode::Text as PartialEq>::eq => (it: &'static decode::Text, other: &'static decode::Text);
        <decode::Text as PartialOrd>::partial_cmp => (it: &'static decode::Text, other: &'static decode::Text);
        <propagate::uber::ParseError as Clone>::clone => (it: &'static propagate::uber::ParseError);
        <propagate::uber::ParseError as PartialEq>::eq => (it: &'static propagate::uber::ParseError, other: &'static propagate::uber::ParseError);
        <propagate::uber::Part as Clone>::clone => (it: &'static propagate::uber::Part);
        <propagate::uber::Part as PartialEq>::eq => (it: &'static propagate::uber::Part, other: &'static propagate::uber::Part);
        <propagate::uber::Uber as Clone>::clone => (it: &'static propagate::uber::Uber);
        <propagate::uber::Uber as Hash>::hash => (it: &'static propagate::uber::Uber, state: &'static mut H);
        <propagate::uber::Uber as PartialEq>::eq => (it: &'static propagate::uber::Uber, other: &'static propagate::uber::Uber);
    }
}
