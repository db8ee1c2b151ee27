//! Once round the slots of a ring, from the oldest, as long as a datagram has room.

use core::sync::atomic::Ordering;

use super::cursor::Cursor;
use super::{Account, Policy, Slots, SpanRing};
use crate::lock::{ClaimLock, look, publish};
use crate::record::{HEAD_WORDS, Record, Source};
use crate::slot::{Slot, state};

/// The finished spans of one session, for one datagram.
pub(crate) struct Scan<'a, 'r, P, S, L, const WORDS: usize> {
    ring: &'r SpanRing<P, S, WORDS>,
    lock: &'r L,
    /// Where the next slot is, and how many are left.
    next: Cursor,
    left: usize,
    /// The session in which they were recorded, as their heads tell it.
    session: u32,
    account: &'a mut Account,
    /// The one that was taken last.
    taken: Option<&'r Slot<WORDS>>,
}

impl<P: Policy, S: Slots<WORDS>, const WORDS: usize> SpanRing<P, S, WORDS> {
    /// A way round the ring that takes finished spans, those of the oldest session first.
    pub(crate) fn scan<'a, 'r, L: ClaimLock>(
        &'r self,
        lock: &'r L,
        account: &'a mut Account,
    ) -> Scan<'a, 'r, P, S, L, WORDS> {
        Scan {
            ring: self,
            lock,
            next: Cursor(self.cursor.load(Ordering::Relaxed)),
            left: self.place().slots().len(),
            session: self.oldest_session(),
            account,
            taken: None,
        }
    }

    /// Whether a finished span waits.
    pub(crate) fn is_anything_waiting(&self) -> bool {
        let slots = self.place().slots().iter();
        let mut heads = slots.map(|slot| slot.state().load(Ordering::Relaxed));
        heads.any(state::is_waiting)
    }

    /// The oldest session of which finished spans wait, as their heads tell it.
    pub(crate) fn oldest_session(&self) -> u32 {
        if !S::RETAINED {
            return 0;
        }
        let now = self.place().session();
        let slots = self.place().slots().iter();
        let heads = slots.map(|slot| slot.head());
        let waiting = heads.filter(|head| state::is_waiting(*head));
        let sessions = waiting.map(|head| head & state::SESSION);
        sessions.max_by_key(|told| age(*told, now)).unwrap_or(0)
    }

    /// The number of a session that a head tells.
    pub(crate) fn session_of(&self, told: u32) -> u32 {
        let now = self.place().session();
        now.wrapping_sub(age(told, now))
    }

    /// Frees the slots of the spans that were taken, and says how many these were.
    #[inline(never)]
    pub(crate) fn free_taken(&self, lock: &impl ClaimLock) -> u32 {
        let mut spans = 0;
        for slot in self.place().slots() {
            if slot.state().load(Ordering::Relaxed) & state::TAKEN != 0 {
                // SAFETY: the one drainer calls this, the span has ended, and its datagram is
                // settled.
                unsafe { slot.free() };
                spans += 1;
            }
        }
        self.tell_freed(lock);
        spans
    }

    /// Lets the spans that were taken wait again.
    pub(crate) fn put_back_taken(&self) {
        self.place().slots().iter().for_each(put_back);
    }
}

fn put_back<const WORDS: usize>(slot: &Slot<WORDS>) {
    let head = slot.state().load(Ordering::Relaxed);
    if head & state::TAKEN != 0 {
        // Nobody else changes the state of a span that is taken.
        let head = head & !state::TAKEN;
        slot.state().store(head, Ordering::Release);
    }
}

/// A session as the head of a slot tells it: its lowest bits, and never 0.
pub(crate) fn told(session: u32) -> u32 {
    ((session & 0x7f) + 1) << state::SESSION_SHIFT
}

/// How many resets ago a session was that a head tells, if the number of this one is `now`.
pub(crate) fn age(told: u32, now: u32) -> u32 {
    match (told & state::SESSION) >> state::SESSION_SHIFT {
        0 => 0,
        // Not this session, or it would not be told.
        session => (now.wrapping_sub(session) & 0x7f) + 1,
    }
}

impl<'r, P: Policy, S: Slots<WORDS>, L, const WORDS: usize> Scan<'_, 'r, P, S, L, WORDS> {
    /// The number of the session that its spans are of.
    pub(crate) fn session(&self) -> u32 {
        self.ring.session_of(self.session)
    }

    fn slot(&mut self) -> Option<&'r Slot<WORDS>> {
        self.left = self.left.checked_sub(1)?;
        let slots = self.ring.slots.slots();
        let at = self.next.within(slots.len());
        self.next = at.next();
        slots.get(at.index(slots.len()))
    }
}

impl<'r, P, S, L, const WORDS: usize> Source<'r, WORDS> for Scan<'_, 'r, P, S, L, WORDS>
where
    P: Policy,
    S: Slots<WORDS>,
    L: ClaimLock,
{
    fn next(&mut self) -> Option<Record<'r, WORDS>> {
        while let Some(slot) = self.slot() {
            let head = look::<L>(slot.state());
            if S::RETAINED && head & state::SESSION != self.session {
                continue;
            }
            if self.ring.take_done(self.lock, slot, head) {
                self.taken = Some(slot);
                // SAFETY: it is freed by the drainer only, which is this one, and after the
                // datagram was settled.
                return unsafe { Record::of(slot, head) };
            }
        }
        None
    }

    fn give_back(&mut self) {
        if let Some(slot) = self.taken.take() {
            publish::<L>(
                slot.state(),
                slot.state().load(Ordering::Relaxed) & !state::TAKEN,
            );
        }
    }

    fn drop_too_large(&mut self) {
        self.account.drop_too_large();
        // It alone is taken: whatever has another one with it goes into a datagram.
        self.ring.free_taken(self.lock);
    }
}

/// All spans as they lie there, finished or not, without touching anything.
pub(crate) struct Reading<'r, const WORDS: usize> {
    pub(crate) slots: &'r [Slot<WORDS>],
    /// The slot where the reading began, and how many were read.
    pub(crate) first: usize,
    pub(crate) read: usize,
}

impl<'r, const WORDS: usize> Reading<'r, WORDS> {
    fn slot(&self) -> Option<&'r Slot<WORDS>> {
        if self.read >= self.slots.len() {
            return None;
        }
        let before = self.slots.len() - self.first.min(self.slots.len());
        let index = match self.read.checked_sub(before) {
            Some(index) => index,
            None => self.first + self.read,
        };
        self.slots.get(index)
    }
}

impl<'r, const WORDS: usize> Source<'r, WORDS> for Reading<'r, WORDS> {
    fn next(&mut self) -> Option<Record<'r, WORDS>> {
        while let Some(slot) = self.slot() {
            self.read += 1;
            let head = slot.head();
            if (head & state::LENGTH) as usize >= HEAD_WORDS {
                // SAFETY: who steals has promised that nobody frees slots meanwhile.
                if let Some(record) = unsafe { Record::read(slot) } {
                    return Some(record);
                }
            }
        }
        None
    }

    fn give_back(&mut self) {
        self.read = self.read.saturating_sub(1);
    }

    fn drop_too_large(&mut self) {}
}
