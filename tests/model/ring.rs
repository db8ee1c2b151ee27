//! Which slot a span gets, and which one gives way: a `Vec` that is walked from the beginning for
//! every question.

/// The slots of a ring, each with the id of the span that it belongs to.
pub struct Ring {
    slots: Vec<Held>,
    /// Where the next claim looks first.
    cursor: usize,
    keeps_newest: bool,
    /// How many spans gave way.
    pub evicted: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Held {
    Free,
    /// Where the span begins.
    First(u64, State),
    /// Where it goes on.
    More(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Open,
    /// Has ended, and waits.
    Done,
    /// In a datagram.
    Taken,
}

impl Ring {
    pub fn new(slots: usize, keeps_newest: bool) -> Self {
        Self {
            slots: vec![Held::Free; slots],
            cursor: 0,
            keeps_newest,
            evicted: 0,
        }
    }

    /// A slot for a new span.
    pub fn claim(&mut self, id: u64) -> bool {
        self.claim_as(Held::First(id, State::Open)).is_some()
    }

    /// So many further ones for a span, or none. What has given way by then has done so; but nothing
    /// does where it is plain that there are not so many.
    pub fn claim_more(&mut self, id: u64, count: usize) -> bool {
        let held = |held: &&Held| matches!(held, Held::First(_, State::Open | State::Taken));
        if self.slots.len() - self.slots.iter().filter(held).count() < count {
            return false;
        }
        let claimed: Vec<_> = (0..count)
            .map_while(|_| self.claim_as(Held::More(id)))
            .collect();
        if claimed.len() < count {
            claimed
                .into_iter()
                .for_each(|at| self.slots[at] = Held::Free);
            return false;
        }
        true
    }

    /// The first free one from the cursor on; only if there is none at all, that of the first span
    /// that has ended.
    fn claim_as(&mut self, held: Held) -> Option<usize> {
        let is_free = |held| held == Held::Free;
        let is_done = |held| matches!(held, Held::First(_, State::Done));
        let found = self.first(is_free).or_else(|| {
            let oldest = self.first(is_done).filter(|_| self.keeps_newest)?;
            self.evicted += 1;
            if let Held::First(id, _) = self.slots[oldest] {
                self.free(id);
            }
            Some(oldest)
        })?;
        self.slots[found] = held;
        self.cursor = (found + 1) % self.slots.len();
        Some(found)
    }

    fn first(&self, such: impl Fn(Held) -> bool) -> Option<usize> {
        self.round().find(|at| such(self.slots[*at]))
    }

    /// Once round, from the oldest.
    fn round(&self) -> impl Iterator<Item = usize> + use<> {
        (self.cursor..self.slots.len()).chain(0..self.cursor)
    }

    /// The spans in a state, the oldest first.
    pub fn all(&self, wanted: State) -> Vec<u64> {
        let held = self.round().map(|at| self.slots[at]);
        held.filter_map(|held| match held {
            Held::First(id, state) if state == wanted => Some(id),
            _ => None,
        })
        .collect()
    }

    pub fn has(&self, wanted: u64, in_state: State) -> bool {
        self.slots.contains(&Held::First(wanted, in_state))
    }

    pub fn change(&mut self, id: u64, from: State, to: State) {
        let span = Held::First(id, from);
        let slot = self.slots.iter_mut().find(|held| **held == span);
        *slot.expect("a span in that state") = Held::First(id, to);
    }

    /// All slots of a span.
    pub fn free(&mut self, freed: u64) {
        for held in &mut self.slots {
            if matches!(held, Held::First(id, _) | Held::More(id) if *id == freed) {
                *held = Held::Free;
            }
        }
    }

    pub fn count_free(&self) -> usize {
        self.slots
            .iter()
            .filter(|held| **held == Held::Free)
            .count()
    }
}
