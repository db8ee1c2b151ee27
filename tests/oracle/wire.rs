//! Any Thrift value, read and written by Apache's own crate, field by field.
//!
//! Nothing of Jaeger is known here. A [`Value`] can have its fields in any order, unknown ones
//! among them, and lack any: what an encoder for a fixed schema could not write.

use std::fmt;

use thrift::protocol::{
    TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TFieldIdentifier,
    TInputProtocol, TListIdentifier, TMapIdentifier, TMessageIdentifier, TMessageType,
    TOutputProtocol, TSetIdentifier, TStructIdentifier, TType,
};

/// Bytes that are mostly text: shown as such, and equal to one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(pub Vec<u8>);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(200) {
            None => write!(f, "\"{}\"", self.0.escape_ascii()),
            Some((start, _)) => {
                let len = self.0.len();
                write!(f, "\"{}…\" ({len} bytes)", start.escape_ascii())
            }
        }
    }
}

impl<T: AsRef<[u8]> + ?Sized> From<&T> for Text {
    fn from(text: &T) -> Self {
        Self(text.as_ref().to_vec())
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, text: &&str) -> bool {
        self.0 == text.as_bytes()
    }
}

/// A double that is equal to another if all its bits are.
#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

/// A Thrift value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    Double(Double),
    Binary(Text),
    Uuid([u8; 16]),
    List(TType, Vec<Value>),
    Set(TType, Vec<Value>),
    Map(TType, TType, Vec<(Value, Value)>),
    Struct(Fields),
}

/// The fields of a struct, in the order of the wire.
pub type Fields = Vec<(i16, Value)>;

/// A message: a call with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub kind: TMessageType,
    pub sequence_id: i32,
    pub method: String,
    pub arguments: Value,
}

impl Message {
    /// A one-way call of `emitBatch`.
    pub fn emit_batch(batch: Value) -> Self {
        Self {
            kind: TMessageType::OneWay,
            sequence_id: 0,
            method: "emitBatch".into(),
            arguments: Value::Struct(vec![(1, batch)]),
        }
    }

    /// In the compact protocol.
    pub fn compact(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut TCompactOutputProtocol::new(&mut bytes))
            .expect("Apache's encoder takes it");
        bytes
    }

    /// In the binary protocol; not strict is how its first version did it.
    pub fn binary(&self, strict: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut TBinaryOutputProtocol::new(&mut bytes, strict))
            .expect("Apache's encoder takes it");
        bytes
    }

    fn write(&self, to: &mut impl TOutputProtocol) -> thrift::Result<()> {
        let (method, kind) = (self.method.clone(), self.kind);
        to.write_message_begin(&TMessageIdentifier::new(method, kind, self.sequence_id))?;
        self.arguments.write(to)?;
        to.write_message_end()
    }

    /// Reads a message in the compact protocol that fills the whole datagram.
    pub fn read(datagram: &[u8]) -> Result<Self, String> {
        let mut rest = datagram;
        let message =
            Self::read_some(&mut rest).map_err(|error| format!("Apache's reader: {error}"))?;
        match rest.len() {
            0 => Ok(message),
            more => Err(format!("{more} bytes follow the message")),
        }
    }

    fn read_some(bytes: &mut &[u8]) -> thrift::Result<Self> {
        let mut from = TCompactInputProtocol::new(bytes);
        let header = from.read_message_begin()?;
        let arguments = Value::read(&mut from, TType::Struct)?;
        from.read_message_end()?;
        Ok(Self {
            kind: header.message_type,
            sequence_id: header.sequence_number,
            method: header.name,
            arguments,
        })
    }
}

impl Value {
    /// A list of structs.
    pub fn structs(elements: impl IntoIterator<Item = Value>) -> Self {
        Self::List(TType::Struct, elements.into_iter().collect())
    }

    pub fn text(text: &Text) -> Self {
        Self::Binary(text.clone())
    }

    pub fn ty(&self) -> TType {
        match self {
            Self::Bool(_) => TType::Bool,
            Self::I8(_) => TType::I08,
            Self::I16(_) => TType::I16,
            Self::I32(_) => TType::I32,
            Self::I64(_) => TType::I64,
            Self::Double(_) => TType::Double,
            Self::Binary(_) => TType::String,
            Self::Uuid(_) => TType::Uuid,
            Self::List(..) => TType::List,
            Self::Set(..) => TType::Set,
            Self::Map(..) => TType::Map,
            Self::Struct(_) => TType::Struct,
        }
    }

