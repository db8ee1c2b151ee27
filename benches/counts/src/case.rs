//! The cases: what is done, and which part of it is counted.

use std::hint::black_box;

use jaegerling_core::SpanContext;
use jaegerling_core::decode::{List, Tag, decode};

use crate::callgrind::measured;
use crate::fixture::{Traces, contexts};

/// How many spans each case records, refuses, takes, packs or reads.
pub const SPANS: usize = 1_000;

pub struct Case {
    pub name: &'static str,
    run: fn(),
}

pub const CASES: &[Case] = &[
    Case {
        name: "record two tags, literals",
        run: || {
            recorded(|traces, context| measured(|| traces.literals(context)));
        },
    },
    Case {
        name: "record two tags, known at run time",
        run: || {
            let name = black_box("checkout");
            let tags = black_box([("http.method", "GET"), ("peer.service", "inventory")]);
            recorded(|traces, context| measured(|| traces.strings(context, name, tags)));
        },
    },
    Case {
        name: "record ten tags and a log",
        run: || {
            recorded(|traces, context| measured(|| traces.ten_tags_and_log(context)));
        },
    },
    Case {
        name: "record a thousand tags, each",
        run: || {
            let traces = Traces::with_slots(100);
            let context = contexts().next().expect("some");
            measured(|| traces.many_tags(&context));
            assert_eq!(traces.refused(), 0);
        },
    },
    Case {
        name: "refuse, the ring is full",
        run: refuse,
    },
    Case {
        name: "take: find, and free",
        run: take,
    },
    Case {
        name: "pack two tags",
        run: || pack(recorded(Traces::literals)),
    },
    Case {
        name: "pack ten tags and a log",
        run: || pack(recorded(Traces::ten_tags_and_log)),
    },
    Case {
        name: "decode two tags",
        run: || read(recorded(Traces::literals)),
    },
    Case {
        name: "decode ten tags and a log",
        run: || read(recorded(Traces::ten_tags_and_log)),
    },
];

/// The child's part.
pub fn run(name: &str) -> Result<(), String> {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.ok_or_else(|| format!("{name} is no case"))?;
    (case.run)();
    Ok(())
}

/// A ring with [`SPANS`] spans.
fn recorded(record: impl Fn(&Traces, &SpanContext)) -> Traces {
    // The longest takes three slots.
    let traces = Traces::with_slots(3 * SPANS);
    for context in contexts().take(SPANS) {
        record(&traces, &context);
    }
    assert_eq!(traces.refused(), 0, "each span has its slot");
    traces
}

fn refuse() {
    let traces = Traces::with_slots(1);
    // One that finds a slot, and one that finds that there is no other.
    for context in contexts().take(2) {
        traces.literals(&context);
    }
    for context in contexts().take(SPANS) {
        measured(|| traces.literals(&context));
    }
    assert_eq!(traces.refused(), SPANS as u64 + 1, "refused, and counted");
}

fn take() {
    let mut traces = recorded(Traces::literals);
    measured(|| traces.sweep());
    let mut spans = 0;
    while let Some(packed) = traces.pack() {
        spans += packed.spans;
        measured(|| traces.settle());
    }
    assert_eq!(spans, SPANS, "each span is found");
}

fn pack(mut traces: Traces) {
    traces.sweep();
    let mut spans = 0;
    while let Some(packed) = measured(|| traces.pack()) {
        spans += packed.spans;
        traces.settle();
    }
    assert_eq!(spans, SPANS, "each span is packed");
}

/// Reads all that is in the datagrams: that they can be read, and then each span, tag and log.
fn read(mut traces: Traces) {
    traces.sweep();
    let mut spans = 0;
    while let Some(packed) = traces.pack() {
        spans += measured(|| read_all(packed.bytes));
        traces.settle();
    }
    assert_eq!(spans, SPANS, "each span is read");
}

fn read_all(datagram: &[u8]) -> usize {
    let batch = decode(datagram).expect("a batch");
    for span in batch.spans.iter() {
        black_box(&span);
        tags(span.tags);
        for log in span.logs.iter() {
            tags(log.fields);
        }
    }
    batch.spans.len()
}

fn tags(tags: List<'_, Tag<'_>>) {
    for tag in tags.iter() {
        black_box(&tag);
    }
}
