//! What a span is, in two words: where it is recorded, or who it is if it is not.

use std::hint::assert_unchecked;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use jaegerling_core::{Place, SpanContext};

use super::Span;
use crate::lane::{ThreadLane, WORDS};
use crate::unrecorded::{Ids, Unrecorded, is_unrecorded};

/// What a span is, in one word. It and the lane are moved in two registers, which an `enum` is not.
#[derive(Clone, Copy)]
pub(super) union At {
    place: Place<'static, WORDS>,
    ids: Ids,
}

/// The same for those who look, as long as they borrow the span.
pub(crate) enum Kind<'a> {
    Recorded(&'static ThreadLane, Place<'static, WORDS>),
    Unrecorded(Look<'a>),
}

/// A span that is not recorded, while its handle is borrowed.
pub(crate) struct Look<'a> {
    span: ManuallyDrop<Unrecorded>,
    handle: PhantomData<&'a Span>,
}

impl Deref for Look<'_> {
    type Target = Unrecorded;

    #[inline(always)]
    fn deref(&self) -> &Unrecorded {
        &self.span
    }
}

// SAFETY: it is a reference to a lane, which all threads share, and to its slot there; or its ids alone, where nobody
// else looks.
unsafe impl Send for Span {}
// SAFETY: as above. Those who share it read its ids.
unsafe impl Sync for Span {}
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<&ThreadLane>();
    is_shared::<Place<'static, WORDS>>();
};

impl Span {
    /// The span that is open there.
    #[inline(always)]
    pub(crate) fn recorded_at(lane: &'static ThreadLane, place: Place<'static, WORDS>) -> Self {
        const { assert!(align_of::<ThreadLane>() > 1) };
        let lane = NonNull::from(lane);
        // SAFETY: more than a byte is aligned.
        unsafe { assert_unchecked(!is_unrecorded(lane.addr())) };
        Self {
            lane,
            at: At { place },
        }
    }

    /// A span that is not recorded, of the tracer of this number, or of none: 0.
    #[inline(always)]
    pub(crate) fn unrecorded(tracer: u64, context: SpanContext) -> Self {
        Unrecorded::new(tracer, context).into()
    }

    #[inline(always)]
    pub(super) fn lane(&self) -> Option<&'static ThreadLane> {
        if is_unrecorded(self.lane.addr()) {
            return None;
        }
        // SAFETY: that of a lane, which is there as long as the span is.
        Some(unsafe { self.lane.as_ref() })
    }

    /// What it is.
    #[inline(always)]
    pub(crate) fn kind(&self) -> Kind<'_> {
        match self.lane() {
            // SAFETY: with a lane it is made of a place.
            Some(lane) => Kind::Recorded(lane, unsafe { self.at.place }),
            None => Kind::Unrecorded(Look {
                // SAFETY: there is no lane, and this one is never dropped.
                span: ManuallyDrop::new(unsafe { self.unrecorded_again() }),
                handle: PhantomData,
            }),
        }
    }

    /// The span that is not recorded.
    ///
    /// # Safety
    ///
    /// It has no lane; and of this and what else is made of it, one is dropped, the last.
    #[inline(always)]
    unsafe fn unrecorded_again(&self) -> Unrecorded {
        // SAFETY: without a lane, it is made of ids.
        let ids = unsafe { self.at.ids };
        // SAFETY: as promised by the caller.
        unsafe { Unrecorded::of_words(self.lane.addr(), ids) }
    }
}

impl From<Unrecorded> for Span {
    #[inline(always)]
    fn from(span: Unrecorded) -> Self {
        let (word, ids) = span.into_words();
        Self {
            lane: no_lane(word),
            at: At { ids },
        }
    }
}

/// What stands where a recorded span has its lane.
#[inline(always)]
pub(super) fn no_lane(word: NonZeroUsize) -> NonNull<ThreadLane> {
    // SAFETY: not zero.
    unsafe { NonNull::new_unchecked(ptr::without_provenance_mut(word.get())) }
}

impl Drop for Span {
    #[inline(always)]
    fn drop(&mut self) {
        match self.kind() {
            // SAFETY: the span's last word.
            Kind::Recorded(lane, place) => lane.end(unsafe { place.ending() }),
            // SAFETY: it has no lane, and is not used any more.
            Kind::Unrecorded(_) => drop(unsafe { self.unrecorded_again() }),
        }
    }
}
