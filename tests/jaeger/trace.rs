//! A trace as Jaeger's query API gives it, with accessors that let tests read well.

use serde_json::Value;

/// One element of `data` in the answer of `/api/traces`.
#[derive(Clone, Debug)]
pub(crate) struct Trace(Value);

/// One span of a trace.
#[derive(Clone, Copy)]
pub(crate) struct Span<'a> {
    trace: &'a Trace,
    json: &'a Value,
}

/// The value of a tag or of a log's field, with its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tag {
    String(String),
    Bool(bool),
    Int(i64),
    Float(f64),
    /// In base64, as the API gives it.
    Binary(String),
}

/// A link to another span.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    pub(crate) kind: Kind,
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    ChildOf,
    FollowsFrom,
}

/// A point in time with fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Log {
    pub(crate) micros: i64,
    pub(crate) fields: Vec<(String, Tag)>,
}

impl Trace {
    /// The traces of an answer; none if it is an error or no JSON.
    pub(crate) fn all(body: &str) -> Vec<Self> {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        list(&json["data"]).cloned().map(Self).collect()
    }

    /// As Jaeger writes it: 16 digits, or 32 if the high half is not 0.
    pub(crate) fn id(&self) -> &str {
        text(&self.0["traceID"])
    }

    pub(crate) fn spans(&self) -> Vec<Span<'_>> {
        list(&self.0["spans"])
            .map(|json| Span { trace: self, json })
            .collect()
    }

    /// The only span of that name.
    #[track_caller]
    pub(crate) fn span(&self, name: &str) -> Span<'_> {
        let mut named = self.spans();
        named.retain(|span| span.name() == name);
        assert_eq!(named.len(), 1, "spans named {name:?} in {:#}", self.0);
        named[0]
    }

    /// What Jaeger has to say against the trace or any of its spans.
    pub(crate) fn warnings(&self) -> Vec<&str> {
        let of_spans = self.spans().into_iter().flat_map(|span| span.warnings());
        list(&self.0["warnings"])
            .map(text)
            .chain(of_spans)
            .collect()
    }
}

impl<'a> Span<'a> {
    pub(crate) fn id(&self) -> u64 {
        hex64(&self.json["spanID"])
    }

    pub(crate) fn trace_id(&self) -> u128 {
        hex128(&self.json["traceID"])
    }

    pub(crate) fn name(&self) -> &'a str {
        text(&self.json["operationName"])
    }

    /// Microseconds since the Unix epoch.
    pub(crate) fn start(&self) -> i64 {
        int(&self.json["startTime"])
    }

    /// Microseconds.
    pub(crate) fn duration(&self) -> i64 {
        int(&self.json["duration"])
    }

    /// Sorted by key, as Jaeger does.
    pub(crate) fn tags(&self) -> Vec<(String, Tag)> {
        tags(&self.json["tags"])
    }

    pub(crate) fn tag(&self, key: &str) -> Option<Tag> {
        find(self.tags(), key)
    }

    pub(crate) fn references(&self) -> Vec<Reference> {
        list(&self.json["references"])
            .map(Reference::read)
            .collect()
    }

    /// The parent: the first reference of kind child-of, if it is to the same trace.
    pub(crate) fn parent(&self) -> Option<u64> {
        let first = self
            .references()
            .into_iter()
            .find(|reference| reference.kind == Kind::ChildOf)?;
        (first.trace_id == self.trace_id()).then_some(first.span_id)
    }

    pub(crate) fn logs(&self) -> Vec<Log> {
        list(&self.json["logs"]).map(Log::read).collect()
    }

    pub(crate) fn warnings(&self) -> Vec<&'a str> {
        list(&self.json["warnings"]).map(text).collect()
    }

    pub(crate) fn service(&self) -> &'a str {
        text(&self.process()["serviceName"])
    }

    pub(crate) fn process_tags(&self) -> Vec<(String, Tag)> {
        tags(&self.process()["tags"])
    }

    pub(crate) fn process_tag(&self, key: &str) -> Option<Tag> {
        find(self.process_tags(), key)
    }

    fn process(&self) -> &'a Value {
        &self.trace.0["processes"][text(&self.json["processID"])]
    }
}

impl Tag {
    #[track_caller]
    fn read(json: &Value) -> Self {
        let value = &json["value"];
        match text(&json["type"]) {
            "string" => Self::String(text(value).to_owned()),
            "bool" => Self::Bool(value.as_bool().expect("a bool")),
            "int64" => Self::Int(int(value)),
            "float64" => Self::Float(value.as_f64().expect("a number")),
            // No bytes at all are `null`.
            "binary" => Self::Binary(value.as_str().unwrap_or_default().to_owned()),
            other => panic!("a tag of type {other:?}"),
        }
    }
}

impl From<&str> for Tag {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl Reference {
    fn read(json: &Value) -> Self {
        let kind = match text(&json["refType"]) {
            "CHILD_OF" => Kind::ChildOf,
            "FOLLOWS_FROM" => Kind::FollowsFrom,
            other => panic!("a reference of type {other:?}"),
        };
        Self {
            kind,
            trace_id: hex128(&json["traceID"]),
            span_id: hex64(&json["spanID"]),
        }
    }
}

impl Log {
    fn read(json: &Value) -> Self {
        Self {
            micros: int(&json["timestamp"]),
            fields: tags(&json["fields"]),
        }
    }

    pub(crate) fn field(&self, key: &str) -> Option<Tag> {
        find(self.fields.clone(), key)
    }
}

fn tags(json: &Value) -> Vec<(String, Tag)> {
    list(json)
        .map(|tag| (text(&tag["key"]).to_owned(), Tag::read(tag)))
        .collect()
}

fn find(tags: Vec<(String, Tag)>, key: &str) -> Option<Tag> {
    tags.into_iter()
        .find(|(name, _)| name == key)
        .map(|(_, tag)| tag)
}

/// Nothing where there is no list: the API writes `null` for an empty one.
fn list(json: &Value) -> std::slice::Iter<'_, Value> {
    json.as_array().map_or(&[][..], Vec::as_slice).iter()
}

#[track_caller]
fn text(json: &Value) -> &str {
    json.as_str()
        .unwrap_or_else(|| panic!("not a string: {json}"))
}

/// Beyond ±2^53 the API writes integers as strings.
#[track_caller]
fn int(json: &Value) -> i64 {
    let from_text = || json.as_str()?.parse().ok();
    json.as_i64()
        .or_else(from_text)
        .unwrap_or_else(|| panic!("not an integer: {json}"))
}

#[track_caller]
fn hex64(json: &Value) -> u64 {
    assert_eq!(text(json).len(), 16, "digits of a span id");
    u64::from_str_radix(text(json), 16).expect("hexadecimal")
}

#[track_caller]
fn hex128(json: &Value) -> u128 {
    assert!(matches!(text(json).len(), 16 | 32), "digits of a trace id");
    u128::from_str_radix(text(json), 16).expect("hexadecimal")
}
