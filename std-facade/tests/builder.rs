//! What a tracer is built with: what it refuses, and what becomes of it in the datagrams.
#![allow(missing_docs)]

mod hand;

use std::collections::BTreeSet;
use std::error::Error;
use std::num::{NonZeroU64, NonZeroU128};
use std::panic::{RefUnwindSafe, UnwindSafe};

use hand::{BEGIN, Hand, batch, datagram, datagrams, exact, number, only, tags, text, tracer};
use jaegerling::decode::TagValue;
use jaegerling::udp::UdpSender;
use jaegerling::{
    BuildError, Builder, Clock, Config, LimitTooSmall, NextOrEnd, OwnTags, Packet, builder, init,
};

fn error(builder: Builder) -> BuildError {
    builder.build().err().expect("an error")
}

fn said(error: BuildError) -> String {
    error.to_string()
}

#[test]
fn a_service_without_a_name_is_refused() {
    let error = error(builder(""));
    assert_eq!(error, BuildError::NoServiceName);
    assert!(error.source().is_none());
    assert_eq!(
        said(error),
        "the service has no name: Jaeger would show none"
    );
}

#[test]
fn a_service_name_of_1024_bytes_is_the_longest() {
    assert!(builder("é".repeat(512)).build().is_ok());
    let error = error(builder("x".repeat(1_025)));
    assert_eq!(error, BuildError::ServiceNameTooLong(1_025));
    assert!(error.source().is_none());
    assert_eq!(
        said(error),
        "the service's name has 1025 bytes: at most 1024 are taken"
    );
}

#[test]
fn a_capacity_is_1_to_65536_slots() {
    for slots in [1, 65_536] {
        assert!(builder("s").capacity(slots).build().is_ok());
    }
    for slots in [0, 65_537, usize::MAX] {
        let error = error(builder("s").capacity(slots));
        assert_eq!(error, BuildError::Capacity(slots));
        assert!(error.source().is_none());
        assert_eq!(
            said(error),
            format!("a capacity of {slots} slots: it must be 1 to 65536")
        );
    }
}

#[test]
fn a_thread_has_as_many_spans_open_at_once_as_the_capacity_says() {
    for slots in [1, 5] {
        let (traces_in, _out) = tracer(builder("s").capacity(slots));
        let open: Vec<_> = (0..slots).map(|_| traces_in.new_trace("open")).collect();
        assert!(open.iter().all(|span| span.is_recording()));
        assert!(!traces_in.new_trace("one more").is_recording());
        let elsewhere = || traces_in.new_trace("of another thread").is_recording();
        std::thread::scope(|scope| {
            assert!(scope.spawn(elsewhere).join().expect("no panic"));
        });
    }
}

#[test]
fn a_limit_above_what_jaeger_reads_is_refused() {
    assert!(builder("s").datagram_limit(65_000).build().is_ok());
    for bytes in [65_001, usize::MAX] {
        let error = error(builder("s").datagram_limit(bytes));
        assert_eq!(error, BuildError::LimitTooLarge(bytes));
        assert!(error.source().is_none());
        assert_eq!(
            said(error),
            format!("datagrams of {bytes} bytes: Jaeger drops those longer than 65000")
        );
    }
}

fn needed(service: &str) -> usize {
    match error(builder(service).datagram_limit(0)) {
        BuildError::LimitTooSmall(error) => error.needed,
        other => panic!("{other}"),
    }
}

#[test]
fn a_limit_that_holds_no_span_is_refused_and_the_one_that_is_needed_will_do() {
    for service in ["s", "a service", &"x".repeat(1_024)] {
        let needed = needed(service);
        let limited = |limit| builder(service).datagram_limit(limit);
        assert!(limited(needed).build().is_ok());
        for limit in [0, 1, needed - 1] {
            let error = error(limited(limit));
            let cause = LimitTooSmall { limit, needed };
            assert_eq!(error, BuildError::LimitTooSmall(cause));
            let source = error.source().and_then(|source| source.downcast_ref());
            assert_eq!(source, Some(&cause));
            let message = format!(
                "a datagram of {limit} bytes cannot hold one bare span: {needed} are needed"
            );
            assert_eq!((said(error), cause.to_string()), (message.clone(), message));
        }
    }
}

