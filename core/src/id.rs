//! Who a span is: [`TraceId`], [`SpanId`], [`Flags`], and the three together as a [`SpanContext`].

use core::fmt;
use core::num::{NonZeroU64, NonZeroU128};
use core::sync::atomic::{AtomicU32, Ordering};

/// The identity of a trace: 128 bits, never zero.
///
/// Printed as Jaeger prints it: 16 lower-case hex digits if the high half is zero, else 32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// The smallest one: 1.
    pub const MIN: Self = Self(NonZeroU128::MIN);

    /// A trace id from its number, or `None` for zero.
    pub const fn new(id: u128) -> Option<Self> {
        match NonZeroU128::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// # Safety
    ///
    /// Not for zero.
    #[inline(always)]
    pub(crate) unsafe fn new_unchecked(id: u128) -> Self {
        // SAFETY: as promised by the caller.
        Self(unsafe { NonZeroU128::new_unchecked(id) })
    }

    /// The number.
    pub const fn get(self) -> u128 {
        self.0.get()
    }

    /// The lower 64 bits: `traceIdLow` on the wire.
    pub const fn low(self) -> u64 {
        self.get() as u64
    }

    /// The upper 64 bits: `traceIdHigh` on the wire, zero for a 64-bit trace id.
    pub const fn high(self) -> u64 {
        (self.get() >> 64) as u64
    }
}

impl From<NonZeroU128> for TraceId {
    fn from(id: NonZeroU128) -> Self {
        Self(id)
    }
}

