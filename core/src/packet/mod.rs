//! Waiting spans into datagrams: each an `emitBatch` message, full of whole spans, and never a
//! byte longer than its limit.

mod extent;
mod list;
mod lists;
mod loss;
mod plain;
mod process;
mod section;
mod span;

use core::fmt;
use core::marker::PhantomData;

pub use extent::{Complete, Extent, Lean};
use list::SpanList;
pub use loss::{LOSS_SPAN, Loss, LossWatch};
pub use process::Process;
use process::tags_within;
use span::{BARE_SPAN, SpanEncoder};

use crate::jaeger::write as jaeger;
use crate::lane::Drain;
use crate::record::{Record, Source};
use crate::stats::{Cuts, Dropped};
use crate::text;
use crate::thrift::write::{SLACK, Writer};
use crate::{Clock, SpanId, TraceId, Value};

/// The largest datagram that Jaeger's agent port reads: of more it takes nothing and says nothing.
pub const MAX_DATAGRAM: usize = 65_000;

/// How much more than the limit a buffer needs: two bytes in front, as the count of the spans is known
/// last, stands first, and takes one byte to three; and some behind, so that not each byte needs a
/// check.
pub const BUFFER_EXTRA: usize = FRONT + SLACK;

const FRONT: usize = 2;
// Four ids, a name, flags, two times, each with its header; the stop. So there are never so many
// spans that their count takes three bytes.
const _: () = assert!(MAX_DATAGRAM / (4 * 2 + 2 + 2 + 2 * 2 + 1) < 1 << 14);

/// The message, the process without its name and tags, the header of the list of spans.
const HEADER: usize = 15 + 4 + 1 + 2;

/// The most that sequence number and counters take behind the spans.
const END: usize = 11 + 1 + 3 * 11 + 3;

impl<'r, const WORDS: usize> Source<'r, WORDS> for Drain<'r, WORDS> {
    fn next(&mut self) -> Option<Record<'r, WORDS>> {
        self.next_packed()
    }

    fn give_back(&mut self) {
        Self::give_back(self);
    }

    fn drop_too_large(&mut self) {
        self.drop_packed();
    }
}

/// Packs the spans that wait into datagrams.
#[derive(Clone, Debug)]
pub struct Packer<E: Extent = Complete> {
    limit: usize,
    service_name_len: usize,
    seq_no: i64,
    /// Whether nobody told yet what became of the last datagram.
    unsettled: bool,
    cuts: Cuts,
    extent: PhantomData<E>,
}

/// A datagram, and how many spans it has.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'b> {
    /// The datagram: a part of the buffer that was given, which does not begin where that does.
    pub bytes: &'b [u8],
    /// Its spans; one that tells of a loss is not counted.
    pub spans: usize,
    /// Whether it has the one that tells of a loss: that needs room for it.
    pub tells_loss: bool,
    /// In which session its spans were recorded, see [`Retained`](crate::Retained); 0 where slots do
    /// not survive a reset.
    pub session: u32,
}

/// A limit that could not hold one bare span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitTooSmall {
    /// The limit, in bytes.
    pub limit: usize,
    /// The smallest limit that will do, in bytes.
    pub needed: usize,
}

impl fmt::Display for LimitTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, needed } = self;
        write!(
            f,
            "a datagram of {limit} bytes cannot hold one bare span: {needed} are needed"
        )
    }
}

impl core::error::Error for LimitTooSmall {}

impl Packer {
    /// A packer of datagrams of at most `limit` bytes for a service with a name of this length. A
    /// limit over [`MAX_DATAGRAM`] is taken for that.
    ///
    /// # Errors
    ///
    /// [`LimitTooSmall`] if the largest bare span, with an empty name, would not fit. For a name of
    /// almost 65,000 bytes no limit will do.
    pub const fn new(limit: usize, service_name: &str) -> Result<Self, LimitTooSmall> {
        Self::with_limit(limit, service_name)
    }
}

impl Packer<Lean> {
    /// The same, without what [`Lean`] leaves out.
    ///
    /// # Errors
    ///
    /// As for [`new`](Packer::new).
    pub const fn lean(limit: usize, service_name: &str) -> Result<Self, LimitTooSmall> {
        Self::with_limit(limit, service_name)
    }
}