#[test]
fn the_least_limit_holds_the_ids_and_times_of_any_span() {
    let limit = needed("s");
    let hand = Hand::default();
    let builder = builder("s").clock(hand.clone()).datagram_limit(limit);
    let (traces_in, mut out) = tracer(builder.process_tag("left", "out"));
    // So that it takes as many bytes as it can.
    let parent = jaegerling::SpanContext {
        trace_id: NonZeroU128::MAX.into(),
        span_id: NonZeroU64::MIN.into(),
        parent_id: None,
        flags: jaegerling::Flags::DEBUG,
    };
    hand.set(1);
    let mut span = traces_in.span_in(&parent, "é".repeat(300));
    hand.set(u64::from(u32::MAX));
    span.add_string_tag("key", "value");
    span.log().with_string("event", "gone");
    span.add_child_of(&parent);
    let context = span.context();
    drop(span);
    let datagram = datagram(&mut out);
    assert!(datagram.len() <= limit, "{} > {limit}", datagram.len());
    let span = only(&datagram);
    assert_eq!(span.trace_id, u128::MAX);
    assert_eq!(span.span_id, context.span_id.get());
    assert_eq!((span.parent_span_id, span.flags), (1, 3));
    assert_eq!(span.start_time, BEGIN + 1);
    assert_eq!(span.duration, i64::from(u32::MAX) - 1);
    let name = span.operation_name.as_str().expect("whole characters");
    assert!("é".repeat(300).starts_with(name));
    let trimmed = traces_in.stats().trimmed;
    assert_eq!((trimmed.tags, trimmed.logs, trimmed.references), (1, 1, 1));
    assert_eq!(trimmed.names, 1);
    // Its own process tags, and the one that was set.
    let kept = batch(&datagram).process.tags.len() as u64;
    let all = own(OwnTags::ALL).len() as u64 + 1;
    assert!(trimmed.process_tags > 0);
    assert_eq!(kept + trimmed.process_tags, all);
    assert_eq!(traces_in.stats().handed_over, 1);
}

#[test]
fn a_clock_of_ones_own_times_all_that_is_recorded() {
    let hand = Hand::default();
    let (traces_in, mut out) = tracer(exact(&hand));
    hand.set(5);
    let mut parent = traces_in.new_trace("parent");
    hand.set(17);
    let child = parent.child("child");
    hand.set(20);
    parent.log().with_int("n", 1);
    drop(child);
    hand.set(1_000_021);
    drop(parent);
    hand.set(2_000_000);
    let datagram = datagram(&mut out);
    let times: Vec<_> = batch(&datagram)
        .spans
        .iter()
        .map(|span| (span.start_time, span.duration))
        .collect();
    assert_eq!(times, [(BEGIN + 5, 1_000_016), (BEGIN + 17, 3)]);
    let parent = batch(&datagram).spans.iter().next().expect("a span");
    let logs: Vec<_> = parent.logs.iter().map(|log| log.timestamp).collect();
    assert_eq!(logs, [BEGIN + 20]);
}

#[test]
fn a_span_that_takes_no_time_takes_a_microsecond() {
    let hand = Hand::default();
    let (traces_in, mut out) = tracer(exact(&hand));
    drop(traces_in.new_trace("short"));
    let datagram = datagram(&mut out);
    let span = only(&datagram);
    assert_eq!((span.start_time, span.duration), (BEGIN, 1));
    assert_eq!(traces_in.stats().trimmed, jaegerling::Trimmed::default());
}

