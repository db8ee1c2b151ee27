//! CRC-32 as in IEEE 802.3, also called `CRC-32/ISO-HDLC`: reflected, begun with ones, inverted.

/// The polynomial, its highest power first in the lowest bit.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// Half a byte at once: 64 bytes of flash, where a table for bytes takes 1,024.
static TABLE: [u32; 16] = table();

const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut index = 0;
    while index < table.len() {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 4 {
            value = value >> 1 ^ if value & 1 != 0 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// The state before the first byte.
pub(super) const BEGIN: u32 = !0;

/// The state after some more bytes. Inverted, the last one is the CRC.
#[inline(never)]
pub(super) fn update(mut crc: u32, bytes: &[u8]) -> u32 {
    let half = |crc: u32| crc >> 4 ^ TABLE[crc as usize % 16];
    for &byte in bytes {
        crc = half(half(crc ^ u32::from(byte)));
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_crc_of_the_catalogue() {
        assert_eq!(!update(BEGIN, b"123456789"), 0xcbf4_3926);
        assert_eq!(!update(BEGIN, b""), 0);
        // In two pieces.
        assert_eq!(!update(update(BEGIN, b"1234"), b"56789"), 0xcbf4_3926);
    }

    /// As its definition says it, bit by bit.
    #[test]
    fn each_byte_does_what_the_polynomial_says() {
        for byte in 0..=255_u8 {
            let mut crc = BEGIN ^ u32::from(byte);
            for _ in 0..8 {
                crc = match crc & 1 {
                    0 => crc >> 1,
                    _ => crc >> 1 ^ POLYNOMIAL,
                };
            }
            assert_eq!(update(BEGIN, &[byte]), crc);
        }
    }
}
