//! Batches that never arrived, found by the gaps in `seqNo`.

use alloc::boxed::Box;

use hashbrown::HashMap;

use crate::decode::{Batch, ClientStats, Process, TagValue};

/// How far back a batch may come and still fill its gap.
const WINDOW: u64 = 64;
/// Longer names of senders are cut.
const MAX_NAME: usize = 200;

/// Counts, for each sender, the batches that are missing from its numbering.
///
/// Clients number their batches from 1. A gap counts as lost at once, and no longer if the batch
/// comes within the next 64. Numbers below the first one seen are not missed: the client may have
/// been there before us. Two batches in a row that are numbered as if from the beginning are a
/// restart; a single one is a duplicate.
///
/// It holds a bounded number of senders; the one that was silent for longest makes room, and
/// [`total`](Self::total) still has its losses.
#[derive(Debug)]
pub struct SeqLosses {
    max_senders: usize,
    senders: HashMap<Sender, Numbering>,
    /// Counts observations, to know who was silent for longest.
    observed: u64,
    forgotten: Losses,
}

/// Who numbers its batches: a client that says who it is in the process tag `client-uuid`, else
/// a service at a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sender {
    /// The value of `client-uuid`.
    Client(Box<str>),
    /// No `client-uuid`.
    Source {
        /// Where the batch came from, as [`SeqLosses::observe`] was told.
        source: Box<str>,
        /// The service name.
        service: Box<str>,
    },
}

/// What is known of the batches of one sender, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Batches with a number that came.
    pub received: u64,
    /// Batches that are missing.
    pub lost: u64,
    /// Batches that came again.
    pub duplicates: u64,
    /// How often the numbering began anew.
    pub restarts: u64,
    /// Spans that the sender says it dropped itself ([`ClientStats`]).
    pub dropped_spans: u64,
}

impl SeqLosses {
    /// Counts for at most `max_senders` senders at once (at least one).
    pub fn new(max_senders: usize) -> Self {
        Self {
            max_senders: max_senders.max(1),
            senders: HashMap::new(),
            observed: 0,
            forgotten: Losses::default(),
        }
    }

    /// Takes note of a batch that came from `source` (an address, as text). A batch without a
    /// number, or with a negative one, changes nothing.
    pub fn observe(&mut self, batch: &Batch<'_>, source: &str) {
        let number = batch.seq_no.and_then(|number| u64::try_from(number).ok());
        if let Some(number) = number {
            let sender = Sender::of(&batch.process, source);
            self.numbering(sender, number).observe(number, batch.stats);
        }
    }

    /// Takes note of one number of a sender.
    pub fn observe_number(&mut self, sender: Sender, number: u64) {
        self.numbering(sender, number).observe(number, None);
    }

    /// The senders and what is known of each, in no order.
    pub fn senders(&self) -> impl ExactSizeIterator<Item = (&Sender, Losses)> {
        self.senders
            .iter()
            .map(|(sender, numbering)| (sender, numbering.losses))
    }

    /// The sum over all senders that ever were.
    pub fn total(&self) -> Losses {
        let each = self.senders.values().map(|numbering| numbering.losses);
        each.fold(self.forgotten, Losses::plus)
    }

    /// What is known of a sender, of which `number` is the first number if it is a new one.
    fn numbering(&mut self, sender: Sender, number: u64) -> &mut Numbering {
        self.observed += 1;
        if !self.senders.contains_key(&sender) && self.senders.len() >= self.max_senders {
            self.forget_one();
        }
        let fresh = || Numbering::new(number);
        let numbering = self.senders.entry(sender).or_insert_with(fresh);
        numbering.last_observed = self.observed;
        numbering
    }

    fn forget_one(&mut self) {
        let silent = self.senders.iter().min_by_key(|(_, n)| n.last_observed);
        if let Some(sender) = silent.map(|(sender, _)| sender.clone()) {
            if let Some(numbering) = self.senders.remove(&sender) {
                self.forgotten = self.forgotten.plus(numbering.losses);
            }
        }
    }
}

impl Default for SeqLosses {
    /// For at most 1,024 senders.
    fn default() -> Self {
        Self::new(1024)
    }
}

