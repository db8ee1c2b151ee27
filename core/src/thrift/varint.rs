//! Varints, written without a loop over their bytes where they are long. `write` has their test.

/// Writes the zigzag of a number as a varint, and returns the place behind it. The place comes and
/// goes as a value, so that it can stay in a register.
///
/// # Safety
///
/// Ten bytes from `at` on may be written.
#[inline(always)]
pub(super) unsafe fn zigzag_at(value: i64, at: *mut u8) -> *mut u8 {
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
pub(super) unsafe fn varint_at(value: u64, at: *mut u8) -> *mut u8 {
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
pub(super) unsafe fn varint_at(value: u64, at: *mut u8) -> *mut u8 {
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
