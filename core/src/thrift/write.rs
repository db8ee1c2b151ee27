//! Writing the compact protocol into a buffer that may be too small: the writer then says so, and
//! whoever began something that must be whole goes back to where it began.
//!
//! Nothing is checked for each byte. Behind the limit there are some bytes more, so that a number or
//! a header is written where it stands, and only then seen to be over the limit; but nothing is
//! written any more once the limit is passed.

use core::marker::PhantomData;
use core::sync::atomic::{Ordering, compiler_fence};

use super::ty;

/// How many bytes a buffer has behind the limit: the longest that is written in one piece.
pub(crate) const SLACK: usize = 48;

/// A place in a buffer.
///
/// `begin <= limit`, `at <= limit + SLACK`, and all from `begin` to `limit + SLACK` is a buffer
/// that is borrowed for `'b`.
pub(crate) struct Writer<'b> {
    at: *mut u8,
    limit: *mut u8,
    begin: *mut u8,
    buffer: PhantomData<&'b mut [u8]>,
}

impl<'b> Writer<'b> {
    /// Writes at most as many bytes as the buffer has but for [`SLACK`]; none in a shorter one.
    pub(crate) fn new(buf: &'b mut [u8]) -> Self {
        let (buf, limit) = match buf.len().checked_sub(SLACK) {
            Some(limit) => (buf, limit),
            None => return Self::full(),
        };
        let begin = buf.as_mut_ptr();
        Self {
            at: begin,
            limit: begin.wrapping_add(limit),
            begin,
            buffer: PhantomData,
        }
    }

    /// A writer that is past its limit, and stays so.
    fn full() -> Self {
        let nowhere = core::ptr::dangling_mut::<u8>();
        Self {
            at: nowhere.wrapping_add(1),
            limit: nowhere,
            begin: nowhere.wrapping_add(1),
            buffer: PhantomData,
        }
    }

