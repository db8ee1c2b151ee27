//! What can be said of a span, as it comes out; and the span that tells of a loss.
#![allow(missing_docs)]

mod hand;

use std::cell::Cell;
use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hand::{BEGIN, Hand, batch, datagram, datagrams, exact, number, only, tags, text, tracer};
use jaegerling::decode::{self, Reference, TagValue};
use jaegerling::{
    Ended, Flags, LOSS_SPAN, Span, SpanContext, SpanId, StartTime, TraceId, TracesIn, Trimmed,
    builder,
};
use jaegerling_core::ReferenceKind;

fn context(flags: Flags) -> SpanContext {
    SpanContext {
        trace_id: TraceId::new(0xabc << 64 | 7).expect("not zero"),
        span_id: SpanId::new(8).expect("not zero"),
        parent_id: SpanId::new(9),
        flags,
    }
}

/// So many microseconds after the hand's beginning, by the wall clock.
fn at(micros: i64) -> StartTime {
    let since_epoch = Duration::from_micros((BEGIN + micros) as u64);
    (UNIX_EPOCH + since_epoch).into()
}

/// The datagram of one span that was changed.
fn changed(change: impl FnOnce(Span) -> Span) -> Vec<u8> {
    let hand = Hand::default();
    let (traces_in, mut out) = tracer(exact(&hand));
    hand.set(1_000);
    let span = traces_in.new_trace("span");
    hand.set(2_000);
    let span = change(span);
    hand.set(5_000);
    drop(span);
    datagram(&mut out)
}

/// The same for what is said in place.
fn told(tell: impl FnOnce(&mut Span)) -> Vec<u8> {
    changed(|mut span| {
        tell(&mut span);
        span
    })
}

/// A span of another tracer, the same in each run.
fn elsewhere() -> Span {
    let (traces_in, _out) = tracer(exact(&Hand::default()));
    traces_in.new_trace("elsewhere")
}

type Twins = (&'static str, fn(&mut Span), fn(Span) -> Span);

#[test]
fn each_with_says_what_its_add_says_to_the_byte() {
    const TRACE: NonZeroU128 = NonZeroU128::MAX;
    const SPAN: NonZeroU64 = NonZeroU64::MAX;
    #[rustfmt::skip]
    let all: [Twins; 16] = [
        ("string", |s| s.add_string_tag("k", "v"), |s| s.with_string_tag("k", "v")),
        ("int", |s| s.add_int_tag("k", -1), |s| s.with_int_tag("k", -1)),
        ("bool", |s| s.add_bool_tag("k", true), |s| s.with_bool_tag("k", true)),
        ("float", |s| s.add_float_tag("k", 0.5), |s| s.with_float_tag("k", 0.5)),
        ("bytes", |s| s.add_bytes_tag("k", &[0, 1]), |s| s.with_bytes_tag("k", &[0, 1])),
        ("any", |s| s.add_tag("k", 3_u8), |s| s.with_tag("k", 3_u8)),
        ("closure", |s| s.add_tag_with("k", || 'v'.to_string()), |s| s.with_tag_with("k", || 'v'.to_string())),
        ("display", |s| s.add_display_tag("k", 'v'), |s| s.with_display_tag("k", 'v')),
        ("debug tag", |s| s.add_debug_tag("k", 'v'), |s| s.with_debug_tag("k", 'v')),
        ("name", |s| s.set_name("other"), |s| s.with_name("other")),
        ("follows", |s| s.add_follows_from(&elsewhere()), |s| s.with_follows_from(&elsewhere())),
        ("follows raw", |s| s.add_follows_from_raw(TRACE, SPAN), |s| s.with_follows_from_raw(TRACE, SPAN)),
        ("child of", |s| s.add_child_of(&context(Flags::NONE)), |s| s.with_child_of(&context(Flags::NONE))),
        ("start", |s| s.override_start_time(at(1)), |s| s.with_start_time_override(at(1))),
        ("end", |s| s.override_end_time(at(9_000)), |s| s.with_end_time_override(at(9_000))),
        ("debug", Span::set_debug, Span::with_debug),
    ];
    let plain = told(|_| ());
    for (what, add, with) in all {
        let added = told(add);
        assert_eq!(added, changed(with), "{what}");
        assert_ne!(added, plain, "{what}");
    }
}

#[test]
fn tags_of_every_type_come_out_in_their_order() {
    let datagram = told(|span| {
        span.add_bytes_tag("bytes", &[0, 128, 255]);
        span.add_bytes_tag("no bytes", &[]);
        span.add_bool_tag("true", true);
        span.add_tag("false", false);
        span.add_int_tag("int", i64::MIN);
        span.add_tag("u32", u32::MAX);
        span.add_float_tag("float", -1.25);
        span.add_float_tag("smallest", f64::from_bits(1));
        span.add_tag("vec", &vec![1_u8, 2]);
        span.add_tag("string", &String::from("s"));
        span.add_string_tag("int", "the same key");
    });
    let smallest = f64::from_bits(1);
    assert_eq!(
        tags(only(&datagram).tags),
        [
            ("bytes".into(), TagValue::Binary(&[0, 128, 255])),
            ("no bytes".into(), TagValue::Binary(&[])),
            ("true".into(), TagValue::Bool(true)),
            ("false".into(), TagValue::Bool(false)),
            ("int".into(), TagValue::Long(i64::MIN)),
            ("u32".into(), TagValue::Long(u32::MAX.into())),
            ("float".into(), TagValue::Double(-1.25)),
            ("smallest".into(), TagValue::Double(smallest)),
            ("vec".into(), TagValue::Binary(&[1, 2])),
            ("string".into(), text("s")),
            ("int".into(), text("the same key")),
        ]
    );
}

#[test]
fn floats_that_are_not_finite_are_text() {
    let floats = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let datagram = told(|span| {
        floats
            .iter()
            .for_each(|float| span.add_float_tag("f", *float));
        let log = span.log();
        let log = floats
            .iter()
            .fold(log, |log, float| log.with_float("f", *float));
        drop(log);
    });
    let span = only(&datagram);
    let expected = ["NaN", "Infinity", "-Infinity"].map(|word| ("f".to_owned(), text(word)));
    assert_eq!(tags(span.tags), expected);
    let log = span.logs.iter().next().expect("a log");
    assert_eq!(tags(log.fields), expected);
}

#[derive(Debug)]
struct Shown(#[expect(dead_code, reason = "shown")] &'static str);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as displayed")
    }
}

