//! Writing the compact protocol into a buffer that may be too small: then [`Full`], and whoever
//! began something that must be whole goes back to where it began.

use super::ty;
use crate::text::Blob;

/// There is no room for what should be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

/// A place in a buffer.
pub(crate) struct Writer<'b> {
    buf: &'b mut [u8],
    at: usize,
}

impl<'b> Writer<'b> {
    pub(crate) fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, at: 0 }
    }

    /// How much is written.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// How much more can be written.
    pub(crate) fn room(&self) -> usize {
        self.buf.len().saturating_sub(self.at)
    }

    /// Forgets what was written from `at` on.
    pub(crate) fn back_to(&mut self, at: usize) {
        self.at = self.at.min(at);
    }

    /// Goes on behind what was written up to `at`, after something before it was written again.
    pub(crate) fn forward_to(&mut self, at: usize) {
        self.at = self.at.max(at).min(self.buf.len());
    }

    /// The next `bytes` bytes, to be written.
    #[inline(always)]
    pub(crate) fn take(&mut self, bytes: usize) -> Result<&mut [u8], Full> {
        let free = self.buf.get_mut(self.at..).ok_or(Full)?;
        let taken = free.get_mut(..bytes).ok_or(Full)?;
        self.at += bytes;
        Ok(taken)
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self, byte: u8) -> Result<(), Full> {
        let free = self.buf.get_mut(self.at).ok_or(Full)?;
        *free = byte;
        self.at += 1;
        Ok(())
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Full> {
        bytes.copy_to(self.take(bytes.len())?);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self, value: u64) -> Result<(), Full> {
        match value {
            ..0x80 => self.byte(value as u8),
            _ => self.long_varint(value),
        }
    }

    #[inline]
    fn long_varint(&mut self, value: u64) -> Result<(), Full> {
        let (bytes, len) = varint(value);
        let free = self.buf.get_mut(self.at..).ok_or(Full)?;
        // All ten bytes are stored where there is room for them: a store of known length is cheap,
        // and what is too much is written over.
        match free.first_chunk_mut() {
            Some(ten) => *ten = bytes,
            None => free
                .get_mut(..len)
                .ok_or(Full)?
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = from),
        }
        self.at += len;
        Ok(())
    }

    #[inline]
    pub(crate) fn zigzag(&mut self, value: i64) -> Result<(), Full> {
        self.varint((value << 1 ^ value >> 63) as u64)
    }

    /// A string or binary.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &(impl Blob + ?Sized)) -> Result<(), Full> {
        self.varint(bytes.len() as u64)?;
        bytes.copy_to(self.take(bytes.len())?);
        Ok(())
    }

    /// The beginning of a string: the whole characters among its first `max` bytes. Says whether
    /// that was all of it.
    pub(crate) fn text_prefix(&mut self, text: &impl Blob, max: usize) -> Result<bool, Full> {
        if text.len() <= max {
            self.bytes(text)?;
            return Ok(true);
        }
        // Copied once to see where its last whole character ends, then behind its length.
        let scratch = self.buf.get_mut(self.at..).ok_or(Full)?;
        let scratch = scratch.get_mut(..max).ok_or(Full)?;
        text.copy_to(scratch);
        let len = crate::text::whole_characters(scratch);
        self.varint(len as u64)?;
        text.copy_to(self.take(len)?);
        Ok(false)
    }

    /// The header of a list.
    #[inline]
    pub(crate) fn list(&mut self, element: u8, count: usize) -> Result<(), Full> {
        if count <= 14 {
            return self.byte((count as u8) << 4 | element);
        }
        self.byte(0xf0 | element)?;
        self.varint(count as u64)
    }

    /// The end of a struct.
    #[inline(always)]
    pub(crate) fn stop(&mut self) -> Result<(), Full> {
        self.byte(ty::STOP)
    }
}

/// A number of more than seven bits as a varint, and how many of the ten bytes it takes.
#[inline(always)]
fn varint(value: u64) -> ([u8; 10], usize) {
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
    ([a, b, c, d, e, f, g, h, ninth, (value >> 63) as u8], len)
}

/// The fields of one struct, in the order of their ids.
pub(crate) struct Fields(i16);

impl Fields {
    /// Before the first field.
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    /// After the field `id`.
    pub(crate) const fn after(id: i16) -> Self {
        Self(id)
    }

    /// The header of a field; its value follows.
    #[inline(always)]
    pub(crate) fn header(&mut self, w: &mut Writer<'_>, id: i16, ty: u8) -> Result<(), Full> {
        let delta = id - self.0;
        self.0 = id;
        if (1..=15).contains(&delta) {
            return w.byte((delta as u8) << 4 | ty);
        }
        w.byte(ty)?;
        w.zigzag(id.into())
    }

    #[inline(always)]
    pub(crate) fn i32(&mut self, w: &mut Writer<'_>, id: i16, value: i32) -> Result<(), Full> {
        self.header(w, id, ty::I32)?;
        w.zigzag(value.into())
    }

    #[inline(always)]
    pub(crate) fn i64(&mut self, w: &mut Writer<'_>, id: i16, value: i64) -> Result<(), Full> {
        self.header(w, id, ty::I64)?;
        w.zigzag(value)
    }

    pub(crate) fn bool(&mut self, w: &mut Writer<'_>, id: i16, value: bool) -> Result<(), Full> {
        self.header(w, id, if value { ty::TRUE } else { ty::FALSE })
    }

    pub(crate) fn double(&mut self, w: &mut Writer<'_>, id: i16, value: f64) -> Result<(), Full> {
        self.header(w, id, ty::DOUBLE)?;
        w.raw(&value.to_le_bytes())
    }

    #[inline(always)]
    pub(crate) fn bytes(
        &mut self,
        w: &mut Writer<'_>,
        id: i16,
        value: &(impl Blob + ?Sized),
    ) -> Result<(), Full> {
        self.header(w, id, ty::BINARY)?;
        w.bytes(value)
    }

    /// The header of a list of structs, which follow.
    #[inline(always)]
    pub(crate) fn structs(
        &mut self,
        w: &mut Writer<'_>,
        id: i16,
        count: usize,
    ) -> Result<(), Full> {
        self.header(w, id, ty::LIST)?;
        w.list(ty::STRUCT, count)
    }
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
                let mut buf = [0xa5; 12];
                let mut w = Writer::new(&mut buf[..size]);
                let written = w.varint(value);
                assert_eq!(
                    written.is_ok(),
                    size >= expected.len(),
                    "{value:#x} in {size}"
                );
                if written.is_ok() {
                    let len = w.at();
                    assert_eq!(buf[..len], expected[..], "{value:#x}");
                }
            }
        }
    }
}
