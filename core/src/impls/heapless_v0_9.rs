//! [`heapless`]' strings and vectors: values of tags, and owned datagrams.
//!
//! A name or key needs no conversion: a `heapless::String` is a `str` where one is asked for.

use heapless::{CapacityError, LenType, String, Vec};

use crate::{Packed, Value};

/// As text. For names and keys, too:
///
/// ```
/// use core::fmt::Write;
/// use heapless::String;
/// use jaegerling_core::{Clock, KeepOldest, SeededIds, SingleContext, Slot, Tracer, Value};
///
/// # struct Timer;
/// # impl Clock for Timer {
/// #     fn now(&self) -> u64 { 0 }
/// #     fn unix_nanos(&self, _: u64) -> i64 { 0 }
/// # }
/// # type Spans = Tracer<Timer, SeededIds, SingleContext, KeepOldest, [Slot<32>; 4], 32>;
/// # let tracer: Spans = Tracer::new(Timer, SeededIds::new(), SingleContext::new());
/// # tracer.init(7).unwrap();
/// let mut name: String<16> = String::new();
/// write!(name, "adc{}.read", 3)?;
/// let mut span = tracer.root(&name);
///
/// let serial: String<8> = String::try_from("A-1734")?;
/// span.tag("serial", &serial);
/// assert_eq!(Value::from(&serial), Value::Str("A-1734"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'a, L: LenType, const N: usize> From<&'a String<N, L>> for Value<'a> {
    fn from(value: &'a String<N, L>) -> Self {
        Self::Str(value)
    }
}

impl<'a, L: LenType, const N: usize> From<&'a Vec<u8, N, L>> for Value<'a> {
    fn from(value: &'a Vec<u8, N, L>) -> Self {
        Self::Bytes(value)
    }
}

/// The datagram in memory of its own, for whoever sends it later: a queue, a DMA transfer.
///
/// It fails if the datagram has more than `N` bytes: never, if `N` is the packer's limit.
impl<L: LenType, const N: usize> TryFrom<Packed<'_>> for Vec<u8, N, L> {
    type Error = CapacityError;

    fn try_from(packed: Packed<'_>) -> Result<Self, CapacityError> {
        let mut datagram = Self::new();
        datagram.extend_from_slice(packed.bytes)?;
        Ok(datagram)
    }
}
