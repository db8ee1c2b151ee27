//! Firmware, as machine code of three boards in an emulator: what it records reaches a real Jaeger,
//! whole, whatever interrupts it. `README.md` says how to run the programs by hand.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod app;
mod board;
mod bridge;
mod frames;
mod image;
mod instruction;
mod link;
mod reservation;
mod storm;
// The server of the tests in `tests/jaeger`, of which this needs but a part.
#[allow(dead_code)]
#[path = "../jaeger/server.rs"]
mod server;
mod toolchain;
#[allow(dead_code)]
#[path = "../jaeger/trace.rs"]
mod trace;
mod wrap;
