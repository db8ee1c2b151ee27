//! A datagram passed on, read by Apache Thrift.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "oracle/arbitrary.rs"]
mod arbitrary;
mod oracle;

use std::ops::Range;

use jaegerling_core::decode::{Span, Tag, TagValue, decode};
use jaegerling_core::{
    BUFFER_EXTRA, Clock, FORWARD_EXTRA, ForwardCut, ForwardTooLarge, KeepOldest, Packer, Process,
    SeededIds, SingleContext, Slot, Tracer, forward, forward_cut,
};
use oracle::{OracleBatch, OracleProcess, OracleSpan, OracleTag};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// A clock that stands still.
struct Micros;

impl Clock for Micros {
    fn now(&self) -> u64 {
        5
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64 * 1_000
    }
}

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

    #[test]
    fn a_span_within_another_stays_within_it_wherever_a_clock_that_never_goes_back_puts_them(
        steps in prop::collection::vec(0_i64..4, 100),
        mut times in prop::array::uniform4(0_i64..100),
    ) {
        times.sort_unstable();
        let [start, child_start, child_end, end] = times;
        prop_assume!(child_start < child_end);
        let utc = |micros: i64| -> i64 { steps.iter().take(micros as usize).sum() };
        let parent = passed_on(start..end, utc);
        let child = passed_on(child_start..child_end, utc);
        prop_assert!(parent.start <= child.start && child.end <= parent.end, "{parent:?} {child:?}");
        prop_assert!(child.start < child.end);
        prop_assert_eq!((parent.start, child.start), (utc(start), utc(child_start)));
    }

    #[test]
    fn of_a_span_that_does_not_fit_as_much_is_passed_on_as_does_and_the_rest_is_counted(
        batch in arbitrary::batches(),
        index in 0..3_usize,
        room in 0..1_500_usize,
    ) {
        let datagram = batch.datagram();
        let decoded = decode(&datagram).unwrap();
        prop_assume!(index < batch.spans.len());
        let mut buffer = vec![0xa5; datagram.len() * 2 + 400 + FORWARD_EXTRA];
        let whole = forward(&decoded, index..index + 1, &more(), &mut buffer, |micros| micros);
        let whole = whole.unwrap().to_vec();
        let cut_to = |room: usize, buffer: &mut Vec<u8>| {
            buffer.resize(room + FORWARD_EXTRA, 0xa5);
            let cut = forward_cut(&decoded, index, &more(), buffer, |micros| micros);
            cut.map(|ForwardCut { bytes, tags, logs }| (bytes.to_vec(), tags, logs))
        };
        let Ok((bytes, tags, logs)) = cut_to(room, &mut buffer) else {
            prop_assert!(room < whole.len());
            return Ok(());
        };
        prop_assert!(bytes.len() <= room);
        if room >= whole.len() {
            prop_assert_eq!((bytes, tags, logs), (whole, 0, 0));
            return Ok(());
        }
        let read = OracleBatch::read(&bytes).expect("Apache Thrift reads it").normal();
        prop_assert_eq!(read, without_last(expected(&batch, index..index + 1, 0), tags, logs));
        // A byte less, and less of it fits.
        if let Ok((shorter, fewer_tags, fewer_logs)) = cut_to(bytes.len() - 1, &mut buffer) {
            prop_assert!(shorter.len() < bytes.len() && fewer_tags + fewer_logs > tags + logs);
        }
    }
}

/// When a span begins and ends that is passed on.
fn passed_on(times: Range<i64>, utc: impl Fn(i64) -> i64) -> Range<i64> {
    let batch = one_span(OracleSpan {
        start_time: times.start,
        duration: times.end - times.start,
        ..OracleSpan::bare("n", 1, 1)
    });
    let datagram = batch.datagram();
    let mut buffer = [0; 200];
    let passed_on = forward(&decode(&datagram).unwrap(), 0..1, &[], &mut buffer, utc);
    let batch = decode(passed_on.unwrap()).unwrap();
    let span = batch.spans.iter().next().unwrap();
    span.start_time..span.start_time + span.duration
}

fn one_span(span: OracleSpan) -> OracleBatch {
    OracleBatch {
        process: OracleProcess {
            service_name: "d".into(),
            tags: None,
        },
        spans: vec![span],
        seq_no: None,
        stats: None,
    }
}

/// A batch whose one span lacks so many of its tags and logs, and says so.
fn without_last(mut batch: OracleBatch, tags: usize, logs: usize) -> OracleBatch {
    let span = &mut batch.spans[0];
    let (all_tags, all_logs) = (
        span.tags.get_or_insert_default(),
        span.logs.get_or_insert_default(),
    );
    assert!(tags + logs > 0 && (tags == 0 || logs == all_logs.len()));
    all_tags.truncate(all_tags.len() - tags);
    all_logs.truncate(all_logs.len() - logs);
    for (key, cut) in [
        ("otel.dropped_attributes_count", tags),
        ("otel.dropped_events_count", logs),
    ] {
        if cut > 0 {
            all_tags.push(OracleTag::long(key, cut as i64));
        }
    }
    batch.normal()
}

#[test]
fn what_was_cut_before_and_what_is_cut_now_are_told_as_one_number() {
    let tracer = Tracer::<_, _, _, KeepOldest, [Slot<64>; 8], 64>::new(
        Micros,
        SeededIds::new(),
        SingleContext::new(),
    );
    tracer.init(1).unwrap();
    let mut span = tracer.root("wide");
    for value in 0..40_i64 {
        span.tag("tag", value);
    }
    span.end();
    // The packer cuts it to this, and says how much is missing in a tag.
    let mut packer = Packer::new(300, "d").unwrap();
    let mut buffer = [0; 300 + BUFFER_EXTRA];
    let mut drain = tracer.take_drain().unwrap();
    let packed = drain.pack(&mut packer, &mut buffer, &Process::new("d"));
    let batch = decode(packed.unwrap().bytes).unwrap();
    let span = batch.spans.iter().next().unwrap();
    let Some((key, TagValue::Long(before))) = last_tag(&span) else {
        panic!("{span:?}");
    };
    assert_eq!(before, 40 - (span.tags.len() as i64 - 1));

    let mut buffer = [0; 250 + FORWARD_EXTRA];
    let cut = forward_cut(&batch, 0, &[], &mut buffer, |micros| micros).unwrap();
    let again = decode(cut.bytes).unwrap().spans.iter().next().unwrap();
    let expected = TagValue::Long(before + cut.tags as i64);
    assert_eq!(last_tag(&again), Some((key, expected)));
}

#[test]
fn what_fits_is_not_cut_though_less_with_a_word_on_what_is_missing_would_not_fit() {
    let tags = Some(vec![
        OracleTag::string("wide", &"w".repeat(200)),
        OracleTag::long("narrow", 1),
    ]);
    let batch = one_span(OracleSpan {
        tags,
        ..OracleSpan::bare("n", 1, 1)
    });
    let datagram = batch.datagram();
    let decoded = decode(&datagram).unwrap();
    let mut buffer = vec![0; datagram.len() + FORWARD_EXTRA];
    let cut = forward_cut(&decoded, 0, &[], &mut buffer, |micros| micros).unwrap();
    assert_eq!((cut.bytes, cut.tags, cut.logs), (&datagram[..], 0, 0));
}

fn last_tag<'a>(span: &Span<'a>) -> Option<(String, TagValue<'a>)> {
    let tag = span.tags.iter().last()?;
    Some((tag.key.to_string(), tag.value))
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