    /// Calls `change` with the fields of this struct and of each struct within, innermost first.
    pub fn each_struct(&mut self, change: &mut impl FnMut(&mut Fields)) {
        match self {
            Self::Struct(fields) => {
                for (_, value) in fields.iter_mut() {
                    value.each_struct(change);
                }
                change(fields);
            }
            Self::List(_, values) | Self::Set(_, values) => {
                for value in values {
                    value.each_struct(change);
                }
            }
            _ => {}
        }
    }

    pub fn write(&self, to: &mut impl TOutputProtocol) -> thrift::Result<()> {
        match self {
            Self::Bool(value) => to.write_bool(*value),
            Self::I8(value) => to.write_i8(*value),
            Self::I16(value) => to.write_i16(*value),
            Self::I32(value) => to.write_i32(*value),
            Self::I64(value) => to.write_i64(*value),
            Self::Double(value) => to.write_double(value.0),
            Self::Binary(value) => to.write_bytes(&value.0),
            Self::Uuid(value) => value.iter().try_for_each(|byte| to.write_byte(*byte)),
            Self::List(ty, values) => {
                to.write_list_begin(&TListIdentifier::new(*ty, values.len() as i32))?;
                values.iter().try_for_each(|value| value.write(to))?;
                to.write_list_end()
            }
            Self::Set(ty, values) => {
                to.write_set_begin(&TSetIdentifier::new(*ty, values.len() as i32))?;
                values.iter().try_for_each(|value| value.write(to))?;
                to.write_set_end()
            }
            Self::Map(key, value, entries) => {
                to.write_map_begin(&TMapIdentifier::new(*key, *value, entries.len() as i32))?;
                for (key, value) in entries {
                    key.write(to)?;
                    value.write(to)?;
                }
                to.write_map_end()
            }
            Self::Struct(fields) => write_struct(fields, to),
        }
    }

    fn read(from: &mut impl TInputProtocol, ty: TType) -> thrift::Result<Self> {
        Ok(match ty {
            TType::Bool => Self::Bool(from.read_bool()?),
            TType::I08 => Self::I8(from.read_i8()?),
            TType::I16 => Self::I16(from.read_i16()?),
            TType::I32 => Self::I32(from.read_i32()?),
            TType::I64 => Self::I64(from.read_i64()?),
            TType::Double => Self::Double(Double(from.read_double()?)),
            TType::String => Self::Binary(Text(from.read_bytes()?)),
            TType::Uuid => Self::Uuid(from.read_uuid()?.into_bytes()),
            TType::List => {
                let list = from.read_list_begin()?;
                let values = read_all(from, list.element_type, list.size)?;
                from.read_list_end()?;
                Self::List(list.element_type, values)
            }
            TType::Set => {
                let set = from.read_set_begin()?;
                let values = read_all(from, set.element_type, set.size)?;
                from.read_set_end()?;
                Self::Set(set.element_type, values)
            }
            TType::Map => read_map(from)?,
            TType::Struct => Self::Struct(read_struct(from)?),
            other => return Err(format!("no value is a {other}").into()),
        })
    }
}

fn write_struct(fields: &Fields, to: &mut impl TOutputProtocol) -> thrift::Result<()> {
    to.write_struct_begin(&TStructIdentifier::new(""))?;
    for (id, value) in fields {
        to.write_field_begin(&TFieldIdentifier::new("", value.ty(), *id))?;
        value.write(to)?;
        to.write_field_end()?;
    }
    to.write_field_stop()?;
    to.write_struct_end()
}

fn read_struct(from: &mut impl TInputProtocol) -> thrift::Result<Fields> {
    let mut fields = Vec::new();
    from.read_struct_begin()?;
    loop {
        let field = from.read_field_begin()?;
        let Some(id) = field.id else { break };
        fields.push((id, Value::read(from, field.field_type)?));
        from.read_field_end()?;
    }
    from.read_struct_end()?;
    Ok(fields)
}

fn read_all(from: &mut impl TInputProtocol, ty: TType, count: i32) -> thrift::Result<Vec<Value>> {
    (0..count).map(|_| Value::read(from, ty)).collect()
}

fn read_map(from: &mut impl TInputProtocol) -> thrift::Result<Value> {
    let map = from.read_map_begin()?;
    let mut entries = Vec::new();
    // Of an empty map, the wire says no types.
    let key = map.key_type.unwrap_or(TType::Bool);
    let value = map.value_type.unwrap_or(TType::Bool);
    for _ in 0..map.size {
        entries.push((Value::read(from, key)?, Value::read(from, value)?));
    }
    from.read_map_end()?;
    Ok(Value::Map(key, value, entries))
}
