//! What a program has sent over its UART: the datagrams in its frames.

use jaegerling_core::decode::decode;
use jaegerling_core::frame::{Arrival, Bad, Content, Decoder, Losses};

/// A datagram, and which session its spans were recorded in.
pub(crate) struct Datagram {
    pub(crate) recorded_in: u16,
    pub(crate) bytes: Vec<u8>,
}

/// All datagrams of a program that was started so many times. The frames themselves say that they are
/// whole, and that none is missing.
#[track_caller]
pub(crate) fn datagrams(sent: &[u8], boots: u64) -> Vec<Datagram> {
    let mut datagrams = Vec::new();
    let mut decoder = Decoder::new(vec![0; 2_000]);
    let mut losses = Losses::new();
    let mut sent_at = 0;
    let mut input = sent;
    while let Some(frame) = decoder.next(&mut input) {
        let frame = frame.unwrap_or_else(|error| panic!("{error}: {}", end(sent)));
        assert!(!frame.is_utc);
        match losses.follow(&frame) {
            Arrival::NewSession => sent_at = 0,
            arrival => assert_eq!(arrival, Arrival::Next { missing: 0 }),
        }
        let before = sent_at;
        sent_at = frame.sent_near(before);
        assert!(sent_at >= before, "time went back");
        let (recorded_in, bytes) = match frame.content {
            Content::Datagram(bytes) => {
                for span in decode(bytes).unwrap().spans.iter() {
                    // The end is rounded up, if it was within the microsecond of the start.
                    assert!(span.start_time + span.duration <= sent_at + 1);
                }
                (frame.session, bytes)
            }
            Content::Recovered {
                recorded_in,
                datagram,
            } => (recorded_in, datagram),
            Content::Hello(hello) | Content::Close(hello) => {
                assert_eq!(hello.sent_at, sent_at);
                continue;
            }
            other => panic!("{other:?}"),
        };
        datagrams.push(Datagram {
            recorded_in,
            bytes: bytes.to_vec(),
        });
    }
    assert_eq!(sent.last(), Some(&0), "no end of a frame: {}", end(sent));
    assert_eq!(decoder.bad(), Bad::default());
    assert_eq!((losses.missing, losses.before), (0, 0));
    assert_eq!(losses.sessions, boots);
    datagrams
}

/// As text, which a panic is.
fn end(sent: &[u8]) -> String {
    sent[sent.len().saturating_sub(80)..]
        .escape_ascii()
        .to_string()
}