#[test]
fn display_and_debug_tags_are_text_as_it_is_shown() {
    let datagram = told(|span| {
        span.add_display_tag("display", Shown("x"));
        span.add_debug_tag("debug", Shown("x"));
        span.add_debug_tag("nan", f64::NAN);
        span.add_display_tag("arguments", format_args!("{}-{}", 1, 2));
    });
    assert_eq!(
        tags(only(&datagram).tags),
        [
            ("display".into(), text("as displayed")),
            ("debug".into(), text("Shown(\"x\")")),
            ("nan".into(), text("NaN")),
            ("arguments".into(), text("1-2")),
        ]
    );
}

#[test]
fn a_closure_for_a_value_runs_once_if_the_span_is_recorded() {
    let runs = Cell::new(0);
    let count = || {
        runs.set(runs.get() + 1);
        runs.get()
    };
    let datagram = changed(|mut span| {
        span.add_tag_with("first", count);
        span.with_tag_with("second", count)
    });
    assert_eq!(runs.get(), 2);
    assert_eq!(
        tags(only(&datagram).tags),
        [
            ("first".into(), TagValue::Long(1)),
            ("second".into(), TagValue::Long(2)),
        ]
    );
}

/// What must not be looked at.
struct Loud;

impl fmt::Display for Loud {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("displayed")
    }
}

impl fmt::Debug for Loud {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("shown")
    }
}

impl From<Loud> for String {
    fn from(_: Loud) -> Self {
        panic!("made text")
    }
}

/// Says all that can be said of a span that is not recorded.
fn say_all(mut span: Span) -> Span {
    assert!(!span.is_recording());
    span.add_tag_with("k", || -> String { panic!("run") });
    span.add_display_tag("k", Loud);
    span.add_debug_tag("k", Loud);
    span.set_name(Loud);
    span.override_start_time(StartTime::now());
    span.override_end_time(SystemTime::now().into());
    span.add_child_of(&context(Flags::SAMPLED));
    span.add_follows_from(&elsewhere());
    span.add_bytes_tag("k", &[1; 100]);
    span.log().with("k", 1).with_bytes("k", &[1]);
    span.log_at(at(1)).with_bool("k", true).with_float("k", 0.5);
    span.with_tag_with("k", || -> String { panic!("run") })
        .with_display_tag("k", Loud)
        .with_debug_tag("k", Loud)
        .with_name(Loud)
}

