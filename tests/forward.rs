//! A datagram passed on, read by Apache Thrift.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "oracle/arbitrary.rs"]
mod arbitrary;
mod oracle;

use jaegerling_core::decode::{Tag, TagValue, decode};
use jaegerling_core::{FORWARD_EXTRA, ForwardTooLarge, forward};
use oracle::{OracleBatch, OracleTag};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// What Jaeger cannot digest goes out as text, as from our own packer.
fn mended(mut tag: OracleTag) -> OracleTag {
    match tag.v_double {
        Some(double) if tag.v_type == 1 && !double.0.is_finite() => {
            let text = match double.0 {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            };
            tag = OracleTag::string(&tag.key.0, text);
        }
        _ => {}
    }
    tag
}

fn mend(tags: &mut Option<Vec<OracleTag>>) {
    let all = tags.take().unwrap_or_default();
    *tags = Some(all.into_iter().map(mended).collect());
}

/// What must come of a batch.
fn expected(batch: &OracleBatch, which: std::ops::Range<usize>, ahead: i64) -> OracleBatch {
    let mut batch = batch.normal();
    batch.spans = batch.spans.drain(which).collect();
    mend(&mut batch.process.tags);
    let tags = batch.process.tags.get_or_insert_default();
    tags.extend([
        OracleTag::string("gateway", "hall"),
        OracleTag::long("floor", -1),
    ]);
    for span in &mut batch.spans {
        span.start_time = span.start_time.wrapping_add(ahead);
        mend(&mut span.tags);
        for log in span.logs.iter_mut().flatten() {
            log.timestamp = log.timestamp.wrapping_add(ahead);
            log.fields = log.fields.drain(..).map(mended).collect();
        }
    }
    batch
}

fn more() -> [Tag<'static>; 2] {
    [
        Tag {
            key: "gateway".into(),
            value: TagValue::String("hall".into()),
        },
        Tag {
            key: "floor".into(),
            value: TagValue::Long(-1),
        },
    ]
}

proptest! {
    // Cases that failed once are kept in `tests/forward.regressions`, and tried first.
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_passed_on_is_what_came_with_its_times_moved_and_more_process_tags(
        batch in arbitrary::batches(),
        ahead: i64,
        (a, b) in (0..8_usize, 0..8_usize),
    ) {
        let datagram = batch.datagram();
        let decoded = decode(&datagram).unwrap();
        let count = decoded.spans.len();
        let (a, b) = (a.min(count), b.min(count));
        let which = a.min(b)..a.max(b);
        let moved = |micros: i64| micros.wrapping_add(ahead);
        let mut buffer = vec![0xa5; datagram.len() * 2 + 400 + FORWARD_EXTRA];
        let passed_on = forward(&decoded, which.clone(), &more(), &mut buffer, moved).unwrap();
        let read = OracleBatch::read(passed_on).expect("Apache Thrift reads it");
        prop_assert_eq!(read.normal(), expected(&batch, which.clone(), ahead));

        // It fits exactly, or it says that it does not.
        let len = passed_on.len();
        let mut exact = vec![0xa5; len + FORWARD_EXTRA];
        let again = forward(&decoded, which.clone(), &more(), &mut exact, moved);
        prop_assert_eq!(again.map(<[u8]>::len), Ok(len));
        let mut short = vec![0xa5; len - 1 + FORWARD_EXTRA];
        let again = forward(&decoded, which, &more(), &mut short, moved);
        prop_assert_eq!(again.map(<[u8]>::len), Err(ForwardTooLarge { limit: len - 1 }));
    }
}

#[test]
fn a_buffer_of_any_length_is_enough_to_say_that_it_is_too_short() {
    let datagram = b"\x82\x81\0\x09emitBatch\x1c\x1c\x18\x01d\0\x19\x0c\0\0";
    let batch = decode(datagram).unwrap();
    for len in 0..FORWARD_EXTRA + datagram.len() {
        let mut buffer = vec![0; len];
        let passed_on = forward(&batch, 0..0, &[], &mut buffer, |micros| micros);
        let limit = len.saturating_sub(FORWARD_EXTRA);
        assert_eq!(passed_on, Err(ForwardTooLarge { limit }), "{len}");
    }
    let mut buffer = vec![0; FORWARD_EXTRA + datagram.len()];
    let passed_on = forward(&batch, 0..7, &[], &mut buffer, |micros| micros);
    assert_eq!(passed_on, Ok(&datagram[..]));
    let error = forward(&batch, 0..0, &[], &mut [], |micros| micros).unwrap_err();
    assert!(error.to_string().contains("fewer of its spans"));
}
