//! Writing the compact protocol into a buffer that may be too small: the writer then says so, and
//! whoever began something that must be whole goes back to where it began.
//!
//! Nothing is checked for each byte. Behind the limit there are some bytes more, so that a number or
//! a header is written where it stands, and only then seen to be over the limit; but nothing is
//! written any more once the limit is passed.

use core::marker::PhantomData;
use core::sync::atomic::{Ordering, compiler_fence};

use super::ty;
use super::varint::{varint_at, zigzag_at};

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

    /// Lets `write` go on without looking at the limit, if `len` bytes fit.
    ///
    /// # Safety
    ///
    /// It writes `len + SLACK` bytes at most.
    #[inline(always)]
    pub(crate) unsafe fn unchecked(&mut self, len: usize, write: impl FnOnce(&mut Place)) {
        // Behind the limit, this is a very large number.
        let room = self.limit.addr().wrapping_sub(self.at.addr()) as isize;
        if len as isize > room {
            self.at = self.limit.wrapping_add(1);
            return;
        }
        let mut place = Place(self.at);
        write(&mut place);
        self.at = place.0;
    }

    /// `N` fields that are i64s and follow one another: all have the same header.
    #[inline(always)]
    pub(crate) fn i64_fields<const N: usize>(
        &mut self,
        header: u8,
        mut value: impl FnMut(usize) -> i64,
    ) {
        const { assert!(N * 11 <= SLACK) };
        // SAFETY: `N` times eleven bytes at most.
        unsafe {
            self.unchecked(0, |place| {
                for which in 0..N {
                    place.i64_field(header, value(which));
                }
            });
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

/// A place with room for all that will be written: whoever has given it promises that.
pub(crate) struct Place(*mut u8);

impl Place {
    /// Some bytes whose number is known ahead.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        // SAFETY: there is room.
        unsafe { self.0.cast::<[u8; N]>().write(bytes) };
        self.0 = self.0.wrapping_add(N);
    }

    /// The first `len` bytes of some words. All of these are written, then those that are too many
    /// are forgotten.
    #[inline(always)]
    pub(crate) fn words(&mut self, words: &[u32], len: usize) {
        let mut at = self.0;
        for word in words {
            // SAFETY: there is room.
            unsafe { at.cast::<[u8; 4]>().write(word.to_ne_bytes()) };
            at = at.wrapping_add(4);
            // A loop of a few rounds, and not a call of `memcpy`.
            compiler_fence(Ordering::SeqCst);
        }
        self.0 = self.0.wrapping_add(len);
    }

    /// A field that is an i64, whose short header is known: at most eleven bytes.
    #[inline(always)]
    pub(crate) fn i64_field(&mut self, header: u8, value: i64) {
        self.put([header]);
        // SAFETY: there is room.
        self.0 = unsafe { zigzag_at(value, self.0) };
    }
}

/// The header of field `id` after the field `last`, where they are less than 16 apart.
pub(crate) const fn short_header(last: i16, id: i16, ty: u8) -> u8 {
    ((id - last) as u8) << 4 | ty
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