#[test]
fn nothing_runs_for_a_span_that_is_disabled_or_not_sampled() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    let disabled = say_all(Span::disabled());
    let unsampled = say_all(traces_in.span_in(&context(Flags::NONE), Loud));
    drop(say_all(disabled.child(Loud)));
    drop(say_all(unsampled.child(Loud).child(Loud)));
    let id = NonZeroU64::MAX;
    assert_eq!(unsampled.child_with_id(id, Loud).span_id(), id);
    assert_eq!(unsampled.context().flags, Flags::NONE);
    drop((disabled, unsampled));
    assert_eq!(out.try_next(), Ok(None));
    assert_eq!(traces_in.stats(), jaegerling::Stats::default());
}

#[test]
fn nothing_runs_for_a_span_that_found_no_room_and_its_children_are_recorded_when_there_is() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()).capacity(1));
    let first = traces_in.new_trace("first");
    assert!(first.is_recording());
    let mut refused = say_all(traces_in.new_trace(Loud));
    refused.set_debug();
    drop(say_all(refused.child(Loud)));
    drop(first);
    assert_eq!(only_named(&datagrams(&mut out), "first").flags, 1);
    let child = refused.child("child");
    assert!(child.is_recording());
    assert_eq!(child.trace_id(), refused.trace_id());
    drop(child);
    let datagrams = datagrams(&mut out);
    let child = only_named(&datagrams, "child");
    assert_eq!(child.parent_span_id, refused.span_id().get());
    assert_eq!(child.flags, 3, "as its parent was told");
    let stats = traces_in.stats();
    assert_eq!((stats.started, stats.handed_over), (4, 2));
    assert_eq!(stats.dropped.ring_full, 2);
}

/// The only span of this name.
fn only_named<'a>(datagrams: &'a [Vec<u8>], name: &str) -> decode::Span<'a> {
    let spans = datagrams.iter().flat_map(|datagram| batch(datagram).spans);
    let found: Vec<_> = spans.filter(|span| span.operation_name == name).collect();
    assert_eq!(found.len(), 1, "spans named {name}");
    found[0]
}

#[test]
fn debug_is_3_on_the_wire_and_is_inherited_by_children_that_begin_later() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    let mut root = traces_in.new_trace("root");
    assert_eq!(root.context().flags, Flags::SAMPLED);
    let before = root.child("before");
    root.set_debug();
    root.set_debug();
    assert_eq!(root.context().flags, Flags::DEBUG);
    let child = root.child("child");
    let grandchild = child.child_with_id(NonZeroU64::MAX, "grandchild");
    let beside = traces_in.span(root.trace_id(), "beside");
    drop((root, before, child, grandchild, beside));
    let datagrams = datagrams(&mut out);
    let flags = ["root", "before", "child", "grandchild", "beside"]
        .map(|name| only_named(&datagrams, name).flags);
    assert_eq!(flags, [3, 1, 3, 3, 1]);
}

#[test]
fn debug_has_no_effect_on_a_span_that_is_not_sampled() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    for span in [
        Span::disabled(),
        traces_in.span_in(&context(Flags::NONE), "unsampled"),
    ] {
        let span = span.with_debug();
        assert_eq!(span.context().flags, Flags::NONE);
        assert_eq!(span.child("child").context().flags, Flags::NONE);
    }
    assert_eq!(out.try_next(), Ok(None));
}

#[test]
fn a_span_in_a_context_from_elsewhere_is_its_child_with_its_flags() {
    for (flags, bits) in [(Flags::SAMPLED, 1), (Flags::DEBUG, 3)] {
        let (traces_in, mut out) = tracer(exact(&Hand::default()));
        let parent = context(flags);
        let span = traces_in.span_in(&parent, "served");
        let known = span.context();
        assert!(span.is_recording());
        assert_eq!(known.trace_id, parent.trace_id);
        assert_eq!(known.parent_id, Some(parent.span_id));
        assert_eq!(known.flags, flags);
        assert_ne!(known.span_id, parent.span_id);
        drop(span);
        let datagram = datagram(&mut out);
        let span = only(&datagram);
        assert_eq!(span.trace_id, parent.trace_id.get());
        assert_eq!(span.span_id, known.span_id.get());
        assert_eq!(span.parent_span_id, parent.span_id.get());
        assert_eq!(span.flags, bits);
        assert!(span.references.is_empty());
    }
}

