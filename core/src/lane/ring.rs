//! The ring: slots of fixed size that spans claim when they start.
//!
//! Claiming is the only step that needs exclusion, and only among those who claim in the same
//! ring: its [`ClaimLock`] gives that. The claim goes round the slots and skips those that are not free; when the drainer has
//! seen all that was claimed, it starts again at the first slot, so that a ring touches no more
//! memory than its spans need at once.
//!
//! How long a claim takes: as a rule the first or second slot is free. Where many are taken, a
//! claim looks at 64 slots from the first one and then, at worst, at each slot of the ring once,
//! all under the lock: a load and a compare each. A ring of 16 slots is done after 32 looks; one
//! of 65,536 makes everybody wait for some 65,600. A claim that finds no slot is remembered, and
//! the next ones are refused at once, until the drainer frees slots.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::lock::ClaimLock;
use crate::slot::{Claimed, MAX_SLOTS, Slot, state};
use crate::stats::Counter;

/// How many slots a claim looks at that starts again at the first one, before it goes on where it
/// was: spans that stay open for long gather at the beginning, and no claim pays for all of them.
const RESTART_LOOKS: usize = 64;

/// A fixed number of slots, in which spans are written in place: `[Slot<WORDS>; N]` in a `static`,
/// or a `Box<[Slot<WORDS>]>`. Of more than [`MAX_SLOTS`](crate::MAX_SLOTS) the rest is never used.
///
/// Who may claim at once says `L`, any [`ClaimLock`] that keeps others out, while a claim searches. A
/// thread's own lane needs none but the knowledge that it is that; many contexts that share a ring are
/// better served by a [`Tracer`](crate::Tracer), which searches with nothing held.
pub struct LaneRing<L, S, const WORDS: usize> {
    lock: L,
    /// Where the next claim looks first: a [`Cursor`], written by those who claim.
    cursor: AtomicU32,
    /// How many spans were claimed, and where the next slot of a chain is looked for until that
    /// changes.
    more: [AtomicU32; 2],
    /// The cursor up to which the drainer has seen all claims.
    seen: AtomicU32,
    /// How often the drainer has freed slots.
    freed: AtomicU32,
    /// `freed` when a claim last found no slot.
    full: AtomicU32,
    /// How many slots, from the first, were ever claimed.
    touched: AtomicU32,
    /// Up to which slot a claim takes the next one without a search: those that were claimed before, but
    /// for the last one, and no more than a stretch at once (see [`is_filling`](Self::is_filling)); none, once
    /// the drainer has seen all claims, until a search was made. The drainer's word may be lost to a claim's,
    /// and comes again with the next sweep.
    at_hand: AtomicU32,
    /// Slots that were claimed for spans that had one.
    chained: AtomicU32,
    /// How many slots had been claimed, of both kinds, when the drainer looked last.
    looked: AtomicU32,
    claimed: Counter,
    refused: Counter,
    slots: S,
}

impl<L, S, const WORDS: usize> LaneRing<L, S, WORDS> {
    /// A ring of these slots, which must be free. All of it is zero if they are, and the lock is.
    pub const fn new(lock: L, slots: S) -> Self {
        Self {
            lock,
            cursor: AtomicU32::new(0),
            more: [const { AtomicU32::new(0) }; 2],
            seen: AtomicU32::new(0),
            freed: AtomicU32::new(0),
            full: AtomicU32::new(0),
            touched: AtomicU32::new(0),
            at_hand: AtomicU32::new(0),
            chained: AtomicU32::new(0),
            looked: AtomicU32::new(0),
            claimed: Counter::new(),
            refused: Counter::new(),
            slots,
        }
    }

    /// Spans that got a slot.
    pub fn claimed(&self) -> u64 {
        self.claimed.get()
    }

    /// Spans that got none, because no slot was free.
    pub fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// The slots that were ever claimed, for spans and for what they have more.
    fn claimed_slots(&self) -> u32 {
        let chained = self.chained.load(Ordering::Relaxed);
        chained.wrapping_add(self.claimed.get() as u32)
    }