    /// How much is written.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at.addr().wrapping_sub(self.begin.addr())
    }

    /// How much more can be written.
    pub(crate) fn room(&self) -> usize {
        self.limit.addr().saturating_sub(self.at.addr())
    }

    /// Whether something had no room.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.at > self.limit
    }

    /// Forgets what was written from `at` on, and what had no room.
    pub(crate) fn back_to(&mut self, at: usize) {
        if at <= self.at() {
            self.at = self.begin.wrapping_add(at);
        }
    }

    /// Some bytes whose number is known ahead.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        const { assert!(N <= SLACK) };
        if self.at <= self.limit {
            // SAFETY: from the limit on there are `SLACK` bytes more, and `N` is no more than that.
            unsafe { self.at.cast::<[u8; N]>().write(bytes) };
            self.at = self.at.wrapping_add(N);
        }
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.put([byte]);
    }

    /// A field that is an i64, whose short header is known.
    #[inline(always)]
    pub(crate) fn i64_field(&mut self, header: u8, value: i64) {
        if self.at <= self.limit {
            // SAFETY: from the limit on there are `SLACK` bytes more.
            unsafe { self.at.write(header) };
            // SAFETY: as above.
            self.at = unsafe { zigzag_at(value, self.at.wrapping_add(1)) };
        }
    }

    /// The same, for where there are many.
    #[inline(never)]
    pub(crate) fn number_field(&mut self, header: u8, value: i64) {
        self.i64_field(header, value);
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self, value: u64) {
        if self.at <= self.limit {
            // SAFETY: from the limit on there are `SLACK` bytes more.
            self.at = unsafe { varint_at(value, self.at) };
        }
    }

    /// The first `len` bytes of some words, of at least as many; takes no more of them.
    #[inline(always)]
    pub(crate) fn copy(&mut self, len: usize, mut words: impl Iterator<Item = u32>) {
        let begin = self.at;
        if len > self.room() {
            self.at = self.limit.wrapping_add(1);
            return;
        }
        let end = begin.wrapping_add(len);
        let mut at = begin;
        while at < end {
            let Some(word) = words.next() else {
                break;
            };
            // SAFETY: `at` is before `end`, which is at most the limit, and behind that there are
            // `SLACK` bytes more.
            unsafe { at.cast::<[u8; 4]>().write(word.to_ne_bytes()) };
            at = at.wrapping_add(4);
        }
        self.at = end;
    }

    /// Some bytes whose number is known ahead, and behind them the first `len` bytes of some words,
    /// no fewer and no more than that takes.
    #[inline(always)]
    pub(crate) fn put_and_words<const N: usize>(
        &mut self,
        bytes: [u8; N],
        words: &[u32],
        len: usize,
    ) {
        const { assert!(N + 3 < SLACK) };
        let begin = self.at;
        // Behind the limit, this is a very large number.
        let room = self.limit.addr().wrapping_sub(begin.addr()) as isize;
        if len as isize > room || words.len() * 4 > len + 3 {
            self.at = self.limit.wrapping_add(1);
            return;
        }
        // SAFETY: `len` bytes fit up to the limit, and behind that there are `SLACK` bytes more.
        unsafe { begin.cast::<[u8; N]>().write(bytes) };
        let mut at = begin.wrapping_add(N);
        for word in words {
            // SAFETY: as above: all words together are at most `len + 3` bytes.
            unsafe { at.cast::<[u8; 4]>().write(word.to_ne_bytes()) };
            at = at.wrapping_add(4);
            // A loop of a few rounds, and not a call of `memcpy`.
            compiler_fence(Ordering::SeqCst);
        }
        self.at = begin.wrapping_add(N + len);
    }

    /// `N` fields that are i64s and follow one another: all have the same header.
    #[inline(always)]
    pub(crate) fn i64_fields<const N: usize>(
        &mut self,
        header: u8,
        mut value: impl FnMut(usize) -> i64,
    ) {
        const { assert!(N * 11 <= SLACK) };
        if self.at > self.limit {
            return;
        }
        for which in 0..N {
            // SAFETY: from the limit on there are `SLACK` bytes more, which hold all of them.
            unsafe { self.at.write(header) };
            // SAFETY: as above.
            self.at = unsafe { zigzag_at(value(which), self.at.wrapping_add(1)) };
        }
    }

    /// Lets `write` go on with a writer of its own, whose place the compiler can keep in a register.
    #[inline(always)]
    pub(crate) fn apart<R>(&mut self, write: impl FnOnce(&mut Writer<'b>) -> R) -> R {
        let mut apart = Writer { ..*self };
        let result = write(&mut apart);
        self.at = apart.at;
        result
    }

    /// Writes a byte again that was written at `place`.
    #[inline(always)]
    pub(crate) fn patch(&mut self, place: usize, byte: u8) {
        if place < self.at() && !self.is_full() {
            // SAFETY: before the place, which is not past the limit.
            unsafe { self.begin.wrapping_add(place).write(byte) };
        }
    }

    /// A field that is a string or binary, whose short header is known.
    #[inline(never)]
    pub(crate) fn bytes_field(
        &mut self,
        header: u8,
        len: usize,
        words: &mut impl Iterator<Item = u32>,
    ) {
        self.byte(header);
        self.varint(len as u64);
        self.copy(len, words);
    }

    /// The same, of bytes in one piece.
    #[inline(never)]
    pub(crate) fn slice_field(&mut self, header: u8, bytes: &[u8]) {
        self.byte(header);
        self.varint(bytes.len() as u64);
        let mut at = self.at;
        if bytes.len() > self.room() {
            self.at = self.limit.wrapping_add(1);
            return;
        }
        self.at = at.wrapping_add(bytes.len());
        for byte in bytes {
            // SAFETY: all of the bytes fit up to the limit.
            unsafe { at.write(*byte) };
            at = at.wrapping_add(1);
            // Where words have 64 bits, a call of `memcpy`; else a loop, which is shorter.
            if cfg!(not(target_pointer_width = "64")) {
                compiler_fence(Ordering::SeqCst);
            }
        }
    }

    /// The beginning of a string: the whole characters among its first `max` bytes. Says whether
    /// that was all of it.
    pub(crate) fn text_prefix(
        &mut self,
        len: usize,
        words: &(impl Iterator<Item = u32> + Clone),
        max: usize,
    ) -> bool {
        if len <= max {
            self.varint(len as u64);
            self.copy(len, words.clone());
            return true;
        }
        // Copied once to see where its last whole character ends, then behind its length.
        let begin = self.at;
        self.copy(max, words.clone());
        if self.is_full() {
            return false;
        }
        // SAFETY: `copy` has written so many bytes from there.
        let scratch = unsafe { core::slice::from_raw_parts(begin, max) };
        let len = crate::text::whole_characters(scratch);
        self.at = begin;
        self.varint(len as u64);
        self.copy(len, words.clone());
        false
    }

    /// A field that is a list of structs, which follow.
    #[inline(never)]
    pub(crate) fn structs_field(&mut self, header: u8, count: usize) {
        self.byte(header);
        self.structs(count);
    }

    /// The header of a list of structs.
    #[inline(always)]
    pub(crate) fn structs(&mut self, count: usize) {
        match count {
            ..=14 => self.byte((count as u8) << 4 | ty::STRUCT),
            _ => {
                self.byte(0xf0 | ty::STRUCT);
                self.varint(count as u64);
            }
        }
    }

    /// The end of a struct.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn stop(&mut self) {
        self.byte(ty::STOP);
    }
}

/// The header of field `id` after the field `last`, where they are less than 16 apart.
pub(crate) const fn short_header(last: i16, id: i16, ty: u8) -> u8 {
    ((id - last) as u8) << 4 | ty
}

