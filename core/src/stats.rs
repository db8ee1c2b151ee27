//! The counters, and the law that binds them.

#[cfg(any(test, not(target_has_atomic = "64")))]
use core::sync::atomic::AtomicU32;
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering;

/// What became of the spans.
///
/// `started == handed_over + in_flight + open + waiting + dropped.total()`, exactly, whenever no
/// call is running. While some are, never more is accounted for than was started. All counters
/// only grow, but for `in_flight`, `open` and `waiting`, which tell how it is now.
///
/// A span that is not sampled is not started: it appears nowhere here.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Spans that were begun, those among them that found no room.
    pub started: u64,
    /// Spans whose datagram was given to the user, or accepted by the operating system.
    pub handed_over: u64,
    /// Spans in a datagram that a sender was lent and has not told the result of.
    pub in_flight: u64,
    /// Spans that have not ended.
    pub open: u64,
    /// Spans that have ended, and are in no datagram yet.
    pub waiting: u64,
    /// Spans that are lost, by reason.
    pub dropped: Dropped,
    /// Beside the law: what was cut or changed in spans on their way into a datagram.
    pub trimmed: Trimmed,
}

/// Spans that are lost, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Dropped {
    /// No slot was free when they started (`fullQueueDroppedSpans`).
    pub ring_full: u64,
    /// Finished spans that gave way to newer ones, in a ring that keeps the newest
    /// (`fullQueueDroppedSpans`, too).
    pub evicted: u64,
    /// Not even their ids, times and a cut name fitted a datagram (`tooLargeDroppedSpans`).
    pub too_large: u64,
    /// The sender said that their datagram failed (`failedToEmitSpans`).
    pub failed: u64,
}

impl Dropped {
    /// None.
    pub const NONE: Self = Self {
        ring_full: 0,
        evicted: 0,
        too_large: 0,
        failed: 0,
    };

    /// All of them.
    pub fn total(&self) -> u64 {
        // Counters that came over a link may say anything.
        self.each().into_iter().fold(0, u64::saturating_add)
    }

    /// One after another.
    pub(crate) fn each(&self) -> [u64; 4] {
        [self.ring_full, self.evicted, self.too_large, self.failed]
    }
}

/// What was cut or changed in spans on their way into a datagram that was sent, or failed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Trimmed {
    /// Tags, and fields of logs, that found no room. Also in `otel.dropped_attributes_count`.
    pub tags: u64,
    /// Logs that found no room. Also in `otel.dropped_events_count`.
    pub logs: u64,
    /// References that found no room. Also in `otel.dropped_links_count`.
    pub references: u64,
    /// Names that were cut.
    pub names: u64,
    /// Times before 1970, after 2262, or an end before its start, that were moved into range; and
    /// starts and ends said again that found no room, so that the ones before them stayed.
    pub times: u64,
    /// Process tags that were left out of a datagram, so that a span fits it.
    pub process_tags: u64,
}

impl Trimmed {
    /// Nothing.
    pub const NONE: Self = Self {
        tags: 0,
        logs: 0,
        references: 0,
        names: 0,
        times: 0,
        process_tags: 0,
    };

    /// With its fields in order.
    pub(crate) const fn of(counts: [u64; 6]) -> Self {
        let [tags, logs, references, names, times, process_tags] = counts;
        Self {
            tags,
            logs,
            references,
            names,
            times,
            process_tags,
        }
    }
}

/// A number that only one context at a time adds to, and anyone reads. Without compare-and-swap.
#[cfg(target_has_atomic = "64")]
pub(crate) struct Counter(AtomicU64);

#[cfg(target_has_atomic = "64")]
impl Counter {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline(always)]
    pub(crate) fn add(&self, more: u8) {
        let now = self.0.load(Ordering::Relaxed);
        self.0
            .store(now.wrapping_add(more.into()), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(not(target_has_atomic = "64"))]
pub(crate) use Counter32 as Counter;

/// The same, of two words. The high one counts half turns of the low one, and so its lowest bit is
/// the low one's highest: where they differ, the low one has gone on and the high one will follow.
#[cfg(any(test, not(target_has_atomic = "64")))]
pub(crate) struct Counter32 {
    low: AtomicU32,
    high: AtomicU32,
}

#[cfg(any(test, not(target_has_atomic = "64")))]
impl Counter32 {
    const HALF: u32 = 31;

    pub(crate) const fn new() -> Self {
        Self {
            low: AtomicU32::new(0),
            high: AtomicU32::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn add(&self, more: u8) {
        let old = self.low.load(Ordering::Relaxed);
        let low = old.wrapping_add(more.into());
        self.low.store(low, Ordering::Relaxed);
        if (old ^ low) >> Self::HALF != 0 {
            let high = self.high.load(Ordering::Relaxed);
            // Releases the low word: who sees this sees that one, or a later one.
            self.high.store(high.wrapping_add(1), Ordering::Release);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        let high = self.high.load(Ordering::Acquire);
        // As new as the high one, or newer: by less than half a turn, as no reader sleeps through
        // two billion spans.
        let low = self.low.load(Ordering::Relaxed);
        let high = high.wrapping_add((high ^ low >> Self::HALF) & 1);
        u64::from(high) << Self::HALF | u64::from(low & !(1 << Self::HALF))
    }
}

impl core::ops::AddAssign for Trimmed {
    fn add_assign(&mut self, more: Self) {
        self.tags += more.tags;
        self.logs += more.logs;
        self.references += more.references;
        self.names += more.names;
        self.times += more.times;
        self.process_tags += more.process_tags;
    }
}

/// What a datagram adds to [`Trimmed`], in the order of its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cuts(pub(crate) [u32; 6]);

impl Cuts {
    pub(crate) const NONE: Self = Self([0; 6]);

    /// Moves them there. One by one, so that counters which nobody reads can go away.
    #[inline(always)]
    pub(crate) fn move_to(&mut self, all: &mut [u64; 6]) {
        let Self([a, b, c, d, e, f]) = core::mem::replace(self, Self::NONE);
        let [all_a, all_b, all_c, all_d, all_e, all_f] = all;
        *all_a += u64::from(a);
        *all_b += u64::from(b);
        *all_c += u64::from(c);
        *all_d += u64::from(d);
        *all_e += u64::from(e);
        *all_f += u64::from(f);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_of_two_words_goes_on_beyond_32_bits() {
        let counter = Counter32::new();
        for half_turns in 1..6_u64 {
            // Shortly before the next half turn, and over it.
            let mut expected = (half_turns << 31) - 300;
            counter.low.store(expected as u32, Ordering::Relaxed);
            for more in [1, 255, 0, 43, 1, 1, 255] {
                counter.add(more);
                expected += u64::from(more);
                assert_eq!(counter.get(), expected);
            }
        }
    }

    #[test]
    fn who_reads_a_counter_between_its_two_words_reads_the_new_number() {
        let counter = Counter32::new();
        for (low, high, expected) in [
            (0, 0, 0),
            (1 << 31, 0, 1 << 31),
            (1 << 31, 1, 1 << 31),
            (5, 1, (1 << 32) + 5),
            (5, 2, (1 << 32) + 5),
        ] {
            counter.low.store(low, Ordering::Relaxed);
            counter.high.store(high, Ordering::Relaxed);
            assert_eq!(counter.get(), expected);
        }
    }
}
