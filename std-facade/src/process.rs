//! Process tags: what each datagram says of who sends it.

use std::net::UdpSocket;

use jaegerling_core::Value;

use crate::{os, random};

/// Which process tags a tracer adds of its own. All of them by default.
///
/// ```
/// use jaegerling::OwnTags;
/// let quiet = OwnTags { hostname: false, ..OwnTags::ALL };
/// # let (_traces_in, _traces_out) = jaegerling::builder("demo").own_process_tags(quiet).build()?;
/// # Ok::<(), jaegerling::BuildError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one tag")]
pub struct OwnTags {
    /// `ip`: without it, Jaeger warns of every child that outlives its parent by a microsecond.
    pub ip: bool,
    /// `hostname`.
    pub hostname: bool,
    /// `client-uuid`: with it, receivers can tell by the datagrams' numbers which are missing.
    pub client_uuid: bool,
    /// `jaeger.version`, `otel.library.name` and `otel.library.version`: this library.
    pub library: bool,
}

impl OwnTags {
    /// All of them.
    pub const ALL: Self = Self {
        ip: true,
        hostname: true,
        client_uuid: true,
        library: true,
    };

    /// None of them.
    pub const NONE: Self = Self {
        ip: false,
        hostname: false,
        client_uuid: false,
        library: false,
    };
}

impl Default for OwnTags {
    fn default() -> Self {
        Self::ALL
    }
}

/// Tags that are kept.
#[derive(Clone, Default, Debug)]
pub(crate) struct ProcessTags(Vec<(String, Owned)>);

#[derive(Clone, Debug)]
enum Owned {
    Str(String),
    Bytes(Vec<u8>),
    Bool(bool),
    I64(i64),
    F64(f64),
}

impl ProcessTags {
    pub(crate) fn push<'a>(&mut self, key: impl Into<String>, value: impl Into<Value<'a>>) {
        let value = match value.into() {
            Value::Str(text) => Owned::Str(text.to_owned()),
            Value::Bytes(bytes) => Owned::Bytes(bytes.to_owned()),
            Value::Bool(value) => Owned::Bool(value),
            Value::I64(value) => Owned::I64(value),
            Value::F64(value) => Owned::F64(value),
            // As text, should there once be others.
            other => Owned::Str(format!("{other:?}")),
        };
        self.0.push((key.into(), value));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> + Clone {
        self.0.iter().map(|(key, value)| {
            let value = match value {
                Owned::Str(text) => Value::Str(text),
                Owned::Bytes(bytes) => Value::Bytes(bytes),
                Owned::Bool(value) => Value::Bool(*value),
                Owned::I64(value) => Value::I64(*value),
                Owned::F64(value) => Value::F64(*value),
            };
            (key.as_str(), value)
        })
    }
}

/// The tags that say which process this is, on which machine.
pub(crate) fn own_tags(which: OwnTags) -> ProcessTags {
    let mut tags = ProcessTags::default();
    if which.library {
        let version = concat!("jaegerling-", env!("CARGO_PKG_VERSION"));
        tags.push("jaeger.version", version);
        tags.push("otel.library.name", env!("CARGO_PKG_NAME"));
        tags.push("otel.library.version", env!("CARGO_PKG_VERSION"));
    }
    if which.client_uuid {
        let uuid = format!("{:016x}{:016x}", random::next(), random::next());
        tags.push("client-uuid", uuid.as_str());
    }
    if let Some(name) = os::hostname().filter(|_| which.hostname) {
        tags.push("hostname", name.as_str());
    }
    if which.ip {
        tags.push("ip", own_ip().as_str());
    }
    tags
}

/// The address that this machine would send from. No packet is sent for it.
fn own_ip() -> String {
    let towards = |from: &str, to: &str| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip().to_string())
    };
    // Addresses that are reserved for documentation: they are beyond any router.
    towards("0.0.0.0:0", "192.0.2.1:9")
        .or_else(|| towards("[::]:0", "[2001:db8::1]:9"))
        .unwrap_or_else(|| "127.0.0.1".to_owned())
}
