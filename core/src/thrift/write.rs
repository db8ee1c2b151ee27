//! Writing the compact protocol into a buffer that may be too small: the writer then says so, and
//! whoever began something that must be whole goes back to where it began.
//!
//! Nothing is checked for each byte. Behind the limit there are some bytes more, so that a number or
//! a header is written where it stands, and only then seen to be over the limit; but nothing is
//! written any more once the limit is passed.

use core::marker::PhantomData;
use core::sync::atomic::{Ordering, compiler_fence};

use super::ty;
use super::varint::{i64_field_at, length_at, varint_at, zigzag};

/// What the header of a list of structs begins with if there are more than 14: their count follows.
pub(crate) const LONG_LIST: u8 = 0xf0 | ty::STRUCT;

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

    /// Lets `write` go on with so much less room.
    #[inline(always)]
    pub(crate) fn but_for<R>(&mut self, len: usize, write: impl FnOnce(&mut Self) -> R) -> R {
        let limit = self.limit;
        if len > self.room() {
            self.at = limit.wrapping_add(1);
        } else {
            self.limit = limit.wrapping_sub(len);
        }
        let result = write(self);
        self.limit = limit;
        result
    }

    /// Has room for one byte less from now on, and is full if that is used already.
    pub(crate) fn shrink(&mut self) {
        if self.limit > self.begin {
            self.limit = self.limit.wrapping_sub(1);
        }
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
    #[inline(never)]
    pub(crate) fn number_field(&mut self, header: u8, value: i64) {
        self.varint_field(header, zigzag(value));
    }

    /// A header, and the length or count behind it: a way of its own where it is in line.
    #[inline(always)]
    fn length(&mut self, header: u8, length: usize) {
        if cfg!(not(target_pointer_width = "64")) {
            self.varint_field(header, length as u64);
        } else if self.at <= self.limit {
            // SAFETY: from the limit on there are `SLACK` bytes more.
            unsafe { self.at.write(header) };
            // SAFETY: as above.
            self.at = unsafe { length_at(length, self.at.wrapping_add(1)) };
        }
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn varint_field(&mut self, header: u8, value: u64) {
        if self.at <= self.limit {
            // SAFETY: from the limit on there are `SLACK` bytes more.
            unsafe { self.at.write(header) };
            // SAFETY: as above.
            self.at = unsafe { varint_at(value, self.at.wrapping_add(1)) };
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

    /// A place to go on without looking at the limit, if `len` bytes fit; if not, this is full.
    /// [`Place::done`] says how far.
    ///
    /// # Safety
    ///
    /// No more than `len + SLACK` bytes are written there, and nothing here meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn unchecked(&mut self, len: usize) -> Option<Place> {
        // Behind the limit, this is a very large number.
        let room = self.limit.addr().wrapping_sub(self.at.addr()) as isize;
        if len as isize > room {
            self.at = self.limit.wrapping_add(1);
            return None;
        }
        Some(Place(self.at))
    }

    /// Lets `write` go on with a writer of its own, whose place the compiler can keep in a register.
    #[inline(always)]
    pub(crate) fn apart<R>(&mut self, write: impl FnOnce(&mut Writer<'b>) -> R) -> R {
        let mut apart = Writer { ..*self };
        let result = write(&mut apart);
        self.at = apart.at;
        result
    }

    /// A field that is a string or binary, whose short header is known.
    #[inline(never)]
    pub(crate) fn bytes_field(
        &mut self,
        header: u8,
        len: usize,
        words: &mut impl Iterator<Item = u32>,
    ) {
        self.length(header, len);
        self.copy(len, words);
    }

    /// The same, of bytes in one piece.
    #[inline(never)]
    pub(crate) fn slice_field(&mut self, header: u8, bytes: &[u8]) {
        self.length(header, bytes.len());
        self.slice(bytes);
    }

    /// Bytes as they are.
    #[inline(never)]
    pub(crate) fn slice(&mut self, bytes: &[u8]) {
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

    /// The beginning of a field that is a string: the whole characters among its first `max` bytes.
    /// Says whether that was all of it.
    pub(crate) fn text_prefix(
        &mut self,
        header: u8,
        len: usize,
        words: &(impl Iterator<Item = u32> + Clone),
        max: usize,
    ) -> bool {
        if len <= max {
            self.length(header, len);
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
        self.length(header, len);
        self.copy(len, words.clone());
        false
    }

    /// A field that is a list of structs, which follow.
    #[inline(never)]
    pub(crate) fn structs_field(&mut self, header: u8, count: usize) {
        match count {
            ..=14 => self.put([header, (count as u8) << 4 | ty::STRUCT]),
            _ => {
                self.byte(header);
                self.length(LONG_LIST, count);
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
#[derive(Clone, Copy)]
pub(crate) struct Place(*mut u8);

impl Place {
    /// Whether so many bytes from another place on reach here.
    pub(crate) fn is_within(self, begin: Self, bytes: usize) -> bool {
        self.0.addr() - begin.0.addr() <= bytes
    }

    /// What is written here is.
    #[inline(always)]
    pub(crate) fn done(self, w: &mut Writer<'_>) {
        w.at = self.0;
    }

    /// Some bytes whose number is known ahead.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        // SAFETY: there is room.
        unsafe { self.0.cast::<[u8; N]>().write(bytes) };
        self.0 = self.0.wrapping_add(N);
    }

    /// The first `len` bytes of some words, chunk by chunk. All of these are written, and some bytes of
    /// the last one are too many.
    #[inline(always)]
    pub(crate) fn words<const N: usize>(
        &mut self,
        chunks: impl Iterator<Item = [u32; N]>,
        len: usize,
    ) {
        let mut at = self.0;
        for chunk in chunks {
            // SAFETY: there is room.
            unsafe { at.cast::<[u32; N]>().write_unaligned(chunk) };
            at = at.wrapping_add(4 * N);
            // A loop of a few rounds, and not a call of `memcpy`.
            compiler_fence(Ordering::SeqCst);
        }
        self.0 = self.0.wrapping_add(len);
    }

    /// A length.
    #[inline(always)]
    pub(crate) fn length(&mut self, length: usize) {
        // SAFETY: there is room.
        self.0 = unsafe { length_at(length, self.0) };
    }

    /// Forgets the last `len` bytes.
    #[inline(always)]
    pub(crate) fn back(&mut self, len: usize) {
        self.0 = self.0.wrapping_sub(len);
    }

    /// The place of a byte that is written later.
    #[inline(always)]
    pub(crate) fn gap(&mut self) -> Self {
        let gap = Self(self.0);
        self.0 = self.0.wrapping_add(1);
        gap
    }

    /// A field that is an i64, whose short header is known: at most eleven bytes.
    #[inline(always)]
    pub(crate) fn i64_field(&mut self, header: u8, value: i64) {
        // SAFETY: there is room.
        self.0 = unsafe { i64_field_at(header, value, self.0) };
    }
}

/// The header of field `id` after the field `last`, where they are less than 16 apart.
pub(crate) const fn short_header(last: i16, id: i16, ty: u8) -> u8 {
    ((id - last) as u8) << 4 | ty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_or_seen_to_be_too_long_in_buffers_of_every_size() {
        let edges =
            (0..64).flat_map(|bit| [i64::MAX >> bit, i64::MIN >> bit, (i64::MAX >> bit) / 2 + 1]);
        for value in edges.chain([i64::MAX, i64::MIN, 300]) {
            let zigzag = (value << 1 ^ value >> 63) as u64;
            let len = 1 + (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7);
            for size in 0..13 {
                let mut buf = [0xa5; 13 + SLACK];
                let mut w = Writer::new(&mut buf[..size + SLACK]);
                w.number_field(0x16, value);
                assert_eq!(w.is_full(), size < len, "{value:#x} in {size}");
                assert!(w.is_full() || w.at() == len, "{value:#x}");
            }
        }
    }

    #[test]
    fn a_length_is_written_or_seen_to_be_too_long_in_buffers_of_every_size() {
        let edges = (0..usize::BITS).flat_map(|bit| [1_usize << bit, (1 << bit) - 1]);
        for length in edges.chain([usize::MAX, 300]) {
            let len =
                1 + (usize::BITS as usize - (length | 1).leading_zeros() as usize).div_ceil(7);
            for size in 0..12 {
                let mut buf = [0xa5; 12 + SLACK];
                let mut w = Writer::new(&mut buf[..size + SLACK]);
                w.length(0x18, length);
                assert_eq!(w.is_full(), size < len, "{length:#x} in {size}");
                assert!(w.is_full() || w.at() == len, "{length:#x}");
            }
        }
    }
}
