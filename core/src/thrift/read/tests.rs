use super::*;
use alloc::vec;
use alloc::vec::Vec;

/// What remains after a value of a type was skipped.
#[track_caller]
fn skipped(ty: u8, bytes: &[u8]) -> Result<usize> {
    let mut reader = Reader::new(bytes);
    reader.skip(ty).map(|()| reader.rest().len())
}

#[track_caller]
fn fails<T: core::fmt::Debug>(result: Result<T>, at: usize, kind: ErrorKind) {
    assert_eq!(result.err(), Some(Error { at, kind }));
}

/// Such a value, with every kind of value inside.
const EVERYTHING: &[u8] = &[
    0x11, 0x12, 0x13, 7, // true, false, i8
    0x14, 0x80, 1, 0x15, 1, 0x16, 1, // i16 in two bytes, i32, i64
    0x17, 1, 2, 3, 4, 5, 6, 7, 8, // double
    0x18, 2, b'h', b'i', // string
    0x19, 0x31, 1, 2, 0, // three bools
    0x1a, 0x25, 1, 2, // set of two i32
    0x1b, 1, 0x8c, 1, b'k', 0x11, 0, // map of string to struct
    0x1b, 0, // empty map
    0x19, 0x29, 0x13, 1, 0x03, // list of lists of i8
    0x1d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, // UUID
    0x05, 0x81, 4, 9, // i32 with a long header
    0x1c, 0, // empty struct
    0,
];

#[test]
fn varints_are_read_to_the_last_bit() {
    let varint = |bytes: &[u8]| Reader::new(bytes).varint();
    assert_eq!(varint(&[0]), Ok(0));
    assert_eq!(varint(&[0x7f]), Ok(127));
    assert_eq!(varint(&[0x80, 1]), Ok(128));
    assert_eq!(varint(&[0x80, 0]), Ok(0));
    let mut max = [0xff; 10];
    max[9] = 1;
    assert_eq!(varint(&max), Ok(u64::MAX));
    max[9] = 2;
    fails(varint(&max), 0, ErrorKind::BadNumber);
    fails(varint(&[0x80; 11]), 0, ErrorKind::BadNumber);
    fails(varint(&[0x80; 9]), 0, ErrorKind::Truncated);
    fails(varint(&[]), 0, ErrorKind::Truncated);
}

#[test]
fn a_varint_is_read_the_same_at_once_and_byte_by_byte() {
    // Bytes at each place of which the top bit may be wrong, or of which the last one is too large.
    let tails = [0, 1, 2, 0x7f, 0x80, 0x81, 0xff];
    for (len, tail, fill) in (0..=10).flat_map(|len| {
        let fills = [0x80, 0xff, 0xaa, 0xd5];
        tails
            .into_iter()
            .flat_map(move |tail| fills.map(|fill| (len, tail, fill)))
    }) {
        let mut bytes = [fill; 12];
        bytes[len] = tail;
        for end in 0..=bytes.len() {
            let [mut at_once, mut slowly] = [Reader::new(&bytes[..end]); 2];
            let read = slowly.any_varint();
            assert_eq!(at_once.varint(), read, "{:x?}", &bytes[..end]);
            if read.is_ok() {
                assert_eq!(at_once.offset(), slowly.offset(), "{:x?}", &bytes[..end]);
            }
        }
    }
}

#[test]
fn zigzag_alternates_between_the_signs() {
    for (zigzag, value) in [(0, 0), (1, -1), (2, 1), (3, -2), (127, -64)] {
        assert_eq!(Reader::new(&[zigzag]).i64(), Ok(value));
    }
    assert_eq!(unzigzag(u64::MAX), i64::MIN);
    assert_eq!(unzigzag(u64::MAX - 1), i64::MAX);
}

#[test]
fn numbers_that_do_not_fit_are_refused_where_they_begin() {
    let i32_max = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    let too_large = [0x80, 0x80, 0x80, 0x80, 0x10];
    assert_eq!(Reader::new(&i32_max).i32(), Ok(i32::MAX));
    fails(Reader::new(&too_large).i32(), 0, ErrorKind::BadNumber);
    assert_eq!(Reader::new(&[0xff, 0xff, 3]).i16(), Ok(i16::MIN));
    fails(Reader::new(&[0x80, 0x80, 4]).i16(), 0, ErrorKind::BadNumber);
}

#[test]
fn doubles_are_little_endian() {
    let bytes = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
    assert_eq!(Reader::new(&bytes).f64(), Ok(1.0));
    fails(Reader::new(&bytes[1..]).f64(), 0, ErrorKind::Truncated);
}

