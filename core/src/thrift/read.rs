//! Reading: a cursor over bytes that somebody else wrote.
//!
//! Whatever the bytes are, each call returns after work in proportion to the bytes it has passed:
//! counts and lengths are compared with what is left before anything is done with them, and
//! nothing recurses. No call panics. After an error the cursor stands anywhere and is of no use.

use super::{ty, varint};

/// What is wrong with the bytes, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Error {
    /// The offset of what could not be read.
    pub(crate) at: usize,
    pub(crate) kind: ErrorKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ErrorKind {
    /// The bytes end inside of it, or its count or length says more than is left.
    Truncated,
    /// A number that does not end, or does not fit its type.
    BadNumber,
    /// No type has this code.
    BadType(u8),
    /// Containers within containers within containers.
    TooDeep,
}

pub(crate) type Result<T> = core::result::Result<T, Error>;

/// A field's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    pub(crate) id: i16,
    /// A code of [`ty`], never [`ty::STOP`]. Of a bool it is the value too.
    pub(crate) ty: u8,
}

/// The header of a list or a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Elements {
    /// A code of [`ty`], never [`ty::STOP`] unless `count` is 0.
    pub(crate) ty: u8,
    /// No more than bytes are left, since no element takes less than one.
    pub(crate) count: usize,
}

/// The header of a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entries {
    pub(crate) key: u8,
    pub(crate) value: u8,
    /// No more than half as many as bytes are left.
    pub(crate) count: usize,
}

