//! Datagrams with wrong bytes in them, all the way to the picture and the file.
#![cfg(feature = "collect")]
#![allow(missing_docs)]

mod datagram;

use std::time::Duration;

use datagram::{Batch, SpanOf};
use jaegerling::json;
use jaegerling::waterfall::Waterfall;
use jaegerling_core::collect::{Collector, SeqLosses};
use jaegerling_core::decode::decode;

const MAX_SPANS: usize = 50;

/// Steele, Lea and Flood's SplitMix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

#[test]
fn no_datagram_breaks_collecting_drawing_or_writing() {
    let span =
        |id, parent| SpanOf::new(7, id, parent, "op", id * 10, 100).tag("error", "\x1b[2J\u{202e}");
    let good = Batch::new("web").uuid("u").number(3);
    let good = good.spans([span(1, 0), span(2, 1), span(3, 2)]).bytes();
    let mut random = Random(1);
    let mut collector = Collector::with_limits(MAX_SPANS, 1 << 20);
    let mut losses = SeqLosses::new(4);
    let mut decoded = 0;
    for round in 0..5_000 {
        let mut datagram = good.clone();
        for _ in 0..1 + random.below(4) {
            let at = random.below(datagram.len());
            datagram[at] = random.next() as u8;
        }
        let Ok(batch) = decode(&datagram) else {
            continue;
        };
        decoded += 1;
        losses.observe(&batch, "here");
        collector.add(&batch, Duration::from_millis(round));
        assert!(collector.spans() <= MAX_SPANS);
        if round % 10 == 0 {
            check_pictures(&mut collector);
        }
    }
    assert!(decoded > 500, "only {decoded} got that far");
    assert!(losses.senders().len() <= 4);
    let stats = collector.stats();
    assert_eq!(stats.spans - stats.evicted_spans, collector.spans() as u64);
}

fn check_pictures(collector: &mut Collector) {
    let mut file = Vec::new();
    json::write(collector.traces(), &mut file).expect("a vector takes it");
    let parsed: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
    assert!(parsed["data"].is_array());
    while let Some(finished) = collector.poll_finished(Duration::MAX, Duration::ZERO) {
        let picture = Waterfall::new(finished.trace).late(finished.late_spans);
        let picture = picture.to_string();
        let harmful = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!picture.contains(harmful), "{picture:?}");
    }
}
