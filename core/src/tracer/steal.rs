//! What is left when nothing else runs any more.

use crate::lock::ClaimLock;
use crate::packet::Extent;
use crate::ring::{Policy, Reading, Slots};
use crate::slot::Slot;
use crate::stats::Dropped;
use crate::{Clock, IdSource, Packed, Packer, Process, Tracer, Value};

/// What a panic or fault handler sends: see [`Tracer::steal`].
pub struct Stolen<'t, T> {
    tracer: &'t T,
    /// The slot where the reading began, and how many were read.
    first: usize,
    read: usize,
}

impl<C, I: IdSource, L: ClaimLock, P: Policy, S: Slots<WORDS>, const WORDS: usize>
    Tracer<C, I, L, P, S, WORDS>
{
    /// All spans, for a panic or fault handler: the finished ones, and with the tag
    /// `unfinished=true` the open ones.
    ///
    /// It takes no lock, changes nothing, and works while the drain is taken and in the middle of
    /// whatever it has interrupted. Each span is read once, so that it comes to an end. A span that
    /// was in a datagram already may come again, which Jaeger does not mind; so do all of them
    /// after a reset, if the slots survive it.
    ///
    /// # Safety
    ///
    /// While the result is used, nobody drains, nor, in a ring that keeps the newest, starts spans or
    /// says so much of one that it needs a further slot: on one core, whoever does was interrupted and
    /// is not returned to before that, and other cores are stopped.
    pub unsafe fn steal(&self) -> Stolen<'_, Self> {
        Stolen {
            tracer: self,
            first: self.ring.oldest(),
            read: 0,
        }
    }
}

impl<C, I, L, P, S, const WORDS: usize> Stolen<'_, Tracer<C, I, L, P, S, WORDS>>
where
    C: Clock,
    I: IdSource,
    L: ClaimLock,
    P: Policy,
    S: Slots<WORDS>,
{
    /// The next datagram, or `None` if that was all. Nobody asks what becomes of it.
    pub fn pack<'b, 'a, E: Extent>(
        &mut self,
        packer: &mut Packer<E>,
        buffer: &'b mut [u8],
        process: &Process<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
    ) -> Option<Packed<'b>> {
        let ring = &self.tracer.ring;
        Slot::expose(ring.place().slots());
        let mut reading = Reading {
            slots: ring.place().slots(),
            first: self.first,
            read: self.read,
        };
        let clock = &self.tracer.clock;
        let dropped = Dropped::NONE;
        let packed = packer.pack_from(buffer, process, &mut reading, clock, &dropped, None);
        self.read = reading.read;
        packed
    }
}
