//! jaeger.thrift: the model to and from Thrift values, strictly.

use thrift::protocol::TType;

use super::wire::{Double, Fields, Text, Value};
use super::{
    OracleBatch, OracleLog, OracleProcess, OracleReference, OracleSpan, OracleStats, OracleTag,
};

impl OracleBatch {
    /// The struct, with its fields in the order of their ids.
    pub fn value(&self) -> Value {
        let mut fields = vec![
            (1, self.process.value()),
            (2, Value::structs(self.spans.iter().map(OracleSpan::value))),
        ];
        fields.extend(self.seq_no.map(|seq_no| (3, Value::I64(seq_no))));
        fields.extend(self.stats.map(|stats| (4, stats.value())));
        Value::Struct(fields)
    }

    pub(super) fn of(value: Value) -> Result<Self, String> {
        let mut fields = Struct::new("Batch", value)?;
        let batch = Self {
            process: OracleProcess::of(fields.required(1)?)?,
            spans: fields.required_list(2, OracleSpan::of)?,
            seq_no: fields.optional(3)?.map(i64_of).transpose()?,
            stats: fields.optional(4)?.map(OracleStats::of).transpose()?,
        };
        fields.end(batch)
    }
}

impl OracleProcess {
    pub(super) fn value(&self) -> Value {
        let mut fields = vec![(1, Value::text(&self.service_name))];
        fields.extend(self.tags.as_deref().map(|all| (2, tag_values(all))));
        Value::Struct(fields)
    }

    pub(super) fn of(value: Value) -> Result<Self, String> {
        let mut fields = Struct::new("Process", value)?;
        let process = Self {
            service_name: text_of(fields.required(1)?)?,
            tags: fields.optional_list(2, OracleTag::of)?,
        };
        fields.end(process)
    }
}

impl OracleStats {
    pub(super) fn value(&self) -> Value {
        Value::Struct(vec![
            (1, Value::I64(self.full_queue_dropped_spans)),
            (2, Value::I64(self.too_large_dropped_spans)),
            (3, Value::I64(self.failed_to_emit_spans)),
        ])
    }

    pub(super) fn of(value: Value) -> Result<Self, String> {
        let mut fields = Struct::new("ClientStats", value)?;
        let stats = Self {
            full_queue_dropped_spans: i64_of(fields.required(1)?)?,
            too_large_dropped_spans: i64_of(fields.required(2)?)?,
            failed_to_emit_spans: i64_of(fields.required(3)?)?,
        };
        fields.end(stats)
    }
}

impl OracleSpan {
    pub(super) fn value(&self) -> Value {
        let mut fields = vec![
            (1, Value::I64(self.trace_id_low)),
            (2, Value::I64(self.trace_id_high)),
            (3, Value::I64(self.span_id)),
            (4, Value::I64(self.parent_span_id)),
            (5, Value::text(&self.operation_name)),
        ];
        if let Some(references) = &self.references {
            let all = references.iter().map(OracleReference::value);
            fields.push((6, Value::structs(all)));
        }
        fields.push((7, Value::I32(self.flags)));
        fields.push((8, Value::I64(self.start_time)));
        fields.push((9, Value::I64(self.duration)));
        fields.extend(self.tags.as_deref().map(|all| (10, tag_values(all))));
        if let Some(logs) = &self.logs {
            fields.push((11, Value::structs(logs.iter().map(OracleLog::value))));
        }
        Value::Struct(fields)
    }

    pub(super) fn of(value: Value) -> Result<Self, String> {
        let mut fields = Struct::new("Span", value)?;
        let span = Self {
            trace_id_low: i64_of(fields.required(1)?)?,
            trace_id_high: i64_of(fields.required(2)?)?,
            span_id: i64_of(fields.required(3)?)?,
            parent_span_id: i64_of(fields.required(4)?)?,
            operation_name: text_of(fields.required(5)?)?,
            references: fields.optional_list(6, OracleReference::of)?,
            flags: i32_of(fields.required(7)?)?,
            start_time: i64_of(fields.required(8)?)?,
            duration: i64_of(fields.required(9)?)?,
            tags: fields.optional_list(10, OracleTag::of)?,
            logs: fields.optional_list(11, OracleLog::of)?,
        };
        fields.end(span)
    }
}

impl OracleReference {
    pub(super) fn value(&self) -> Value {
        Value::Struct(vec![
            (1, Value::I32(self.ref_type)),
            (2, Value::I64(self.trace_id_low)),
            (3, Value::I64(self.trace_id_high)),
            (4, Value::I64(self.span_id)),
        ])
    }

