//! The seeds of the fuzz target `decode`: datagrams of this crate and of others are read, and bad
//! ones are refused.
#![allow(missing_docs, clippy::unwrap_used)]

mod oracle;

use std::fs;
use std::path::Path;

use jaegerling_core::decode::{DecodeError, decode};
use oracle::OracleBatch;

fn seed(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/decode");
    fs::read(folder.join(name)).unwrap()
}

#[track_caller]
fn reads(name: &str, service: &str, operations: &[&str]) {
    let datagram = seed(name);
    let batch = OracleBatch::from(decode(&datagram).unwrap());
    assert_eq!(batch.process.service_name, service);
    let names: Vec<_> = batch
        .spans
        .iter()
        .map(|span| &span.operation_name)
        .collect();
    assert!(
        names
            .iter()
            .zip(operations)
            .all(|(name, expected)| **name == *expected)
    );
    assert_eq!(names.len(), operations.len());
}

#[test]
fn datagrams_of_other_clients_are_read() {
    reads("mick-jaeger", "shop", &["pay", "checkout"]);
    reads("rustracing_jaeger", "shop", &["pay", "checkout"]);
    reads("fastrace-jaeger", "shop", &["pay", "checkout"]);
}

#[test]
fn what_the_protocol_allows_is_read() {
    reads("jaegerling", "svc", &["op"]);
    reads("smallest", "s", &["o"]);
    reads("tags_of_all_types", "s", &[]);
    reads("backwards_with_unknown_fields", "s", &[]);
    reads("call_with_a_sequence_id", "s", &[]);
}

#[test]
fn what_is_no_batch_is_refused() {
    let error = |name| decode(&seed(name)).err();
    let zipkin = seed("zipkin");
    assert_eq!(error("binary_protocol"), Some(DecodeError::BinaryProtocol));
    assert!(matches!(decode(&zipkin), Err(DecodeError::WrongMethod(_))));
    assert!(matches!(
        decode(&seed("cut_off")),
        Err(DecodeError::Truncated { .. })
    ));
    assert!(matches!(
        decode(&seed("billions")),
        Err(DecodeError::Truncated { .. })
    ));
}
