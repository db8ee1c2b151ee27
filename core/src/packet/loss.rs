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
#[derive(Clone, Copy, Default, Debug)]
pub struct LossWatch {
    told: Dropped,
    clean: Option<i64>,
    last: Option<i64>,
    /// `told` and `clean` as they were before the loss that was given last.
    before: Option<(Dropped, Option<i64>)>,
}

/// A loss that is to be told: it becomes a span of a trace of its own.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// The last time that no new loss was seen, in nanoseconds since the Unix epoch.
    from: i64,
    /// When this one was seen.
    until: i64,
    /// What was lost in between.
    lost: Dropped,
    /// What was lost in all.
    total: u64,
}

impl LossWatch {
    /// Looks at the counters at the time `now`, in nanoseconds since the Unix epoch. `last` tells
    /// what is still untold without waiting for the second to pass.
    #[inline(never)]
    pub fn look(&mut self, now: i64, dropped: &Dropped, last: bool) -> Option<Loss> {
        self.before = None;
        let from = *self.clean.get_or_insert(now);
        if *dropped == self.told {
            self.clean = Some(now);
            return None;
        }
        if !last
            && self
                .last
                .is_some_and(|last| (0..SECOND).contains(&now.saturating_sub(last)))
        {
            return None;
        }
        let lost = Dropped {
            ring_full: dropped.ring_full.saturating_sub(self.told.ring_full),
            evicted: dropped.evicted.saturating_sub(self.told.evicted),
            too_large: dropped.too_large.saturating_sub(self.told.too_large),
            failed: dropped.failed.saturating_sub(self.told.failed),
        };
        self.before = Some((self.told, Some(from)));
        self.told = *dropped;
        self.last = Some(now);
        self.clean = Some(now);
        Some(Loss {
            from,
            until: now,
            lost,
            total: dropped.total(),
        })
    }

    /// The loss that the last look gave did not go out, or its datagram failed. It will be told
    /// with the next one, in a second.
    #[inline(never)]
    pub fn take_back(&mut self) {
        if let Some((told, clean)) = self.before.take() {
            self.told = told;
            self.clean = clean;
        }
    }

    /// Whether [`look`](Self::look) has something to tell, now or once the second has passed.
    pub fn is_pending(&self, dropped: &Dropped) -> bool {
        *dropped != self.told
    }
}

impl Loss {
    /// The ids come from outside, as for any span: a trace of its own. Says whether it had room.
    #[cold]
    #[inline(never)]
    pub(super) fn write(&self, w: &mut Writer<'_>, (trace_id, span_id): (TraceId, SpanId)) -> bool {
        let ids = [trace_id.low(), trace_id.high(), span_id.get(), 0];
        for id in ids {
            w.number_field(jaeger::ID, id as i64);
        }
        w.slice_field(jaeger::NAME, LOSS_SPAN.as_bytes());
        let [start, end] = [self.from, self.until].map(|time| micros_of(time.max(0)));
        let duration = (end - start).max(1);
        w.put(jaeger::flags(0, Flags::SAMPLED.bits()));
        w.number_field(jaeger::TIME, start);
        w.number_field(jaeger::TIME, duration);
        let reasons = [
            ("lost.ring_full", self.lost.ring_full),
            ("lost.evicted", self.lost.evicted),
            ("lost.too_large", self.lost.too_large),
            ("lost.failed", self.lost.failed),
            ("lost.since_start", self.total),
        ];
        let reasons = reasons.iter().filter(|(_, count)| *count > 0);
        w.structs_field(jaeger::TAGS, 1 + reasons.clone().count());
        jaeger::yes(w, "error");
        for (key, count) in reasons {
            jaeger::count(w, key, *count);
        }
        w.stop();
        !w.is_full()
    }
}

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
        assert_eq!(
            (loss.from, loss.lost.ring_full, loss.lost.failed),
            (0, 3, 1)
        );
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
