//! The one who drains a tracer.

use crate::lock::ClaimLock;
use crate::packet::Extent;
use crate::ring::{Account, Policy, Slots};
use crate::slot::Slot;
use crate::{
    Clock, IdSource, LimitTooSmall, LossWatch, Packed, Packer, Process, SpanView, Stats, Tracer,
    Value,
};

/// The drainer of a [`Tracer`], which is `T`.
pub struct TracerDrain<'t, T> {
    tracer: &'t T,
    account: Account,
    /// Whether spans may be in a datagram that nobody told of.
    in_flight: bool,
    loss: LossWatch,
}

impl<'t, T> TracerDrain<'t, T> {
    #[inline(always)]
    pub(super) const fn new(tracer: &'t T) -> Self {
        Self {
            tracer,
            account: Account::NEW,
            in_flight: false,
            loss: LossWatch::NEW,
        }
    }
}

impl<C, I, L, P, S, const WORDS: usize> TracerDrain<'_, Tracer<C, I, L, P, S, WORDS>>
where
    C: Clock,
    I: IdSource,
    L: ClaimLock,
    P: Policy,
    S: Slots<WORDS>,
{
    /// The next datagram, or `None` if no ended span waits. Then tell what became of it, by
    /// [`sent`](Self::sent), [`failed`](Self::failed) or [`too_large`](Self::too_large): until
    /// then its spans keep their slots. A datagram that nobody told of counts as failed. A buffer
    /// that is too short for any datagram gets none, and the spans wait: it has
    /// [`BUFFER_EXTRA`](crate::BUFFER_EXTRA) more bytes than the packer's limit.
    pub fn pack<'b, 'a, E: Extent>(
        &mut self,
        packer: &mut Packer<E>,
        buffer: &'b mut [u8],
        process: &Process<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
    ) -> Option<Packed<'b>> {
        if packer.is_unsettled() || self.in_flight {
            self.failed(packer);
        }
        let tracer = self.tracer;
        let dropped = self.account.dropped(&tracer.ring);
        let clock = &tracer.clock;
        let mut loss = None;
        if E::TELLS_LOSS {
            let now = clock.unix_nanos(clock.now());
            let told = self.loss.watch(now, &dropped, false);
            loss = told.map(|loss| (loss, tracer.next_ids()));
        }
        if loss.is_none() && !tracer.ring.is_anything_waiting() {
            return None;
        }
        // The tracer may have been moved since its chains were made.
        Slot::expose(tracer.ring.place().slots());
        let mut scan = tracer.ring.scan(&tracer.lock, &mut self.account);
        let session = scan.session();
        // Until it is done: a clock that panics leaves some that were taken.
        self.in_flight = true;
        let packed = packer.pack_from(buffer, process, &mut scan, clock, &dropped, loss);
        let packed = packed.map(|packed| Packed { session, ..packed });
        self.in_flight = packed.is_some();
        if E::TELLS_LOSS && !packed.is_some_and(|packed| packed.tells_loss) {
            self.loss.take_back();
        }
        packed
    }

    /// In which session the spans of the next datagram were recorded: as a rule, this one. Those
    /// that were recovered after a reset come first, see [`Retained`](crate::Retained). In a ring that
    /// keeps the newest, they may give way before they are packed: in which session a datagram's
    /// spans were recorded tells [`Packed::session`].
    pub fn session(&self) -> u32 {
        let ring = &self.tracer.ring;
        ring.session_of(ring.oldest_session())
    }

    /// The last datagram is somebody else's now.
    pub fn sent<E: Extent>(&mut self, packer: &mut Packer<E>) {
        let spans = self.settle(packer);
        self.account.handed_over(spans);
    }

    /// The last datagram is lost. If it told of a loss, that is told again.
    pub fn failed<E: Extent>(&mut self, packer: &mut Packer<E>) {
        self.untold(packer);
        let spans = self.settle(packer);
        self.account.failed(spans);
    }

    // Inline, so that what of the drainer is not used where it is made goes away.
    #[inline(always)]
    fn settle<E: Extent>(&mut self, packer: &mut Packer<E>) -> u32 {
        packer.settle(&mut self.account.cut);
        self.in_flight = false;
        self.tracer.ring.free_taken(&self.tracer.lock)
    }

    /// The link takes only `limit` bytes: the spans wait again, and are packed smaller.
    ///
    /// # Errors
    ///
    /// [`LimitTooSmall`] if no span fits such a datagram. The spans wait all the same.
    pub fn too_large<E: Extent>(
        &mut self,
        packer: &mut Packer<E>,
        limit: usize,
    ) -> Result<(), LimitTooSmall> {
        self.untold(packer);
        packer.unpack();
        self.in_flight = false;
        self.tracer.ring.put_back_taken();
        packer.set_limit(limit)
    }

    /// The loss that the last datagram told, if nobody has it yet, is still to be told.
    fn untold<E: Extent>(&mut self, packer: &Packer<E>) {
        if E::TELLS_LOSS && packer.is_unsettled() {
            self.loss.take_back();
        }
    }

    /// Shows the spans that are open now, the longest open ones first.
    pub fn for_each_open(&mut self, mut show: impl FnMut(&SpanView<'_, WORDS>)) {
        let Tracer { ring, lock, .. } = self.tracer;
        Slot::expose(ring.place().slots());
        for (index, slot) in ring.oldest_first() {
            ring.with_open(lock, index, slot, |slot| {
                // SAFETY: a span that is open is not freed, nor is one that is being looked at.
                if let Some(record) = unsafe { crate::record::Record::read(slot) } {
                    show(&SpanView::new(record));
                }
            });
        }
    }

    /// The account.
    pub fn stats(&mut self) -> Stats {
        self.account.stats(&self.tracer.ring, &self.tracer.lock)
    }
}