    /// Tells those who claim that the drainer looks.
    pub(crate) fn tell_looked(&self) {
        let claimed = self.claimed_slots();
        // Of most lanes, it knows already: not a word of theirs is taken from another core for nothing.
        if self.looked.load(Ordering::Relaxed) != claimed {
            self.looked.store(claimed, Ordering::Relaxed);
        }
    }

    /// Tells those who claim that slots of this ring may have been freed.
    pub(crate) fn tell_freed(&self) {
        let freed = self.freed.load(Ordering::Relaxed);
        self.freed.store(freed.wrapping_add(1), Ordering::Release);
    }
}

impl<L: ClaimLock, S, const WORDS: usize> LaneRing<L, S, WORDS> {
    /// Counts a span that is refused without a look at the slots.
    pub fn refuse(&self) {
        self.alone(|| self.refused.add(1));
    }

    /// Counts a span as refused, if a claim found no slot and none was freed since; and says so.
    #[inline(always)]
    pub fn refuse_if_full(&self) -> bool {
        let freed = self.freed.load(Ordering::Acquire);
        let is_full = self.full.load(Ordering::Relaxed) == !freed;
        if is_full {
            self.refuse();
        }
        is_full
    }

    /// Tells the ring that slots which [`claim_more`](Self::claim_more) gave were given back
    /// unused.
    pub fn released(&self) {
        self.alone(|| {
            let freed = self.freed.load(Ordering::Relaxed);
            self.full.store(freed, Ordering::Relaxed);
        });
    }

    #[inline(always)]
    fn alone<R>(&self, claim: impl FnOnce() -> R) -> R {
        const { assert!(!L::SHARED, "the lock of a lane keeps others out") };
        self.lock.with(claim)
    }
}

impl<L: ClaimLock, S: AsRef<[Slot<WORDS>]>, const WORDS: usize> LaneRing<L, S, WORDS> {
    /// Claims a slot for a span, or counts it as refused. At most, it looks at the first 64 slots
    /// and then at each slot once.
    ///
    /// # Safety
    ///
    /// The slots are in no other ring, and `S` gives the same ones every time.
    #[inline]
    pub unsafe fn claim(&self) -> Option<Claimed<'_, WORDS>> {
        self.alone(|| self.claim_next_alone().or_else(|| self.claim_alone()))
    }

    /// The same where that takes no search: where the next slot was used before, and is free. If not, and
    /// once in so many claims as [`is_filling`](Self::is_filling) speaks of, nothing has happened.
    ///
    /// # Safety
    ///
    /// As for [`claim`](Self::claim).
    #[inline(always)]
    pub unsafe fn claim_next(&self) -> Option<Claimed<'_, WORDS>> {
        self.alone(|| self.claim_next_alone())
    }

    #[inline(always)]
    fn claim_next_alone(&self) -> Option<Claimed<'_, WORDS>> {
        let cursor = Cursor(self.cursor.load(Ordering::Relaxed));
        let index = cursor.index();
        if index as u32 >= self.at_hand.load(Ordering::Relaxed) {
            return None;
        }
        let slot = self.slots.as_ref().get(index)?;
        slot.prefetch_ahead(4);
        // SAFETY: the lock keeps other claims out.
        let claimed = unsafe { slot.claim(state::OPEN, || self.claimed.add(1)) }?;
        self.cursor.store(cursor.0 + 1, Ordering::Release);
        Some(claimed)
    }

    #[inline(never)]
    fn claim_alone(&self) -> Option<Claimed<'_, WORDS>> {
        let Some((slot, cursor)) = self.next_free(|from| self.near_or_from(from)) else {
            self.refused.add(1);
            return None;
        };
        // SAFETY: the lock keeps other claims out.
        let claimed = unsafe { slot.claim(state::OPEN, || self.claimed.add(1)) };
        self.cursor.store(cursor.0, Ordering::Release);
        let touched = self.touched.load(Ordering::Relaxed);
        let mut at_hand = touched.saturating_sub(1);
        if at_hand as usize > cursor.index() {
            at_hand = at_hand.min((cursor.index() + self.stretch()) as u32);
        }
        self.at_hand.store(at_hand, Ordering::Relaxed);
        claimed
    }

    /// Claims a further slot for a span that has one. The drainer finds it through that one: the
    /// place of the next claim stays, so that the order of spans is what the drainer sees.
    ///
    /// # Safety
    ///
    /// As for [`claim`](Self::claim). What it gives is attached to a span by a
    /// [`Lane`](crate::Lane), whose promise it must keep.
    pub unsafe fn claim_more(&self) -> Option<Claimed<'_, WORDS>> {
        self.alone(|| self.claim_more_alone())
    }

    fn claim_more_alone(&self) -> Option<Claimed<'_, WORDS>> {
        let [since, place] = &self.more;
        let (slot, next) = self.next_free(|from| {
            if since.load(Ordering::Relaxed) == self.claimed.get() as u32 {
                // Chains are long: not all of it again.
                self.free_from(Cursor(place.load(Ordering::Relaxed)), MAX_SLOTS)
            } else {
                self.near_or_from(from)
            }
        })?;
        // SAFETY: the lock keeps other claims out.
        let claimed = unsafe { slot.claim(state::CHAINED, || ()) };
        let chained = self.chained.load(Ordering::Relaxed);
        self.chained
            .store(chained.wrapping_add(1), Ordering::Relaxed);
        since.store(self.claimed.get() as u32, Ordering::Relaxed);
        place.store(next.0, Ordering::Relaxed);
        claimed
    }
}