/// Writes the zigzag of a number as a varint, and returns the place behind it. The place comes and
/// goes as a value, so that it can stay in a register.
///
/// # Safety
///
/// Ten bytes from `at` on may be written.
#[inline(always)]
unsafe fn zigzag_at(value: i64, at: *mut u8) -> *mut u8 {
    // SAFETY: as promised by the caller.
    unsafe { varint_at((value << 1 ^ value >> 63) as u64, at) }
}

/// Writes a number as a varint, and returns the place behind it.
///
/// # Safety
///
/// Ten bytes from `at` on may be written.
#[cfg(target_pointer_width = "64")]
#[inline(always)]
unsafe fn varint_at(value: u64, at: *mut u8) -> *mut u8 {
    // Eight groups of seven bits, each spread to a byte of its own in three steps: halves of 28
    // bits, quarters of 14, groups of 7.
    let low = value & ((1 << 56) - 1);
    let low = low & 0x0000_0000_0fff_ffff | (low & 0x00ff_ffff_f000_0000) << 4;
    let low = low & 0x0000_3fff_0000_3fff | (low & 0x0fff_c000_0fff_c000) << 2;
    let low = low & 0x007f_007f_007f_007f | (low & 0x3f80_3f80_3f80_3f80) << 1;
    let len = (70 - (value | 1).leading_zeros() as usize) / 7;
    let more = 0x8080_8080_8080_8080_u64;
    // The top bit is set in all bytes but the last.
    let low_more = more
        & u64::MAX
            .checked_shr(8 * (9_u32.saturating_sub(len as u32)))
            .unwrap_or(0);
    let [a, b, c, d, e, f, g, h] = (low | low_more).to_le_bytes();
    let ninth = (value >> 56) as u8 & 0x7f | if len > 9 { 0x80 } else { 0 };
    let ten = [a, b, c, d, e, f, g, h, ninth, (value >> 63) as u8];
    // SAFETY: as promised by the caller. What is too much is written over.
    unsafe { at.cast::<[u8; 10]>().write(ten) };
    at.wrapping_add(len)
}

/// The same where words have 32 bits: two instructions a byte for ids, which have all of them, and
/// loops for the rest.
///
/// # Safety
///
/// Ten bytes from `at` on may be written.
#[cfg(not(target_pointer_width = "64"))]
#[inline(never)]
unsafe fn varint_at(value: u64, at: *mut u8) -> *mut u8 {
    const MORE: u32 = 0x80;
    let (low, high) = (value as u32, (value >> 32) as u32);
    // SAFETY: as promised by the caller.
    let ten = unsafe { &mut *at.cast::<[u8; 10]>() };
    if high >> 24 != 0 {
        ten[0] = (low | MORE) as u8;
        ten[1] = (low >> 7 | MORE) as u8;
        ten[2] = (low >> 14 | MORE) as u8;
        ten[3] = (low >> 21 | MORE) as u8;
        ten[4] = (low >> 28 | high << 4 | MORE) as u8;
        ten[5] = (high >> 3 | MORE) as u8;
        ten[6] = (high >> 10 | MORE) as u8;
        ten[7] = (high >> 17 | MORE) as u8;
        // The ninth has the top bit if there is a tenth: as the number has it.
        ten[8] = (high >> 24) as u8;
        ten[9] = 1;
        return at.wrapping_add(9 + (high >> 31) as usize);
    }
    // At most 56 bits: four bytes of 28 bits, and four of the 28 above.
    let (mut at, mut rest) = (at, low);
    if high != 0 || low >> 28 != 0 {
        ten[0] = (low | MORE) as u8;
        ten[1] = (low >> 7 | MORE) as u8;
        ten[2] = (low >> 14 | MORE) as u8;
        ten[3] = (low >> 21 | MORE) as u8;
        at = at.wrapping_add(4);
        rest = low >> 28 | high << 4;
    }
    while rest >= MORE {
        // SAFETY: before the last of at most eight bytes.
        unsafe { at.write((rest | MORE) as u8) };
        at = at.wrapping_add(1);
        rest >>= 7;
    }
    // SAFETY: at most the eighth byte.
    unsafe { at.write(rest as u8) };
    at.wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LEB128 as its definition says it.
    fn naive(mut value: u64) -> alloc::vec::Vec<u8> {
        let mut bytes = alloc::vec::Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    #[test]
    fn varints_are_leb128_at_every_length_and_in_buffers_of_every_size() {
        let edges =
            (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, 0x5555_5555_5555_5555 >> bit]);
        for value in edges.chain([u64::MAX, u64::MAX - 1, 300]) {
            let expected = naive(value);
            for size in 0..12 {
                let mut buf = [0xa5; 12 + SLACK];
                let mut w = Writer::new(&mut buf[..size + SLACK]);
                w.varint(value);
                let written = !w.is_full();
                assert_eq!(written, size >= expected.len(), "{value:#x} in {size}");
                if written {
                    let len = w.at();
                    assert_eq!(buf[..len], expected[..], "{value:#x}");
                }
            }
        }
    }
}
