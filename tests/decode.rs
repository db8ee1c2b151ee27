//! The decoder against Apache Thrift's encoder, against bytes by hand, and against bad bytes.

#[path = "oracle/arbitrary.rs"]
mod arbitrary;
mod oracle;

use std::time::{Duration, Instant};

use jaegerling_core::decode::{Batch, DecodeError, TagValue, decode};
use jaegerling_core::{ReferenceKind, decode as decoding};
use oracle::wire::{Fields, Message, Text, Value};
use oracle::{
    OracleBatch, OracleLog, OracleProcess, OracleReference, OracleSpan, OracleStats, OracleTag,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use thrift::protocol::{TMessageType, TType};

// What it reads.

proptest! {
    // Cases that failed once are kept in `tests/decode.regressions`, and tried first.
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_apaches_encoder_wrote_is_read_back(batch in arbitrary::batches()) {
        let datagram = batch.datagram();
        prop_assert_eq!(&OracleBatch::read(&datagram).expect("the oracle reads itself"), &batch);
        prop_assert_eq!(read(&datagram), batch.normal());
    }

    #[test]
    fn fields_come_in_any_order_with_unknown_ones_between(
        batch in arbitrary::batches(),
        unknown in arbitrary::unknown_fields(),
        seed: u64,
    ) {
        let mut value = batch.value();
        let mut random = Random(seed);
        value.each_struct(&mut |fields| {
            let more = unknown.iter().filter(|_| random.below(4) == 0).cloned();
            fields.extend(more.collect::<Fields>());
            random.shuffle(fields);
        });
        let mut message = Message::emit_batch(value);
        let Value::Struct(arguments) = &mut message.arguments else { unreachable!() };
        arguments.extend(unknown);
        random.shuffle(arguments);
        prop_assert_eq!(read(&message.compact()), batch.normal());
    }

    #[test]
    fn bytes_at_random_are_refused_or_read_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        walk(&bytes);
        // After a good header they get further.
        walk(&[&b"\x82\x81\x00\x09emitBatch\x1c\x1c\x18\x01s\x00\x19"[..], &bytes].concat());
    }
}

/// 67 bytes: a 64-bit trace id, no parent, one-byte names.
const SMALLEST: &[u8] = b"\
    \x82\x81\x00\x09emitBatch\
    \x1c\
      \x1c\x18\x01s\x00\
      \x19\x1c\
        \x16\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\
        \x16\x00\
        \x16\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\
        \x16\x00\
        \x18\x01o\
        \x25\x02\
        \x16\x80\x80\xf2\x81\x83\x89\x85\x06\
        \x16\xd0\x0f\
        \x00\
      \x00\
    \x00";

#[test]
fn the_smallest_batch_is_read() {
    assert_eq!(SMALLEST.len(), 67);
    let batch = decode(SMALLEST).expect("a batch");
    assert_eq!(batch.process.service_name, "s");
    assert!(batch.process.tags.is_empty());
    assert_eq!((batch.seq_no, batch.stats), (None, None));
    let spans: Vec<_> = batch.spans.iter().collect();
    let [span] = spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(span.trace_id, 0x8000_0000_0000_0001);
    assert_eq!(span.span_id, 0x7fff_ffff_ffff_ffff);
    assert_eq!(span.parent_span_id, 0);
    assert_eq!(span.operation_name.as_str(), Some("o"));
    assert_eq!(span.flags, 1);
    assert_eq!(span.start_time, 1_700_000_000_000_000);
    assert_eq!(span.duration, 1_000);
    assert!(span.references.is_empty() && span.tags.is_empty() && span.logs.is_empty());
}

#[test]
fn the_smallest_batch_is_what_apaches_encoder_writes() {
    let span = OracleSpan {
        span_id: i64::MAX,
        ..OracleSpan::bare("o", 0x8000_0000_0000_0001, 0)
    };
    let batch = OracleBatch {
        process: process("s"),
        spans: vec![span],
        seq_no: None,
        stats: None,
    };
    assert_eq!(
        batch.datagram().escape_ascii().to_string(),
        SMALLEST.escape_ascii().to_string()
    );
}