impl Sender {
    /// The sender of a batch with this process that came from `source`.
    pub fn of(process: &Process<'_>, source: &str) -> Self {
        let mut tags = process.tags.iter();
        let uuid = tags.find_map(|tag| match tag.value {
            TagValue::String(uuid) if tag.key.as_bytes() == b"client-uuid" => uuid.as_str(),
            _ => None,
        });
        match uuid {
            Some(uuid) => Self::Client(cut(uuid)),
            None => Self::Source {
                source: cut(source),
                service: cut(process.service_name.as_str().unwrap_or("(not UTF-8)")),
            },
        }
    }
}

impl Losses {
    fn plus(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            lost: self.lost.saturating_add(other.lost),
            duplicates: self.duplicates + other.duplicates,
            restarts: self.restarts + other.restarts,
            dropped_spans: self.dropped_spans.saturating_add(other.dropped_spans),
        }
    }
}

#[derive(Debug)]
struct Numbering {
    /// The lowest number that can be missed.
    first: u64,
    highest: u64,
    /// Bit `i` says that `highest - i` came.
    seen: u64,
    /// The number that, if it is the next to come, makes the one before it the first after a
    /// restart.
    proof_of_restart: Option<u64>,
    last_observed: u64,
    /// `dropped_spans` at the last restart: clients count from their own start.
    dropped_before: u64,
    losses: Losses,
}

impl Numbering {
    /// Before its first number, which is `number`.
    fn new(number: u64) -> Self {
        Self {
            first: number,
            highest: number,
            seen: 0,
            proof_of_restart: None,
            last_observed: 0,
            dropped_before: 0,
            losses: Losses::default(),
        }
    }

    fn observe(&mut self, number: u64, stats: Option<ClientStats>) {
        self.losses.received += 1;
        self.place(number);
        if let Some(stats) = stats {
            let dropped = self.dropped_before.saturating_add(sum(stats));
            self.losses.dropped_spans = self.losses.dropped_spans.max(dropped);
        }
    }

    fn place(&mut self, number: u64) {
        let proof = self.proof_of_restart.take();
        if number > self.highest {
            return self.advance(number);
        }
        let back = self.highest - number;
        if back < WINDOW && self.seen >> back & 1 == 0 {
            return self.fill(number, back);
        }
        if proof == Some(number) {
            return self.restart(number);
        }
        self.losses.duplicates += 1;
        if number <= 1 || back >= WINDOW {
            self.proof_of_restart = Some(number + 1);
        }
    }

    fn advance(&mut self, number: u64) {
        let step = number - self.highest;
        self.losses.lost = self.losses.lost.saturating_add(step - 1);
        self.seen = match step {
            0..WINDOW => self.seen << step | 1,
            _ => 1,
        };
        self.highest = number;
    }

    fn fill(&mut self, number: u64, back: u64) {
        self.seen |= 1 << back;
        if number < self.first {
            // Before the first that we saw, but still of our time: so are those between.
            let between = self.first - number - 1;
            self.losses.lost = self.losses.lost.saturating_add(between);
            self.first = number;
        } else if back > 0 {
            self.losses.lost = self.losses.lost.saturating_sub(1);
        }
    }

    /// `number` is the second one after a restart.
    fn restart(&mut self, number: u64) {
        self.losses.restarts += 1;
        self.dropped_before = self.losses.dropped_spans;
        // The one before it was no duplicate.
        self.losses.duplicates -= 1;
        self.highest = number;
        self.seen = 0b11;
        self.first = number - 1;
        if (2..WINDOW).contains(&self.first) {
            self.losses.lost = self.losses.lost.saturating_add(self.first - 1);
            self.first = 1;
        }
    }
}

fn sum(stats: ClientStats) -> u64 {
    let reasons = [
        stats.full_queue_dropped_spans,
        stats.too_large_dropped_spans,
        stats.failed_to_emit_spans,
    ];
    let reasons = reasons.map(|n| u64::try_from(n).unwrap_or(0));
    reasons.into_iter().fold(0, u64::saturating_add)
}

