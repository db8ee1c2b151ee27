//! The span that makes a loss visible where people look: in Jaeger itself.

use crate::jaeger::write as jaeger;
use crate::stats::Dropped;
use crate::thrift::write::Writer;
use crate::time::micros_of;
use crate::{Flags, SpanId, TraceId};

/// The name of the span that tells of lost ones.
pub const LOSS_SPAN: &str = "jaegerling: spans lost";

const SECOND: i64 = 1_000_000_000;

/// Watches the counters, and says when a loss is to be told: at most once a second.
#[derive(Clone, Copy, Debug)]
pub struct LossWatch {
    /// In the order of [`Dropped::each`].
    told: [u64; 4],
    /// The last time that no new loss was seen, and the last time that one was given; in
    /// nanoseconds.
    clean: Option<i64>,
    last: Option<i64>,
    /// The loss that was given last, as long as it can be taken back.
    given: Option<Loss>,
}

/// A loss that is to be told: it becomes a span of a trace of its own.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// The last time that no new loss was seen, in nanoseconds since the Unix epoch.
    from: i64,
    /// When this one was seen.
    until: i64,
    /// What was lost in between, in the order of [`Dropped::each`].
    lost: [u64; 4],
    /// What was lost in all.
    total: u64,
}

impl Default for LossWatch {
    fn default() -> Self {
        Self::NEW
    }
}

impl LossWatch {
    pub(crate) const NEW: Self = Self {
        told: [0; 4],
        clean: None,
        last: None,
        given: None,
    };

    /// Looks at the counters at the time `now`, in nanoseconds since the Unix epoch. `last` tells
    /// what is still untold without waiting for the second to pass.
    pub fn look(&mut self, now: i64, dropped: &Dropped, last: bool) -> Option<Loss> {
        self.watch(now, dropped, last).copied()
    }

    /// The same, without a copy.
    #[inline(never)]
    pub(crate) fn watch(&mut self, now: i64, dropped: &Dropped, last: bool) -> Option<&Loss> {
        self.given = None;
        let from = *self.clean.get_or_insert(now);
        let dropped = dropped.each();
        if self.is_told(&dropped) {
            self.clean = Some(now);
            return None;
        }
        let too_early = |last: i64| (0..SECOND).contains(&now.saturating_sub(last));
        if !last && self.last.is_some_and(too_early) {
            return None;
        }
        self.last = Some(now);
        self.clean = Some(now);
        let mut lost = [0; 4];
        let mut total = 0_u64;
        for ((told, now), lost) in self.told.iter_mut().zip(dropped).zip(&mut lost) {
            *lost = now.saturating_sub(*told);
            *told = now;
            total = total.wrapping_add(now);
        }
        Some(self.given.insert(Loss {
            from,
            until: now,
            lost,
            total,
        }))
    }

    /// The loss that the last look gave did not go out, or its datagram failed. It will be told
    /// with the next one, in a second.
    #[inline(never)]
    pub fn take_back(&mut self) {
        if let Some(loss) = &self.given {
            for (told, lost) in self.told.iter_mut().zip(&loss.lost) {
                *told = told.wrapping_sub(*lost);
            }
            self.clean = Some(loss.from);
        }
        self.given = None;
    }

    /// Whether [`look`](Self::look) has something to tell, now or once the second has passed.
    pub fn is_pending(&self, dropped: &Dropped) -> bool {
        !self.is_told(&dropped.each())
    }

    fn is_told(&self, dropped: &[u64; 4]) -> bool {
        // `==` would call `memcmp`.
        let mut counters = self.told.iter().zip(dropped);
        counters.all(|(told, now)| told == now)
    }
}

impl Loss {
    /// The ids come from outside, as for any span: a trace of its own. Says whether it had room.
    #[cold]
    #[inline(never)]
    pub(super) fn write(&self, w: &mut Writer<'_>, (trace_id, span_id): (TraceId, SpanId)) -> bool {
        for id in [trace_id.low(), trace_id.high(), span_id.get(), 0] {
            w.number_field(jaeger::ID, id as i64);
        }
        w.slice_field(jaeger::NAME, LOSS_SPAN.as_bytes());
        let [start, end] = [self.from, self.until].map(|time| micros_of(time.max(0)));
        w.put(jaeger::flags(0, Flags::SAMPLED.bits()));
        w.number_field(jaeger::TIME, start);
        w.number_field(jaeger::TIME, (end - start).max(1));
        let reasons = REASONS.iter().zip(&self.lost);
        let reasons = reasons.filter(|(_, lost)| **lost > 0);
        w.structs_field(jaeger::TAGS, 2 + reasons.clone().count());
        w.slice(&ERROR);
        for (key, lost) in reasons {
            jaeger::count(w, key, *lost);
        }
        jaeger::count(w, "lost.since_start", self.total);
        w.stop();
        !w.is_full()
    }
}

/// The tag that has such a span shown as one that failed.
static ERROR: [u8; 11] = jaeger::yes("error");

/// The keys of what was lost, in the order of [`Dropped::each`].
static REASONS: [&str; 4] = [
    "lost.ring_full",
    "lost.evicted",
    "lost.too_large",
    "lost.failed",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_once_a_second_and_again_if_it_did_not_go_out() {
        let mut watch = LossWatch::default();
        let mut dropped = Dropped::default();
        assert!(watch.look(0, &dropped, false).is_none());
        dropped.ring_full = 3;
        let loss = watch.look(5, &dropped, false).expect("a loss");
        assert_eq!((loss.from, loss.until, loss.total), (0, 5, 3));
        watch.take_back();
        assert!(watch.is_pending(&dropped));
        assert!(
            watch.look(6, &dropped, false).is_none(),
            "the second is not over"
        );
        dropped.failed = 1;
        let loss = watch
            .look(5 + SECOND, &dropped, false)
            .expect("the same and more");
        assert_eq!((loss.from, loss.lost), (0, [3, 0, 0, 1]));
        assert!(!watch.is_pending(&dropped));
        assert!(
            watch.look(5 + 2 * SECOND, &dropped, false).is_none(),
            "nothing new"
        );
        dropped.failed = 2;
        assert!(watch.look(6 + 2 * SECOND, &dropped, false).is_some());
        dropped.failed = 3;
        assert!(watch.look(7 + 2 * SECOND, &dropped, false).is_none());
        assert!(
            watch.look(7 + 2 * SECOND, &dropped, true).is_some(),
            "the last chance"
        );
    }

    #[test]
    fn a_clock_that_jumps_over_half_of_all_time_is_no_reason_to_panic() {
        let mut watch = LossWatch::default();
        let mut dropped = Dropped::default();
        for now in [0, i64::MIN, i64::MAX, i64::MIN] {
            dropped.failed += 1;
            assert!(watch.look(now, &dropped, false).is_some());
        }
    }
}