impl From<TraceId> for NonZeroU128 {
    fn from(id: TraceId) -> Self {
        id.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.high() {
            0 => write!(f, "{:016x}", self.low()),
            high => write!(f, "{high:016x}{:016x}", self.low()),
        }
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

/// The identity of a span within its trace: 64 bits, never zero. Printed as 16 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// The smallest one: 1.
    pub const MIN: Self = Self(NonZeroU64::MIN);

    /// A span id from its number, or `None` for zero.
    pub const fn new(id: u64) -> Option<Self> {
        match NonZeroU64::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// # Safety
    ///
    /// Not for zero.
    #[inline(always)]
    pub(crate) unsafe fn new_unchecked(id: u64) -> Self {
        // SAFETY: as promised by the caller.
        Self(unsafe { NonZeroU64::new_unchecked(id) })
    }

    /// The id of that number; 0 is taken for 1.
    #[inline(always)]
    pub(crate) fn or_min(id: u64) -> Self {
        #[cold]
        #[inline(never)]
        fn min() -> SpanId {
            SpanId::MIN
        }
        Self::new(id).unwrap_or_else(min)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl From<NonZeroU64> for SpanId {
    fn from(id: NonZeroU64) -> Self {
        Self(id)
    }
}

impl From<SpanId> for NonZeroU64 {
    fn from(id: SpanId) -> Self {
        id.0
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.get())
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

/// The flags of a span, as jaeger.thrift's `Span.flags` has them: 1 sampled, 2 debug.
///
/// A debug span is always sampled, so that the three values are [`NONE`](Self::NONE) (0),
/// [`SAMPLED`](Self::SAMPLED) (1) and [`DEBUG`](Self::DEBUG) (3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flags(u8);

impl Flags {
    /// Not sampled: the span has its ids, is handed on, and is not recorded.
    pub const NONE: Self = Self(0);
    /// Sampled: the span is recorded.
    pub const SAMPLED: Self = Self(1);
    /// Debug, and therefore sampled: a backend should not sample the trace away.
    pub const DEBUG: Self = Self(3);

    /// Flags from the bits of a header or a datagram. Bits with no meaning here are dropped, and
    /// debug implies sampled.
    pub const fn from_bits(bits: u32) -> Self {
        match (bits & 2 != 0, bits & 1 != 0) {
            (true, _) => Self::DEBUG,
            (false, true) => Self::SAMPLED,
            (false, false) => Self::NONE,
        }
    }

    /// Flags from the [`bits`](Self::bits) of some.
    #[inline(always)]
    pub(crate) const fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits: 0, 1 or 3.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether the span is recorded.
    pub const fn is_sampled(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether the span belongs to a trace that somebody debugs.
    pub const fn is_debug(self) -> bool {
        self.0 & 2 != 0
    }
}

impl Default for Flags {
    fn default() -> Self {
        Self::SAMPLED
    }
}

/// What a child needs to know of its parent, in this process or in another: the part of a span
/// that travels in a header. [`propagate`](crate::propagate) has its forms as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SpanContext {
    /// The trace that the span belongs to.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// The span's own parent, where it is known. Nothing but the text form uses it.
    pub parent_id: Option<SpanId>,
    /// Sampled and debug, inherited by children.
    pub flags: Flags,
}

/// How a span refers to another one (jaeger.thrift `SpanRefType`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReferenceKind {
    /// The other span waits for this one.
    ChildOf,
    /// The other span caused this one, and does not wait for it.
    FollowsFrom,
}

/// A source of ids.
pub trait IdSource {
    /// Whether [`next_id`](Self::next_id) must be kept apart from other calls by the tracer's
    /// [`ClaimLock`](crate::ClaimLock); one that is [`LockFree`](crate::LockFree) does not.
    fn needs_lock(&self) -> bool {
        false
    }

    /// The next id: any number that does not come again. 0 is taken for 1.
    ///
    /// It is called from wherever spans are started. It should not trace itself.
    fn next_id(&self) -> u64;

    /// Called once, before any span is recorded: from now on, ids that nobody else has. Spans that are
    /// refused before draw ids, too.
    ///
    /// What makes a seed: something that differs from device to device (a serial number, the chip's
    /// unique id), and from boot to boot: a word of the hardware's random number generator, or a
    /// counter of boots that is kept in flash or EEPROM.
    fn seed(&self, seed: u64) {
        let _ = seed;
    }
}

impl<I: IdSource + ?Sized> IdSource for &I {
    fn needs_lock(&self) -> bool {
        (**self).needs_lock()
    }

    fn next_id(&self) -> u64 {
        (**self).next_id()
    }

    fn seed(&self, seed: u64) {
        (**self).seed(seed);
    }
}

/// Ids that look random and do not repeat before 2³² of them, from a counter and a seed.
///
/// Of two different seeds, the ids are different ones, as far as chance goes: two runs of 2³² ids
/// of 63 bits meet once in a billion times. The same seed gives the same ids: see
/// [`IdSource::seed`].
#[derive(Debug)]
pub struct SeededIds {
    /// The lower half first. Written once, before anyone draws.
    seed: [AtomicU32; 2],
    count: AtomicU32,
}

impl SeededIds {
    /// Ids of the seed 0, until there is another one. All of it is zero.
    pub const fn new() -> Self {
        Self {
            seed: [const { AtomicU32::new(0) }; 2],
            count: AtomicU32::new(0),
        }
    }
}

impl Default for SeededIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdSource for SeededIds {
    #[inline]
    fn needs_lock(&self) -> bool {
        cfg!(not(target_has_atomic = "32"))
    }

    #[inline]
    fn next_id(&self) -> u64 {
        // 2³² ÷ the golden ratio, and one: the upper half goes far with each count, the lower one
        // goes on by one, so that no two are the same.
        const SPREAD: u64 = 0x9e37_79b9_0000_0001;
        #[cfg(target_has_atomic = "32")]
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // The tracer's lock makes these two one.
        #[cfg(not(target_has_atomic = "32"))]
        let count = {
            let count = self.count.load(Ordering::Relaxed);
            self.count.store(count.wrapping_add(1), Ordering::Relaxed);
            count
        };
        let [low, high] = &self.seed;
        let seed =
            u64::from(low.load(Ordering::Relaxed)) | u64::from(high.load(Ordering::Relaxed)) << 32;
        // Never zero, and that the compiler knows.
        seed.wrapping_add(u64::from(count).wrapping_mul(SPREAD)) | 1 << 63
    }

    fn seed(&self, seed: u64) {
        // The finalizer of SplitMix64: seeds that lie side by side give ids that lie far apart.
        let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ mixed >> 31;
        let [low, high] = &self.seed;
        low.store(mixed as u32, Ordering::Relaxed);
        high.store((mixed >> 32) as u32, Ordering::Relaxed);
    }
}
