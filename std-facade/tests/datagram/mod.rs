//! Datagrams of Jaeger clients, byte by byte: knows the wire on its own, as another client would.
#![allow(dead_code)]

/// 2026-11-24 08:30:00 UTC.
pub(crate) const T0: i64 = 1_795_509_000_000_000;

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

#[derive(Clone, Default)]
pub(crate) struct Batch<'a> {
    service: &'a str,
    uuid: Option<&'a str>,
    number: Option<i64>,
    dropped: Option<i64>,
    spans: Vec<SpanOf>,
}

#[derive(Clone)]
pub(crate) struct SpanOf {
    trace_id: i64,
    ids: [i64; 2],
    name: String,
    times: [i64; 2],
    tags: Vec<(String, String)>,
}

impl SpanOf {
    pub(crate) fn new(trace: i64, id: i64, parent: i64, name: &str, start: i64, took: i64) -> Self {
        Self {
            trace_id: trace,
            ids: [id, parent],
            name: name.into(),
            times: [T0 + start, took],
            tags: Vec::new(),
        }
    }

    pub(crate) fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    fn write(&self, to: &mut Vec<u8>) {
        let [id, parent] = self.ids;
        for number in [self.trace_id, 0, id, parent] {
            to.push(1 << 4 | I64);
            signed(to, number);
        }
        to.push(1 << 4 | BINARY);
        text(to, &self.name);
        to.push(2 << 4 | I32);
        signed(to, 1);
        for time in self.times {
            to.push(1 << 4 | I64);
            signed(to, time);
        }
        to.push(1 << 4 | LIST);
        list(to, self.tags.len());
        for (key, value) in &self.tags {
            tag(to, key, value);
        }
        to.push(0);
    }
}

impl<'a> Batch<'a> {
    pub(crate) fn new(service: &'a str) -> Self {
        Self {
            service,
            ..Self::default()
        }
    }

    pub(crate) fn spans(mut self, spans: impl IntoIterator<Item = SpanOf>) -> Self {
        self.spans.extend(spans);
        self
    }

    pub(crate) fn uuid(mut self, uuid: &'a str) -> Self {
        self.uuid = Some(uuid);
        self
    }

    pub(crate) fn number(mut self, number: i64) -> Self {
        self.number = Some(number);
        self
    }

    /// Only together with a number.
    pub(crate) fn dropped(mut self, spans: i64) -> Self {
        self.dropped = Some(spans);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        // One-way, version 1, sequence id 0.
        let mut to = vec![0x82, 4 << 5 | 1, 0];
        text(&mut to, "emitBatch");
        // The arguments have one field, the batch, and its first one is the process.
        to.extend([1 << 4 | STRUCT, 1 << 4 | STRUCT, 1 << 4 | BINARY]);
        text(&mut to, self.service);
        if let Some(uuid) = self.uuid {
            to.push(1 << 4 | LIST);
            list(&mut to, 1);
            tag(&mut to, "client-uuid", uuid);
        }
        to.extend([0, 1 << 4 | LIST]);
        list(&mut to, self.spans.len());
        self.spans.iter().for_each(|span| span.write(&mut to));
        if let Some(number) = self.number {
            to.push(1 << 4 | I64);
            signed(&mut to, number);
        }
        if let Some(dropped) = self.dropped {
            to.push(1 << 4 | STRUCT);
            for number in [dropped, 0, 0] {
                to.push(1 << 4 | I64);
                signed(&mut to, number);
            }
            to.push(0);
        }
        // The end of the batch and of the arguments.
        to.extend([0, 0]);
        to
    }
}

fn tag(to: &mut Vec<u8>, key: &str, value: &str) {
    to.push(1 << 4 | BINARY);
    text(to, key);
    to.extend([1 << 4 | I32, 0, 1 << 4 | BINARY]);
    text(to, value);
    to.push(0);
}

fn text(to: &mut Vec<u8>, text: &str) {
    unsigned(to, text.len() as u64);
    to.extend(text.as_bytes());
}

fn list(to: &mut Vec<u8>, len: usize) {
    to.push(0xf0 | STRUCT);
    unsigned(to, len as u64);
}

fn signed(to: &mut Vec<u8>, number: i64) {
    unsigned(to, (number << 1 ^ number >> 63) as u64);
}

fn unsigned(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
