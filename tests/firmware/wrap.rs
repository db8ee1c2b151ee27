//! A tick counter of 32 bits that wraps within spans: they take as long as the program has counted
//! otherwise.

use std::collections::BTreeMap;

use jaegerling_core::decode::{TagValue, decode};

use crate::board::{Board, LM3S6965EVB, MICROBIT, VIRT};
use crate::frames::datagrams;

#[test]
fn a_span_takes_as_long_as_it_did_though_the_counter_of_a_cortex_m3_wrapped() {
    wraps(&LM3S6965EVB);
}

#[test]
fn a_span_takes_as_long_as_it_did_though_the_counter_of_a_cortex_m0_wrapped() {
    wraps(&MICROBIT);
}

#[test]
fn a_span_takes_as_long_as_it_did_though_the_counter_of_a_risc_v_wrapped() {
    wraps(&VIRT);
}

fn wraps(board: &Board) {
    let Some(image) = board.program("wrap") else {
        return;
    };
    let sent = board.run(&image, 0, &[]);
    let mut wraps = BTreeMap::new();
    for datagram in datagrams(&sent, 1) {
        for span in decode(&datagram.bytes).unwrap().spans.iter() {
            let name = span.operation_name.to_string();
            let tag = |wanted: &str| {
                let mut tags = span.tags.iter();
                let tag = tags.find(|tag| tag.key == wanted)?;
                match tag.value {
                    TagValue::Long(value) => Some(value),
                    other => panic!("{name} has {wanted}: {other:?}"),
                }
            };
            let ticks = tag("ticks").expect("its ticks") as u64;
            let micros = (ticks * 1_000_000 / board.hz) as i64;
            // Each end is rounded to a microsecond, and the clock is read before and after the
            // counter was.
            assert!(
                (-1..=2).contains(&(span.duration - micros)),
                "{}: {name} took {micros} µs, and {} in its datagram",
                board.name,
                span.duration
            );
            let wrapped = tag("wraps");
            wraps.insert(name, wrapped);
        }
    }
    let expected = [
        ("interrupt", Some(1)),
        ("interrupted", None),
        ("once", Some(1)),
        ("twice", Some(2)),
    ];
    let expected = expected.map(|(name, wraps)| (name.to_owned(), wraps));
    assert_eq!(wraps, BTreeMap::from(expected), "{}", board.name);
}
