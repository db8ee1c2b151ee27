//! Field ids, struct by struct, with the field's type as the compact protocol has it.
//! Required are all but those that say "optional".

/// `Tag`: a key with a value.
pub(crate) mod tag {
    /// string
    pub(crate) const KEY: i16 = 1;
    /// i32: a number of [`tag_type`](crate::jaeger::tag_type)
    pub(crate) const V_TYPE: i16 = 2;
    /// string, optional
    pub(crate) const V_STR: i16 = 3;
    /// double, optional
    pub(crate) const V_DOUBLE: i16 = 4;
    /// bool, optional
    pub(crate) const V_BOOL: i16 = 5;
    /// i64, optional
    pub(crate) const V_LONG: i16 = 6;
    /// binary, optional
    pub(crate) const V_BINARY: i16 = 7;
}

/// `Log`: a point in time within a span.
pub(crate) mod log {
    /// i64: microseconds since 1970
    pub(crate) const TIMESTAMP: i16 = 1;
    /// list of `Tag`
    pub(crate) const FIELDS: i16 = 2;
}

/// `SpanRef`: a link to another span.
pub(crate) mod span_ref {
    /// i32: a number of [`ref_type`](crate::jaeger::ref_type)
    pub(crate) const REF_TYPE: i16 = 1;
    /// i64
    pub(crate) const TRACE_ID_LOW: i16 = 2;
    /// i64
    pub(crate) const TRACE_ID_HIGH: i16 = 3;
    /// i64
    pub(crate) const SPAN_ID: i16 = 4;
}

/// `Span`.
pub(crate) mod span {
    /// i64
    pub(crate) const TRACE_ID_LOW: i16 = 1;
    /// i64: 0 in a trace id of 64 bits
    pub(crate) const TRACE_ID_HIGH: i16 = 2;
    /// i64
    pub(crate) const SPAN_ID: i16 = 3;
    /// i64: 0 for none
    pub(crate) const PARENT_SPAN_ID: i16 = 4;
    /// string
    pub(crate) const OPERATION_NAME: i16 = 5;
    /// list of `SpanRef`, optional
    pub(crate) const REFERENCES: i16 = 6;
    /// i32: 1 sampled, 2 debug
    pub(crate) const FLAGS: i16 = 7;
    /// i64: microseconds since 1970
    pub(crate) const START_TIME: i16 = 8;
    /// i64: microseconds
    pub(crate) const DURATION: i16 = 9;
    /// list of `Tag`, optional
    pub(crate) const TAGS: i16 = 10;
    /// list of `Log`, optional
    pub(crate) const LOGS: i16 = 11;
}

/// `Process`: who sends.
pub(crate) mod process {
    /// string
    pub(crate) const SERVICE_NAME: i16 = 1;
    /// list of `Tag`, optional
    pub(crate) const TAGS: i16 = 2;
}

/// `ClientStats`: what the client lost since it began.
pub(crate) mod client_stats {
    /// i64
    pub(crate) const FULL_QUEUE_DROPPED_SPANS: i16 = 1;
    /// i64
    pub(crate) const TOO_LARGE_DROPPED_SPANS: i16 = 2;
    /// i64
    pub(crate) const FAILED_TO_EMIT_SPANS: i16 = 3;
}

/// `Batch`.
pub(crate) mod batch {
    /// `Process`
    pub(crate) const PROCESS: i16 = 1;
    /// list of `Span`
    pub(crate) const SPANS: i16 = 2;
    /// i64, optional
    pub(crate) const SEQ_NO: i16 = 3;
    /// `ClientStats`, optional
    pub(crate) const STATS: i16 = 4;
}

/// The arguments of `Agent.emitBatch`.
pub(crate) mod emit_batch {
    /// `Batch`
    pub(crate) const BATCH: i16 = 1;
}
