//! The law: whatever is said of whatever spans, in a ring of whatever size, in whatever order with
//! packing, sending, failing and packing smaller: what Apache Thrift reads in the datagrams, and
//! what our own decoder reads, is in every field what the naive model makes of the input; no
//! datagram is over its limit or short of a whole span; and the account is exact.
#![no_main]

#[path = "../../tests/model/mod.rs"]
mod model;
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|case: model::Case| model::run::run(&case));