#[test]
fn a_batch_by_hand_is_read() {
    // A process tag, `seqNo`, `stats`, a reference, and all fields in the long form.
    let datagram = b"\
        \x82\x21\xff\xff\xff\xff\x0f\x09emitBatch\
        \x0c\x02\
          \x06\x06\x0e\
          \x0c\x08\x06\x02\x02\x06\x04\x04\x06\x06\x06\x00\
          \x0c\x02\
            \x09\x04\x1c\x05\x04\x04\x01\x0a\x08\x02\x01k\x00\
            \x08\x02\x03svc\x00\
          \x09\x04\xfc\x01\
            \x09\x0c\x1c\x05\x02\x02\x06\x04\x01\x06\x06\x03\x06\x08\x05\x00\
            \x06\x02\x01\x06\x04\x02\x06\x06\x03\x06\x08\x05\x08\x0a\x00\
            \x05\x0e\x06\x06\x10\x07\x06\x12\x09\x00\
          \x00\
        \x00";
    let batch = decode(datagram).expect("a batch");
    assert_eq!(batch.seq_no, Some(7));
    assert_eq!(
        batch.stats,
        Some(decoding::ClientStats {
            full_queue_dropped_spans: 1,
            too_large_dropped_spans: 2,
            failed_to_emit_spans: 3,
        })
    );
    assert_eq!(batch.process.service_name, "svc");
    let tag = batch.process.tags.iter().next().expect("a tag");
    assert_eq!((tag.key, tag.value), ("k".into(), TagValue::Bool(true)));
    let span = batch.spans.iter().next().expect("a span");
    assert_eq!(span.trace_id, (1 << 64) + u128::from(u64::MAX));
    assert_eq!(span.span_id, -2_i64 as u64);
    assert_eq!(span.parent_span_id, -3_i64 as u64);
    assert_eq!(span.operation_name, "");
    assert_eq!((span.flags, span.start_time, span.duration), (3, -4, -5));
    assert_eq!(
        span.references.iter().collect::<Vec<_>>(),
        [decoding::Reference {
            kind: ReferenceKind::FollowsFrom,
            trace_id: u128::from(u64::MAX - 1) << 64 | u128::from(u64::MAX),
            span_id: -3_i64 as u64,
        }]
    );
}

#[test]
fn calls_are_read_as_one_way_ones_with_any_sequence_id() {
    for kind in [TMessageType::Call, TMessageType::OneWay] {
        for sequence_id in [0, 1, 127, 128, i32::MAX, -1, i32::MIN] {
            let message = Message {
                kind,
                sequence_id,
                ..Message::emit_batch(rich().value())
            };
            assert_eq!(read(&message.compact()), rich().normal());
        }
    }
}

#[test]
fn values_that_a_tag_lacks_are_zero() {
    let mut batch = rich();
    batch.process.tags = Some(
        (0..=4)
            .map(|v_type| OracleTag::empty("k", v_type))
            .collect(),
    );
    let expected = [
        OracleTag::string("k", ""),
        OracleTag::double("k", 0.0),
        OracleTag::bool("k", false),
        OracleTag::long("k", 0),
        OracleTag::binary("k", ""),
    ];
    assert_eq!(read(&batch.datagram()).process.tags(), expected);
}

#[test]
fn the_last_of_two_fields_with_one_id_counts() {
    let mut value = rich().value();
    value.each_struct(&mut |fields| {
        let zeros = fields.iter().map(|(id, value)| (*id, zero(value)));
        *fields = zeros.chain(fields.clone()).collect();
    });
    assert_eq!(read(&Message::emit_batch(value).compact()), rich().normal());
}

#[test]
fn a_known_field_with_another_type_is_an_unknown_one() {
    let mut value = rich().value();
    value.each_struct(&mut |fields| {
        let others = fields.iter().map(|(id, value)| match value {
            Value::I8(_) => unreachable!(),
            _ => (*id, Value::I8(7)),
        });
        *fields = fields.iter().cloned().chain(others).collect();
    });
    assert_eq!(read(&Message::emit_batch(value).compact()), rich().normal());
}

#[test]
fn what_follows_the_message_is_ignored() {
    assert_eq!(read(&[SMALLEST, b"more"].concat()), read(SMALLEST));
}

