//! Spans from Rust code to Jaeger.

#[cfg(feature = "collect")]
pub mod json;
#[cfg(feature = "collect")]
pub mod waterfall;