#[test]
fn a_span_in_a_context_that_is_not_sampled_has_its_ids_and_is_not_started() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    let parent = context(Flags::NONE);
    let span = traces_in.span_in(&parent, "served");
    assert!(!span.is_recording());
    assert_eq!(span.context().trace_id, parent.trace_id);
    assert_eq!(span.context().parent_id, Some(parent.span_id));
    let child = span.child("child");
    assert_eq!(child.trace_id(), span.trace_id());
    assert_eq!(child.context().parent_id, Some(span.context().span_id));
    assert_ne!(child.span_id(), span.span_id());
    assert!(!child.is_recording());
    drop((span, child));
    assert_eq!(out.try_next(), Ok(None));
    assert_eq!(traces_in.stats().started, 0);
}

#[test]
fn what_a_span_says_of_itself_is_what_comes_out() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    let [trace, id, parent] = [5_u64, 6, 7].map(|id| NonZeroU64::new(id).expect("not zero"));
    let spans = [
        traces_in.new_trace("0"),
        traces_in.span(trace.into(), "1"),
        traces_in.span_with_id(trace.into(), id, "2"),
        traces_in.span_with_parent(trace.into(), Some(parent), "3"),
        traces_in.span_with_id_and_parent(NonZeroU128::MAX, NonZeroU64::MAX, None, "4"),
    ];
    let child = spans[4].child("5");
    let all = spans.iter().chain([&child]);
    let known: Vec<_> = all
        .map(|span| {
            let context = span.context();
            assert!(span.is_recording());
            assert_eq!(span.trace_id().get(), context.trace_id.get());
            assert_eq!(span.span_id().get(), context.span_id.get());
            let parent = context.parent_id.map_or(0, SpanId::get);
            (context.trace_id.get(), context.span_id.get(), parent)
        })
        .collect();
    assert_eq!(known[2], (5, 6, 0));
    assert_eq!((known[3].0, known[3].2), (5, 7));
    assert_eq!(known[4], (u128::MAX, u64::MAX, 0));
    assert_eq!((known[5].0, known[5].2), (u128::MAX, u64::MAX));
    drop((child, spans));
    let datagram = datagram(&mut out);
    let out: Vec<_> = batch(&datagram)
        .spans
        .iter()
        .map(|span| (span.trace_id, span.span_id, span.parent_span_id))
        .collect();
    assert_eq!(out, known);
}