#[test]
fn debugging_shows_all_of_it() {
    let datagram = rich().datagram();
    let text = format!("{:?}", decode(&datagram));
    for part in [
        "\"svc\"",
        "\"GET /\"",
        "Double(NaN)",
        "FollowsFrom",
        "caf\\xc3",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

// What it refuses.

#[test]
fn a_batch_that_is_cut_off_anywhere_is_refused() {
    for datagram in [SMALLEST, &rich().datagram()] {
        for len in 0..datagram.len() {
            match decode(&datagram[..len]) {
                Err(DecodeError::Truncated { at }) => assert!(at <= len),
                other => panic!("{len} bytes: {other:?}"),
            }
        }
    }
}

#[test]
fn a_batch_with_one_byte_changed_never_makes_it_panic() {
    for datagram in [SMALLEST, &rich().datagram()] {
        let mut changed = datagram.to_vec();
        for place in 0..datagram.len() {
            for byte in 0..=255 {
                changed[place] = byte;
                walk(&changed);
            }
            changed[place] = datagram[place];
        }
    }
}

#[test]
fn the_binary_protocol_is_recognised() {
    let message = Message::emit_batch(rich().value());
    for datagram in [message.binary(true), message.binary(false)] {
        refuses(
            &datagram,
            DecodeError::BinaryProtocol,
            "this is Thrift's binary protocol (for port 6832), not the compact one (for port 6831)",
        );
    }
}

#[test]
fn what_is_no_batch_is_refused_with_a_reason() {
    refuses(
        b"GET / HTTP/1.1",
        DecodeError::NotCompact { first: b'G' },
        "not Thrift's compact protocol: the first byte is 0x47, not 0x82",
    );
    refuses(
        b"\x82\x82\x00",
        DecodeError::UnknownVersion(2),
        "version 2 of the compact protocol, not 1",
    );
    refuses(
        b"",
        DecodeError::Truncated { at: 0 },
        "the datagram ends within what begins at byte 0",
    );
    let message = |kind, method: &str| {
        Message {
            kind,
            method: method.into(),
            ..Message::emit_batch(rich().value())
        }
        .compact()
    };
    refuses(
        &message(TMessageType::Reply, "emitBatch"),
        DecodeError::WrongMessageType(2),
        "a reply, not a call",
    );
    refuses(
        &message(TMessageType::Exception, "emitBatch"),
        DecodeError::WrongMessageType(3),
        "an exception, not a call",
    );
    let error = decode(&message(TMessageType::OneWay, "emitZipkinBatch")).expect_err("not ours");
    assert!(matches!(error, DecodeError::WrongMethod(_)));
    assert_eq!(
        error.to_string(),
        "a call of `emitZipkinBatch`, not of `emitBatch`"
    );
}

#[test]
fn a_missing_field_is_named() {
    #[track_caller]
    fn check(missing: (&'static str, &'static str), change: impl Fn(&mut Fields) -> bool) {
        let mut value = rich().value();
        let mut done = false;
        value.each_struct(&mut |fields| done |= change(fields));
        assert!(done, "nothing to take out for {missing:?}");
        let datagram = Message::emit_batch(value).compact();
        match decode(&datagram) {
            Err(DecodeError::Missing {
                structure, field, ..
            }) => {
                assert_eq!((structure, field), missing);
            }
            other => panic!("{missing:?}: {other:?}"),
        }
    }
    // Each struct with its number of fields in `rich`, and those that are required.
    type Required = &'static [(i16, &'static str)];
    let required: [(&str, usize, Required); 7] = [
        ("Batch", 4, &[(1, "process"), (2, "spans")]),
        ("Process", 2, &[(1, "serviceName")]),
        (
            "ClientStats",
            3,
            &[
                (1, "fullQueueDroppedSpans"),
                (2, "tooLargeDroppedSpans"),
                (3, "failedToEmitSpans"),
            ],
        ),
        (
            "Span",
            11,
            &[
                (1, "traceIdLow"),
                (2, "traceIdHigh"),
                (3, "spanId"),
                (4, "parentSpanId"),
                (5, "operationName"),
                (7, "flags"),
                (8, "startTime"),
                (9, "duration"),
            ],
        ),
        (
            "SpanRef",
            4,
            &[
                (1, "refType"),
                (2, "traceIdLow"),
                (3, "traceIdHigh"),
                (4, "spanId"),
            ],
        ),
        ("Tag", 3, &[(1, "key"), (2, "vType")]),
        ("Log", 2, &[(1, "timestamp"), (2, "fields")]),
    ];
    for (structure, count, fields) in required {
        for &(id, field) in fields {
            check((structure, field), |fields| {
                let found = fields.len() == count && is(structure, fields);
                if found {
                    fields.retain(|field| field.0 != id);
                }
                found
            });
        }
    }
    let nothing = Message {
        arguments: Value::Struct(vec![]),
        ..Message::emit_batch(Value::Bool(true))
    };
    refuses(
        &nothing.compact(),
        DecodeError::Missing {
            at: 14,
            structure: "emitBatch_args",
            field: "batch",
        },
        "the field `batch` of the struct emitBatch_args that ends at byte 14 is missing",
    );
}

