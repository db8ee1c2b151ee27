//! The values of tags.

use jaegerling_core::Value;

const N: usize = 5;

pub fn touch_all() {
    crate::touch! {
        <Value as From<&&str>>::from => (value: &'static &'static str);
        <Value as From<&[u8; N]>>::from => (value: &'static [u8; N]);
        <Value as From<&[u8]>>::from => (value: &'static [u8]);
        <Value as From<&bool>>::from => (value: &'static bool);
        <Value as From<&f32>>::from => (value: &'static f32);
        <Value as From<&f64>>::from => (value: &'static f64);
        <Value as From<&i16>>::from => (value: &'static i16);
        <Value as From<&i32>>::from => (value: &'static i32);
        <Value as From<&i64>>::from => (value: &'static i64);
        <Value as From<&i8>>::from => (value: &'static i8);
        <Value as From<&isize>>::from => (value: &'static isize);
        <Value as From<&str>>::from => (value: &'static str);
        <Value as From<&u16>>::from => (value: &'static u16);
        <Value as From<&u32>>::from => (value: &'static u32);
        <Value as From<&u64>>::from => (value: &'static u64);
        <Value as From<&u8>>::from => (value: &'static u8);
        <Value as From<&usize>>::from => (value: &'static usize);
        <Value as From<bool>>::from => (value: bool);
        <Value as From<f32>>::from => (value: f32);
        <Value as From<f64>>::from => (value: f64);
        <Value as From<i16>>::from => (value: i16);
        <Value as From<i32>>::from => (value: i32);
        <Value as From<i64>>::from => (value: i64);
        <Value as From<i8>>::from => (value: i8);
        <Value as From<isize>>::from => (value: isize);
        <Value as From<u16>>::from => (value: u16);
        <Value as From<u32>>::from => (value: u32);
        <Value as From<u64>>::from => (value: u64);
        <Value as From<u8>>::from => (value: u8);
        <Value as From<usize>>::from => (value: usize);
        <Value as Clone>::clone => (it: &'static Value);
        <Value as PartialEq>::eq => (it: &'static Value, other: &'static Value);
    }
}
