//! Spans through tracer, ring and packer, and what Apache Thrift and the decoder read of them,
//! against the naive model.
#![allow(missing_docs, clippy::unwrap_used)]

mod model;
mod oracle;

use model::{Act, Case, Parent, Step, Text, Val};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;

fn config() -> ProptestConfig {
    ProptestConfig {
        // Cases that failed once are kept beside this file, and tried first.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_read_is_what_was_said(case in cases(6..=9_u8, 12)) {
        model::run::run(&case);
    }

    #[test]
    fn in_tight_rings_too_nothing_is_lost_uncounted(case in cases(0..=5_u8, 60)) {
        model::run::run(&case);
    }
}

fn cases(rings: impl Strategy<Value = u8>, acts: usize) -> impl Strategy<Value = Case> {
    // From the smallest limit to the largest; each of them may fall at any place.
    let limits = prop_oneof![0..20_u16, 0..300_u16, 0..3_000_u16, any::<u16>()];
    let service = prop_oneof!["[a-z]{1,9}", ".{0,40}", Just("s".repeat(200))];
    let process_tags = vec((texts(), values()), 0..4);
    (
        (rings, 0..8_u8).prop_map(|(size, how)| size + 10 * how),
        limits,
        service,
        process_tags,
        any::<bool>(),
        vec(act(), 1..acts),
    )
        .prop_map(
            |(ring, limit, service, process_tags, account_often, acts)| Case {
                ring,
                limit,
                service,
                process_tags,
                account_often,
                acts,
            },
        )
}

fn act() -> impl Strategy<Value = Act> {
    let start = (prop::option::of(parent()), texts(), steps()).prop_map(|(parent, name, steps)| {
        Act::Start {
            parent,
            name,
            steps,
        }
    });
    prop_oneof![
        10 => start,
        5 => (any::<u8>(), step()).prop_map(|(which, step)| Act::Say(which, step)),
        8 => any::<u8>().prop_map(Act::End),
        1 => Just(Act::EndAll),
        1 => any::<u8>().prop_map(Act::Forget),
        3 => prop_oneof![0..5_000_000_000_u64, any::<u64>()].prop_map(Act::Tick),
        5 => Just(Act::Pack),
        4 => Just(Act::Sent),
        1 => Just(Act::Failed),
        1 => prop_oneof![0..400_u16, 0..65_001_u16].prop_map(Act::TooLarge),
        2 => Just(Act::Look),
    ]
}

fn parent() -> impl Strategy<Value = Parent> {
    let flags = select(vec![0_u8, 1, 1, 1, 2, 3, 255]);
    (ids(), ids(), flags).prop_map(|(trace_id, span_id, flags)| Parent {
        trace_id,
        span_id: span_id as u64,
        flags,
    })
}

fn ids() -> impl Strategy<Value = u128> {
    prop_oneof![
        any::<u128>(),
        any::<u64>().prop_map(u128::from),
        select(vec![0, 1, u128::MAX, 1 << 127, u64::MAX.into(), 1 << 64]),
    ]
}

/// Few things, or as many as make the header of a list grow, or a mixture.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tag = || (texts(), values()).prop_map(|(key, value)| Step::Tag(key, value));
    let bare_log = || prop::option::of(times()).prop_map(|time| Step::Log(time, vec![]));
    let log =
        || (prop::option::of(times()), fields()).prop_map(|(time, fields)| Step::Log(time, fields));
    let then = |(mut first, second): (Vec<Step>, Vec<Step>)| {
        first.extend(second);
        first
    };
    prop_oneof![
        6 => vec(step(), 0..6),
        // In the order of the wire.
        2 => (vec(tag(), 0..4), vec(log(), 0..3)).prop_map(then),
        1 => (vec(tag(), 0..2), vec(bare_log(), 13..=16)).prop_map(then),
        2 => vec(tag(), 14..=16),
        1 => vec(step(), 0..60),
        1 => vec(tag(), 120..135),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (texts(), values()).prop_map(|(key, value)| Step::Tag(key, value)),
        4 => (prop::option::of(times()), fields()).prop_map(|(time, fields)| Step::Log(time, fields)),
        2 => (any::<bool>(), ids(), ids()).prop_map(|(follows_from, trace_id, span_id)| {
            Step::Reference { follows_from, trace_id, span_id: span_id as u64 }
        }),
        1 => texts().prop_map(Step::Name),
        1 => times().prop_map(Step::Start),
        1 => times().prop_map(Step::End),
        1 => Just(Step::Debug),
    ]
}

