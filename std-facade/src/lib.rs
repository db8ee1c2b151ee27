//! Spans from Rust code to Jaeger.
