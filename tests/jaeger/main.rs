//! What a real Jaeger makes of the spans: sent over UDP, read back through its query API.
//!
//! Everything that needs the server is in this one test binary, so that one server serves them all
//! (see `server.rs`). Each test has trace ids of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod by_hand;
mod facade;
mod server;
mod trace;