/// The cursor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The length of everything, for offsets.
    len: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            len: bytes.len(),
        }
    }

    /// How far the cursor is.
    pub(crate) const fn offset(&self) -> usize {
        self.len.saturating_sub(self.rest.len())
    }

    /// What has not been read.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(self.error(ErrorKind::Truncated));
        };
        self.rest = rest;
        Ok(byte)
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn varint(&mut self) -> Result<u64> {
        match *self.rest {
            [byte @ ..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64> {
        if let Some((value, len)) = self.rest.first_chunk().and_then(varint::read) {
            self.rest = self.rest.get(len..).unwrap_or_default();
            return Ok(value);
        }
        self.any_varint()
    }

    /// Byte by byte: near the end of all bytes, or what is wrong.
    fn any_varint(&mut self) -> Result<u64> {
        let start = *self;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let Ok(byte) = self.u8() else {
                return Err(start.error(ErrorKind::Truncated));
            };
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(start.error(ErrorKind::BadNumber))
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn i64(&mut self) -> Result<i64> {
        self.varint().map(unzigzag)
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        self.narrow()
    }

    pub(crate) fn i16(&mut self) -> Result<i16> {
        self.narrow()
    }

    pub(crate) fn f64(&mut self) -> Result<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// A string or bytes: all the same on the wire.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let start = *self;
        let len = self.varint()?;
        let split = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        let Some((bytes, rest)) = split else {
            return Err(start.error(ErrorKind::Truncated));
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// The next field of a struct, or `None` at its end. `last` is the id of the field before, 0
    /// at first; one for each struct that is open.
    // In line, or its result goes through memory: twice the time of all decoding.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn field(&mut self, last: &mut i16) -> Result<Option<Field>> {
        let start = *self;
        let header = self.u8()?;
        if header == ty::STOP {
            return Ok(None);
        }
        let ty = start.known(header & 0x0f)?;
        *last = match i16::from(header >> 4) {
            0 => self.i16()?,
            delta => last
                .checked_add(delta)
                .ok_or(start.error(ErrorKind::BadNumber))?,
        };
        Ok(Some(Field { id: *last, ty }))
    }

    /// The header of a list or of a set.
    pub(crate) fn elements(&mut self) -> Result<Elements> {
        let start = *self;
        let header = self.u8()?;
        let count = match header >> 4 {
            15 => self.varint()?,
            count => count.into(),
        };
        let count = start.at_most(count, self.rest.len())?;
        let ty = match count {
            // Of nothing, some encoders say nothing.
            0 => header & 0x0f,
            _ => start.known(header & 0x0f)?,
        };
        Ok(Elements { ty, count })
    }

    /// The header of a map.
    pub(crate) fn entries(&mut self) -> Result<Entries> {
        let start = *self;
        let (key, value, count) = match self.varint()? {
            0 => (ty::STOP, ty::STOP, 0),
            count => {
                let at = *self;
                let types = self.u8()?;
                (at.known(types >> 4)?, at.known(types & 0x0f)?, count)
            }
        };
        let count = start.at_most(count, self.rest.len() / 2)?;
        Ok(Entries { key, value, count })
    }

    /// Passes over a field's value, whatever is in it.
    pub(crate) fn skip(&mut self, ty: u8) -> Result<()> {
        match ty {
            // A bool field is over with its header.
            ty::TRUE | ty::FALSE => Ok(()),
            ty => self.skip_value(ty),
        }
    }

    fn skip_value(&mut self, ty: u8) -> Result<()> {
        let mut open = Open::new();
        self.skip_begin(ty, &mut open)?;
        while let Some(top) = open.top() {
            match top.next(self)? {
                Some(ty) => self.skip_begin(ty, &mut open)?,
                None => open.pop(),
            }
        }
        Ok(())
    }

    /// Passes over a value, or, if it contains others, over its header.
    fn skip_begin(&mut self, ty: u8, open: &mut Open) -> Result<()> {
        let start = *self;
        let container = match ty {
            ty::TRUE | ty::FALSE | ty::I8 => return self.u8().map(drop),
            ty::I16 | ty::I32 | ty::I64 => return self.varint().map(drop),
            ty::DOUBLE => return self.array::<8>().map(drop),
            ty::UUID => return self.array::<16>().map(drop),
            ty::BINARY => return self.bytes().map(drop),
            ty::STRUCT => Container::Struct,
            ty::LIST | ty::SET => {
                let Elements { ty, count } = self.elements()?;
                Container::Values {
                    left: count,
                    even: ty,
                    odd: ty,
                }
            }
            ty::MAP => {
                let Entries { key, value, count } = self.entries()?;
                Container::Values {
                    // Cannot saturate: the count is at most half the bytes that are left.
                    left: count.saturating_mul(2),
                    even: key,
                    odd: value,
                }
            }
            code => return Err(start.error(ErrorKind::BadType(code))),
        };
        match open.push(container) {
            true => Ok(()),
            false => Err(start.error(ErrorKind::TooDeep)),
        }
    }

    fn narrow<T: TryFrom<i64>>(&mut self) -> Result<T> {
        let start = *self;
        T::try_from(self.i64()?).map_err(|_| start.error(ErrorKind::BadNumber))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((array, rest)) = self.rest.split_first_chunk() else {
            return Err(self.error(ErrorKind::Truncated));
        };
        self.rest = rest;
        Ok(*array)
    }

    fn at_most(&self, count: u64, limit: usize) -> Result<usize> {
        match usize::try_from(count) {
            Ok(count) if count <= limit => Ok(count),
            _ => Err(self.error(ErrorKind::Truncated)),
        }
    }

    fn known(&self, ty: u8) -> Result<u8> {
        match ty {
            ty::TRUE..=ty::UUID => Ok(ty),
            code => Err(self.error(ErrorKind::BadType(code))),
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error {
            at: self.offset(),
            kind,
        }
    }
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ ((value & 1) as i64).wrapping_neg()
}

/// How many containers deep a value to be skipped may be. Apache's own readers stop at 64.
const DEPTH: usize = 32;

/// A container that is being skipped.
#[derive(Clone, Copy)]
enum Container {
    Struct,
    /// A list, a set or a map: so many values more, of one type where `left` is even, of the
    /// other where it is odd.
    Values {
        left: usize,
        even: u8,
        odd: u8,
    },
}

impl Container {
    /// The type of the next value in it, or `None` at its end.
    fn next(&mut self, reader: &mut Reader<'_>) -> Result<Option<u8>> {
        match self {
            Self::Struct => loop {
                // Which field it is does not matter.
                match reader.field(&mut 0)? {
                    Some(field) if matches!(field.ty, ty::TRUE | ty::FALSE) => continue,
                    field => return Ok(field.map(|field| field.ty)),
                }
            },
            Self::Values { left, even, odd } => {
                let ty = if *left % 2 == 0 { *even } else { *odd };
                let Some(less) = left.checked_sub(1) else {
                    return Ok(None);
                };
                *left = less;
                Ok(Some(ty))
            }
        }
    }
}

/// The containers around the cursor, the innermost last: what recursion would keep on the stack.
struct Open {
    containers: [Container; DEPTH],
    depth: usize,
}

impl Open {
    const fn new() -> Self {
        Self {
            containers: [Container::Struct; DEPTH],
            depth: 0,
        }
    }

    /// Whether there was room.
    fn push(&mut self, container: Container) -> bool {
        let Some(place) = self.containers.get_mut(self.depth) else {
            return false;
        };
        *place = container;
        self.depth = self.depth.saturating_add(1);
        true
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn top(&mut self) -> Option<&mut Container> {
        self.containers.get_mut(self.depth.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests;
