//! Pictures of traces, and what must never be in them.
#![cfg(feature = "collect")]
#![allow(missing_docs)]

mod traces;

use std::time::{Duration, Instant};

use jaegerling::waterfall::Waterfall;
use jaegerling_core::ReferenceKind::{ChildOf, FollowsFrom};
use jaegerling_core::collect::{Span, TagValue, Trace};
use unicode_width::UnicodeWidthStr;

use traces::*;

/// The picture without its two lines of heading, the blank line and the axis.
fn rows(trace: &Trace) -> Vec<String> {
    let picture = draw(trace, 80);
    picture.lines().skip(4).map(Into::into).collect()
}

/// Draws, and checks what holds for every picture.
#[track_caller]
fn draw(trace: &Trace, width: usize) -> String {
    let picture = Waterfall::new(trace).width(width).to_string();
    for line in picture.lines() {
        assert!(line.width() <= width, "{} > {width}: {line}", line.width());
        assert_eq!(line.trim_end(), line, "blanks at the end");
        check_harmless(line);
    }
    let colored = Waterfall::new(trace).width(width).color(true).to_string();
    assert_eq!(strip_styles(&colored), picture);
    picture
}

#[track_caller]
fn check_harmless(line: &str) {
    let is_harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!line.contains(is_harmful), "{line:?}");
}

/// Takes out `ESC [ digits and semicolons m`, and nothing else.
fn strip_styles(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = String::from(parts.next().expect("a first part"));
    for part in parts {
        let (style, rest) = part.split_once('m').expect("a style");
        assert!(
            style.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{style:?}"
        );
        plain += rest;
    }
    plain
}

#[test]
fn a_trace_at_80_columns() {
    let expected = "\
trace 5b8efff798038103d269b633813fc60c · 2026-11-24 08:30:00.000000 UTC
214 ms · 9 spans · 4 services · 2 errors

                                     0                107 ms      214 ms
shop     POST /checkout              ████████████████████████▏            148 ms
         │  span.kind=server  http.status_code=200  user=ada
shop     ├─ GET /cart                ▐██▎                                18.2 ms
         │ │  span.kind=client
cart     │ └─ GET /cart              ▐█▉                                   14 ms
shop     ├─ ✗ POST /charge                    ▐█████▏                      33 ms
         │ │  span.kind=client  error=true  http.status_code=504
payment  │ └─ ✗ charge card                    ████▉                     29.5 ms
         │      error=true  card=visa  amount=49.9
         │      • +3 ms  dial  peer=bank.example:443
         │      • +29 ms  error  message=timed out after 25 ms
shop     ├─ POST /charge                             ██████▋               41 ms
         │ │  span.kind=client  retry=1  http.status_code=200
payment  │ └─ charge card                            ██████▌             38.7 ms
payment  │   └─ INSERT INTO charges                       ▎               730 µs
mail     └╌ send receipt                                     ▐██████████   64 ms
";
    assert_eq!(draw(&checkout(), 80), expected);
}

#[test]
fn no_picture_is_wider_than_its_width() {
    for width in 40..=200 {
        draw(&checkout(), width);
    }
    // Out of range: the nearest that is in range.
    assert_eq!(
        Waterfall::new(&checkout()).width(0).to_string(),
        draw(&checkout(), 40)
    );
    let wide = Waterfall::new(&checkout()).width(usize::MAX).to_string();
    assert_eq!(wide, draw(&checkout(), 500));
}

#[test]
fn errors_are_red_and_marked() {
    let failed = span("s", "failed", 1, 0, 0, 10);
    let status = text("otel.status_code", "ERROR");
    for tags in [error(), status] {
        let trace = trace([with(failed.clone(), [tags])]);
        let colored = Waterfall::new(&trace).color(true).to_string();
        assert!(colored.contains("\x1b[31m✗"), "{colored:?}");
        assert!(rows(&trace)[0].contains("✗ failed"));
    }
    let fine = trace([with(failed, [text("error", "true")])]);
    assert!(
        !Waterfall::new(&fine)
            .color(true)
            .to_string()
            .contains("\x1b[31m")
    );
}

