// What the datagrams of one run say, in a form in which two runs compare: spans by name (each name is used once),
// random ids replaced by whose they are, times checked and left out, the differences that are meant left out.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jaegerling_core::decode::{Batch, Log, Span, Tag, TagValue, decode};

/// The version of the workspace, which ours has.
const OUR_VERSION: &str = "0.1.0";

/// Whose datagrams they are: what differs on purpose.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Client {
    Theirs,
    Ours,
}

/// A span as both clients must send it.
#[derive(Debug, PartialEq)]
pub(super) struct Picture {
    service: String,
    process_tags: Vec<Field>,
    trace: u128,
    id: Id,
    parent: Id,
    references: Vec<(&'static str, u128, Id)>,
    tags: Vec<Field>,
    logs: Vec<Vec<Field>>,
}

/// A tag or a log's field: key and value.
type Field = (String, Content);

#[derive(Debug, PartialEq)]
enum Content {
    Text(String),
    Number(i64),
}

#[derive(Debug, PartialEq, Clone)]
enum Id {
    None,
    /// The program chose it.
    Given(u64),
    /// The client chose it, for the span of this name.
    Random(String),
}

/// Runs the program and reads what it sent.
pub(super) fn of(program: fn() -> Vec<Vec<u8>>, client: Client) -> BTreeMap<String, Picture> {
    let before = now();
    let datagrams = program();
    let after = now();
    let batches: Vec<Batch<'_>> = datagrams
        .iter()
        .map(|datagram| decode(datagram).unwrap_or_else(|error| panic!("{error}")))
        .collect();

    let mut names = BTreeMap::new();
    for span in batches.iter().flat_map(|batch| batch.spans) {
        times(&span, before, after, client);
        let name = span.operation_name.as_str().unwrap().to_owned();
        assert_eq!(
            names.insert(span.span_id, name.clone()),
            None,
            "{name:?}: its id is its own"
        );
    }
    exact_times(&batches);

    let mut pictures = BTreeMap::new();
    for batch in &batches {
        for span in batch.spans {
            let name = span.operation_name.as_str().unwrap().to_owned();
            let picture = picture(batch, &span, &names, client);
            assert!(
                pictures.insert(name.clone(), picture).is_none(),
                "{name:?} came twice"
            );
        }
    }
    pictures
}

fn picture(
    batch: &Batch<'_>,
    span: &Span<'_>,
    names: &BTreeMap<u64, String>,
    client: Client,
) -> Picture {
    let id = |id: u64| match id {
        0 => Id::None,
        1..=1_000 | 0x8000_0000_0000_0000 | u64::MAX => Id::Given(id),
        _ => Id::Random(
            names
                .get(&id)
                .unwrap_or_else(|| panic!("nobody has the id {id:x}"))
                .clone(),
        ),
    };
    let mut tags = fields(span.tags);
    match client {
        Client::Theirs => {
            let library: Vec<Field> = tags.drain(..2).collect();
            assert_eq!(library, library_tags("mick-jaeger", "0.1.8"));
            assert_eq!(span.flags, 0, "theirs never says that it sampled");
        }
        Client::Ours => assert_eq!(span.flags, 1, "sampled"),
    }
    Picture {
        service: batch.process.service_name.to_string(),
        process_tags: process_tags(batch, client),
        trace: span.trace_id,
        id: id(span.span_id),
        parent: id(span.parent_span_id),
        references: span
            .references
            .iter()
            .map(|reference| {
                (
                    kind(reference.kind),
                    reference.trace_id,
                    id(reference.span_id),
                )
            })
            .collect(),
        tags,
        logs: span.logs.iter().map(|log| fields(log.fields)).collect(),
    }
}

/// The program's own. Ours has more, among them the library's name and version.
fn process_tags(batch: &Batch<'_>, client: Client) -> Vec<Field> {
    let (own, added): (Vec<Field>, Vec<Field>) = fields(batch.process.tags)
        .into_iter()
        .partition(|(key, _)| key.starts_with("program."));
    match client {
        Client::Theirs => assert_eq!(added, []),
        Client::Ours => {
            for tag in library_tags("jaegerling", OUR_VERSION) {
                assert!(added.contains(&tag), "{tag:?} is no process tag");
            }
        }
    }
    own
}

fn library_tags(name: &str, version: &str) -> Vec<Field> {
    [
        ("otel.library.name", name),
        ("otel.library.version", version),
    ]
    .map(|(key, value)| (key.to_owned(), Content::Text(value.to_owned())))
    .into()
}

fn fields<'a>(tags: impl IntoIterator<Item = Tag<'a>>) -> Vec<Field> {
    tags.into_iter()
        .map(|tag| {
            let value = match tag.value {
                TagValue::String(text) => Content::Text(text.as_str().unwrap().to_owned()),
                TagValue::Long(number) => Content::Number(number),
                other => panic!("neither client can have sent {other:?}"),
            };
            (tag.key.as_str().unwrap().to_owned(), value)
        })
        .collect()
}

fn kind(kind: jaegerling_core::ReferenceKind) -> &'static str {
    match kind {
        jaegerling_core::ReferenceKind::ChildOf => "child of",
        jaegerling_core::ReferenceKind::FollowsFrom => "follows from",
    }
}

/// A clock may be set and two clocks may differ, but not by this much, in microseconds.
const TOLERANCE: i64 = 2_000_000;

/// The span lies within the run, its logs within the span and in order.
fn times(span: &Span<'_>, before: i64, after: i64, client: Client) {
    let name = span.operation_name;
    let end = span.start_time + span.duration;
    let least = if client == Client::Ours { 1 } else { 0 };
    assert!(span.duration >= least, "{name}: {} µs long", span.duration);
    assert!(
        span.start_time >= before - TOLERANCE,
        "{name}: starts before the run"
    );
    assert!(end <= after + TOLERANCE, "{name}: ends after the run");
    let logs: Vec<i64> = span.logs.iter().map(|log: Log<'_>| log.timestamp).collect();
    assert!(logs.is_sorted(), "{name}: logs out of order: {logs:?}");
    let within = span.start_time - TOLERANCE..=end + TOLERANCE;
    assert!(
        logs.iter().all(|time| within.contains(time)),
        "{name}: a log outside of it"
    );
}

/// Where the program waited, the wait is there: at least so long, and no more than a busy machine explains.
fn exact_times(batches: &[Batch<'_>]) {
    let find = |name: &str| {
        let mut spans = batches.iter().flat_map(|batch| batch.spans);
        spans
            .find(|span| span.operation_name == name)
            .unwrap_or_else(|| panic!("{name:?} is missing"))
    };
    for (name, least) in [
        ("times: 30 ms, in place", 30_000),
        ("times: 30 ms, by value", 30_000),
        ("times: 20 ms", 20_000),
        ("times: short after all", 0),
        ("next: open", 20_000),
    ] {
        let duration = find(name).duration;
        assert!(
            (least..least + TOLERANCE).contains(&duration),
            "{name}: {duration} µs"
        );
    }
    let waits = find("times: 20 ms");
    let shifted = find("times: short after all");
    assert!(
        shifted.start_time >= waits.start_time + waits.duration + 19_000,
        "the start was moved"
    );
}

fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    since.as_micros().try_into().unwrap()
}