fn fields() -> impl Strategy<Value = Vec<(Text, Val)>> {
    prop_oneof![
        5 => vec((texts(), values()), 0..4),
        1 => vec((texts(), values()), 14..=16),
    ]
}

fn times() -> impl Strategy<Value = i64> {
    prop_oneof![
        1_700_000_000_000_000_000..1_700_000_000_000_100_000_i64,
        any::<i64>(),
        select(vec![0, -1, 999, 1_000, i64::MIN, i64::MAX, i64::MAX - 1]),
    ]
}

fn texts() -> impl Strategy<Value = Text> {
    prop_oneof![
        20 => "[a-z.]{1,12}".prop_map(Text::Short),
        4 => ".{0,9}".prop_map(Text::Short),
        2 => Just(Text::Short(String::new())),
        1 => Just(Text::Short("a\0b\0".into())),
        1 => Just(Text::Short("naïve Zeit — 時間 🦀".into())),
        2 => (any::<char>(), 0..300_u16).prop_map(|(c, bytes)| Text::Long(c, bytes)),
        1 => (any::<char>(), 2_040..2_056_u16).prop_map(|(c, bytes)| Text::Long(c, bytes)),
        1 => (any::<char>(), any::<u16>()).prop_map(|(c, bytes)| Text::Long(c, bytes)),
        1 => any::<char>().prop_map(Text::Huge),
    ]
}

fn values() -> impl Strategy<Value = Val> {
    let doubles = prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0]),
    ];
    let longs = prop_oneof![
        any::<i64>(),
        -200..200_i64,
        select(vec![i64::MIN, i64::MAX])
    ];
    prop_oneof![
        texts().prop_map(Val::Str),
        vec(any::<u8>(), 0..20).prop_map(Val::Bytes),
        any::<bool>().prop_map(Val::Bool),
        longs.prop_map(Val::I64),
        doubles.prop_map(Val::F64),
    ]
}

/// With nothing else that is special.
fn ordinary(acts: Vec<Act>) -> Case {
    Case {
        ring: 0,
        limit: 60_000,
        service: "s".into(),
        process_tags: vec![],
        account_often: false,
        acts,
    }
}

/// Case by case where the header of the list of spans becomes longer: at 15 and at 128.
#[test]
fn datagrams_are_full_to_the_byte_whatever_their_number_of_spans() {
    // Each has 50 bytes or so.
    for limits in [600..800_u16, 6_250..6_450] {
        let start = || Act::Start {
            parent: None,
            name: Text::Short("abcdefgh".into()),
            steps: vec![],
        };
        let mut acts: Vec<_> = (0..135).map(|_| start()).collect();
        acts.extend([Act::EndAll, Act::Pack, Act::Sent]);
        let mut case = ordinary(acts);
        for limit in limits {
            case.limit = limit;
            model::run::run_in::<24>(&case, 140);
        }
    }
}

/// Between a take and its result: what is claimed meanwhile stays in order.
#[test]
fn spans_stay_in_order_when_slots_are_freed_behind_them() {
    let start = || Act::Start {
        parent: None,
        name: Text::Short("n".into()),
        steps: vec![],
    };
    let mut acts = vec![];
    for ended in 0..4_u8 {
        acts.extend((0..4).map(|_| start()));
        acts.extend([Act::End(ended), Act::Pack]);
        acts.extend((0..2).map(|_| start()));
        acts.extend([
            Act::Sent,
            start(),
            Act::Look,
            Act::EndAll,
            Act::Pack,
            Act::Sent,
        ]);
    }
    let case = ordinary(acts);
    model::run::run_in::<24>(&case, 6);
    model::run::run_in::<24>(&case, 5);
}