impl<L, S: AsRef<[Slot<WORDS>]>, const WORDS: usize> LaneRing<L, S, WORDS> {
    /// A free slot that `find` finds from the cursor on; or none, which is remembered until
    /// slots are freed.
    #[inline(always)]
    fn next_free<'r>(
        &'r self,
        find: impl FnOnce(Cursor) -> Option<(&'r Slot<WORDS>, Cursor)>,
    ) -> Option<(&'r Slot<WORDS>, Cursor)> {
        let freed = self.freed.load(Ordering::Acquire);
        // Once round without success, and nothing was freed since.
        if self.full.load(Ordering::Relaxed) == !freed {
            return None;
        }
        let found = find(Cursor(self.cursor.load(Ordering::Relaxed)));
        if found.is_none() {
            self.full.store(!freed, Ordering::Relaxed);
            // The next claims need not look at a slot.
            self.at_hand.store(0, Ordering::Relaxed);
        }
        found
    }

    /// A free slot among the first ones, if the drainer has seen all claims; else from here on.
    #[inline(always)]
    fn near_or_from(&self, cursor: Cursor) -> Option<(&Slot<WORDS>, Cursor)> {
        if cursor.index() != 0 && cursor.0 == self.seen.load(Ordering::Acquire) {
            let near = self.free_from(cursor.restarted(), RESTART_LOOKS);
            if near.is_some() {
                return near;
            }
        }
        self.free_from(cursor, MAX_SLOTS)
    }

    /// The first free slot among the next `looks`, at most once round, and the place behind it.
    #[inline(always)]
    fn free_from(&self, mut cursor: Cursor, looks: usize) -> Option<(&Slot<WORDS>, Cursor)> {
        let slots = self.slots();
        for _ in 0..looks.min(slots.len()) {
            let index = cursor.index();
            let slot = slots.get(index)?;
            cursor = cursor.next(slots.len());
            if slot.head() == state::FREE {
                if index as u32 >= self.touched.load(Ordering::Relaxed) {
                    self.touched.store(index as u32 + 1, Ordering::Release);
                }
                return Some((slot, cursor));
            }
        }
        None
    }

    /// Whether so many slots were claimed since the drainer looked last that it should look again, if it
    /// sleeps: a sixteenth of them; of less than 4,096, up to a quarter. Ask after each
    /// [`claim`](Self::claim) and [`claim_more`](Self::claim_more).
    pub fn is_filling(&self) -> bool {
        let looked = self.looked.load(Ordering::Relaxed);
        self.claimed_slots().wrapping_sub(looked) as usize >= self.stretch()
    }