#[test]
fn late_spans_are_marked() {
    let trace = trace([
        span("s", "first", 1, 0, 0, 10),
        span("s", "late", 2, 1, 5, 1),
    ]);
    let picture = Waterfall::new(&trace).late(1).to_string();
    assert!(picture.contains("1 late span · drawn again\n"), "{picture}");
    assert!(picture.contains("└─ + late"), "{picture}");
    assert!(!picture.contains("+ first"), "{picture}");
}

#[test]
fn a_parent_that_did_not_come_holds_its_children_together() {
    let trace = trace([
        span("s", "b", 2, 0xabc, 20, 10),
        span("s", "root", 9, 0, 0, 40),
        span("s", "a", 1, 0xabc, 10, 10),
    ]);
    let rows = rows(&trace);
    assert!(rows[0].contains("root"), "{rows:#?}");
    assert!(
        rows[1].ends_with("? 0000000000000abc did not come"),
        "{rows:#?}"
    );
    assert!(
        rows[2].contains("├─ a") && rows[3].contains("└─ b"),
        "{rows:#?}"
    );
    assert!(draw(&trace, 80).contains("· 1 missing parent\n"));
}

#[test]
fn parents_in_a_circle_are_cut_once() {
    // 1 → 2 → 3 → 1, 4 below 2; and 5 its own parent.
    let trace = trace([
        span("s", "one", 1, 3, 30, 1),
        span("s", "two", 2, 1, 10, 1),
        span("s", "three", 3, 2, 20, 1),
        span("s", "four", 4, 2, 15, 1),
        span("s", "five", 5, 5, 0, 1),
    ]);
    let rows = rows(&trace);
    for (row, name) in rows
        .iter()
        .zip(["↻ five", "↻ two", "├─ four", "└─ three", "  └─ one"])
    {
        assert!(row.contains(name), "{rows:#?}");
    }
    assert_eq!(rows.len(), 5);
}

#[test]
fn references_are_parents_where_no_parent_is_named() {
    let mut part = span("s", "part", 2, 0, 1, 1);
    part.references = [reference(FollowsFrom, 3), reference(ChildOf, 1)].into();
    let mut next = span("s", "next", 3, 0, 2, 1);
    next.references = [reference(FollowsFrom, 1)].into();
    let mut elsewhere = span("s", "elsewhere", 4, 0, 3, 1);
    elsewhere.references = [reference(ChildOf, 1)].into();
    elsewhere.references[0].trace_id = 1;
    let rows = rows(&trace([
        span("s", "root", 1, 0, 0, 9),
        part,
        next,
        elsewhere,
    ]));
    assert!(
        rows[1].contains("├─ part") && rows[2].contains("└╌ next"),
        "{rows:#?}"
    );
    assert!(rows[3].contains("s  elsewhere"), "{rows:#?}");
}

#[test]
fn hostile_names_do_nothing_to_the_terminal() {
    let evil = "\x1b]0;owned\x07\x1b[2J\r\n\u{9b}31m\u{202e}\u{2066}\0\x7f\u{2028}\u{301}\u{e0041}";
    let mut hostile = with(
        span(evil, evil, 1, 0, 0, 10),
        [text(evil, evil), text("error", evil)],
    );
    hostile.logs = [
        log(0, [text("event", evil), text(evil, evil)]),
        log(1, [text(evil, "")]),
    ]
    .into();
    for width in [40, 80, 500] {
        let picture = draw(&trace([hostile.clone()]), width);
        assert!(picture.contains("\\u{1b}"), "{picture}");
    }
}

#[test]
fn wide_and_combining_characters_keep_their_columns() {
    let trace = trace([
        span(
            "店",
            "日本語の操作名がとても長いので切られます日本語の操作名",
            1,
            0,
            0,
            10,
        ),
        with(
            span("cafe\u{301}", "e\u{301}te\u{301}", 2, 1, 5, 5),
            [text("鍵", &"値".repeat(99))],
        ),
        span("", "", 3, 1, 5, 5),
    ]);
    let rows = rows(&trace);
    assert!(rows[0].starts_with("店    日本"), "{rows:#?}");
    let begin = |row: &str| row[..row.find(['█', '▐']).expect("a bar")].width();
    assert_eq!(begin(&rows[0]) + 18, begin(&rows[1]), "{rows:#?}");
    assert_eq!(begin(&rows[1]), begin(&rows[3]), "{rows:#?}");
}