fn cut(name: &str) -> Box<str> {
    let mut end = name.len().min(MAX_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(name: &str) -> Sender {
        Sender::Client(name.into())
    }

    #[track_caller]
    fn check(numbers: &[u64], lost: u64, duplicates: u64, restarts: u64) {
        let mut losses = SeqLosses::default();
        for &number in numbers {
            losses.observe_number(sender("a"), number);
        }
        let expected = Losses {
            received: numbers.len() as u64,
            lost,
            duplicates,
            restarts,
            dropped_spans: 0,
        };
        assert_eq!(losses.total(), expected, "{numbers:?}");
    }

    #[test]
    fn no_number_from_the_network_makes_the_count_overflow() {
        let last = u64::MAX;
        // Restarts, each of which has lost all there is.
        check(&[1, last, 1, 2, last, 5, 6], last, 0, 2);
        // Earlier ones, after restarts that have.
        check(&[9, last, 1, 2, last, 70, 71, 69, 60], last, 0, 2);
        for far in [0, 1, last - 1, last] {
            for near in [0, 1, 2, 63, 64, 65, last - 64, last - 63, last] {
                let mut losses = SeqLosses::default();
                for number in [far, near, near.wrapping_add(1), far, 1, 2, near, far, 0, 1] {
                    losses.observe_number(sender("a"), number);
                }
                assert_eq!(losses.total().received, 10);
            }
        }
    }

    #[test]
    fn gaps_are_losses_until_they_are_filled() {
        check(&[1, 2, 3], 0, 0, 0);
        check(&[1, 2, 5], 2, 0, 0);
        check(&[1, 2, 5, 4, 3], 0, 0, 0);
        check(&[1, 2, 5, 4, 4], 1, 1, 0);
        check(&[1, 65, 3], 62, 0, 0);
    }

    #[test]
    fn numbers_before_the_first_are_not_missed() {
        check(&[1000, 1001, 1003], 1, 0, 0);
        check(&[5, 4, 3, 6], 0, 0, 0);
        check(&[5, 3], 1, 0, 0);
        check(&[5, 3, 4], 0, 0, 0);
        check(&[7, 7], 0, 1, 0);
    }

    #[test]
    fn duplicates_fill_no_gap_twice() {
        check(&[1, 1, 2, 2, 3, 3], 0, 3, 0);
        check(&[1, 3, 3, 2, 2], 0, 2, 0);
        check(&[5, 6, 5, 6, 7], 0, 2, 0);
    }

    #[test]
    fn a_restart_is_no_loss_and_keeps_what_was_lost_before() {
        check(&[1, 2, 4, 1, 2, 3, 4, 5], 1, 0, 1);
        let long: std::vec::Vec<u64> = (1..=500).chain(1..=500).collect();
        check(&long, 0, 0, 1);
        check(&[1000, 1001, 3, 4, 5], 2, 0, 1);
        check(&[1000, 1001, 3, 4, 2, 1, 5], 0, 0, 1);
    }

    #[test]
    fn one_straggler_is_no_restart() {
        check(&[1000, 1001, 3, 1002], 0, 1, 0);
        check(&[1000, 1001, 1, 1002, 2], 0, 2, 0);
    }

    #[test]
    fn extreme_numbers_do_no_harm() {
        check(&[0, 1, 2], 0, 0, 0);
        check(&[1, u64::MAX, u64::MAX], u64::MAX - 2, 1, 0);
        check(&[1, u64::MAX, 1, u64::MAX], u64::MAX - 2, 2, 0);
    }

    #[test]
    fn senders_are_bounded_and_their_losses_stay_in_the_total() {
        let mut losses = SeqLosses::new(3);
        for n in 0..100 {
            let name = std::format!("client {n}");
            losses.observe_number(sender(&name), 1);
            losses.observe_number(sender(&name), 3);
        }
        assert_eq!(losses.senders().len(), 3);
        assert_eq!(losses.total().lost, 100);
        assert_eq!(losses.total().received, 200);
    }

    #[test]
    fn what_senders_dropped_is_added_up_over_restarts() {
        let mut numbering = Numbering::new(1);
        let report = |n| ClientStats {
            full_queue_dropped_spans: n,
            too_large_dropped_spans: 1,
            failed_to_emit_spans: -7,
        };
        let mut observe = |number, dropped| {
            numbering.observe(number, Some(report(dropped)));
            numbering.losses.dropped_spans
        };
        assert_eq!([observe(1, 0), observe(2, 4)], [1, 5]);
        // One that was overtaken, then a restart.
        assert_eq!([observe(3, 3), observe(4, 9)], [5, 10]);
        assert_eq!([observe(1, 0), observe(2, 2)], [10, 13]);
        assert_eq!(observe(3, i64::MAX), 11 + i64::MAX as u64);
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let name = "é".repeat(60_000);
        assert_eq!(cut(&name).len(), MAX_NAME);
        assert_eq!(cut(&name[..6]), name[..6].into());
    }
}
