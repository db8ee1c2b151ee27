//! The context of a span as text, for the headers of requests: one module for each format.
//!
//! | header | module | who speaks it |
//! |---|---|---|
//! | `uber-trace-id` | [`uber`] | Jaeger's own clients; OpenTelemetry as propagator `jaeger` |
//!
//! A module has the header's name, `parse`, a wrapper that prints, and `encode`, which needs no
//! `format!`.

pub mod uber;
