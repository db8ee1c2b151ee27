//! What takes the place of Jaeger: a socket that decodes.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jaegerling_core::decode::{Tag, TagValue, decode};

use crate::program::PATIENCE;

pub(crate) struct Jaeger(UdpSocket);

/// A span that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) number: Option<i64>,
    /// Microseconds since 1970.
    pub(crate) start: i64,
    pub(crate) duration: i64,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) process_tags: BTreeMap<String, String>,
}

impl Jaeger {
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self(socket)
    }

    pub(crate) fn address(&self) -> String {
        self.0.local_addr().expect("an address").to_string()
    }

    #[track_caller]
    pub(crate) fn datagram(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let len = self.0.recv(&mut buffer).expect("a datagram");
        buffer.truncate(len);
        buffer
    }

    /// At least so many spans.
    #[track_caller]
    pub(crate) fn spans(&self, count: usize) -> Vec<Arrived> {
        let mut spans = Vec::new();
        while spans.len() < count {
            let datagram = self.datagram();
            let batch = decode(&datagram).expect("what Jaeger reads");
            let process_tags = texts(batch.process.tags.iter());
            spans.extend(batch.spans.iter().map(|span| Arrived {
                service: batch.process.service_name.to_string(),
                name: span.operation_name.to_string(),
                number: span.tags.iter().find_map(|tag| match tag.value {
                    TagValue::Long(number) if tag.key == "number" => Some(number),
                    _ => None,
                }),
                start: span.start_time,
                duration: span.duration,
                tags: texts(span.tags.iter()),
                process_tags: process_tags.clone(),
            }));
        }
        spans
    }

    /// Nothing has come.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.set_nonblocking(true).expect("a socket");
        let is_silent = self.0.recv(&mut [0]).is_err();
        self.0.set_nonblocking(false).expect("a socket");
        is_silent
    }
}

impl Arrived {
    /// In UTC, at about this time: how exact that is, the tests of the clock say.
    #[track_caller]
    pub(crate) fn assert_begun_at(&self, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
        let apart = self.start.abs_diff(since.as_micros() as i64);
        assert!(
            Duration::from_micros(apart) < Duration::from_millis(400),
            "{apart} µs away: {self:?}"
        );
    }
}

fn texts<'a>(tags: impl Iterator<Item = Tag<'a>>) -> BTreeMap<String, String> {
    let texts = tags.map(|tag| match tag.value {
        TagValue::String(text) => (tag.key.to_string(), text.to_string()),
        other => (tag.key.to_string(), format!("{other:?}")),
    });
    texts.collect()
}