    pub(super) fn of(value: Value) -> Result<Self, String> {
        let mut fields = Struct::new("SpanRef", value)?;
        let reference = Self {
            ref_type: i32_of(fields.required(1)?)?,
            trace_id_low: i64_of(fields.required(2)?)?,
            trace_id_high: i64_of(fields.required(3)?)?,
            span_id: i64_of(fields.required(4)?)?,
        };
        fields.end(reference)
    }
}

impl OracleTag {
    pub(super) fn value(&self) -> Value {
        let mut fields = vec![(1, Value::text(&self.key)), (2, Value::I32(self.v_type))];
        fields.extend(self.v_str.as_ref().map(|value| (3, Value::text(value))));
        fields.extend(self.v_double.map(|value| (4, Value::Double(value))));
        fields.extend(self.v_bool.map(|value| (5, Value::Bool(value))));
        fields.extend(self.v_long.map(|value| (6, Value::I64(value))));
        fields.extend(self.v_binary.as_ref().map(|value| (7, Value::text(value))));
        Value::Struct(fields)
    }

    pub(super) fn of(value: Value) -> Result<Self, String> {
        let mut fields = Struct::new("Tag", value)?;
        let tag = Self {
            key: text_of(fields.required(1)?)?,
            v_type: i32_of(fields.required(2)?)?,
            v_str: fields.optional(3)?.map(text_of).transpose()?,
            v_double: fields.optional(4)?.map(double_of).transpose()?,
            v_bool: fields.optional(5)?.map(bool_of).transpose()?,
            v_long: fields.optional(6)?.map(i64_of).transpose()?,
            v_binary: fields.optional(7)?.map(text_of).transpose()?,
        };
        fields.end(tag)
    }
}

impl OracleLog {
    pub(super) fn value(&self) -> Value {
        Value::Struct(vec![
            (1, Value::I64(self.timestamp)),
            (2, tag_values(&self.fields)),
        ])
    }

    pub(super) fn of(value: Value) -> Result<Self, String> {
        let mut fields = Struct::new("Log", value)?;
        let log = Self {
            timestamp: i64_of(fields.required(1)?)?,
            fields: fields.required_list(2, OracleTag::of)?,
        };
        fields.end(log)
    }
}

fn tag_values(tags: &[OracleTag]) -> Value {
    Value::structs(tags.iter().map(OracleTag::value))
}

/// A struct that is being read: each field is taken out, and none may be left.
pub(super) struct Struct {
    name: &'static str,
    fields: Fields,
}

impl Struct {
    pub(super) fn new(name: &'static str, value: Value) -> Result<Self, String> {
        match value {
            Value::Struct(fields) => Ok(Self { name, fields }),
            other => Err(format!("{name} is a {}", other.ty())),
        }
    }

    fn optional(&mut self, id: i16) -> Result<Option<Value>, String> {
        let place = self.fields.iter().position(|field| field.0 == id);
        Ok(place.map(|place| self.fields.remove(place).1))
    }

    pub(super) fn required(&mut self, id: i16) -> Result<Value, String> {
        let name = self.name;
        self.optional(id)?
            .ok_or_else(|| format!("{name} has no field {id}"))
    }

    fn optional_list<T>(
        &mut self,
        id: i16,
        of: fn(Value) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, String> {
        match self.optional(id)? {
            None => Ok(None),
            Some(Value::List(TType::Struct, elements)) => elements
                .into_iter()
                .map(of)
                .collect::<Result<_, _>>()
                .map(Some),
            Some(other) => Err(format!("field {id} of {}: {other:?}", self.name)),
        }
    }

    fn required_list<T>(
        &mut self,
        id: i16,
        of: fn(Value) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let name = self.name;
        self.optional_list(id, of)?
            .ok_or_else(|| format!("{name} has no field {id}"))
    }

    /// Whatever is left is unknown, or a second field with the same id.
    pub(super) fn end<T>(self, read: T) -> Result<T, String> {
        match self.fields.first() {
            None => Ok(read),
            Some((id, value)) => Err(format!("{} has another field {id}: {value:?}", self.name)),
        }
    }
}

macro_rules! of {
    ($($function:ident: $variant:ident -> $result:ty),* $(,)?) => {$(
        fn $function(value: Value) -> Result<$result, String> {
            match value {
                Value::$variant(value) => Ok(value),
                other => Err(format!("{other:?} where a {} should be", stringify!($variant))),
            }
        }
    )*};
}

of! {
    bool_of: Bool -> bool,
    i32_of: I32 -> i32,
    i64_of: I64 -> i64,
    double_of: Double -> Double,
    text_of: Binary -> Text,
}
