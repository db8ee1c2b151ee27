//! A clock made of a hardware counter of few bits, which wraps.

use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use crate::Clock;

/// A hardware counter that counts up and begins again at zero.
pub trait TickCounter {
    /// How many bits it has: 16 to 32.
    const BITS: u32 = 32;
    /// How many ticks a second has.
    const HZ: u32;

    /// The count now. Bits above [`BITS`](Self::BITS) are zero.
    fn count(&self) -> u32;
}

/// The [`Clock`] of a [`TickCounter`]: its count, extended to as good as 64 bits, since the
/// counter began.
///
/// Whoever reads it also keeps it: it knows how often the counter has wrapped as long as two
/// readings are less than one wrap apart, by 1/128 of it for a counter of 32 bits and 1/8 for a
/// shorter one, including the time for which a reading is itself interrupted. A program that may
/// not trace for so long calls [`Clock::poll`] now and then, from a timer interrupt for example: at
/// 16 MHz, 32 bits wrap every 268 seconds. A span may be open for any number of wraps.
///
/// It counts for 2⁵⁶ ticks with 32 bits (142 years at 16 MHz), for 2⁵² with 24, for 2⁴⁴ with 16.
///
/// It may be read by any context at once.
///
/// ```
/// use jaegerling_core::{Clock, TickClock, TickCounter};
///
/// struct Timer2;
/// impl TickCounter for Timer2 {
///     const HZ: u32 = 16_000_000;
///     fn count(&self) -> u32 {
/// #       48_000_000
///         // unsafe { (0x4000_0024 as *const u32).read_volatile() }
///     }
/// }
///
/// static CLOCK: TickClock<Timer2> = TickClock::new(Timer2);
/// assert_eq!(CLOCK.unix_micros(CLOCK.now()), 3_000_000);
/// ```
#[derive(Debug)]
pub struct TickClock<T> {
    counter: T,
    /// The time of the last reading without its lowest bits: see [`unit`](Self::UNIT).
    coarse: AtomicU32,
}

impl<T: TickCounter> TickClock<T> {
    /// What the coarse time counts in is 2 to this many ticks.
    const UNIT: u32 = T::BITS - Self::FRACTION;
    /// A wrap is 2 to this many units: where within a wrap the last reading was is known as exactly
    /// as that.
    const FRACTION: u32 = if T::BITS == 32 { 8 } else { 4 };
    const UNITS: u32 = 1 << Self::FRACTION;

    /// A clock that begins with its counter.
    pub const fn new(counter: T) -> Self {
        const {
            assert!(
                T::BITS >= 16 && T::BITS <= 32,
                "a counter has 16 to 32 bits"
            );
            assert!(T::HZ > 0, "a second has ticks");
        };
        Self {
            counter,
            coarse: AtomicU32::new(0),
        }
    }

    /// The counter.
    pub const fn counter(&self) -> &T {
        &self.counter
    }

    /// The counter is in another unit than at the last reading. Inline, rare as it is: around a
    /// call, whoever reads the clock would have to save registers each time.
    ///
    /// A plain store, as not all targets have more: whoever is interrupted right before it by others
    /// who store a later time puts the clock back by as much as that took, from where the next
    /// reading goes on as from any other.
    #[inline(always)]
    fn go_on(&self, now: u32, units: u32) -> u32 {
        if units == Self::UNITS - 1 && now != units {
            // Another core has read the counter later, and was seen first.
            return now.wrapping_sub(Self::UNITS);
        }
        let seen = self.coarse.load(Ordering::Relaxed);
        if (now.wrapping_sub(seen) as i32) > 0 {
            self.coarse.store(now, Ordering::Relaxed);
        }
        now
    }
}

impl<T: TickCounter> Clock for TickClock<T> {
    #[inline(always)]
    fn now(&self) -> u64 {
        // In this order: of a counter that was read later, it is known how far it has come since.
        let coarse = self.coarse.load(Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let count = self.counter.count();
        let units = (count >> Self::UNIT).wrapping_sub(coarse) & (Self::UNITS - 1);
        let mut now = coarse.wrapping_add(units);
        if units != 0 {
            now = self.go_on(now, units);
        }
        u64::from(now >> Self::FRACTION) << T::BITS | u64::from(count)
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        scale::<T>(ticks, 1_000_000_000)
    }

    #[inline]
    fn unix_micros(&self, ticks: u64) -> i64 {
        scale::<T>(ticks, 1_000_000)
    }
}

/// Ticks in units of which a second has `per_second`: rounded down, but for what 2⁻⁶⁴ a tick adds
/// up to. Without a division by anything that is not constant.
#[inline(always)]
fn scale<T: TickCounter>(ticks: u64, per_second: u64) -> i64 {
    let hz = T::HZ as u64;
    let (whole, rest) = (per_second / hz, per_second % hz);
    let scaled = if hz % per_second == 0 && (hz / per_second).is_power_of_two() {
        ticks >> (hz / per_second).trailing_zeros()
    } else if rest == 0 {
        ticks.saturating_mul(whole)
    } else {
        // Rounded up, so that whole units come out whole.
        let fraction = (u128::from(rest) << 64).div_ceil(u128::from(hz)) as u64;
        let part = ((u128::from(ticks) * u128::from(fraction)) >> 64) as u64;
        ticks.saturating_mul(whole).saturating_add(part)
    };
    i64::try_from(scaled).unwrap_or(i64::MAX)
}
