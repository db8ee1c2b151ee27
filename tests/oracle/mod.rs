//! The oracle: `emitBatch` datagrams read and written independently of `jaegerling-core`, by
//! Apache Thrift's own crate.
//!
//! ```ignore
//! mod oracle;
//! use oracle::OracleBatch;
//!
//! // What an encoder wrote, by somebody else's reader. Strict: anything that jaeger.thrift does
//! // not know, a field given twice or with another type, a byte too many: an error.
//! let batch = OracleBatch::read(&datagram).unwrap();
//! assert_eq!(batch.spans[0].tags()[0], OracleTag::long("http.status_code", 200));
//!
//! // What somebody else's encoder wrote, by ours.
//! let decoded = decode(&batch.datagram()).unwrap();
//! assert_eq!(OracleBatch::from(decoded), batch.normal());
//! ```
//!
//! The model keeps what is optional on the wire optional; [`OracleBatch::normal`] takes that
//! out. To write what no schema allows, change [`OracleBatch::value`] and write it with
//! [`wire::Message`].
#![allow(dead_code, unreachable_pub, missing_docs)]

mod decoded;
mod schema;
pub mod wire;

use schema::Struct;
use thrift::protocol::TMessageType;
use wire::{Double, Message, Text};

#[derive(Clone, Debug, PartialEq)]
pub struct OracleBatch {
    pub process: OracleProcess,
    pub spans: Vec<OracleSpan>,
    pub seq_no: Option<i64>,
    pub stats: Option<OracleStats>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OracleProcess {
    pub service_name: Text,
    pub tags: Option<Vec<OracleTag>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OracleStats {
    pub full_queue_dropped_spans: i64,
    pub too_large_dropped_spans: i64,
    pub failed_to_emit_spans: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OracleSpan {
    pub trace_id_low: i64,
    pub trace_id_high: i64,
    pub span_id: i64,
    pub parent_span_id: i64,
    pub operation_name: Text,
    pub references: Option<Vec<OracleReference>>,
    pub flags: i32,
    pub start_time: i64,
    pub duration: i64,
    pub tags: Option<Vec<OracleTag>>,
    pub logs: Option<Vec<OracleLog>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OracleReference {
    /// 0: child of, 1: follows from.
    pub ref_type: i32,
    pub trace_id_low: i64,
    pub trace_id_high: i64,
    pub span_id: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OracleTag {
    pub key: Text,
    /// 0: string, 1: double, 2: bool, 3: long, 4: binary.
    pub v_type: i32,
    pub v_str: Option<Text>,
    pub v_double: Option<Double>,
    pub v_bool: Option<bool>,
    pub v_long: Option<i64>,
    pub v_binary: Option<Text>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OracleLog {
    pub timestamp: i64,
    pub fields: Vec<OracleTag>,
}

impl OracleBatch {
    /// Reads a datagram, strictly.
    pub fn read(datagram: &[u8]) -> Result<Self, String> {
        let message = Message::read(datagram)?;
        if message.method != "emitBatch" {
            return Err(format!("a call of {}", message.method));
        }
        if message.kind != TMessageType::OneWay {
            return Err(format!("a message of type {}", message.kind));
        }
        let mut arguments = Struct::new("emitBatch_args", message.arguments)?;
        let batch = Self::of(arguments.required(1)?)?;
        arguments.end(batch)
    }

    /// As a datagram: one-way, with the sequence id 0, fields in the order of their ids.
    pub fn datagram(&self) -> Vec<u8> {
        Message::emit_batch(self.value()).compact()
    }

    /// The batch without the difference between a list that is empty and one that is not there,
    /// between a value that is not there and one that is 0, and without the values of a tag that
    /// do not count.
    pub fn normal(&self) -> Self {
        let mut batch = self.clone();
        normalise(&mut batch.process.tags);
        for span in &mut batch.spans {
            span.references.get_or_insert_default();
            normalise(&mut span.tags);
            for log in span.logs.get_or_insert_default() {
                log.fields = log.fields.iter().map(OracleTag::normal).collect();
            }
        }
        batch
    }

    /// The span with that name, which must be there once.
    #[track_caller]
    pub fn span(&self, name: &str) -> &OracleSpan {
        let named: Vec<_> = self
            .spans
            .iter()
            .filter(|span| span.operation_name == name)
            .collect();
        let [span] = named[..] else {
            panic!("{} spans named {name} in {self:#?}", named.len());
        };
        span
    }
}

fn normalise(tags: &mut Option<Vec<OracleTag>>) {
    let normal = tags.iter().flatten().map(OracleTag::normal).collect();
    *tags = Some(normal);
}

impl OracleProcess {
    /// The process tags, with no difference between none and an empty list.
    pub fn tags(&self) -> &[OracleTag] {
        self.tags.as_deref().unwrap_or_default()
    }

    /// The tag with that key, which must be there once.
    #[track_caller]
    pub fn tag(&self, key: &str) -> &OracleTag {
        one(self.tags(), key)
    }
}

impl OracleStats {}

impl OracleSpan {
    /// A span with nothing but a name and ids.
    pub fn bare(name: &str, trace_id: u128, span_id: u64) -> Self {
        Self {
            trace_id_low: trace_id as i64,
            trace_id_high: (trace_id >> 64) as i64,
            span_id: span_id as i64,
            parent_span_id: 0,
            operation_name: name.into(),
            references: None,
            flags: 1,
            start_time: 1_700_000_000_000_000,
            duration: 1_000,
            tags: None,
            logs: None,
        }
    }

    pub fn trace_id(&self) -> u128 {
        u128::from(self.trace_id_high as u64) << 64 | u128::from(self.trace_id_low as u64)
    }

    pub fn references(&self) -> &[OracleReference] {
        self.references.as_deref().unwrap_or_default()
    }

    pub fn tags(&self) -> &[OracleTag] {
        self.tags.as_deref().unwrap_or_default()
    }

    pub fn logs(&self) -> &[OracleLog] {
        self.logs.as_deref().unwrap_or_default()
    }

    /// The tag with that key, which must be there once.
    #[track_caller]
    pub fn tag(&self, key: &str) -> &OracleTag {
        one(self.tags(), key)
    }
}

impl OracleReference {
    pub const CHILD_OF: i32 = 0;
    pub const FOLLOWS_FROM: i32 = 1;
}

impl OracleTag {
    pub const STRING: i32 = 0;
    pub const DOUBLE: i32 = 1;
    pub const BOOL: i32 = 2;
    pub const LONG: i32 = 3;
    pub const BINARY: i32 = 4;

    /// A tag with no value at all.
    pub fn empty<K: AsRef<[u8]> + ?Sized>(key: &K, v_type: i32) -> Self {
        Self {
            key: key.into(),
            v_type,
            v_str: None,
            v_double: None,
            v_bool: None,
            v_long: None,
            v_binary: None,
        }
    }

    pub fn string<K, V>(key: &K, value: &V) -> Self
    where
        K: AsRef<[u8]> + ?Sized,
        V: AsRef<[u8]> + ?Sized,
    {
        Self {
            v_str: Some(value.into()),
            ..Self::empty(key, Self::STRING)
        }
    }

    pub fn double<K: AsRef<[u8]> + ?Sized>(key: &K, value: f64) -> Self {
        Self {
            v_double: Some(Double(value)),
            ..Self::empty(key, Self::DOUBLE)
        }
    }

    pub fn bool<K: AsRef<[u8]> + ?Sized>(key: &K, value: bool) -> Self {
        Self {
            v_bool: Some(value),
            ..Self::empty(key, Self::BOOL)
        }
    }

    pub fn long<K: AsRef<[u8]> + ?Sized>(key: &K, value: i64) -> Self {
        Self {
            v_long: Some(value),
            ..Self::empty(key, Self::LONG)
        }
    }

    pub fn binary<K, V>(key: &K, value: &V) -> Self
    where
        K: AsRef<[u8]> + ?Sized,
        V: AsRef<[u8]> + ?Sized,
    {
        Self {
            v_binary: Some(value.into()),
            ..Self::empty(key, Self::BINARY)
        }
    }

    /// The tag with the value that its type names, or that type's zero, and no other.
    pub fn normal(&self) -> Self {
        let key = &self.key.0;
        match self.v_type {
            Self::STRING => Self::string(key, &self.v_str.clone().unwrap_or_default().0),
            Self::DOUBLE => Self::double(key, self.v_double.map_or(0.0, |value| value.0)),
            Self::BOOL => Self::bool(key, self.v_bool.unwrap_or_default()),
            Self::LONG => Self::long(key, self.v_long.unwrap_or_default()),
            Self::BINARY => Self::binary(key, &self.v_binary.clone().unwrap_or_default().0),
            other => Self::empty(key, other),
        }
    }
}

impl OracleLog {
    /// The field with that key, which must be there once.
    #[track_caller]
    pub fn field(&self, key: &str) -> &OracleTag {
        one(&self.fields, key)
    }
}

#[track_caller]
fn one<'a>(tags: &'a [OracleTag], key: &str) -> &'a OracleTag {
    let found: Vec<_> = tags.iter().filter(|tag| tag.key == key).collect();
    let [tag] = found[..] else {
        panic!("{} tags named {key} in {tags:#?}", found.len());
    };
    tag
}