#[test]
fn references_come_out_in_their_order_beside_the_parent() {
    let other = context(Flags::NONE);
    let reference = |kind, trace_id, span_id| Reference {
        kind,
        trace_id,
        span_id,
    };
    let cause = elsewhere();
    let datagram = told(|span| {
        span.add_child_of(&other);
        span.add_follows_from(&cause);
        span.add_follows_from_raw(NonZeroU128::MAX, NonZeroU64::MAX);
        span.add_child_of(&other);
    });
    let span = only(&datagram);
    assert_eq!(span.parent_span_id, 0);
    let child_of = reference(ReferenceKind::ChildOf, 0xabc << 64 | 7, 8);
    let (trace_id, span_id) = (cause.trace_id().get(), cause.span_id().get());
    let expected = [
        child_of,
        reference(ReferenceKind::FollowsFrom, trace_id, span_id),
        reference(ReferenceKind::FollowsFrom, u128::MAX, u64::MAX),
        child_of,
    ];
    assert_eq!(span.references.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn logs_have_their_times_and_fields_of_every_type() {
    let hand = Hand::default();
    let (traces_in, mut out) = tracer(exact(&hand));
    let mut span = traces_in.new_trace("logs");
    hand.set(3);
    span.log().with_string("event", "now").with_int("n", -5);
    span.log_at(at(-7))
        .with_bool("yes", true)
        .with_bool("no", false);
    span.log_at(at(1_000_000))
        .with_float("f", 0.5)
        .with_bytes("b", &[0, 255])
        .with("u16", 9_u16)
        .with("s", "text")
        .with("v", &vec![1_u8]);
    hand.set(4);
    span.log();
    drop(span);
    let datagram = datagram(&mut out);
    let logs = only(&datagram).logs.iter();
    let logs: Vec<_> = logs
        .map(|log| (log.timestamp - BEGIN, tags(log.fields)))
        .collect();
    assert_eq!(
        logs,
        [
            (
                3,
                vec![
                    ("event".into(), text("now")),
                    ("n".into(), TagValue::Long(-5))
                ]
            ),
            (
                -7,
                vec![
                    ("yes".into(), TagValue::Bool(true)),
                    ("no".into(), TagValue::Bool(false))
                ]
            ),
            (
                1_000_000,
                vec![
                    ("f".into(), TagValue::Double(0.5)),
                    ("b".into(), TagValue::Binary(&[0, 255])),
                    ("u16".into(), TagValue::Long(9)),
                    ("s".into(), text("text")),
                    ("v".into(), TagValue::Binary(&[1])),
                ]
            ),
            (4, vec![]),
        ]
    );
}

#[test]
fn times_of_the_wall_clock_are_exact_to_the_microsecond_and_the_last_one_counts() {
    let times = |tell: fn(&mut Span)| {
        let datagram = told(tell);
        let span = only(&datagram);
        (span.start_time - BEGIN, span.duration)
    };
    assert_eq!(times(|_| ()), (1_000, 4_000));
    assert_eq!(
        times(|s| s.override_start_time(at(-500_000))),
        (-500_000, 505_000)
    );
    assert_eq!(times(|s| s.override_end_time(at(1_007))), (1_000, 7));
    let both = times(|span| {
        span.override_end_time(at(9));
        span.override_start_time(at(8));
        span.override_start_time(at(2_000_000));
        span.override_end_time(at(5_000_003));
    });
    assert_eq!(both, (2_000_000, 3_000_003));
}

#[test]
fn an_end_before_the_start_is_moved_behind_it_and_counted() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    let span = traces_in.new_trace("back in time");
    drop(span.with_end_time_override(at(-1)));
    let before_1970 = UNIX_EPOCH - Duration::from_secs(1);
    let span = traces_in.new_trace("early");
    drop(span.with_start_time_override(before_1970.into()));
    let datagram = datagram(&mut out);
    let times = batch(&datagram).spans.iter();
    let times: Vec<_> = times.map(|span| (span.start_time, span.duration)).collect();
    assert_eq!(times, [(BEGIN, 1), (0, BEGIN)]);
    assert_eq!(traces_in.stats().trimmed.times, 2);
}

fn micros(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).expect("after 1970");
    since_epoch.as_micros() as i64
}

#[test]
fn a_span_that_began_at_start_time_now_has_a_true_duration_and_the_date_of_the_wall_clock() {
    // Whether or not the tracer has a clock of its own: then as a date.
    for own_clock in [false, true] {
        let mut builder = builder("now");
        if own_clock {
            builder = builder.clock(Hand::default());
        }
        let (traces_in, mut out) = tracer(builder);
        let before = micros(SystemTime::now());
        let start = StartTime::now();
        let after = micros(SystemTime::now());
        thread::sleep(Duration::from_millis(20));
        let mut span = traces_in.new_trace("late");
        span.override_start_time(start);
        thread::sleep(Duration::from_millis(10));
        if own_clock {
            span.override_end_time(StartTime::now());
        }
        drop(span);
        let datagram = datagram(&mut out);
        let span = only(&datagram);
        // One of two microseconds may be cut off.
        assert!(span.duration >= 29_999, "{} µs", span.duration);
        // The wall clock may be set meanwhile, but not by much.
        let second = 1_000_000;
        let range = before - second..after + second;
        assert!(range.contains(&span.start_time), "{range:?}");
    }
}

#[test]
fn the_last_name_wins() {
    let name = |tell: fn(&mut Span)| only(&told(tell)).operation_name.to_string();
    assert_eq!(name(|_| ()), "span");
    let thrice = name(|span| {
        span.set_name("a longer name than it had before");
        span.add_int_tag("k", 1);
        span.set_name(String::from("other"));
        span.set_name('ß');
    });
    assert_eq!(thrice, "ß");
    assert_eq!(name(|span| span.set_name("")), "");
}

