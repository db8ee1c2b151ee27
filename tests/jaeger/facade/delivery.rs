//! Many spans at once, and what is said about those that were lost.

use super::{Rig, trace_id};
use crate::server::{PATIENCE, poll};
use crate::trace::{Span, Tag};

const LOST: &str = "jaegerling: spans lost";

#[test]
fn twenty_thousand_spans_in_one_go_all_arrive() {
    let rig = Rig::configured(|builder| builder.capacity(1 << 16));
    let Some(rig) = rig else { return };
    let traces: Vec<_> = (0..20).map(|_| trace_id()).collect();
    for id in &traces {
        for number in 0..1000 {
            let mut span = rig.tracer.span(*id, "one of many");
            span.add_string_tag("http.method", "GET");
            span.add_int_tag("number", number);
        }
    }
    for id in traces {
        let trace = rig.read_clean(id, 1000);
        let mut numbers: Vec<i64> = trace.spans().iter().map(number).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..1000));
    }
}

#[test]
fn spans_that_were_lost_are_seen() {
    let rig = Rig::configured(|builder| builder.capacity(16));
    let Some(rig) = rig else { return };
    let id = trace_id();
    // All open at once: the ring is full, and what does not fit is refused.
    let open: Vec<_> = (0..1000)
        .map(|_| rig.tracer.span(id, "one of many"))
        .collect();
    drop(open);
    let arrived = rig.read(id, 1).spans().len();
    assert!(arrived < 1000);

    let lost = i64::try_from(1000 - arrived).unwrap();
    // Losses that go on are reported once a second: several spans may share the sum.
    let all_told = poll(PATIENCE, || {
        rig.flush();
        let traces = rig.jaeger.find(&rig.service, LOST);
        let spans = traces.iter().flat_map(|trace| trace.spans());
        let told = spans.filter(|span| span.name() == LOST).map(|span| {
            assert_eq!(span.tag("error"), Some(Tag::Bool(true)));
            assert_eq!(span.warnings(), [""; 0]);
            counts(&span.tags())
        });
        (told.sum::<i64>() == lost).then_some(())
    });
    assert!(
        all_told.is_some(),
        "{lost} spans were lost, and something else was told"
    );
}

fn number(span: &Span<'_>) -> i64 {
    match span.tag("number") {
        Some(Tag::Int(number)) => number,
        other => panic!("not an integer: {other:?}"),
    }
}

/// The sum of the counts by reason, which are those since the last such span.
fn counts(tags: &[(String, Tag)]) -> i64 {
    let count = |(key, tag): &(String, Tag)| match (key.as_str(), tag) {
        ("lost.ring_full" | "lost.too_large" | "lost.failed", Tag::Int(count)) => *count,
        _ => 0,
    };
    tags.iter().map(count).sum()
}
