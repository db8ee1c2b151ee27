//! How fast datagrams may follow each other.

use std::time::{Duration, Instant};

use jaegerling_core::MAX_DATAGRAM;

/// What may be sent at once after a pause: two full datagrams, because a third full one is what a
/// stock Jaeger's socket buffer has no room for any more.
const BURST: u64 = 2 * MAX_DATAGRAM as u64;

/// Spreads bytes over time: after a burst, no more than so many a second.
pub(super) struct Pacer {
    nanos_per_byte: f64,
    /// When all that was sent so far would have left at this pace.
    even: Instant,
}

impl Pacer {
    pub(super) fn new(bytes_per_second: u64, now: Instant) -> Self {
        Self {
            nanos_per_byte: 1e9 / bytes_per_second.max(1) as f64,
            even: now,
        }
    }

    fn time_for(&self, bytes: u64) -> Duration {
        Duration::from_nanos((bytes as f64 * self.nanos_per_byte) as u64)
    }

    /// How long a datagram has to wait that is to be sent `now`, and then will be.
    pub(super) fn delay(&mut self, now: Instant, bytes: usize) -> Duration {
        self.even = self.even.max(now) + self.time_for(bytes as u64);
        let ahead = self.even.saturating_duration_since(now);
        ahead.saturating_sub(self.time_for(BURST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_full_datagrams_go_at_once_and_then_the_pace_holds() {
        let begin = Instant::now();
        let mut pacer = Pacer::new(5_000_000, begin);
        assert_eq!(pacer.delay(begin, MAX_DATAGRAM), Duration::ZERO);
        assert_eq!(pacer.delay(begin, MAX_DATAGRAM), Duration::ZERO);
        let mut now = begin;
        for _ in 0..100 {
            let delay = pacer.delay(now, MAX_DATAGRAM);
            assert_eq!(delay.as_micros(), 13_000);
            now += delay;
        }
        assert_eq!(
            pacer.delay(now + Duration::from_secs(9), MAX_DATAGRAM),
            Duration::ZERO
        );
    }
}
