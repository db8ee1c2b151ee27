//! Traces as the JSON that Jaeger's UI opens ("JSON File"), the shape of `GET /api/traces/{id}`.
//!
//! ```
//! use jaegerling::json;
//! use jaegerling_core::collect::Collector;
//!
//! let collector = Collector::new(10_000);
//! // … collector.add(&decode(datagram)?, now) …
//! let mut file = Vec::new();
//! json::write(collector.traces(), &mut file)?;
//! # assert!(file.starts_with(b"{"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Written as Jaeger writes it: a trace id whose high half is zero has 16 digits, a whole number
//! beyond ±2^53 is a string (JavaScript would round it), bytes are base64. A double that is not
//! finite, which JSON has no word for, is a tag of type string; negative times are 0.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jaegerling_core::ReferenceKind;
use jaegerling_core::collect::{Log, Process, Span, Tag, TagValue, Trace};
use jaegerling_core::decode::Reference;
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

/// The largest number that JavaScript tells apart from its neighbours.
const MAX_EXACT: u64 = 1 << 53;

/// Writes the traces, in the order of their start, without holding the text in memory.
pub fn write<'a>(traces: impl IntoIterator<Item = &'a Trace>, to: impl Write) -> io::Result<()> {
    let mut traces: Vec<_> = traces.into_iter().collect();
    traces.sort_by_cached_key(|trace| (trace.start_time(), trace.trace_id));
    let mut to = io::BufWriter::new(to);
    serde_json::to_writer(&mut to, &Response(&traces))?;
    to.write_all(b"\n")?;
    to.flush()
}

struct Response<'a>(&'a [&'a Trace]);

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut response = serializer.serialize_struct("Response", 5)?;
        response.serialize_field("data", &List(self.0, |&trace| TraceJson(trace)))?;
        response.serialize_field("total", &self.0.len())?;
        response.serialize_field("limit", &0)?;
        response.serialize_field("offset", &0)?;
        response.serialize_field("errors", &())?;
        response.end()
    }
}

struct TraceJson<'a>(&'a Trace);

impl Serialize for TraceJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let trace = self.0;
        let processes = Processes::of(trace);
        let span = |span| SpanJson {
            span,
            trace_id: trace.trace_id,
            processes: &processes,
        };
        let mut json = serializer.serialize_struct("Trace", 4)?;
        json.serialize_field("traceID", &trace_id(trace.trace_id))?;
        json.serialize_field("spans", &List(&trace.spans, span))?;
        json.serialize_field("processes", &processes)?;
        json.serialize_field("warnings", &())?;
        json.end()
    }
}

struct SpanJson<'a> {
    span: &'a Span,
    trace_id: u128,
    processes: &'a Processes<'a>,
}

impl Serialize for SpanJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.span;
        let references = references(span, self.trace_id);
        let mut json = serializer.serialize_struct("Span", 11)?;
        json.serialize_field("traceID", &trace_id(self.trace_id))?;
        json.serialize_field("spanID", &span_id(span.span_id))?;
        match span.flags {
            0 => json.skip_field("flags")?,
            flags => json.serialize_field("flags", &(flags as u32))?,
        }
        json.serialize_field("operationName", &*span.operation_name)?;
        json.serialize_field("references", &List(&references, ReferenceJson))?;
        json.serialize_field("startTime", &span.start_time.max(0))?;
        json.serialize_field("duration", &span.duration.max(0))?;
        json.serialize_field("tags", &List(&span.tags, TagJson))?;
        json.serialize_field("logs", &List(&span.logs, LogJson))?;
        json.serialize_field("processID", &self.processes.id(&span.process))?;
        json.serialize_field("warnings", &())?;
        json.end()
    }
}

/// The parent first, whether the client named it as parent or as reference: the UI builds its
/// tree from the first one.
fn references(span: &Span, trace_id: u128) -> Vec<Reference> {
    let parent = span.parent(trace_id);
    let others = span.references.iter().copied();
    let others = others.filter(|other| Some(*other) != parent);
    parent.into_iter().chain(others).collect()
}

struct ReferenceJson<'a>(&'a Reference);

