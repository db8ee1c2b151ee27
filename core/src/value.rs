//! What a tag can hold.

/// The value of a tag or of a log's field (jaeger.thrift `Tag.vType`).
///
/// ```
/// use jaegerling_core::Value;
/// assert_eq!(Value::from(3_u16), Value::I64(3));
/// assert_eq!(Value::from("ok"), Value::Str("ok"));
///
/// // What no `LONG` can hold goes out as a `DOUBLE`, the nearest one.
/// assert_eq!(Value::from([1, 2].len()), Value::I64(2));
/// assert_eq!(Value::from(1_u64 << 63), Value::F64(9_223_372_036_854_775_808.0));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Text (`STRING`).
    Str(&'a str),
    /// Yes or no (`BOOL`).
    Bool(bool),
    /// A whole number (`LONG`).
    I64(i64),
    /// A floating-point number (`DOUBLE`). One that is not finite goes out as a string, because
    /// Jaeger's query API fails on the whole trace otherwise.
    F64(f64),
    /// Bytes (`BINARY`).
    Bytes(&'a [u8]),
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value<'_> {
            #[inline(always)]
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }

        impl From<&$from> for Value<'_> {
            #[inline(always)]
            fn from(value: &$from) -> Self {
                Self::$variant((*value).into())
            }
        }
    )*};
}

value_from! {
    bool => Bool,
    i8 => I64, i16 => I64, i32 => I64, i64 => I64, u8 => I64, u16 => I64, u32 => I64,
    f32 => F64, f64 => F64,
}

macro_rules! value_from_if_it_fits {
    ($($from:ty),* $(,)?) => {$(
        /// As [`Value::I64`] if it fits; else as [`Value::F64`], the nearest one.
        impl From<$from> for Value<'_> {
            fn from(value: $from) -> Self {
                i64::try_from(value).map_or(Self::F64(value as f64), Self::I64)
            }
        }

        /// As [`Value::I64`] if it fits; else as [`Value::F64`], the nearest one.
        impl From<&$from> for Value<'_> {
            fn from(value: &$from) -> Self {
                (*value).into()
            }
        }
    )*};
}

value_from_if_it_fits! { u64, usize, isize }

impl<'a> From<&'a str> for Value<'a> {
    #[inline(always)]
    fn from(value: &'a str) -> Self {
        Self::Str(value)
    }
}

impl<'a> From<&&'a str> for Value<'a> {
    fn from(value: &&'a str) -> Self {
        Self::Str(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(value)
    }
}

#[cfg(feature = "alloc")]
impl<'a> From<&'a alloc::vec::Vec<u8>> for Value<'a> {
    fn from(value: &'a alloc::vec::Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

#[cfg(feature = "alloc")]
impl<'a> From<&'a alloc::string::String> for Value<'a> {
    fn from(value: &'a alloc::string::String) -> Self {
        Self::Str(value)
    }
}
