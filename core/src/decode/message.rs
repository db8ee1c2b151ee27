//! The message around the batch.

use super::parse::{Parse, missing};
use super::{Batch, DecodeError, MethodName, Process};
use crate::jaeger::{EMIT_BATCH, field};
use crate::thrift::read::Reader;
use crate::thrift::{PROTOCOL, VERSION, VERSION_BITS, message, ty};

/// Reads a datagram of a client of Jaeger. See [the module](super) for what it takes.
pub fn decode(datagram: &[u8]) -> Result<Batch<'_>, DecodeError> {
    let reader = &mut Reader::new(datagram);
    header(reader)?;
    let (mut batch, mut last) = (None, 0);
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.ty) {
            (field::emit_batch::BATCH, ty::STRUCT) => batch = Some(Batch::parse(reader)?),
            (_, ty) => reader.skip(ty)?,
        }
    }
    batch.ok_or_else(|| missing(reader, "emitBatch_args", "batch"))
}

/// Reads a process that stands alone, as a frame's hello has it.
pub(crate) fn process(bytes: &[u8]) -> Result<Process<'_>, DecodeError> {
    Process::parse(&mut Reader::new(bytes))
}

fn header(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    if is_binary(reader.rest()) {
        return Err(DecodeError::BinaryProtocol);
    }
    let first = reader.u8()?;
    if first != PROTOCOL {
        return Err(DecodeError::NotCompact { first });
    }
    let second = reader.u8()?;
    let version = second & ((1 << VERSION_BITS) - 1);
    if version != VERSION {
        return Err(DecodeError::UnknownVersion(version));
    }
    let message_type = second >> VERSION_BITS;
    if !matches!(message_type, message::CALL | message::ONEWAY) {
        return Err(DecodeError::WrongMessageType(message_type));
    }
    let _sequence_id = reader.varint()?;
    let name = reader.bytes()?;
    if name != EMIT_BATCH {
        return Err(DecodeError::WrongMethod(MethodName::new(name)));
    }
    Ok(())
}

/// Whether this is the binary protocol: its version, or, as its oldest encoders have it, the
/// length of the method's name in four bytes and that name.
fn is_binary(datagram: &[u8]) -> bool {
    matches!(
        datagram,
        [0x80, 1, ..] | [0, 0, 0, _, b'e', b'm', b'i', b't', ..]
    )
}
