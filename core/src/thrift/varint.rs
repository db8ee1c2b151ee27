//! Varints: those of numbers without a loop over their bytes where they are long.

/// Writes a byte, and the zigzag of a number as a varint. Returns the place behind them; it comes and
/// goes as a value, so that it can stay in a register.
///
/// # Safety
///
/// Eleven bytes from `at` on may be written.
#[inline(always)]
pub(super) unsafe fn i64_field_at(header: u8, value: i64, at: *mut u8) -> *mut u8 {
    // SAFETY: as promised by the caller.
    unsafe { at.write(header) };
    let zigzag = (value << 1 ^ value >> 63) as u64;
    // SAFETY: as promised by the caller.
    unsafe { varint_at(zigzag, at.wrapping_add(1)) }
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

/// The same where words have 32 bits: two instructions a byte for ids, which have all of them, and a
/// loop for the rest.
///
/// # Safety
///
/// Ten bytes from `at` on may be written.
#[cfg(not(target_pointer_width = "64"))]
#[inline(never)]
unsafe fn varint_at(value: u64, at: *mut u8) -> *mut u8 {
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
    // At most 56 bits: if they are not in one word, four bytes of 28 bits, and the 28 above.
    let (mut at, mut rest) = (at, low);
    if high != 0 {
        ten[0] = (low | MORE) as u8;
        ten[1] = (low >> 7 | MORE) as u8;
        ten[2] = (low >> 14 | MORE) as u8;
        ten[3] = (low >> 21 | MORE) as u8;
        at = at.wrapping_add(4);
        rest = low >> 28 | high << 4;
    }
    // SAFETY: at most five bytes, or four.
    unsafe { length_at(rest as usize, at) }
}

/// Writes a length as a varint, and returns the place behind it.
///
/// # Safety
///
/// Ten bytes from `at` on may be written, five where words have 32 bits.
#[inline(always)]
pub(super) unsafe fn length_at(mut length: usize, mut at: *mut u8) -> *mut u8 {
    while length >= MORE as usize {
        // SAFETY: as promised by the caller; this is not the last one.
        unsafe { at.write((length | MORE as usize) as u8) };
        at = at.wrapping_add(1);
        length >>= 7;
    }
    // SAFETY: as above.
    unsafe { at.write(length as u8) };
    at.wrapping_add(1)
}

/// Set in each byte but the last one.
const MORE: u32 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// LEB128 as its definition says it.
    fn naive(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    #[test]
    fn varints_are_leb128_at_every_length() {
        let edges =
            (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, 0x5555_5555_5555_5555 >> bit]);
        for value in edges.chain([u64::MAX, u64::MAX - 1, 300]) {
            let mut buf = [0xa5; 16];
            let begin = buf.as_mut_ptr();
            let signed = (value >> 1) as i64 ^ -((value & 1) as i64);
            // SAFETY: sixteen bytes are enough.
            let end = unsafe { i64_field_at(0x16, signed, begin) };
            let len = end.addr() - begin.addr();
            assert_eq!(buf[0], 0x16, "{value:#x}");
            assert_eq!(buf[1..len], naive(value)[..], "{value:#x}");

            let mut buf = [0xa5; 16];
            let begin = buf.as_mut_ptr();
            // SAFETY: as above.
            let end = unsafe { length_at(value as usize, begin) };
            let len = end.addr() - begin.addr();
            assert_eq!(buf[..len], naive(value as usize as u64)[..], "{value:#x}");
        }
    }
}