#[test]
fn times_before_1970_are_moved_to_it_and_counted() {
    struct Early;
    impl Clock for Early {
        fn now(&self) -> u64 {
            7
        }
        fn unix_nanos(&self, _: u64) -> i64 {
            i64::MIN
        }
    }
    let (traces_in, mut out) = tracer(builder("s").clock(Early));
    drop(traces_in.new_trace("before 1970"));
    let datagram = datagram(&mut out);
    let span = only(&datagram);
    assert_eq!((span.start_time, span.duration), (0, 1));
    assert!(traces_in.stats().trimmed.times > 0);
}

/// All that a run of one little program sends.
fn run(seed: u64) -> Vec<Vec<u8>> {
    let builder = exact(&Hand::default()).ids(hand::seeded(seed));
    let (traces_in, mut out) = tracer(builder);
    for _ in 0..3 {
        let root = traces_in.new_trace("root");
        let _child = root.child("child").child("grandchild");
        let _in_other = traces_in.span(root.trace_id(), "beside");
    }
    datagrams(&mut out)
}

#[test]
fn seeded_ids_are_the_same_in_each_run_and_no_two_of_a_run_are_alike() {
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
    let datagrams = run(11);
    let spans = batch(&datagrams[0]).spans;
    let ids: BTreeSet<_> = spans.iter().map(|span| span.span_id).collect();
    let traces: BTreeSet<_> = spans.iter().map(|span| span.trace_id).collect();
    assert_eq!((spans.len(), ids.len(), traces.len()), (12, 12, 3));
    assert!(traces.iter().all(|trace| *trace >> 64 != 0), "128 bits");
}

#[test]
fn a_source_of_zeros_gives_ids_that_are_not_zero() {
    struct Zeros;
    impl jaegerling::IdSource for Zeros {
        fn next_id(&self) -> u64 {
            0
        }
    }
    let (traces_in, mut out) = tracer(builder("s").ids(Zeros));
    let root = traces_in.new_trace("root");
    drop((root.child("child"), root));
    for span in batch(&datagram(&mut out)).spans {
        assert_eq!((span.trace_id, span.span_id), (1, 1));
    }
}

#[test]
fn no_datagram_is_longer_than_the_limit_and_all_are_filled() {
    for limit in [400, 1_000, 9_216] {
        let (traces_in, mut out) = tracer(exact(&Hand::default()).datagram_limit(limit));
        for index in 0..500 {
            drop(traces_in.new_trace(format!("span {index}")));
        }
        let datagrams = datagrams(&mut out);
        let mut names = Vec::new();
        for (index, datagram) in datagrams.iter().enumerate() {
            assert!(datagram.len() <= limit, "{} > {limit}", datagram.len());
            assert!(index + 1 == datagrams.len() || datagram.len() > limit - 100);
            let spans = batch(datagram).spans.iter();
            names.extend(spans.map(|span| span.operation_name.to_string()));
        }
        let expected: Vec<_> = (0..500).map(|index| format!("span {index}")).collect();
        assert_eq!(names, expected);
        assert_eq!(traces_in.stats().trimmed, jaegerling::Trimmed::default());
    }
}

#[test]
fn a_span_longer_than_the_limit_is_trimmed_and_says_by_how_much() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()).datagram_limit(1_000));
    drop(traces_in.new_trace("before"));
    let mut long = traces_in.new_trace("long");
    long.add_int_tag("first", 1);
    long.add_string_tag("too long", &"x".repeat(10_000));
    long.add_int_tag("second", 2);
    long.log().with_string("event", "short");
    long.log().with_bytes("dump", &[0; 5_000]);
    drop(long);
    drop(traces_in.new_trace("after"));
    let datagrams = datagrams(&mut out);
    assert!(datagrams.iter().all(|datagram| datagram.len() <= 1_000));
    let spans: Vec<_> = datagrams.iter().flat_map(|d| batch(d).spans).collect();
    let names: Vec<_> = spans.iter().map(|s| s.operation_name.to_string()).collect();
    assert_eq!(names, ["before", "long", "after"]);
    assert_eq!(
        tags(spans[1].tags),
        [
            ("first".into(), TagValue::Long(1)),
            ("second".into(), TagValue::Long(2)),
            ("otel.dropped_attributes_count".into(), TagValue::Long(1)),
            ("otel.dropped_events_count".into(), TagValue::Long(1)),
        ]
    );
    assert_eq!(spans[1].logs.len(), 1);
    assert_eq!(number(&spans[2], "otel.dropped_attributes_count"), 0);
    let stats = traces_in.stats();
    assert_eq!((stats.trimmed.tags, stats.trimmed.logs), (1, 1));
    assert_eq!((stats.handed_over, stats.dropped.total()), (3, 0));
}