#[test]
fn empty_names_and_keys_come_out_empty() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    let mut span = traces_in.new_trace("");
    span.add_string_tag("", "");
    span.log().with_string("", "");
    let child = span.child("");
    drop((child, span));
    let datagram = datagram(&mut out);
    let spans: Vec<_> = batch(&datagram).spans.iter().collect();
    assert!(spans.iter().all(|span| span.operation_name == ""));
    assert_eq!(tags(spans[0].tags), [(String::new(), text(""))]);
    let log = spans[0].logs.iter().next().expect("a log");
    assert_eq!(tags(log.fields), [(String::new(), text(""))]);
    assert_eq!(traces_in.stats().trimmed, Trimmed::default());
}

#[test]
fn bytes_of_zero_in_text_stay_what_they_are() {
    let datagram = told(|span| {
        span.set_name("a\0b\0");
        span.add_string_tag("\0", "\0\0\0");
        span.add_string_tag("\0k", "v\0");
        span.log().with_string("\0", "\0");
    });
    let span = only(&datagram);
    assert_eq!(span.operation_name, "a\0b\0");
    let expected = [("\0".into(), text("\0\0\0")), ("\0k".into(), text("v\0"))];
    assert_eq!(tags(span.tags), expected);
    let log = span.logs.iter().next().expect("a log");
    assert_eq!(tags(log.fields), [("\0".into(), text("\0"))]);
}

#[test]
fn a_megabyte_in_a_tag_costs_that_tag_and_is_counted() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    let megabyte = "é".repeat(500_000);
    let mut span = traces_in.new_trace("span");
    span.add_int_tag("before", 1);
    span.add_string_tag("long", &megabyte);
    span.add_bytes_tag("long", megabyte.as_bytes());
    span.add_string_tag(&megabyte, "long key");
    span.add_display_tag("long", &megabyte);
    span.log()
        .with_string("long", &megabyte)
        .with_int("short", 1);
    span.add_int_tag("after", 2);
    drop(span);
    let datagram = datagram(&mut out);
    let span = only(&datagram);
    let expected = [
        ("before".into(), TagValue::Long(1)),
        ("after".into(), TagValue::Long(2)),
        ("otel.dropped_attributes_count".into(), TagValue::Long(5)),
    ];
    assert_eq!(tags(span.tags), expected);
    let log = span.logs.iter().next().expect("a log");
    assert_eq!(tags(log.fields), [("short".into(), TagValue::Long(1))]);
    let trimmed = traces_in.stats().trimmed;
    assert_eq!((trimmed.tags, trimmed.logs, trimmed.names), (5, 0, 0));
    assert_eq!(traces_in.stats().dropped.total(), 0);
}

#[test]
fn a_megabyte_of_name_is_cut_between_two_characters_and_counted() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    let name = "€".repeat(350_000);
    drop(traces_in.new_trace(&*name));
    let mut span = traces_in.new_trace("span");
    span.set_name(name.as_str());
    drop(span);
    let datagrams = datagrams(&mut out);
    let spans = datagrams.iter().flat_map(|datagram| batch(datagram).spans);
    let names: Vec<_> = spans.map(|span| span.operation_name).collect();
    assert_eq!(names.len(), 2);
    for cut in names {
        let cut = cut.as_str().expect("whole characters");
        assert!(name.starts_with(cut));
        assert!(cut.len() > 60_000, "{} bytes", cut.len());
    }
    assert_eq!(traces_in.stats().trimmed.names, 2);
}

const SAID: usize = 10_000;