/// Among structs with equally many fields, which one this is.
fn is(structure: &str, fields: &Fields) -> bool {
    let types = (fields[0].1.ty(), fields[1].1.ty());
    match structure {
        "Batch" => types.0 == TType::Struct,
        "Process" => types == (TType::String, TType::List),
        "ClientStats" => types == (TType::I64, TType::I64),
        "SpanRef" => types == (TType::I32, TType::I64),
        "Tag" => types == (TType::String, TType::I32),
        "Log" => types == (TType::I64, TType::List),
        _ => true,
    }
}

#[test]
fn a_number_without_a_meaning_is_named() {
    for v_type in [-1, 5, i32::MAX, i32::MIN] {
        let mut batch = rich();
        batch.process.tags = Some(vec![OracleTag::empty("k", v_type)]);
        refuses(
            &batch.datagram(),
            DecodeError::WrongEnum {
                at: 26,
                structure: "Tag",
                field: "vType",
                value: v_type,
            },
            &format!("the field `vType` of the struct Tag has no member {v_type} (byte 26)"),
        );
    }
    let mut batch = rich();
    batch.spans[0].references = Some(vec![OracleReference {
        ref_type: 2,
        trace_id_low: 1,
        trace_id_high: 0,
        span_id: 1,
    }]);
    let error = decode(&batch.datagram()).expect_err("no such reference");
    assert!(
        matches!(
            error,
            DecodeError::WrongEnum {
                structure: "SpanRef",
                field: "refType",
                value: 2,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn lists_of_anything_but_structs_are_refused_unless_empty() {
    let batch = |tags| {
        let process = Value::Struct(vec![(1, Value::text(&"svc".into())), (2, tags)]);
        Message::emit_batch(Value::Struct(vec![(1, process), (2, Value::structs([]))])).compact()
    };
    refuses(
        &batch(Value::List(TType::I32, vec![Value::I32(1)])),
        DecodeError::NotStructs { at: 21, code: 5 },
        "the list at byte 21 holds elements of the type 5, not structs",
    );
    let empty = batch(Value::List(TType::I32, vec![]));
    assert!(read(&empty).process.tags().is_empty());
}

#[test]
fn deep_nesting_and_giant_counts_are_refused_quickly() {
    const FULL: usize = 65_000;
    const HEADER: &[u8] = b"\x82\x81\x00\x09emitBatch";
    const SPANS: &[u8] = b"\x1c\x1c\x18\x01s\x00\x19";
    const UNKNOWN: &[u8] = b"\x1c\x09\x64";
    let filled = |start: &[&[u8]], with: &[u8]| {
        let mut datagram = start.concat();
        datagram.extend(with.iter().cycle().take(FULL));
        datagram
    };
    let too_deep = [
        filled(&[HEADER], b"\xfc"),                       // structs in structs
        filled(&[HEADER, UNKNOWN], b"\x19"),              // lists in lists
        filled(&[HEADER, UNKNOWN], b"\x1a"),              // sets in sets
        filled(&[HEADER, UNKNOWN, b"\x1b"], b"\x01\xbb"), // maps in maps
    ];
    for datagram in too_deep {
        let error = quickly(&datagram).expect_err("too deep");
        assert!(matches!(error, DecodeError::TooDeep { .. }), "{error:?}");
    }
    let billions = b"\xff\xff\xff\xff\x0f";
    let too_many = [
        filled(&[HEADER, SPANS, b"\xfc", billions], b"\x00"), // spans
        filled(&[HEADER, UNKNOWN, b"\xf1", billions], b"\x01"), // bools
        filled(&[HEADER, UNKNOWN, b"\xfc", billions], b"\x00"), // empty structs
        filled(&[HEADER, b"\x1b", billions, b"\x11"], b"\x01"), // entries of a map
        filled(&[HEADER, b"\x18", billions], b"a"),           // bytes of a text
    ];
    for datagram in too_many {
        let error = quickly(&datagram).expect_err("too many");
        assert!(matches!(error, DecodeError::Truncated { .. }), "{error:?}");
    }
    // As many of the smallest things as a datagram holds: no error of their own, and no more
    // work than others.
    let many = 64_000_u32;
    let count = [
        many as u8 & 0x7f | 0x80,
        (many >> 7) as u8 | 0x80,
        (many >> 14) as u8,
    ];
    let bools = filled(&[HEADER, UNKNOWN, b"\xf1", &count], b"\x00");
    let lists = filled(&[HEADER, UNKNOWN, b"\xf9", &count], b"\x00");
    for datagram in [bools, lists] {
        let error = quickly(&datagram).expect_err("no batch");
        assert!(matches!(error, DecodeError::Missing { .. }), "{error:?}");
    }
}

/// Decodes within a time that anything that is not in proportion to the bytes would exceed.
#[track_caller]
fn quickly(datagram: &[u8]) -> Result<Batch<'_>, DecodeError> {
    let start = Instant::now();
    let result = decode(datagram);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    result
}

// Helpers.

/// A batch with everything in it, and each struct with all its fields.
fn rich() -> OracleBatch {
    let tags = || {
        Some(vec![
            OracleTag::string("s", "value"),
            OracleTag::double("d", f64::NAN),
            OracleTag::bool("b", true),
            OracleTag::long("l", i64::MIN),
            OracleTag::binary("y", &[0, 0xff]),
            OracleTag::string("latin", b"caf\xc3"),
        ])
    };
    let reference = |ref_type| OracleReference {
        ref_type,
        trace_id_low: 1,
        trace_id_high: 2,
        span_id: 3,
    };
    let span = OracleSpan {
        parent_span_id: -1,
        references: Some(vec![
            reference(OracleReference::CHILD_OF),
            reference(OracleReference::FOLLOWS_FROM),
        ]),
        tags: tags(),
        logs: Some(vec![OracleLog {
            timestamp: 1_700_000_000_000_001,
            fields: tags().unwrap_or_default(),
        }]),
        ..OracleSpan::bare("GET /", u128::MAX - 1, 0xdead_beef)
    };
    OracleBatch {
        process: OracleProcess {
            tags: tags(),
            ..process("svc")
        },
        spans: vec![span.clone(), span],
        seq_no: Some(i64::MAX),
        stats: Some(OracleStats {
            full_queue_dropped_spans: 1,
            too_large_dropped_spans: 2,
            failed_to_emit_spans: 3,
        }),
    }
}

fn process(service_name: &str) -> OracleProcess {
    OracleProcess {
        service_name: service_name.into(),
        tags: None,
    }
}

fn zero(value: &Value) -> Value {
    match value {
        Value::Bool(_) => Value::Bool(false),
        Value::I32(_) => Value::I32(0),
        Value::I64(_) => Value::I64(0),
        Value::Binary(_) => Value::Binary(Text::default()),
        Value::List(ty, _) => Value::List(*ty, vec![]),
        other => other.clone(),
    }
}

#[track_caller]
fn read(datagram: &[u8]) -> OracleBatch {
    decode(datagram).expect("a batch").into()
}

#[track_caller]
fn refuses(datagram: &[u8], error: DecodeError, says: &str) {
    assert_eq!(decode(datagram).err(), Some(error));
    assert_eq!(error.to_string(), says);
}

/// Decodes and looks at everything. The conversion checks that lists are as long as they say.
fn walk(datagram: &[u8]) {
    match decode(datagram) {
        Ok(batch) => drop(OracleBatch::from(batch)),
        Err(error) => drop(error.to_string()),
    }
}

/// Pseudo-random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize % limit
    }

    fn shuffle<T>(&mut self, values: &mut [T]) {
        for end in (1..values.len()).rev() {
            values.swap(end, self.below(end + 1));
        }
    }
}
