//! Datagrams that are no batch of spans, by kind.

use std::collections::HashMap;
use std::fmt::Display;
use std::mem::{Discriminant, discriminant};

use jaegerling_core::decode::DecodeError;

/// How many there were of each kind.
#[derive(Default)]
pub(crate) struct BadDatagrams {
    kinds: HashMap<Discriminant<DecodeError>, (u64, &'static str)>,
}

impl BadDatagrams {
    /// Counts one. The first of its kind comes back explained.
    pub(crate) fn note(
        &mut self,
        error: &DecodeError,
        len: usize,
        from: impl Display,
    ) -> Option<String> {
        let empty = || (0, kind(error));
        let (count, _) = self.kinds.entry(discriminant(error)).or_insert_with(empty);
        *count += 1;
        (*count == 1).then(|| {
            let hint = hint(error);
            format!("bad datagram of {} bytes from {from}: {error}{hint}", len)
        })
    }

    pub(crate) fn count(&self) -> u64 {
        self.kinds.values().map(|(count, _)| count).sum()
    }

    /// Counts and names, the most frequent first.
    pub(crate) fn kinds(&self) -> Vec<(u64, &'static str)> {
        let mut kinds: Vec<_> = self.kinds.values().copied().collect();
        kinds.sort_by_key(|&(count, name)| (std::cmp::Reverse(count), name));
        kinds
    }
}

fn kind(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::BinaryProtocol => "binary protocol",
        DecodeError::NotCompact { .. } => "not Thrift",
        DecodeError::UnknownVersion(_) => "unknown version of the protocol",
        DecodeError::WrongMessageType(_) => "not a call",
        DecodeError::WrongMethod(_) => "another method than emitBatch",
        DecodeError::Truncated { .. } => "truncated",
        DecodeError::TooDeep { .. } => "nested too deep",
        DecodeError::Missing { .. } => "required field missing",
        _ => "malformed",
    }
}

fn hint(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::BinaryProtocol => "; let the client send the compact protocol to this port",
        DecodeError::WrongMethod(_) => "; it may be meant for Zipkin's format",
        _ => "",
    }
}
