//! The JSON that Jaeger's UI opens.
#![cfg(feature = "collect")]
#![allow(missing_docs)]

mod traces;

use jaegerling::json;
use jaegerling_core::ReferenceKind::{ChildOf, FollowsFrom};
use jaegerling_core::collect::{TagValue, Trace};
use serde_json::{Value, json};

use traces::*;

fn written(traces: &[Trace]) -> Value {
    let mut text = Vec::new();
    json::write(traces, &mut text).expect("a vector takes it");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn a_trace_has_the_shape_of_jaegers_api() {
    let mut child = with(span("shop", "op", 0xb, 0xa, 5, 7), [text("k", "v")]);
    child.logs = [log(6, [text("event", "e")])].into();
    child.flags = 0;
    let trace = trace([span("web", "root", 0xa, 0, 0, 20), child]);
    let id = "5b8efff798038103d269b633813fc60c";
    let tags = json!([{"key": "hostname", "type": "string", "value": "box"}]);
    let expected = json!({
        "data": [{
            "traceID": id,
            "spans": [
                {
                    "traceID": id, "spanID": "000000000000000a", "flags": 1, "operationName": "root",
                    "references": [], "startTime": T0, "duration": 20, "tags": [], "logs": [],
                    "processID": "p1", "warnings": null,
                },
                {
                    "traceID": id, "spanID": "000000000000000b", "operationName": "op",
                    "references": [{"refType": "CHILD_OF", "traceID": id, "spanID": "000000000000000a"}],
                    "startTime": T0 + 5, "duration": 7,
                    "tags": [{"key": "k", "type": "string", "value": "v"}],
                    "logs": [{"timestamp": T0 + 6, "fields": [{"key": "event", "type": "string", "value": "e"}]}],
                    "processID": "p2", "warnings": null,
                },
            ],
            "processes": {
                "p1": {"serviceName": "web", "tags": tags},
                "p2": {"serviceName": "shop", "tags": tags},
            },
            "warnings": null,
        }],
        "total": 1, "limit": 0, "offset": 0, "errors": null,
    });
    assert_eq!(written(&[trace]), expected);
}

#[test]
fn values_keep_their_type_and_every_digit() {
    let check = |value, kind: &str, expected: Value| {
        let trace = trace([with(span("s", "op", 1, 0, 0, 1), [tag("k", value)])]);
        let tag = &written(&[trace])["data"][0]["spans"][0]["tags"][0];
        assert_eq!((&tag["type"], &tag["value"]), (&json!(kind), &expected));
    };
    const EXACT: i64 = 1 << 53;
    check(TagValue::Bool(true), "bool", json!(true));
    check(TagValue::Long(-3), "int64", json!(-3));
    check(TagValue::Long(EXACT), "int64", json!(EXACT));
    check(TagValue::Long(-EXACT), "int64", json!(-EXACT));
    check(
        TagValue::Long(EXACT + 1),
        "int64",
        json!("9007199254740993"),
    );
    check(
        TagValue::Long(i64::MIN),
        "int64",
        json!("-9223372036854775808"),
    );
    check(TagValue::Double(0.1), "float64", json!(0.1));
    check(TagValue::Double(3.0), "float64", json!(3.0));
    check(TagValue::Double(f64::NAN), "string", json!("NaN"));
    check(TagValue::Double(f64::NEG_INFINITY), "string", json!("-inf"));
    check(TagValue::Binary([0xff, 0].into()), "binary", json!("/wA="));
    check(
        TagValue::String("\u{1b}\"\0".into()),
        "string",
        json!("\u{1b}\"\0"),
    );
}

#[test]
fn ids_are_printed_as_jaeger_prints_them() {
    let id = |trace_id| {
        let trace = Trace {
            trace_id,
            ..trace([span("s", "op", u64::MAX, 0, 0, 1)])
        };
        written(&[trace])["data"][0]["traceID"].clone()
    };
    assert_eq!(id(0xab), json!("00000000000000ab"));
    assert_eq!(id(1 << 64), json!("00000000000000010000000000000000"));
}

#[test]
fn the_parent_is_the_first_reference() {
    let mut child = span("s", "op", 1, 2, 0, 1);
    child.references = [reference(FollowsFrom, 3), reference(ChildOf, 2)].into();
    let mut heir = span("s", "op", 4, 0, 0, 1);
    heir.references = [reference(FollowsFrom, 3)].into();
    let written = written(&[trace([child, heir])]);
    let kinds = |span: usize| -> Vec<(&str, &str)> {
        let references = written["data"][0]["spans"][span]["references"].as_array();
        let text = |value: &'_ Value| {
            value
                .as_str()
                .map(|text| text.trim_start_matches('0').len())
        };
        references
            .expect("a list")
            .iter()
            .map(|r| {
                assert_eq!(text(&r["spanID"]), Some(1));
                (
                    r["refType"].as_str().expect("text"),
                    r["spanID"].as_str().expect("text"),
                )
            })
            .collect()
    };
    let (two, three) = ("0000000000000002", "0000000000000003");
    assert_eq!(kinds(0), [("CHILD_OF", two), ("FOLLOWS_FROM", three)]);
    assert_eq!(kinds(1), [("FOLLOWS_FROM", three)]);
}

#[test]
fn times_that_jaeger_cannot_have_are_zero() {
    let mut odd = span("s", "op", 1, 0, 0, -5);
    odd.start_time = -1;
    let span = &written(&[trace([odd])])["data"][0]["spans"][0];
    assert_eq!(
        (&span["startTime"], &span["duration"]),
        (&json!(0), &json!(0))
    );
}

#[test]
fn no_trace_is_a_list_without_traces() {
    assert_eq!(written(&[])["data"], json!([]));
}

#[test]
fn traces_stand_in_the_order_of_their_start() {
    let early = trace([span("s", "early", 1, 0, -10, 1)]);
    let late = trace([span("s", "late", 1, 0, 10, 1)]);
    let written = written(&[late, early]);
    assert_eq!(
        written["data"][0]["spans"][0]["operationName"],
        json!("early")
    );
}