#[test]
fn of_ten_thousand_tags_each_is_kept_or_counted() {
    for limit in [1_000, 65_000] {
        let (traces_in, mut out) = tracer(exact(&Hand::default()).datagram_limit(limit));
        let mut span = traces_in.new_trace("span");
        for index in 0..SAID {
            span.add_int_tag(&format!("key {index}"), index as i64);
        }
        drop(span);
        let datagram = datagram(&mut out);
        let span = only(&datagram);
        assert_eq!(span.operation_name, "span");
        let mut kept = tags(span.tags);
        let counted = number(&span, "otel.dropped_attributes_count");
        kept.pop();
        for (key, value) in &kept {
            let index: i64 = key["key ".len()..].parse().expect("a number");
            assert_eq!(*value, TagValue::Long(index));
        }
        assert!(kept.len() * 40 > limit, "{} kept", kept.len());
        assert!(kept.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(kept.len() + counted as usize, SAID);
        assert_eq!(traces_in.stats().trimmed.tags, counted as u64);
    }
}

#[test]
fn of_ten_thousand_logs_and_references_each_is_kept_or_counted() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    let mut logged = traces_in.new_trace("logged");
    let mut referring = traces_in.new_trace("referring");
    for index in 0..SAID {
        logged.log().with_int("index", index as i64);
        let span_id = NonZeroU64::MIN.saturating_add(index as u64);
        referring.add_follows_from_raw(NonZeroU128::MAX, span_id);
    }
    drop((logged, referring));
    let datagrams = datagrams(&mut out);
    let logged = only_named(&datagrams, "logged");
    let referring = only_named(&datagrams, "referring");
    let logs = number(&logged, "otel.dropped_events_count") as usize;
    let references = number(&referring, "otel.dropped_links_count") as usize;
    assert!(logged.logs.len() > 500 && referring.references.len() > 500);
    assert_eq!(logged.logs.len() + logs, SAID);
    assert_eq!(referring.references.len() + references, SAID);
    let trimmed = traces_in.stats().trimmed;
    assert_eq!(trimmed.logs, logs as u64);
    assert_eq!(trimmed.references, references as u64);
}

#[test]
fn a_span_that_outgrows_all_slots_keeps_what_it_had_and_counts_the_rest() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()).capacity(3));
    let mut span = traces_in.new_trace("span");
    for index in 0..SAID {
        span.add_string_tag("key", &format!("value {index}"));
    }
    span.set_debug();
    span.override_end_time(at(77));
    drop(span);
    let datagram = datagram(&mut out);
    let span = only(&datagram);
    let counted = number(&span, "otel.dropped_attributes_count");
    let kept = span.tags.len() - 1;
    assert!(kept > 10);
    assert_eq!(kept + counted as usize, SAID);
    // For these there is always room.
    assert_eq!((span.flags, span.duration), (3, 77));
}

/// The spans that tell of losses.
fn losses(datagrams: &[Vec<u8>]) -> Vec<decode::Span<'_>> {
    let spans = datagrams.iter().flat_map(|datagram| batch(datagram).spans);
    spans
        .filter(|span| span.operation_name == LOSS_SPAN)
        .collect()
}

/// Begins spans that are all open at once, and ends them. Returns how many found no room.
fn at_once(traces_in: &Arc<TracesIn>, count: usize) -> usize {
    let spans: Vec<_> = (0..count).map(|_| traces_in.new_trace("work")).collect();
    spans.iter().filter(|span| !span.is_recording()).count()
}

#[test]
fn a_loss_is_a_span_among_the_others_and_its_counts_add_up() {
    assert_eq!(LOSS_SPAN, "jaegerling: spans lost");
    let (traces_in, mut out) = tracer(builder("loss").capacity(16));
    assert_eq!(at_once(&traces_in, 1_000), 984);
    let datagrams = datagrams(&mut out);
    let losses = losses(&datagrams);
    assert_eq!(losses.len(), 1);
    assert_eq!(
        tags(losses[0].tags),
        [
            ("error".into(), TagValue::Bool(true)),
            ("lost.ring_full".into(), TagValue::Long(984)),
            ("lost.since_start".into(), TagValue::Long(984)),
        ]
    );
    // A trace of its own, like any other.
    assert_eq!((losses[0].parent_span_id, losses[0].flags), (0, 1));
    assert_ne!((losses[0].trace_id, losses[0].span_id), (0, 0));
    assert!(losses[0].duration >= 1);
    let spans = datagrams.iter().flat_map(|datagram| batch(datagram).spans);
    let others: Vec<_> = spans.filter(|s| s.operation_name == "work").collect();
    assert_eq!(others.len(), 16);
    assert!(others.iter().all(|s| s.trace_id != losses[0].trace_id));
    let told = batch(&datagrams[0]).stats.expect("counters");
    assert_eq!(told.full_queue_dropped_spans, 984);
    let stats = traces_in.stats();
    assert_eq!((stats.started, stats.handed_over), (1_000, 16));
    assert_eq!(stats.dropped.total(), 984);
}

