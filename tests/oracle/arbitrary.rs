//! Batches for property tests: all that a client could send, and what it could not.
//!
//! Not part of `oracle` itself, which does without `proptest`: a test declares both.
#![allow(dead_code, unreachable_pub)]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::oracle::wire::{Double, Fields, Text, Value};
use crate::oracle::{
    OracleBatch, OracleLog, OracleProcess, OracleReference, OracleSpan, OracleStats, OracleTag,
};

/// Any batch: lists of 0, 14, 15 and 16 elements, extreme numbers, texts of all kinds.
pub fn batches() -> impl Strategy<Value = OracleBatch> {
    let process = (texts(), option::of(tags()))
        .prop_map(|(service_name, tags)| OracleProcess { service_name, tags });
    let stats =
        (longs(), longs(), longs()).prop_map(|(full_queue, too_large, failed)| OracleStats {
            full_queue_dropped_spans: full_queue,
            too_large_dropped_spans: too_large,
            failed_to_emit_spans: failed,
        });
    (
        process,
        lists(spans()),
        option::of(longs()),
        option::of(stats),
    )
        .prop_map(|(process, spans, seq_no, stats)| OracleBatch {
            process,
            spans,
            seq_no,
            stats,
        })
}

pub fn spans() -> impl Strategy<Value = OracleSpan> {
    let ids = (longs(), longs(), longs(), longs());
    let times = (longs(), longs());
    let lists = (
        option::of(lists(references())),
        option::of(tags()),
        option::of(lists(logs())),
    );
    (ids, texts(), ints(), times, lists).prop_map(|(ids, operation_name, flags, times, lists)| {
        OracleSpan {
            trace_id_low: ids.0,
            trace_id_high: ids.1,
            span_id: ids.2,
            parent_span_id: ids.3,
            operation_name,
            references: lists.0,
            flags,
            start_time: times.0,
            duration: times.1,
            tags: lists.1,
            logs: lists.2,
        }
    })
}

pub fn references() -> impl Strategy<Value = OracleReference> {
    (0..=1, longs(), longs(), longs()).prop_map(|(ref_type, low, high, span_id)| OracleReference {
        ref_type,
        trace_id_low: low,
        trace_id_high: high,
        span_id,
    })
}

pub fn logs() -> impl Strategy<Value = OracleLog> {
    (longs(), tags()).prop_map(|(timestamp, fields)| OracleLog { timestamp, fields })
}

pub fn tags() -> impl Strategy<Value = Vec<OracleTag>> {
    lists(tag())
}

pub fn tag() -> impl Strategy<Value = OracleTag> {
    // As clients send them, and with any values besides or instead.
    let proper = prop_oneof![
        (texts(), texts()).prop_map(|(key, value)| OracleTag::string(&key.0, &value.0)),
        (texts(), doubles()).prop_map(|(key, value)| OracleTag::double(&key.0, value.0)),
        (texts(), any::<bool>()).prop_map(|(key, value)| OracleTag::bool(&key.0, value)),
        (texts(), longs()).prop_map(|(key, value)| OracleTag::long(&key.0, value)),
        (texts(), texts()).prop_map(|(key, value)| OracleTag::binary(&key.0, &value.0)),
    ];
    let values = (
        option::of(texts()),
        option::of(doubles()),
        option::of(any::<bool>()),
        option::of(longs()),
        option::of(texts()),
    );
    let odd = (texts(), 0..=4, values).prop_map(|(key, v_type, values)| OracleTag {
        key,
        v_type,
        v_str: values.0,
        v_double: values.1,
        v_bool: values.2,
        v_long: values.3,
        v_binary: values.4,
    });
    prop_oneof![4 => proper, 1 => odd]
}

/// Mostly short lists, and now and then one around the length where the header changes.
pub fn lists<T: Strategy>(element: T) -> impl Strategy<Value = Vec<T::Value>> {
    let len = prop_oneof![
        30 => 0_usize..3,
        1 => 14_usize..=16,
    ];
    let element = std::sync::Arc::new(element);
    len.prop_flat_map(move |len| vec(element.clone(), len))
}

pub fn longs() -> impl Strategy<Value = i64> {
    let power = (0_u32..64, -1_i64..=1).prop_map(|(bit, more)| (1_i64 << bit).wrapping_add(more));
    prop_oneof![
        any::<i64>(),
        power.clone(),
        power.prop_map(i64::wrapping_neg),
        prop::sample::select(&[0, 1, -1, i64::MIN, i64::MAX][..]),
    ]
}

pub fn ints() -> impl Strategy<Value = i32> {
    prop_oneof![
        any::<i32>(),
        0..4,
        prop::sample::select(&[i32::MIN, i32::MAX][..])
    ]
}

/// Any bits, among them NaN with any payload.
pub fn doubles() -> impl Strategy<Value = Double> {
    let special = [
        0.0,
        -0.0,
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::MIN_POSITIVE,
        f64::MAX,
    ];
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(special.to_vec()),
    ]
    .prop_map(Double)
}

/// Empty ones, ASCII, others, such that are no text, and now and then 100 kB.
pub fn texts() -> impl Strategy<Value = Text> {
    prop_oneof![
        20 => "[a-z._]{1,12}".prop_map(|text| Text::from(&text)),
        5 => ".{0,8}".prop_map(|text| Text::from(&text)),
        5 => vec(any::<u8>(), 0..20).prop_map(Text),
        3 => Just(Text::default()),
        3 => (126_usize..130, any::<u8>()).prop_map(|(len, byte)| Text(vec![byte; len])),
        // Seldom, since there are hundreds in some batches.
        1 => prop_oneof![
            20 => Just(Text::from("naïve Zeit — 時間 🦀")),
            1 => any::<u8>().prop_map(|byte| Text(vec![byte; 100_000])),
        ],
    ]
}

/// Fields that no struct of jaeger.thrift has, of every type.
pub fn unknown_fields() -> impl Strategy<Value = Fields> {
    vec((unknown_ids(), values()), 0..8)
}

/// Not 1 to 11, and no two so far apart that Apache's encoder would overflow.
fn unknown_ids() -> impl Strategy<Value = i16> {
    prop_oneof![12_i16..30, 12_i16..=16_000, -16_000_i16..=0]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(Value::I8),
        any::<i16>().prop_map(Value::I16),
        ints().prop_map(Value::I32),
        longs().prop_map(Value::I64),
        doubles().prop_map(Value::Double),
        vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Binary(Text(bytes))),
        any::<[u8; 16]>().prop_map(Value::Uuid),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let count = prop_oneof![10 => 0_usize..3, 1 => 14_usize..=16];
        prop_oneof![
            (inner.clone(), count.clone())
                .prop_map(|(value, count)| Value::List(value.ty(), vec![value; count])),
            (inner.clone(), count.clone())
                .prop_map(|(value, count)| Value::Set(value.ty(), vec![value; count])),
            (inner.clone(), inner.clone(), count).prop_map(|(key, value, count)| {
                Value::Map(key.ty(), value.ty(), vec![(key, value); count])
            }),
            vec((unknown_ids(), inner), 0..4).prop_map(Value::Struct),
        ]
    })
}