/// The keys of the process tags of a tracer that is told this.
fn own(own: OwnTags) -> Vec<String> {
    let (traces_in, mut out) = tracer(builder("s").own_process_tags(own));
    drop(traces_in.new_trace("work"));
    let datagram = datagram(&mut out);
    let tags = batch(&datagram).process.tags.iter();
    tags.map(|tag| tag.key.to_string()).collect()
}

#[test]
fn each_of_the_own_process_tags_can_be_left_out_alone() {
    let all = own(OwnTags::ALL);
    let library = [
        "jaeger.version",
        "otel.library.name",
        "otel.library.version",
    ];
    let without = |switch_off: fn(&mut OwnTags)| {
        let mut own = OwnTags::ALL;
        switch_off(&mut own);
        own
    };
    let cases: [(OwnTags, &[&str]); 5] = [
        (without(|own| own.ip = false), &["ip"]),
        (without(|own| own.hostname = false), &["hostname"]),
        (without(|own| own.client_uuid = false), &["client-uuid"]),
        (without(|own| own.library = false), &library),
        (OwnTags::default(), &[]),
    ];
    for (which, left_out) in cases {
        for key in left_out {
            // Not every machine has a name that can be asked for.
            assert!(*key == "hostname" || all.contains(&(*key).to_owned()));
        }
        let mut expected = all.clone();
        expected.retain(|key| !left_out.contains(&key.as_str()));
        assert_eq!(own(which), expected, "{which:?}");
    }
    assert!(all.len() >= 5);
}

#[test]
fn without_own_process_tags_there_are_those_that_were_set_or_none() {
    assert!(own(OwnTags::NONE).is_empty());
    let none = builder("s").own_process_tags(OwnTags::NONE);
    let (traces_in, mut out) = tracer(none.process_tag("set", true));
    drop(traces_in.new_trace("work"));
    let datagram = datagram(&mut out);
    assert_eq!(
        tags(batch(&datagram).process.tags),
        [("set".into(), TagValue::Bool(true))]
    );
}

#[test]
fn process_tags_have_every_type_and_are_in_each_datagram_in_their_order() {
    let builder = exact(&Hand::default())
        .process_tag("string", "Zürich")
        .process_tag(String::from("empty"), "")
        .process_tag("true", true)
        .process_tag("false", false)
        .process_tag("int", i64::MIN)
        .process_tag("u32", u32::MAX)
        .process_tag("float", 0.25)
        .process_tag("nan", f64::NAN)
        .process_tag("bytes", &[0_u8, 255])
        .process_tag("string", "again");
    let (traces_in, mut out) = tracer(builder);
    let mut expected = vec![
        ("string".to_owned(), text("Zürich")),
        ("empty".into(), text("")),
        ("true".into(), TagValue::Bool(true)),
        ("false".into(), TagValue::Bool(false)),
        ("int".into(), TagValue::Long(i64::MIN)),
        ("u32".into(), TagValue::Long(u32::MAX.into())),
        ("float".into(), TagValue::Double(0.25)),
        ("nan".into(), text("NaN")),
        ("bytes".into(), TagValue::Binary(&[0, 255])),
        ("string".into(), text("again")),
    ];
    for _ in 0..2 {
        drop(traces_in.new_trace("work"));
        let datagram = datagram(&mut out);
        assert_eq!(tags(batch(&datagram).process.tags), expected);
    }
    out.add_tag("later", 1.5);
    out.add_int_tag("later", 2);
    expected.push(("later".into(), TagValue::Double(1.5)));
    expected.push(("later".into(), TagValue::Long(2)));
    drop(traces_in.new_trace("work"));
    let datagram = datagram(&mut out);
    assert_eq!(tags(batch(&datagram).process.tags), expected);
    assert_eq!(traces_in.stats().trimmed.process_tags, 0);
}