impl Serialize for ReferenceJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = match self.0.kind {
            ReferenceKind::ChildOf => "CHILD_OF",
            ReferenceKind::FollowsFrom => "FOLLOWS_FROM",
        };
        let mut json = serializer.serialize_struct("Reference", 3)?;
        json.serialize_field("refType", kind)?;
        json.serialize_field("traceID", &trace_id(self.0.trace_id))?;
        json.serialize_field("spanID", &span_id(self.0.span_id))?;
        json.end()
    }
}

struct TagJson<'a>(&'a Tag);

impl Serialize for TagJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, value) = match &self.0.value {
            TagValue::String(text) => ("string", Json::Text(text)),
            TagValue::Bool(yes) => ("bool", Json::Bool(*yes)),
            TagValue::Long(n) if n.unsigned_abs() > MAX_EXACT => {
                ("int64", Json::Made(n.to_string()))
            }
            TagValue::Long(n) => ("int64", Json::Long(*n)),
            TagValue::Double(n) if n.is_finite() => ("float64", Json::Double(*n)),
            TagValue::Double(n) => ("string", Json::Made(n.to_string())),
            TagValue::Binary(bytes) => ("binary", Json::Made(STANDARD.encode(bytes))),
        };
        let mut json = serializer.serialize_struct("Tag", 3)?;
        json.serialize_field("key", &*self.0.key)?;
        json.serialize_field("type", kind)?;
        json.serialize_field("value", &value)?;
        json.end()
    }
}

enum Json<'a> {
    Text(&'a str),
    Made(String),
    Bool(bool),
    Long(i64),
    Double(f64),
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Made(text) => serializer.serialize_str(text),
            Self::Bool(yes) => serializer.serialize_bool(*yes),
            Self::Long(number) => serializer.serialize_i64(*number),
            Self::Double(number) => serializer.serialize_f64(*number),
        }
    }
}

struct LogJson<'a>(&'a Log);

impl Serialize for LogJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Log", 2)?;
        json.serialize_field("timestamp", &self.0.timestamp.max(0))?;
        json.serialize_field("fields", &List(&self.0.fields, TagJson))?;
        json.end()
    }
}

/// The processes of one trace: `p1`, `p2` and so on, in the order in which they turn up.
struct Processes<'a> {
    /// By address: the spans of a collector share equal processes.
    ids: HashMap<*const Process, usize>,
    in_order: Vec<&'a Process>,
}

impl<'a> Processes<'a> {
    fn of(trace: &'a Trace) -> Self {
        let mut processes = Self {
            ids: HashMap::new(),
            in_order: Vec::new(),
        };
        for span in &trace.spans {
            let next = processes.in_order.len() + 1;
            let id = processes.ids.entry(Arc::as_ptr(&span.process));
            if *id.or_insert(next) == next {
                processes.in_order.push(&span.process);
            }
        }
        processes
    }

    fn id(&self, process: &Arc<Process>) -> String {
        let id = self.ids.get(&Arc::as_ptr(process)).copied();
        format!("p{}", id.unwrap_or(0))
    }
}

impl Serialize for Processes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_map(Some(self.in_order.len()))?;
        for (process, id) in self.in_order.iter().zip(1..) {
            json.serialize_entry(&format!("p{id}"), &ProcessJson(process))?;
        }
        json.end()
    }
}

struct ProcessJson<'a>(&'a Process);

impl Serialize for ProcessJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Process", 2)?;
        json.serialize_field("serviceName", &*self.0.service_name)?;
        json.serialize_field("tags", &List(&self.0.tags, TagJson))?;
        json.end()
    }
}

/// A slice as an array of what a function makes of its elements.
struct List<'a, T, F>(&'a [T], F);

impl<'a, T, J: Serialize, F: Fn(&'a T) -> J> Serialize for List<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for element in self.0 {
            list.serialize_element(&(self.1)(element))?;
        }
        list.end()
    }
}

fn trace_id(id: u128) -> String {
    match id >> 64 {
        0 => format!("{id:016x}"),
        _ => format!("{id:032x}"),
    }
}

fn span_id(id: u64) -> String {
    format!("{id:016x}")
}
