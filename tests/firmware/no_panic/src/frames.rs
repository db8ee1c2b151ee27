//! Frames, both ways.

use jaegerling_core::{Stats, frame};

use crate::parts::{C, Tags};

/// The buffer of a decoder.
type T = [u8; 100];
type Tagged = frame::Device<'static, Tags>;

pub fn touch_all() {
    crate::touch! {
        <frame::Arrival as Clone>::clone => (it: &'static frame::Arrival);
        <frame::Arrival as PartialEq>::eq => (it: &'static frame::Arrival, other: &'static frame::Arrival);
        <frame::Bad as Clone>::clone => (it: &'static frame::Bad);
        <frame::Bad as Default>::default => ();
        <frame::Bad as PartialEq>::eq => (it: &'static frame::Bad, other: &'static frame::Bad);
        <frame::Content as Clone>::clone => (it: &'static frame::Content<'static>);
        <frame::Decoder<T> as Clone>::clone => (it: &'static frame::Decoder<T>);
        <frame::Device as Clone>::clone => (it: &'static frame::Device<'static>);
        <frame::Encoder as Clone>::clone => (it: &'static frame::Encoder<'static>);
        <frame::Encoder as Iterator>::next => (it: &'static mut frame::Encoder<'static>);
        <frame::Frame as Clone>::clone => (it: &'static frame::Frame<'static>);
        <frame::FrameError as Clone>::clone => (it: &'static frame::FrameError);
        <frame::FrameError as PartialEq>::eq => (it: &'static frame::FrameError, other: &'static frame::FrameError);
        <frame::Hello as Clone>::clone => (it: &'static frame::Hello<'static>);
        <frame::Losses as Clone>::clone => (it: &'static frame::Losses);
        <frame::Losses as Default>::default => ();
        <frame::Losses as PartialEq>::eq => (it: &'static frame::Losses, other: &'static frame::Losses);
        <frame::RequestListener as Clone>::clone => (it: &'static frame::RequestListener);
        <frame::RequestListener as Default>::default => ();
        <frame::Writer as Clone>::clone => (it: &'static frame::Writer);
        frame::Bad::total => (it: &'static frame::Bad);
        frame::Decoder::bad => (it: &'static frame::Decoder<T>);
        frame::Decoder::is_in_frame => (it: &'static frame::Decoder<T>);
        frame::Decoder::new => (buffer: T);
        frame::Decoder::next => (it: &'static mut frame::Decoder<T>, input: &'static mut &'static [u8]);
        frame::Device::new => (service_name: &'static str, ticks_per_second: u32);
        frame::Device::with_tags => (it: frame::Device<'static>, tags: Tags);
        frame::Encoder::fill => (it: &'static mut frame::Encoder<'static>, buffer: &'static mut [u8]);
        frame::Encoder::next_chunk => (it: &'static mut frame::Encoder<'static>);
        frame::Frame::sent_near => (it: &'static frame::Frame<'static>, time: i64);
        frame::Losses::follow => (it: &'static mut frame::Losses, frame: &'static frame::Frame<'static>);
        frame::Losses::new => ();
        frame::RequestListener::hear => (it: &'static mut frame::RequestListener, bytes: &'static [u8]);
        frame::RequestListener::new => ();
        frame::Writer::close => (it: &'static mut frame::Writer, clock: &'static C, device: &'static Tagged, stats: &'static Stats, buffer: &'static mut [u8]);
        frame::Writer::datagram => (it: &'static mut frame::Writer, clock: &'static C, datagram: &'static [u8]);
        frame::Writer::hello => (it: &'static mut frame::Writer, clock: &'static C, device: &'static Tagged, stats: &'static Stats, buffer: &'static mut [u8]);
        frame::Writer::is_hello_due => (it: &'static frame::Writer, clock: &'static C);
        frame::Writer::new => (session: u32);
        frame::Writer::recovered => (it: &'static mut frame::Writer, clock: &'static C, datagram: &'static [u8], recorded_in: u32);
        frame::Writer::set_utc => (it: &'static mut frame::Writer, is_utc: bool);
        frame::datagram_limit => (max_frame: usize);
        frame::max_len => (payload: usize);
    }
}
