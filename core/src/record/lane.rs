//! What a record needs of the ring that it is written in.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::slot::{Claimed, Slot};

/// What a span needs of where it is recorded: a small handle, which is copied where its address would
/// have to be given away.
///
/// # Safety
///
/// What [`more`](Self::more) gives comes from [`LaneRing::claim_more`](crate::LaneRing::claim_more),
/// and stays in its place until the drainer of the ring that the span's first slot is in has freed
/// it: the span's own lifetime is not enough, as the drainer comes later. Slots of the ring that
/// the first one is in may move together with it, while nobody borrows that ring.
///
/// [`publish`](Self::publish) is a store that releases what this context wrote before, to all who may
/// read it, and [`end`](Self::end) calls [`Ending::now`] or [`Ending::at`], or lets another lane of the
/// same ring do it.
///
/// [`more`](Self::more), [`may_have`](Self::may_have) and [`released`](Self::released) do not panic: if
/// they did, the program would end. A clock may.
///
/// So a lane takes the word `unsafe`:
///
/// ```compile_fail,E0200
/// use jaegerling_core::{Claimed, Lane};
///
/// #[derive(Clone, Copy)]
/// struct Mine;
/// impl<'r> Lane<'r, 24> for Mine {
///     fn now(&self) -> u64 {
///         0
///     }
///     unsafe fn more(&self) -> Option<Claimed<'r, 24>> {
///         None
///     }
///     fn released(&self) {}
/// }
/// ```
pub unsafe trait Lane<'r, const WORDS: usize>: Copy {
    /// The time now, in ticks.
    fn now(&self) -> u64;

    /// Claims one more slot for a record that outgrows its own, or says that there is none.
    ///
    /// # Safety
    ///
    /// It is for a span of this lane, which attaches it or gives it back.
    unsafe fn more(&self) -> Option<Claimed<'r, WORDS>>;

    /// Whether there may be so many more slots: if not, none is claimed, and nothing gives way in
    /// vain. Asked before two or more are claimed; whether there is one, [`more`](Self::more) says.
    fn may_have(&self, slots: usize) -> bool {
        let _ = slots;
        true
    }

    /// Called after slots that [`more`](Self::more) gave were given back unused, and calls
    /// [`LaneRing::released`](crate::LaneRing::released): else the ring may still think that it is
    /// full.
    fn released(&self);

    /// Stores a word. Whoever sees it sees what was written before: a releasing store, or less where
    /// all is done on one core.
    #[inline(always)]
    fn publish(&self, word: &AtomicU32, value: u32) {
        word.store(value, Ordering::Release);
    }

    /// Ends a span now, and calls [`ended`](Self::ended).
    #[inline(always)]
    fn end(&self, span: Ending<'r, WORDS>)
    where
        Self: Sized,
    {
        span.now(self);
    }

    /// Called after the store that ended a span. The span's slot may be somebody else's by now.
    fn ended(&self) {}
}

/// A span that is about to end: it does with [`now`](Self::now) or [`at`](Self::at), and must.
#[must_use]
pub struct Ending<'r, const WORDS: usize>(pub(crate) &'r Slot<WORDS>);

impl<'r, const WORDS: usize> Ending<'r, WORDS> {
    /// Ends the span at the time now; at no time if the clock panics.
    #[inline(always)]
    pub fn now(self, lane: &impl Lane<'r, WORDS>) {
        struct Guard<'a, 'r, L: Lane<'r, WORDS>, const WORDS: usize> {
            slot: &'r Slot<WORDS>,
            lane: &'a L,
            ticks: u64,
        }

        impl<'r, L: Lane<'r, WORDS>, const WORDS: usize> Drop for Guard<'_, 'r, L, WORDS> {
            #[inline(always)]
            fn drop(&mut self) {
                self.slot
                    .end(self.ticks, |word, head| self.lane.publish(word, head));
                self.lane.ended();
            }
        }

        let mut guard = Guard {
            slot: self.0,
            lane,
            ticks: 0,
        };
        guard.ticks = lane.now();
    }

    /// Ends the span at the time that the lane would tell.
    #[inline(always)]
    pub fn at(self, ticks: u64, lane: &impl Lane<'r, WORDS>) {
        self.0.end(ticks, |word, head| lane.publish(word, head));
        lane.ended();
    }
}