#[test]
fn ten_thousand_spans_are_drawn_in_no_time() {
    let shapes: [fn(u64) -> u64; 4] = [
        |_| 0,
        |id| id / 2,
        // A chain, a chain to a circle.
        |id| id - 1,
        |id| if id == 1 { 5_000 } else { id - 1 },
    ];
    for parent in shapes {
        let spans = (1..=10_000).map(|id| {
            with(
                span("s", "op", id, parent(id), id as i64, 100),
                [long("n", 1)],
            )
        });
        let trace = trace(spans);
        let began = Instant::now();
        let picture = draw(&trace, 80);
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(
            picture.lines().filter(|line| line.contains("op ")).count(),
            10_000
        );
    }
}

#[test]
fn what_lies_too_deep_keeps_its_name() {
    let spans = (1..=50).map(|id| span("service", &format!("level {id}"), id, id - 1, 0, 100));
    let picture = draw(&trace(spans), 80);
    assert!(picture.contains("└─ level 50 "), "{picture}");
    assert!(picture.contains("⋯"), "{picture}");
}

#[test]
fn times_of_every_size_are_drawn() {
    let with_times = |start_time, duration| Span {
        start_time,
        duration,
        ..span("s", "op", 1, 0, 0, 0)
    };
    for (start, duration) in [
        (0, 0),
        (0, i64::MAX),
        (i64::MAX, i64::MAX),
        (i64::MIN, i64::MAX),
        (i64::MIN, i64::MIN),
        (T0, -5),
    ] {
        let mut odd = with_times(start, duration);
        odd.logs = [log(i64::MAX - T0, []), log(-T0, [])].into();
        draw(&trace([odd.clone()]), 80);
        odd.span_id = 2;
        let picture = draw(&trace([with_times(T0, 100), odd.clone()]), 80);
        assert_eq!(picture.matches(" op ").count(), 2, "{picture}");
        draw(
            &trace([with_times(i64::MIN, 1), odd, with_times(i64::MAX, 1)]),
            40,
        );
    }
}

#[test]
fn many_tags_and_logs_are_counted_and_the_first_are_shown() {
    let tags = (0..10_000).map(|n| long("key", n));
    let mut busy = with(span("s", "op", 1, 0, 0, 10), tags);
    busy.logs = (0..1000).map(|n| log(n, [text("event", "tick")])).collect();
    busy.operation_name = "x".repeat(1_000_000).into();
    let rows = rows(&trace([busy]));
    assert!(rows.len() < 40, "{}", rows.len());
    assert!(rows[1].contains("key=0  key=1"), "{rows:#?}");
    let shown = rows
        .iter()
        .map(|row| row.matches("key=").count())
        .sum::<usize>();
    assert!(
        rows[9].ends_with(&format!("… {} more", 10_000 - shown)),
        "{rows:#?}"
    );
    assert!(
        rows.last().expect("a row").ends_with("… 980 more logs"),
        "{rows:#?}"
    );
}

#[test]
fn values_of_every_type_are_shown() {
    let tags = [
        text("text", "a b"),
        long("whole", i64::MIN),
        tag("real", TagValue::Double(-0.25)),
        tag("nan", TagValue::Double(f64::NAN)),
        tag("yes", TagValue::Bool(true)),
        tag("bytes", TagValue::Binary([0xde, 0xad].into())),
    ];
    let picture = draw(&trace([with(span("s", "op", 1, 0, 0, 10), tags)]), 200);
    let all = "text=a b  whole=-9223372036854775808  real=-0.25  nan=NaN  yes=true  bytes=0xdead";
    assert!(picture.contains(all), "{picture}");
}

#[test]
fn an_empty_trace_has_a_heading_only() {
    let picture = draw(&trace([]), 80);
    assert!(
        picture.contains("0 µs · 0 spans · 0 services\n"),
        "{picture}"
    );
}
