//! What a packer promises about its datagrams and the buffer that it is given, one promise at a time.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code)] // Of one context and its ring, no more than the clock and the words.
mod one;

use jaegerling_core::decode::decode;
use jaegerling_core::{
    BUFFER_EXTRA, KeepOldest, MAX_DATAGRAM, Packer, Process, SeededIds, SingleContext, Slot,
    Tracer, Value,
};

use one::{NoClock, WORDS};

type OnHeap = Tracer<NoClock, SeededIds, SingleContext, KeepOldest, Box<[Slot<WORDS>]>, WORDS>;

fn tracer(slots: usize) -> OnHeap {
    let tracer = OnHeap::with_capacity(NoClock, SeededIds::new(), SingleContext::new(), slots);
    tracer.init(1).unwrap();
    tracer
}

#[test]
fn a_buffer_too_short_for_any_datagram_loses_nothing() {
    let tracer = tracer(2);
    let mut packer = Packer::new(2_000, "s").unwrap();
    let mut drain = tracer.take_drain().unwrap();
    drop([tracer.root("one"), tracer.root("two")]);
    assert!(!tracer.root("refused").is_recording());
    let exact = Packer::new(0, "s").unwrap_err().needed + BUFFER_EXTRA;
    let process = Process::new("s");
    for len in [0, 1, BUFFER_EXTRA, 50, 100, exact - 1] {
        let mut buffer = vec![0xa5; len];
        let packed = drain.pack(&mut packer, &mut buffer, &process);
        assert!(packed.is_none(), "{len}");
        let stats = drain.stats();
        assert_eq!((stats.waiting, stats.dropped.total()), (2, 1), "{len}");
    }
    let mut buffer = vec![0xa5; exact];
    while let Some(packed) = drain.pack(&mut packer, &mut buffer, &process) {
        assert!(packed.bytes.len() <= exact - BUFFER_EXTRA);
        drain.sent(&mut packer);
    }
    assert_eq!(drain.stats().handed_over, 2);
}

#[test]
fn no_packer_makes_a_datagram_that_jaeger_drops() {
    let tracer = tracer(3_000);
    let mut drain = tracer.take_drain().unwrap();
    let mut packer = Packer::new(1_000_000, "s").unwrap();
    assert_eq!(packer.limit(), MAX_DATAGRAM);
    assert!(packer.set_limit(MAX_DATAGRAM - 1).is_ok());
    assert!(packer.set_limit(usize::MAX).is_ok());
    assert_eq!(packer.limit(), MAX_DATAGRAM);
    (0..3_000).for_each(|_| tracer.root("one of many").end());
    let mut buffer = vec![0xa5; 100_000];
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new("s"));
    let len = packed.unwrap().bytes.len();
    assert!((MAX_DATAGRAM - 70..=MAX_DATAGRAM).contains(&len), "{len}");

    let error = Packer::new(1_000_000, &"s".repeat(70_000)).unwrap_err();
    assert_eq!(error.limit, MAX_DATAGRAM);
    assert!(error.needed > 70_000);
}

#[test]
fn a_result_that_nobody_waits_for_is_harmless() {
    let tracer = tracer(2);
    let mut packer = Packer::new(200, "s").unwrap();
    let mut drain = tracer.take_drain().unwrap();
    let mut buffer = [0xa5; 203];
    for seq_no in 1..4 {
        drain.too_large(&mut packer, 190).unwrap();
        drain.sent(&mut packer);
        drain.failed(&mut packer);
        tracer.root("one").end();
        let packed = drain
            .pack(&mut packer, &mut buffer, &Process::new("s"))
            .unwrap();
        let batch = decode(packed.bytes).unwrap();
        assert_eq!(batch.seq_no, Some(seq_no));
        drain.sent(&mut packer);
        drain.too_large(&mut packer, 190).unwrap();
    }
    assert_eq!(drain.stats().handed_over, 3);
}

/// Numbers and strings are written in pieces longer than they are.
#[test]
fn a_packer_writes_nothing_behind_its_buffer() {
    type Wide = Tracer<NoClock, SeededIds, SingleContext, KeepOldest, [Slot<256>; 1], 256>;
    let long = "x".repeat(127);
    let last = [
        Value::Bool(true),
        Value::I64(i64::MIN),
        Value::I64(0),
        Value::Str(""),
        Value::Str("x"),
        Value::Str(&long[..17]),
        Value::Str(&long),
    ];
    for (value, before) in last
        .into_iter()
        .flat_map(|value| [0, 1, 13].map(|n| (value, n)))
    {
        let mut whole = 0;
        for size in 0..1_000 {
            let tracer = Wide::new(NoClock, SeededIds::new(), SingleContext::new());
            tracer.init(1).unwrap();
            let mut drain = tracer.take_drain().unwrap();
            let mut span = tracer.root("n");
            (0..before).for_each(|_| span.tag("", i64::MIN));
            span.tag("k", value);
            span.end();
            let mut packer = Packer::new(MAX_DATAGRAM, "s").unwrap();
            let mut memory = [0xa5; 1_000 + BUFFER_EXTRA + 64];
            let (buffer, behind) = memory.split_at_mut(size + BUFFER_EXTRA);
            if let Some(packed) = drain.pack(&mut packer, buffer, &Process::new("s")) {
                assert!(packed.bytes.len() <= size);
                let spans = decode(packed.bytes).unwrap().spans;
                let tags = spans.iter().next().unwrap().tags;
                whole += usize::from(tags.len() == before + 1 && packed.bytes.len() < size);
            }
            assert!(
                behind.iter().all(|byte| *byte == 0xa5),
                "{value:?} in {size}"
            );
        }
        assert!(whole > 100, "{value:?}");
    }
}
