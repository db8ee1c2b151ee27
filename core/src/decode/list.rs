//! Lists that stay in the datagram.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use super::DecodeError;
use super::parse::Parse;
use crate::thrift::read::{Elements, Reader};
use crate::thrift::ty;

/// What a [`List`] can hold: structs of this module, and nobody else's.
#[expect(private_bounds, reason = "this is what keeps others out")]
pub trait Element<'a>: Parse<'a> {}

/// A list of structs within a datagram: each is read when its turn comes.
///
/// [`decode`](super::decode) has read all of them before, so that now nothing can go wrong.
pub struct List<'a, T> {
    /// The elements, one after the other. Each has been read once without an error.
    bytes: &'a [u8],
    len: usize,
    element: PhantomData<fn() -> T>,
}

impl<'a, T> List<'a, T> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One after the other, from the first on.
    pub const fn iter(&self) -> Iter<'a, T> {
        Iter {
            reader: Reader::new(self.bytes),
            left: self.len,
            element: PhantomData,
        }
    }
}

impl<'a, T: Element<'a>> List<'a, T> {
    /// Reads all elements, to know that they can be read and where they end.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let at = reader.offset();
        let Elements { ty, count } = reader.elements()?;
        if count > 0 && ty != ty::STRUCT {
            return Err(DecodeError::NotStructs { at, code: ty });
        }
        let rest = reader.rest();
        for _ in 0..count {
            T::parse(reader)?;
        }
        let used = rest.len().saturating_sub(reader.rest().len());
        Ok(Self {
            bytes: rest.get(..used).unwrap_or_default(),
            len: count,
            element: PhantomData,
        })
    }
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

/// The empty list.
impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self {
            bytes: &[],
            len: 0,
            element: PhantomData,
        }
    }
}

impl<'a, T: Element<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a, T: Element<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Element<'a>> IntoIterator for &List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// The iterator over a [`List`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    reader: Reader<'a>,
    left: usize,
    element: PhantomData<fn() -> T>,
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self {
            reader: self.reader,
            left: self.left,
            element: PhantomData,
        }
    }
}

impl<'a, T: Element<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        let element = T::parse(&mut self.reader);
        if element.is_err() {
            // Cannot be: it could be read before.
            self.left = 0;
        }
        element.ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, T: Element<'a>> ExactSizeIterator for Iter<'a, T> {}

impl<'a, T: Element<'a>> FusedIterator for Iter<'a, T> {}
