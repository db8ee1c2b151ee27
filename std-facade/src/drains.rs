//! The side of a tracer that drains its lanes.

use std::sync::Arc;

use jaegerling_core::{Clock, Drain, Dropped, Loss, LossWatch, Outcome, Packer, Seen, Stats};

use crate::clock::Dates;
use crate::hub::Hub;
use crate::lane::{ThreadLane, WORDS};
use crate::process::{ProcessTags, own_tags};
use crate::settings::Settings;

/// The side that drains: everything that only one may do at a time.
pub(crate) struct Drains {
    pub(crate) drain: Drain<'static, WORDS>,
    pub(crate) lanes: Vec<(Arc<ThreadLane>, Seen)>,
    /// What lanes that are gone have counted.
    retired: Stats,
    pub(crate) packer: Packer,
    pub(crate) loss: LossWatch,
    pub(crate) own_tags: ProcessTags,
    /// The lane and the slot of a span that was open when the closed hub was looked at last.
    found_open: (usize, usize),
}

/// What there is to drain.
#[derive(Clone, Copy)]
pub(crate) struct Waiting {
    /// Spans that wait.
    pub(crate) spans: usize,
    /// Whether they fill a datagram, roughly.
    pub(crate) fill_datagram: bool,
    /// Whether a loss has yet to be told.
    pub(crate) untold_loss: bool,
}

impl Drains {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            // SAFETY: this hub's only one, shown the lanes of this hub only; a lane is kept until
            // none of its slots is claimed (see `retire`), or until this forgets them (`abandon`).
            drain: unsafe { Drain::new() },
            lanes: Vec::new(),
            retired: Stats::default(),
            packer: settings.packer.clone(),
            loss: LossWatch::default(),
            own_tags: own_tags(settings.own_tags),
            found_open: (0, 0),
        }
    }

    /// Takes in the lanes that were added since.
    pub(crate) fn adopt(&mut self, hub: &Hub) {
        for lane in hub.take_fresh() {
            // It may have been full, with what carries on spans of other lanes, and been told of
            // nothing that was freed.
            self.drain.tell_freed(&lane.ring);
            self.lanes.push((lane, Seen::default()));
        }
    }

    /// Whether the span that was found open last still is.
    pub(crate) fn knows_open(&self) -> bool {
        let lane = self.lanes.get(self.found_open.0);
        lane.is_some_and(|(lane, _)| {
            lane.ring.next_open(self.found_open.1) == Some(self.found_open.1)
        })
    }

    /// Looks for an open span, and remembers it: many spans may end one after another when
    /// nobody drains any more, and not each of them must look at all.
    pub(crate) fn find_open(&mut self) -> bool {
        let from = self.found_open;
        let (before, after) = self.lanes.split_at(from.0.min(self.lanes.len()));
        let after = after.iter().enumerate().map(|(at, (lane, _))| {
            let first = if at == 0 { from.1 } else { 0 };
            (before.len() + at, lane.ring.next_open(first))
        });
        let before = before.iter().enumerate();
        let before = before.map(|(at, (lane, _))| (at, lane.ring.next_open(0)));
        let again = self
            .lanes
            .get(from.0)
            .map(|(lane, _)| (from.0, lane.ring.next_open(0)));
        let found = after.chain(before).chain(again);
        let found = found.filter_map(|(lane, slot)| Some((lane, slot?))).next();
        self.found_open = found.unwrap_or_default();
        found.is_some()
    }

    pub(crate) fn stats(&mut self, hub: &Hub) -> Stats {
        self.adopt(hub);
        let rings = self.lanes.iter().map(|(lane, seen)| (&lane.ring, *seen));
        let mut stats = self.drain.stats(rings);
        stats.started += self.retired.started;
        stats.handed_over += self.retired.handed_over;
        stats.dropped.ring_full += self.retired.dropped.ring_full;
        stats.dropped.too_large += self.retired.dropped.too_large;
        stats.dropped.failed += self.retired.dropped.failed;
        stats.trimmed += self.retired.trimmed;
        stats
    }

    /// Gives away the lanes, and forgets all slots. What was still in them is lost.
    pub(crate) fn abandon(&mut self, hub: &Hub) -> Vec<(Arc<ThreadLane>, Seen)> {
        let mut last = self.stats(hub);
        last.dropped.failed += last.open + last.waiting + last.in_flight;
        (last.open, last.waiting, last.in_flight) = (0, 0, 0);
        self.retired = last;
        // SAFETY: what the old one knew of the slots goes with it.
        self.drain = unsafe { Drain::new() };
        std::mem::take(&mut self.lanes)
    }

    /// Looks at what was claimed since, and again at what was open. Says whether anything was new.
    pub(crate) fn sweep(&mut self, hub: &Hub) -> bool {
        self.adopt(hub);
        self.drain.recheck();
        let new = self.sweep_lanes();
        self.retire(hub);
        new
    }

    fn sweep_lanes(&mut self) -> bool {
        let mut new = false;
        for (lane, seen) in &mut self.lanes {
            // SAFETY: kept until none of its slots is claimed.
            let lane = unsafe { ThreadLane::detached(lane) };
            new |= self.drain.sweep(&lane.ring, seen);
        }
        new
    }

    /// Keeps the lanes of threads that have ended for the next ones, once all their slots are free; or
    /// frees them.
    pub(crate) fn retire(&mut self, hub: &Hub) {
        let retired = &mut self.retired;
        self.lanes.retain(|(lane, _)| {
            if !lane.is_over() || hub.keep_idle(lane) {
                return true;
            }
            retired.started += lane.ring.claimed() + lane.ring.refused();
            retired.dropped.ring_full += lane.ring.refused();
            false
        });
    }

    pub(crate) fn dropped(&self) -> Dropped {
        let mut dropped = self.drain.dropped();
        let refused = self.lanes.iter().map(|(lane, _)| lane.ring.refused());
        dropped.ring_full = self.retired.dropped.ring_full + refused.sum::<u64>();
        dropped
    }

    pub(crate) fn look_for_loss(
        &mut self,
        settings: &Settings,
        dates: &Dates<'_>,
        last: bool,
    ) -> Option<Loss> {
        let now = dates.unix_nanos(dates.now());
        if !settings.loss_span {
            return None;
        }
        let dropped = self.dropped();
        self.loss.look(now, &dropped, last)
    }

    pub(crate) fn waiting(&self, settings: &Settings) -> Waiting {
        Waiting {
            spans: self.drain.waiting(),
            fill_datagram: self.drain.waiting_bytes() + settings.service_name.len()
                >= self.packer.limit(),
            untold_loss: settings.loss_span && self.loss.is_pending(&self.dropped()),
        }
    }

    pub(crate) fn settle(&mut self, outcome: Outcome) {
        if outcome == Outcome::Failed {
            self.loss.take_back();
        }
        self.packer.settled(&mut self.drain);
        // What was claimed before slots are freed behind it is seen first, and so stays in order.
        self.sweep_lanes();
        self.drain.settle(outcome);
        self.tell_freed();
    }

    pub(crate) fn tell_freed(&self) {
        for (lane, _) in &self.lanes {
            self.drain.tell_freed(&lane.ring);
        }
    }
}