    /// So many claims are worth a look.
    fn stretch(&self) -> usize {
        let slots = self.slots().len();
        (slots / 16).max((slots / 4).clamp(1, 256))
    }

    /// The slots in use.
    pub(crate) fn slots(&self) -> &[Slot<WORDS>] {
        let slots = self.slots.as_ref();
        slots.get(..MAX_SLOTS).unwrap_or(slots)
    }

    /// The slots that were claimed since `from`, in that order (freed ones and ones seen before
    /// among them), and the place to go on from.
    pub(crate) fn claims_since(
        &self,
        from: Cursor,
    ) -> (impl Iterator<Item = &Slot<WORDS>>, Cursor) {
        let slots = self.slots();
        let to = Cursor(self.cursor.load(Ordering::Acquire));
        let (first, second) = from.until(to, slots.len());
        let range = |(from, to): (usize, usize)| slots.get(from..to).unwrap_or(&[]);
        (range(first).iter().chain(range(second)), to)
    }

    /// Tells those who claim that the drainer has seen all claims up to here.
    pub(crate) fn tell_seen(&self, cursor: Cursor) {
        self.seen.store(cursor.0, Ordering::Release);
        self.at_hand.store(0, Ordering::Release);
    }

    /// The slots that were ever claimed: looking at no others touches no fresh memory.
    fn touched(&self) -> &[Slot<WORDS>] {
        let slots = self.slots();
        let touched = self.touched.load(Ordering::Acquire) as usize;
        slots.get(..touched).unwrap_or(slots)
    }

    /// How many slots were ever claimed, from the first: so much of its memory was touched.
    pub fn touched_slots(&self) -> usize {
        self.touched().len()
    }

    /// Whether any slot belongs to somebody. An answer of `false` is final if nobody claims any more.
    pub fn is_in_use(&self) -> bool {
        self.touched().iter().any(|slot| slot.head() != state::FREE)
    }

    /// The first slot from index `from` on whose span has not ended.
    pub fn next_open(&self, from: usize) -> Option<usize> {
        let slots = self.touched().iter().enumerate().skip(from);
        let mut open = slots.filter(|(_, slot)| slot.head() & state::OPEN != 0);
        open.next().map(|(index, _)| index)
    }
}

/// A place in the ring, and how it came there: index, laps, and a bit that flips when the claim
/// starts again at the first slot before it came to the last.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Cursor(u32);

impl Cursor {
    const LAP: u32 = 1 << 16;
    const LAPS: u32 = 0x7fff << 16;
    const RESTART: u32 = 1 << 31;

    fn index(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    fn laps(self) -> u32 {
        self.0 & Self::LAPS
    }

    #[inline(always)]
    fn next(self, slots: usize) -> Self {
        if self.index() + 1 < slots {
            return Self(self.0 + 1);
        }
        let laps = self.laps().wrapping_add(Self::LAP) & Self::LAPS;
        Self(self.0 & Self::RESTART | laps)
    }

    fn restarted(self) -> Self {
        Self(self.laps() | (self.0 & Self::RESTART ^ Self::RESTART))
    }

    /// The ranges of indices from here to `to`.
    fn until(self, to: Self, slots: usize) -> ((usize, usize), (usize, usize)) {
        // A restart needs a `seen` at the cursor, which only a whole sweep gives: since then there
        // was at most this one, and it came first.
        let from = match (self.0 ^ to.0) & Self::RESTART {
            0 => self,
            _ => self.restarted(),
        };
        let laps = to.laps().wrapping_sub(from.laps()) & Self::LAPS;
        match laps {
            0 if from.index() <= to.index() => ((from.index(), to.index()), (0, 0)),
            Self::LAP if to.index() <= from.index() => ((from.index(), slots), (0, to.index())),
            _ => ((0, slots), (0, 0)),
        }
    }
}