/// Its last slot takes what a further one would not be claimed for.
#[test]
fn a_record_as_long_as_its_slots_ends_like_any_other() {
    let tag = || Step::Tag(Text::Short("k".into()), Val::I64(7));
    for name in [Text::Huge('ä'), Text::Long('n', 60_000)] {
        let start = Act::Start {
            parent: None,
            name,
            steps: (0..4_000).map(|_| tag()).collect(),
        };
        let case = ordinary(vec![start, Act::Look, Act::EndAll, Act::Pack]);
        model::run::run_in::<200>(&case, 100);
        model::run::run_in::<512>(&case, 40);
        model::run::run_in::<5_000>(&case, 4);
        model::run::run_in::<8_192>(&case, 3);
    }
}

/// Where one way of packing ends and another begins: in the number of tags, logs and fields, in the lengths of strings,
/// in what numbers and times may be, and in what order all that comes.
#[test]
fn spans_at_the_edges_of_the_short_ways_are_read_as_they_were_said() {
    let key = |bytes| Text::Long('k', bytes);
    let text = |bytes| Val::Str(Text::Long('v', bytes));
    // These take most on the wire.
    let long = || (key(4), Val::I64(i64::MIN));
    let tag = |(key, value)| Step::Tag(key, value);
    let tags = |count| vec![tag(long()); count];
    let log = |fields| Step::Log(Some(1_700_000_000_000_000_000), vec![long(); fields]);
    let mut kinds: Vec<Vec<Step>> = vec![];
    for count in [0, 1, 13, 14, 15, 16] {
        kinds.push([tags(count), vec![log(14), log(count), log(0), log(14)]].concat());
        kinds.push([tags(14), vec![log(0); count]].concat());
        kinds.push([vec![log(0); count], tags(2)].concat());
    }
    for bytes in [0, 1, 126, 127, 128, 129, 255, 1_900] {
        kinds.push(vec![tag((key(bytes), text(3))), tag((key(3), text(bytes)))]);
        kinds.push(vec![Step::Log(None, vec![(key(bytes), text(bytes))])]);
    }
    for bytes in [2_046, 2_047, 2_048, 16_383, 16_384] {
        kinds.push(vec![tag((key(bytes), text(3)))]);
        kinds.push(vec![tag((key(3), text(bytes)))]);
    }
    for number in [
        0.0,
        -0.0,
        1.5,
        f64::MAX,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ] {
        kinds.push(vec![tag((key(2), Val::F64(number))), tag(long())]);
        kinds.push(vec![Step::Log(
            None,
            vec![(key(2), Val::F64(number)), long()],
        )]);
    }
    for time in [i64::MIN, -1, 0, 1, i64::MAX] {
        kinds.push(vec![Step::Log(Some(time), vec![long()]), log(1)]);
    }
    for value in [Val::Bool(true), Val::Bool(false), Val::Bytes(vec![7; 200])] {
        kinds.push(vec![
            tag((key(1), value.clone())),
            Step::Log(None, vec![(key(1), value)]),
        ]);
    }
    for steps in kinds {
        let start = || Act::Start {
            parent: None,
            name: Text::Short("n".into()),
            steps: steps.clone(),
        };
        let mut case = ordinary(vec![
            start(),
            start(),
            Act::EndAll,
            Act::Pack,
            Act::Sent,
            Act::Pack,
        ]);
        for limit in [211, 397, 778, 60_000] {
            case.limit = limit;
            model::run::run_in::<24>(&case, 1_700);
            model::run::run_in::<54>(&case, 800);
            model::run::run_in::<5_000>(&case, 3);
        }
    }
}
