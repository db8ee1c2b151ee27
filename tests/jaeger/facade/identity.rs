//! Who a span is and whose child: ids, parents, references, names, the process.

use std::num::NonZeroU128;
use std::time::Duration;

use super::{Rig, span_id, trace_id};
use crate::server::{fresh_id, jaeger};
use crate::trace::{Kind, Reference, Tag};

#[test]
fn trace_ids_of_64_and_128_bits_come_back() {
    let Some(rig) = Rig::start() else { return };
    let wide = trace_id();
    let narrow = NonZeroU128::new(fresh_id() & u128::from(u64::MAX)).unwrap();
    let nearly_narrow = NonZeroU128::new(fresh_id() >> 100 << 64 | 1).unwrap();
    for id in [wide, narrow, nearly_narrow] {
        drop(rig.tracer.span(id, "root"));
        let trace = rig.read_clean(id, 1);
        assert_eq!(trace.span("root").trace_id(), id.get());
        let digits = if id == narrow { 16 } else { 32 };
        assert_eq!(trace.id().len(), digits);
    }
}

#[test]
fn a_new_trace_has_the_ids_that_its_span_tells() {
    let Some(rig) = Rig::start() else { return };
    let root = rig.tracer.new_trace("root");
    let (trace, span) = (root.trace_id(), root.span_id());
    drop(root);
    assert_eq!(rig.read_clean(trace, 1).span("root").id(), span.get());
}

#[test]
fn ids_and_parents_are_those_of_the_caller() {
    let Some(rig) = Rig::start() else { return };
    let (tracer, id) = (&rig.tracer, trace_id());
    let (root, extreme) = (span_id(1), span_id(u64::MAX));
    drop(tracer.span_with_id(id, root, "root"));
    drop(tracer.span_with_id_and_parent(id, extreme, Some(root), "extreme"));
    drop(tracer.span_with_parent(id, Some(extreme), "third"));
    drop(tracer.span_with_parent(id, None, "second root"));

    let trace = rig.read_clean(id, 4);
    assert_eq!(trace.span("root").id(), 1);
    assert_eq!(trace.span("root").parent(), None);
    assert_eq!(trace.span("extreme").id(), u64::MAX);
    assert_eq!(trace.span("extreme").parent(), Some(1));
    assert_eq!(trace.span("third").parent(), Some(u64::MAX));
    assert_eq!(trace.span("second root").parent(), None);
}

#[test]
fn children_and_their_children_hang_together() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let root = rig.tracer.span(id, "root");
    let child = root.child("child");
    let grandchild = child.child_with_id(span_id(77), "grandchild");
    let elsewhere = rig.tracer.span_in(&grandchild.context(), "elsewhere");
    let (root_id, child_id) = (root.span_id(), child.span_id());
    drop((elsewhere, grandchild, child, root));

    let trace = rig.read_clean(id, 4);
    assert_eq!(trace.span("root").references(), []);
    assert_eq!(trace.span("child").parent(), Some(root_id.get()));
    assert_eq!(trace.span("grandchild").id(), 77);
    assert_eq!(trace.span("grandchild").parent(), Some(child_id.get()));
    assert_eq!(trace.span("elsewhere").parent(), Some(77));
}

#[test]
fn references_come_back_in_order() {
    let Some(rig) = Rig::start() else { return };
    let (id, other_trace) = (trace_id(), trace_id());
    let root = rig.tracer.span(id, "root");
    let earlier = root.child("earlier");
    let mut later = root.child("later");
    later.add_follows_from(&earlier);
    later.add_follows_from_raw(other_trace, span_id(9));
    let reference = |kind, trace: NonZeroU128, span_id| Reference {
        kind,
        trace_id: trace.get(),
        span_id,
    };
    let wanted = [
        reference(Kind::ChildOf, id, root.span_id().get()),
        reference(Kind::FollowsFrom, id, earlier.span_id().get()),
        reference(Kind::FollowsFrom, other_trace, 9),
    ];
    drop((later, earlier, root));

    assert_eq!(rig.read_clean(id, 3).span("later").references(), wanted);
}

#[test]
fn names_come_back_whatever_they_are() {
    let Some(rig) = Rig::start() else { return };
    let id = trace_id();
    let long = "lång ".repeat(2000);
    let names = [
        "GET /",
        "",
        "größer 🦀",
        "a\0b",
        "line\nbreak\x1b[31m",
        &long,
    ];
    for name in names {
        drop(rig.tracer.span(id, name));
    }
    rig.tracer.span(id, "before").set_name("after");

    let trace = rig.read_clean(id, names.len() + 1);
    for name in names {
        trace.span(name);
    }
    trace.span("after");
}

#[test]
fn the_process_says_where_its_spans_come_from() {
    let configured = Rig::configured(|builder| {
        builder
            .process_tag("region", "eu-north")
            .process_tag("workers", 8)
            .process_tag("canary", true)
    });
    let Some(rig) = configured else { return };
    let id = trace_id();
    drop(rig.tracer.span(id, "root"));

    let trace = rig.read_clean(id, 1);
    let span = trace.span("root");
    assert_eq!(span.service(), rig.service);
    assert_eq!(span.process_tag("region"), Some("eu-north".into()));
    assert_eq!(span.process_tag("workers"), Some(Tag::Int(8)));
    assert_eq!(span.process_tag("canary"), Some(Tag::Bool(true)));
    // Jaeger renames two of the tags that every process has.
    for own in [
        "ip",
        "host.name",
        "client-uuid",
        "opencensus.exporterversion",
    ] {
        let tag = span.process_tag(own);
        assert!(
            matches!(&tag, Some(Tag::String(text)) if !text.is_empty()),
            "{own}: {tag:?}"
        );
    }
}

#[test]
fn process_tags_can_be_added_to_the_receiving_end() {
    let Some(jaeger) = jaeger() else { return };
    let service = format!("facade-{:032x}", fresh_id());
    let (tracer, mut out) = jaegerling::init(jaegerling::Config {
        service_name: service.clone(),
    });
    out.add_string_tag("region", "eu-north");
    out.add_int_tag("workers", 8);
    let sender = jaegerling::udp::spawn(out, jaeger.udp()).unwrap();
    let id = trace_id();
    drop(tracer.span(id, "root"));
    sender.flush(Duration::from_secs(10)).unwrap();

    let trace = jaeger.trace(id.get(), 1);
    assert_eq!(trace.span("root").service(), service);
    assert_eq!(
        trace.span("root").process_tag("region"),
        Some("eu-north".into())
    );
    assert_eq!(trace.span("root").process_tag("workers"), Some(Tag::Int(8)));
}
