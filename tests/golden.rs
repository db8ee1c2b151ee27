//! Datagrams byte for byte, written by hand from the protocol's description.
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::Cell;

use jaegerling_core::{
    BUFFER_EXTRA, Clock, Flags, IdSource, KeepOldest, Packer, Process, ReferenceKind,
    SingleContext, Slot, SpanContext, SpanId, Time, TraceId, Tracer,
};

/// A clock of nanoseconds that only moves when it is told to, and the one id.
struct Fixed {
    now: Cell<u64>,
    id: u64,
}

impl Clock for &Fixed {
    fn now(&self) -> u64 {
        self.now.get()
    }
    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64
    }
}

impl IdSource for &Fixed {
    fn next_id(&self) -> u64 {
        self.id
    }
}

type Fixture<'f> = Tracer<&'f Fixed, &'f Fixed, SingleContext, KeepOldest, [Slot<64>; 1], 64>;

fn fixture(fixed: &Fixed) -> Fixture<'_> {
    let tracer = Fixture::new(fixed, fixed, SingleContext::new());
    tracer.init(0).unwrap();
    tracer
}

#[track_caller]
fn packs(tracer: &Fixture<'_>, service: &str, expected: &[&[u8]]) {
    let mut packer = Packer::new(65_000, service).unwrap();
    let mut buffer = vec![0xa5; 65_000 + BUFFER_EXTRA];
    let mut drain = tracer.take_drain().unwrap();
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new(service));
    let bytes = packed.unwrap().bytes;
    let expected = expected.concat();
    assert_eq!(
        bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

fn context(trace_id: u128, span_id: u64) -> SpanContext {
    SpanContext {
        trace_id: TraceId::new(trace_id).unwrap(),
        span_id: SpanId::new(span_id).unwrap(),
        parent_id: None,
        flags: Flags::SAMPLED,
    }
}

#[test]
fn a_span_with_all_that_it_can_have_is_these_bytes() {
    let fixed = Fixed {
        now: Cell::new(1_000_000),
        id: 3,
    };
    let tracer = fixture(&fixed);
    let mut span = tracer.child_of(&context(1 << 64 | 2, 4), "op");
    let follows = context(5, 6);
    span.tag("k", "v");
    span.log_at(Time::UnixNanos(1_005_999)).field("event", "go");
    span.reference(
        ReferenceKind::FollowsFrom,
        follows.trace_id,
        follows.span_id,
    );
    span.tag("fast", true);
    fixed.now.set(1_010_000);
    span.end();
    let expected: [&[u8]; 38] = [
        b"\x82\x81\x00\x09emitBatch", // compact, one-way, sequence id 0
        b"\x1c",                      // 1: batch
        b"\x1c",                      //   1: process
        b"\x18\x03svc",               //     1: serviceName
        b"\x00",                      //     end
        b"\x19\x1c",                  //   2: spans, one struct
        b"\x16\x04",                  //     1: traceIdLow 2
        b"\x16\x02",                  //     2: traceIdHigh 1
        b"\x16\x06",                  //     3: spanId 3
        b"\x16\x08",                  //     4: parentSpanId 4
        b"\x18\x02op",                //     5: operationName
        b"\x19\x1c",                  //     6: references, one struct
        b"\x15\x02",                  //       1: refType FOLLOWS_FROM
        b"\x16\x0a",                  //       2: traceIdLow 5
        b"\x16\x00",                  //       3: traceIdHigh 0
        b"\x16\x0c",                  //       4: spanId 6
        b"\x00",                      //       end
        b"\x15\x02",                  //     7: flags, sampled
        b"\x16\xd0\x0f",              //     8: startTime 1,000
        b"\x16\x14",                  //     9: duration 10
        b"\x19\x2c",                  //    10: tags, two structs
        b"\x18\x01k\x15\x00",         //       1: key, 2: vType STRING
        b"\x18\x01v\x00",             //       3: vStr, end
        b"\x18\x04fast\x15\x04",      //       1: key, 2: vType BOOL
        b"\x31\x00",                  //       5: vBool is true, end
        b"\x19\x1c",                  //    11: logs, one struct
        b"\x16\xda\x0f",              //       1: timestamp 1,005
        b"\x19\x1c",                  //       2: fields, one struct
        b"\x18\x05event\x15\x00",     //         1: key, 2: vType STRING
        b"\x18\x02go\x00",            //         3: vStr, end
        b"\x00",                      //       end
        b"\x00",                      //     end
        b"\x16\x02",                  //   3: seqNo 1
        b"\x1c",                      //   4: stats
        b"\x16\x00\x16\x00\x16\x00",  //     nothing lost
        b"\x00",                      //     end
        b"\x00",                      //   end
        b"\x00",                      // end
    ];
    packs(&tracer, "svc", &expected);
}

#[test]
fn the_smallest_datagram_has_77_bytes() {
    // 67 as jaeger.thrift allows, and our number and counters.
    let fixed = Fixed {
        now: Cell::new(1_700_000_000_000_000_000),
        id: i64::MAX as u64,
    };
    let tracer = fixture(&fixed);
    let mut span = tracer.child_of(&context(1 << 63 | 1, 1), "o");
    span.set_end(Time::UnixNanos(1_700_000_000_001_000_000));
    span.end();
    let expected: [&[u8]; 13] = [
        b"\x82\x81\x00\x09emitBatch",
        b"\x1c\x1c\x18\x01s\x00\x19\x1c",
        b"\x16\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x16\x00",
        b"\x16\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x16\x02",
        b"\x18\x01o",
        b"\x25\x02",
        b"\x16\x80\x80\xf2\x81\x83\x89\x85\x06",
        b"\x16\xd0\x0f\x00",
        b"\x16\x02",
        b"\x1c\x16\x00\x16\x00\x16\x00\x00",
        b"\x00\x00",
    ];
    assert_eq!(expected.concat().len(), 67 + 2 + 8);
    packs(&tracer, "s", &expected);
}