#[test]
fn bytes_are_lent_and_no_longer_than_what_is_left() {
    let mut reader = Reader::new(&[2, b'h', b'i', 3, b'h', b'i']);
    assert_eq!(reader.bytes(), Ok(&b"hi"[..]));
    assert_eq!(reader.offset(), 3);
    fails(reader.bytes(), 3, ErrorKind::Truncated);
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    fails(Reader::new(&huge).bytes(), 0, ErrorKind::Truncated);
}

#[test]
fn field_headers_are_read_in_both_forms() {
    let mut last = 0;
    let mut reader = Reader::new(&[0x15, 0xf6, 0x05, 2, 0x06, 0x01, 0x18, 0]);
    let mut ids = Vec::new();
    while let Some(field) = reader.field(&mut last).expect("a field") {
        ids.push((field.id, field.ty));
    }
    assert_eq!(
        ids,
        [
            (1, ty::I32),
            (16, ty::I64),
            (1, ty::I32),
            (-1, ty::I64),
            (0, ty::BINARY)
        ]
    );
}

#[test]
fn field_ids_and_types_out_of_range_are_refused() {
    let field = |bytes: &[u8], mut last| Reader::new(bytes).field(&mut last);
    fails(field(&[0x15], i16::MAX), 0, ErrorKind::BadNumber);
    fails(field(&[0x05, 0x80, 0x80, 4], 0), 1, ErrorKind::BadNumber);
    fails(field(&[0x1e], 0), 0, ErrorKind::BadType(14));
    fails(field(&[0x10], 0), 0, ErrorKind::BadType(0));
    fails(field(&[], 0), 0, ErrorKind::Truncated);
}

#[test]
fn counts_are_no_larger_than_what_is_left() {
    let elements = |bytes: &[u8]| Reader::new(bytes).elements();
    let all = |ty, count| Ok(Elements { ty, count });
    assert_eq!(elements(&[0x23, 0, 0]), all(ty::I8, 2));
    assert_eq!(elements(&[0xf3, 1, 0]), all(ty::I8, 1));
    assert_eq!(elements(&[0x00]), all(ty::STOP, 0));
    fails(elements(&[0x33, 0, 0]), 0, ErrorKind::Truncated);
    let four_billion = [0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    fails(elements(&four_billion), 0, ErrorKind::Truncated);
    fails(elements(&[0x1e, 0]), 0, ErrorKind::BadType(14));

    let entries = |bytes: &[u8]| Reader::new(bytes).entries();
    assert_eq!(entries(&[0]).map(|map| map.count), Ok(0));
    assert_eq!(entries(&[2, 0x33, 0, 0, 0, 0]).map(|map| map.count), Ok(2));
    fails(entries(&[3, 0x33, 0, 0, 0, 0, 0]), 0, ErrorKind::Truncated);
    fails(entries(&[1, 0x03, 0, 0]), 1, ErrorKind::BadType(0));
}

#[test]
fn everything_is_skipped_exactly() {
    let mut bytes = EVERYTHING.to_vec();
    bytes.push(0xa5);
    assert_eq!(skipped(ty::STRUCT, &bytes), Ok(1));
    assert_eq!(skipped(ty::TRUE, &[0xa5]), Ok(1));
    assert_eq!(skipped(ty::I8, &[0xa5]), Ok(0));
}

#[test]
fn what_is_cut_off_cannot_be_skipped() {
    for len in 0..EVERYTHING.len() {
        let result = skipped(ty::STRUCT, &EVERYTHING[..len]);
        let kind = result.expect_err("it is cut off").kind;
        assert_eq!(kind, ErrorKind::Truncated, "at {len}");
    }
}

#[test]
fn skipping_never_panics_nor_runs_on() {
    for place in 0..EVERYTHING.len() {
        for byte in 0..=255 {
            let mut bytes = EVERYTHING.to_vec();
            bytes[place] = byte;
            for ty in 0..=255 {
                let _ = skipped(ty, &bytes);
            }
        }
    }
}

#[test]
fn depth_is_bounded() {
    let structs = |depth: usize| {
        let mut bytes = vec![0x1c; depth];
        bytes.extend(vec![0; depth + 1]);
        bytes
    };
    assert_eq!(skipped(ty::STRUCT, &structs(DEPTH - 1)), Ok(0));
    fails(
        skipped(ty::STRUCT, &structs(DEPTH)),
        DEPTH,
        ErrorKind::TooDeep,
    );
    for nested in [vec![0x1c; 1 << 20], vec![0x19; 1 << 20]] {
        let ty = nested[0] & 0x0f;
        let error = skipped(ty, &nested).expect_err("too deep");
        assert_eq!(error.kind, ErrorKind::TooDeep, "type {ty}");
    }
}