#[test]
fn without_a_loss_there_is_no_such_span() {
    let (traces_in, mut out) = tracer(builder("no loss").capacity(16));
    for _ in 0..50 {
        assert_eq!(at_once(&traces_in, 16), 0);
        let datagrams = datagrams(&mut out);
        assert!(losses(&datagrams).is_empty());
        let spans: usize = datagrams.iter().map(|d| batch(d).spans.len()).sum();
        assert_eq!(spans, 16);
    }
    drop(traces_in);
    assert_eq!(out.try_next(), Err(Ended));
}

#[test]
fn losses_are_told_at_most_once_a_second_and_none_is_left_out() {
    let hand = Hand::default();
    let (traces_in, mut out) = tracer(exact(&hand).capacity(4));
    let (mut lost, mut told) = (0, Vec::new());
    // In steps of a tenth of a second.
    for step in 0..50 {
        hand.set(step * 100_000);
        lost += at_once(&traces_in, 4 + step as usize % 3);
        let datagrams = datagrams(&mut out);
        told.extend(losses(&datagrams).iter().map(|span| {
            let end = span.start_time + span.duration;
            let counts = ["lost.ring_full", "lost.since_start"].map(|key| number(span, key));
            (end - BEGIN, counts)
        }));
    }
    let since: Vec<_> = told.windows(2).map(|w| w[1].0 - w[0].0).collect();
    assert_eq!(told.len(), 5);
    assert!(since.iter().all(|micros| *micros >= 1_000_000), "{since:?}");
    // The last ones wait for their second, and are told at the end without it.
    drop(traces_in);
    let datagrams = datagrams(&mut out);
    assert_eq!(out.try_next(), Err(Ended));
    let last = losses(&datagrams);
    assert_eq!(last.len(), 1);
    told.push((
        0,
        ["lost.ring_full", "lost.since_start"].map(|key| number(&last[0], key)),
    ));
    let mut sum = 0;
    for (_, [ring_full, since_start]) in told {
        sum += ring_full;
        assert_eq!(sum, since_start);
    }
    assert_eq!(sum, lost as i64);
}

#[test]
fn a_datagram_that_failed_is_a_loss_that_is_told() {
    let (traces_in, mut out) = tracer(exact(&Hand::default()));
    assert_eq!(at_once(&traces_in, 7), 0);
    let packet = out.lend().expect("not ended").expect("spans wait");
    assert_eq!(packet.span_count(), 7);
    packet.failed();
    let datagram = datagram(&mut out);
    let loss = only(&datagram);
    assert_eq!(loss.operation_name, LOSS_SPAN);
    assert_eq!(number(&loss, "lost.failed"), 7);
    assert_eq!(number(&loss, "lost.since_start"), 7);
    assert_eq!(out.try_next(), Ok(None));
    let stats = traces_in.stats();
    assert_eq!((stats.dropped.failed, stats.handed_over), (7, 0));
}

#[test]
fn a_loss_whose_datagram_failed_is_told_again() {
    let hand = Hand::default();
    let (traces_in, mut out) = tracer(exact(&hand).capacity(4));
    assert_eq!(at_once(&traces_in, 7), 3);
    let packet = out.lend().expect("not ended").expect("spans wait");
    // The one that tells of the loss is not counted.
    assert_eq!(packet.span_count(), 4);
    packet.failed();
    hand.set(1_000_000);
    let datagrams = datagrams(&mut out);
    let loss = only_named(&datagrams, LOSS_SPAN);
    assert_eq!(number(&loss, "lost.since_start"), 7);
    assert_eq!(number(&loss, "lost.ring_full"), 3);
    assert_eq!(number(&loss, "lost.failed"), 4);
}

#[test]
fn a_loss_whose_datagram_failed_with_no_other_span_in_it_is_told_again() {
    let hand = Hand::default();
    let (traces_in, mut out) = tracer(exact(&hand).capacity(4));
    assert_eq!(at_once(&traces_in, 4), 0);
    datagrams(&mut out);
    let open: Vec<_> = (0..7).map(|_| traces_in.new_trace("open")).collect();
    let packet = out.lend().expect("not ended").expect("a loss");
    assert_eq!(packet.span_count(), 0);
    packet.failed();
    hand.set(1_000_000);
    let datagrams = datagrams(&mut out);
    assert_eq!(
        number(&only_named(&datagrams, LOSS_SPAN), "lost.ring_full"),
        3
    );
    drop(open);
}
