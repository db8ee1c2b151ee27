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
    // SAFETY: as promised by the caller.
    unsafe { varint_at(zigzag(value), at.wrapping_add(1)) }
}

/// 0, 1, 2, 3 … for 0, −1, 1, −2 …
#[inline(always)]
pub(super) const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// Writes a number as a varint, and returns the place behind it.
///
/// # Safety
///
/// Ten bytes from `at` on may be written.
#[cfg(target_pointer_width = "64")]
#[inline(always)]
pub(super) unsafe fn varint_at(value: u64, at: *mut u8) -> *mut u8 {
    let eight = spread(value);
    let above = value >> 56;
    if above != 0 {
        // SAFETY: as promised by the caller.
        unsafe { at.cast::<[u8; 8]>().write((eight | ALL_MORE).to_le_bytes()) };
        // The ninth has the top bit if there is a tenth: as the number has it.
        // SAFETY: as above.
        unsafe { at.wrapping_add(8).cast::<[u8; 2]>().write([above as u8, 1]) };
        return at.wrapping_add(9 + (value >> 63) as usize);
    }
    let unused = (eight | 1).leading_zeros() & !7;
    let eight = eight | ALL_MORE >> 8 >> unused;
    // SAFETY: as promised by the caller. What is too much is written over.
    unsafe { at.cast::<[u8; 8]>().write(eight.to_le_bytes()) };
    at.wrapping_add(8 - unused as usize / 8)
}

/// The lowest eight groups of seven bits, each in a byte of its own: halves of 28 bits move apart,
/// then quarters of 14, then groups of 7.
#[cfg(target_pointer_width = "64")]
#[inline(always)]
const fn spread(value: u64) -> u64 {
    let halves = value & 0x0fff_ffff | (value >> 28 & 0x0fff_ffff) << 32;
    let quarters = halves + 3 * (halves & 0x0fff_c000_0fff_c000);
    quarters + (quarters & 0x3f80_3f80_3f80_3f80)
}

/// The same where words have 32 bits: two instructions a byte for ids, which have all of them, and a
/// loop for the rest.
///
/// # Safety
///
/// Ten bytes from `at` on may be written.
#[cfg(not(target_pointer_width = "64"))]
#[inline(never)]
pub(super) unsafe fn varint_at(value: u64, at: *mut u8) -> *mut u8 {
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

/// The number that these bytes begin with, and in how many of them; or nothing, if it is too large.
#[cfg(target_pointer_width = "64")]
#[inline(always)]
pub(super) fn read(bytes: &[u8; 10]) -> Option<(u64, usize)> {
    let [a, b, c, d, e, f, g, h, ninth, tenth] = *bytes;
    let eight = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let ends = !eight & ALL_MORE;
    if ends != 0 {
        // All up to the first byte that has no other behind it.
        let value = gather(eight & (ends ^ (ends - 1)));
        return Some((value, 1 + ends.trailing_zeros() as usize / 8));
    }
    let value = gather(eight) | u64::from(ninth & 0x7f) << 56;
    match (ninth, tenth) {
        (..0x80, _) => Some((value, 9)),
        (_, 0 | 1) => Some((value | u64::from(tenth) << 63, 10)),
        _ => None,
    }
}

/// Back from [`spread`], whatever the top bits are.
#[cfg(target_pointer_width = "64")]
#[inline(always)]
const fn gather(eight: u64) -> u64 {
    let quarters = eight & !ALL_MORE;
    let quarters = quarters - (quarters & 0x7f00_7f00_7f00_7f00) / 2;
    let halves = quarters - (quarters & 0x3fff_0000_3fff_0000) / 4 * 3;
    halves & 0x0fff_ffff | halves >> 32 << 28
}

/// Where words have 32 bits, none is read but byte by byte.
#[cfg(not(target_pointer_width = "64"))]
#[inline(always)]
pub(super) fn read(_bytes: &[u8; 10]) -> Option<(u64, usize)> {
    None
}

/// Set in each byte but the last one.
const MORE: u32 = 0x80;

#[cfg(target_pointer_width = "64")]
const ALL_MORE: u64 = MORE as u64 * 0x0101_0101_0101_0101;

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
            #[cfg(target_pointer_width = "64")]
            assert_eq!(
                buf[1..].first_chunk().and_then(read),
                Some((value, len - 1))
            );

            let mut buf = [0xa5; 16];
            let begin = buf.as_mut_ptr();
            // SAFETY: as above.
            let end = unsafe { length_at(value as usize, begin) };
            let len = end.addr() - begin.addr();
            assert_eq!(buf[..len], naive(value as usize as u64)[..], "{value:#x}");
        }
    }
}
