//! The context of a span as text, for the headers of requests: one module for each format.

pub mod uber;