#[test]
fn process_tags_that_leave_no_room_are_left_out_of_each_datagram_and_counted() {
    let builder = exact(&Hand::default())
        .datagram_limit(500)
        .process_tag("kept", 1)
        .process_tag("too long", "x".repeat(1_000).as_str())
        .process_tag("also kept", 2);
    let (traces_in, mut out) = tracer(builder);
    out.add_string_tag("too long, too", &"y".repeat(100_000));
    for index in 1..=3 {
        drop(traces_in.new_trace("work"));
        let datagram = datagram(&mut out);
        assert!(datagram.len() <= 500);
        assert_eq!(only(&datagram).operation_name, "work");
        assert_eq!(
            tags(batch(&datagram).process.tags),
            [
                ("kept".into(), TagValue::Long(1)),
                ("also kept".into(), TagValue::Long(2)),
            ]
        );
        assert_eq!(traces_in.stats().trimmed.process_tags, 2 * index);
    }
}

#[test]
fn ten_thousand_process_tags_are_kept_or_counted_and_a_span_fits_beside_them() {
    let mut all = exact(&Hand::default()).datagram_limit(2_000);
    for index in 0..10_000 {
        all = all.process_tag(format!("key {index}"), index);
    }
    let (traces_in, mut out) = tracer(all);
    drop(traces_in.new_trace("work"));
    let datagram = datagram(&mut out);
    assert!(datagram.len() <= 2_000);
    assert_eq!(only(&datagram).operation_name, "work");
    let kept = batch(&datagram).process.tags.len() as u64;
    assert!(kept > 50);
    assert_eq!(kept + traces_in.stats().trimmed.process_tags, 10_000);
}

fn service_of_init(service_name: String) -> String {
    let (traces_in, mut out) = init(Config { service_name });
    drop(traces_in.new_trace("work"));
    let datagram = datagram(&mut out);
    let name = batch(&datagram).process.service_name;
    name.as_str().expect("whole characters").to_owned()
}

#[test]
fn init_takes_any_name() {
    assert_eq!(service_of_init("shop".into()), "shop");
    assert_eq!(service_of_init(String::new()), "unknown_service");
    assert_eq!(service_of_init("a\0b".into()), "a\0b");
    let longest = "x".repeat(1_024);
    assert_eq!(service_of_init(longest.clone()), longest);
    assert_eq!(service_of_init("x".repeat(1_025)), longest);
}

#[test]
fn init_cuts_a_long_name_between_two_characters() {
    // In two of them the 1,024th byte is within a character.
    for (character, kept) in [("é", 512), ("€", 341), ("🦀", 256), ("x🦀", 204)] {
        let name = character.repeat(5_000 / character.len());
        let service = service_of_init(name.clone());
        assert!(name.starts_with(&service));
        let next = name[service.len()..].chars().next().expect("it was cut");
        assert!(service.len() <= 1_024 && service.len() + next.len_utf8() > 1_024);
        assert_eq!(service.matches(character).count(), kept);
    }
}

#[test]
fn what_a_tracer_is_made_of_can_be_handed_to_other_threads() {
    fn shared<T: Send + Sync + Unpin>() {}
    fn unwind<T: UnwindSafe + RefUnwindSafe>() {}
    shared::<Builder>();
    shared::<BuildError>();
    shared::<UdpSender>();
    shared::<Packet<'static>>();
    shared::<NextOrEnd<'static>>();
    unwind::<BuildError>();
    // A clock and a source of ids that somebody brings may not be: what holds them is not, where
    // nothing says otherwise. A future that borrows what it polls is, seen from outside.
    fn seen_from_outside<T: RefUnwindSafe>() {}
    seen_from_outside::<NextOrEnd<'static>>();
}