impl<E: Extent> Packer<E> {
    const fn with_limit(limit: usize, service_name: &str) -> Result<Self, LimitTooSmall> {
        let mut packer = Self {
            limit: 0,
            service_name_len: service_name.len(),
            seq_no: 0,
            unsettled: false,
            cuts: Cuts::NONE,
            extent: PhantomData,
        };
        match packer.set_limit(limit) {
            Ok(()) => Ok(packer),
            Err(error) => Err(error),
        }
    }

    /// The smallest limit: what a datagram with one bare span takes at most.
    const fn needed(&self) -> usize {
        HEADER + self.service_name_len + BARE_SPAN + END
    }

    /// The limit, in bytes.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Packs no more than `limit` bytes from now on, and never more than [`MAX_DATAGRAM`].
    ///
    /// # Errors
    ///
    /// [`LimitTooSmall`], and the limit stays what it was.
    pub const fn set_limit(&mut self, limit: usize) -> Result<(), LimitTooSmall> {
        let limit = if limit < MAX_DATAGRAM {
            limit
        } else {
            MAX_DATAGRAM
        };
        let needed = self.needed();
        if limit < needed {
            return Err(LimitTooSmall { limit, needed });
        }
        self.limit = limit;
        Ok(())
    }

    /// Whether a datagram was packed and nobody told yet what became of it.
    pub const fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// Packs as many waiting spans as fit, first come, first served; or none, if none wait and
    /// there is no loss to tell.
    ///
    /// `buffer` has [`BUFFER_EXTRA`] more bytes than the limit; if it is shorter, so are the
    /// datagrams. One that is too short for the smallest limit of all ([`LimitTooSmall::needed`])
    /// gets none, and the spans wait. The spans of a datagram are in flight until the drain is told
    /// what became of them, by [`Drain::settle`] after [`settled`](Self::settled), or by
    /// [`put_back`](Self::put_back).
    ///
    /// A span that fitted no datagram would be dropped and counted here, and its slots free:
    /// afterwards, tell the rings with [`Drain::tell_freed`] if [`Dropped::too_large`] has grown.
    pub fn pack<'b, 'a, const WORDS: usize>(
        &mut self,
        buffer: &'b mut [u8],
        process: &Process<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
        drain: &mut Drain<'_, WORDS>,
        clock: &(impl Clock + ?Sized),
        dropped: &Dropped,
        loss: Option<(Loss, (TraceId, SpanId))>,
    ) -> Option<Packed<'b>> {
        // A clock that panicked may have left one half done.
        drain.unpack();
        if drain.waiting() == 0 && loss.is_none() {
            self.begin();
            return None;
        }
        let loss = loss.as_ref().map(|(loss, ids)| (loss, *ids));
        let packed = self.pack_from(buffer, process, drain, clock, dropped, loss);
        drain.take_packed();
        packed
    }

    fn begin(&mut self) {
        self.cuts = Cuts::NONE;
        self.unsettled = false;
    }

    /// The same, from anywhere.
    pub(crate) fn pack_from<'r, 'b, 'a, const WORDS: usize>(
        &mut self,
        buffer: &'b mut [u8],
        process: &Process<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
        source: &mut impl Source<'r, WORDS>,
        clock: &(impl Clock + ?Sized),
        dropped: &Dropped,
        loss: Option<(&Loss, (TraceId, SpanId))>,
    ) -> Option<Packed<'b>> {
        self.begin();
        let limit = self.limit.min(buffer.len().saturating_sub(BUFFER_EXTRA));
        if limit < self.needed() {
            return None;
        }
        let mut w = Writer::new(buffer.get_mut(FRONT..limit + BUFFER_EXTRA)?);
        let seq_no = self.seq_no + 1;
        // A first time to see how long it is.
        jaeger::end(&mut w, seq_no, dropped);
        let end_len = w.at();
        w.back_to(0);
        let (header, told, list) = w.but_for(end_len, |w| {
            let header = self.header(w, process);
            let mut list = SpanList::EMPTY;
            if let Some((loss, ids)) = loss.filter(|_| E::TELLS_LOSS) {
                list.push::<E>(w, |w| loss.write(w, ids));
            }
            let told = list.count;
            self.spans(w, &mut list, source, clock);
            (header, told, list)
        });
        if list.count == 0 {
            self.cuts = Cuts::NONE;
            return None;
        }
        jaeger::end(&mut w, seq_no, dropped);
        let end = FRONT + w.at();
        self.seq_no = seq_no;
        self.unsettled = true;
        let begin = list.finish::<E>(buffer, header);
        Some(Packed {
            bytes: buffer.get(begin..end)?,
            spans: list.count - told,
            tells_loss: told > 0,
            session: 0,
        })
    }

    /// Message and process, and a byte for the count of the spans. Returns where that byte is.
    fn header<'a>(
        &mut self,
        w: &mut Writer<'_>,
        process: &Process<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
    ) -> usize {
        jaeger::message(w);
        let service_name = text::cut(process.service_name, self.service_name_len).as_bytes();
        // A first time for nothing, to see how many tags leave room for a span.
        let mut kept = 0;
        if process.tags.clone().next().is_some() {
            let begin = w.at();
            jaeger::process(w, service_name, 0);
            let room = w.room().saturating_sub(BARE_SPAN + HEADER);
            let (fitting, left_out) = tags_within(w, process.tags.clone(), room);
            w.back_to(begin);
            let [.., process_tags] = &mut self.cuts.0;
            *process_tags += left_out;
            kept = fitting;
            jaeger::process(w, service_name, kept);
            tags_within(w, process.tags.clone(), room);
        } else {
            jaeger::process(w, service_name, kept);
        }
        w.stop();
        jaeger::spans(w);
        w.at() - 1
    }

    fn spans<'r, const WORDS: usize>(
        &mut self,
        w: &mut Writer<'_>,
        list: &mut SpanList,
        source: &mut impl Source<'r, WORDS>,
        clock: &(impl Clock + ?Sized),
    ) {
        while E::MOST_SPANS == usize::MAX || list.count < E::MOST_SPANS {
            let Some(record) = source.next() else {
                return;
            };
            let alone = list.count == 0;
            if !list.push::<E>(w, |w| self.span(w, record, clock, alone)) {
                if alone {
                    source.drop_too_large();
                    continue;
                }
                return source.give_back();
            }
        }
    }

    /// Writes a span, if it fits: says whether it does. One that is `alone` may be cut.
    #[inline(always)]
    fn span<const WORDS: usize>(
        &mut self,
        w: &mut Writer<'_>,
        record: Record<'_, WORDS>,
        clock: &(impl Clock + ?Sized),
        alone: bool,
    ) -> bool {
        let begin = w.at();
        if E::HURRIES && plain::write(record, clock, w) && !w.is_full() {
            return true;
        }
        w.back_to(begin);
        let mut span = SpanEncoder::<E, _, WORDS>::new(record, clock);
        span.whole(w, false);
        if E::TRIMS && alone && w.is_full() {
            w.back_to(begin);
            span.whole(w, true);
        }
        let fits = !w.is_full();
        if fits {
            span.count(&mut self.cuts);
        }
        fits
    }

    /// The last datagram was sent, or has failed: what was trimmed in it counts.
    pub fn settled<const WORDS: usize>(&mut self, drain: &mut Drain<'_, WORDS>) {
        self.settle(&mut drain.cut);
    }

    /// The last datagram never was: its spans wait again, and the next one has its number.
    pub fn put_back<const WORDS: usize>(&mut self, drain: &mut Drain<'_, WORDS>) {
        self.unpack();
        drain.put_back();
    }

    /// The last datagram was sent, or has failed: what was cut in it counts there.
    #[inline(always)]
    pub(crate) fn settle(&mut self, cut: &mut [u64; 6]) {
        self.unsettled = false;
        self.cuts.move_to(cut);
    }

    /// The last datagram never was.
    pub(crate) fn unpack(&mut self) {
        self.cuts = Cuts::NONE;
        self.seq_no -= i64::from(core::mem::take(&mut self.unsettled));
    }
}
