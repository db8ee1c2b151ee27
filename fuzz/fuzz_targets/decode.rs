//! The law: whatever the bytes are, decoding them ends, in a batch or an error that can be
//! printed. Of a batch all can be walked, lists are as long as they say and lie in the datagram,
//! and what Apache Thrift's encoder writes of it decodes to the same batch again; passed on, it has as
//! many spans.
#![no_main]

#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use jaegerling_core::{decode::decode, forward};
use oracle::OracleBatch;

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| {
    let batch = match decode(datagram) {
        Ok(batch) => batch,
        Err(error) => return drop(format!("{error} {error:?}")),
    };
    // Copies all of it, and checks the lengths of lists on the way.
    let all = OracleBatch::from(batch);
    let within = |text: &[u8]| {
        let (all, part) = (datagram.as_ptr_range(), text.as_ptr_range());
        assert!(text.is_empty() || all.start <= part.start && part.end <= all.end);
    };
    within(batch.process.service_name.as_bytes());
    for span in batch.spans {
        within(span.operation_name.as_bytes());
        span.tags.iter().for_each(|tag| within(tag.key.as_bytes()));
    }
    let (spans, mut buffer) = (batch.spans.len(), vec![0; 16 * datagram.len() + 400]);
    let passed_on = forward(&batch, 0..spans, &[], &mut buffer, |micros| micros);
    let passed_on = decode(passed_on.expect("there is room")).expect("it is a batch");
    assert_eq!(passed_on.spans.len(), spans);
    let again = all.datagram();
    let again = decode(&again).expect("it was a batch before");
    assert_eq!(OracleBatch::from(again), all);
});
