//! The drainer's side of rings: which spans are open, which wait, which are in a datagram that is
//! on its way.
//!
//! Each claimed slot that the drainer has come by is in one of its lists, linked through the slot
//! itself, and so takes no memory of its own. A sweep looks at each claim once; spans that were
//! open then are looked at again, all of them, with each recheck.

use core::ptr;
use core::sync::atomic::Ordering;

use super::ring::{Cursor, LaneRing};
use crate::record::Record;
use crate::slot::{Slot, state};
use crate::stats::{Dropped, Stats, Trimmed};
use crate::view::SpanView;

/// The one drainer of some rings.
pub struct Drain<'r, const WORDS: usize> {
    open: List<'r, WORDS>,
    ready: List<'r, WORDS>,
    taken: List<'r, WORDS>,
    ready_bytes: usize,
    packed: Packed<'r, WORDS>,
    pub(crate) handed_over: u64,
    pub(crate) dropped: Dropped,
    /// What was cut, in the order of [`Trimmed`](crate::Trimmed).
    pub(crate) cut: [u64; 6],
}

/// How far the drainer has come in one ring.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Seen(Cursor);

/// What became of the spans that were taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// They are somebody else's now.
    HandedOver,
    /// They are lost.
    Failed,
}

impl<'r, const WORDS: usize> Drain<'r, WORDS> {
    /// A drainer that has seen nothing yet.
    ///
    /// # Safety
    ///
    /// It is the only one of all the rings that it is ever shown, and each of them keeps its place
    /// in memory until all its slots are free. What the spans in them were given of other rings
    /// keeps its place until this drainer has freed it (see [`Lane`](crate::Lane)).
    pub const unsafe fn new() -> Self {
        Self {
            open: List::new(),
            ready: List::new(),
            taken: List::new(),
            ready_bytes: 0,
            packed: Packed::NONE,
            handed_over: 0,
            dropped: Dropped::NONE,
            cut: [0; 6],
        }
    }

    /// Looks through all that was claimed since `seen`, and says whether that was anything.
    pub fn sweep<L, S>(&mut self, ring: &'r LaneRing<L, S, WORDS>, seen: &mut Seen) -> bool
    where
        S: AsRef<[Slot<WORDS>]>,
    {
        ring.tell_looked();
        let (claims, cursor) = ring.claims_since(seen.0);
        if cursor == seen.0 {
            return false;
        }
        Slot::expose(ring.slots());
        claims.for_each(|slot| {
            slot.prefetch_ahead(8);
            self.sort(slot);
        });
        *seen = Seen(cursor);
        ring.tell_seen(cursor);
        true
    }

    /// Looks again through the spans that were open when they were seen last.
    pub fn recheck(&mut self) {
        for _ in 0..self.open.count {
            if let Some(slot) = self.open.pop() {
                self.sort(slot);
            }
        }
    }

    fn sort(&mut self, slot: &'r Slot<WORDS>) {
        let head = slot.head();
        if !slot.listed().load(Ordering::Relaxed).is_null() {
            return;
        }
        if head & state::DONE != 0 {
            self.ready_bytes += (head & state::LENGTH) as usize * 4;
            self.ready.push(slot);
        } else if head & state::OPEN != 0 {
            self.open.push(slot);
        }
    }

    /// Spans that have ended and wait.
    pub fn waiting(&self) -> usize {
        self.ready.count
    }

    /// Roughly what they will take in datagrams: the size of their records.
    pub fn waiting_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// Spans that were open when they were seen last.
    pub fn open(&self) -> usize {
        self.open.count
    }

    /// Spans that are lent out.
    pub fn in_flight(&self) -> usize {
        self.taken.count
    }

    /// What was lost on this side of the rings.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// The next span for the datagram that is being packed.
    pub(crate) fn next_packed(&mut self) -> Option<Record<'r, WORDS>> {
        let slot = match self.packed.last {
            Some(last) => next(last),
            None => self.ready.first,
        }?;
        // SAFETY: a ready slot is freed by `settle` only, after it was taken, which ends what
        // the packer does with the record; or by `drop_packed`, which does too.
        let record = unsafe { Record::read(slot) }?;
        let packed = &mut self.packed;
        packed.before = packed.last.replace(slot);
        packed.count += 1;
        packed.bytes += record_bytes(slot);
        Some(record)
    }

    /// The last one of them goes into another datagram.
    pub(crate) fn give_back(&mut self) {
        let packed = &mut self.packed;
        if let Some(slot) = packed.last {
            packed.last = packed.before;
            packed.count -= 1;
            packed.bytes -= record_bytes(slot);
        }
    }

    /// There is no such datagram.
    pub(crate) fn unpack(&mut self) {
        self.packed = Packed::NONE;
    }

    /// The spans of the datagram are in flight now.
    pub(crate) fn take_packed(&mut self) {
        let packed = core::mem::replace(&mut self.packed, Packed::NONE);
        if let Some(last) = packed.last {
            self.ready_bytes -= packed.bytes;
            self.ready.move_first(last, packed.count, &mut self.taken);
        }
    }

    /// Frees the slots of the spans in flight. Before, [`sweep`](Self::sweep) the rings, or spans
    /// may be seen in another order than they were started in. Afterwards, [`tell_freed`](Self::tell_freed) each ring.
    pub fn settle(&mut self, outcome: Outcome) {
        let count = self.taken.count as u64;
        match outcome {
            Outcome::HandedOver => self.handed_over += count,
            Outcome::Failed => self.dropped.failed += count,
        }
        self.free_taken();
    }

    fn free_taken(&mut self) {
        while let Some(slot) = self.taken.pop() {
            // SAFETY: this is the one drainer, the span has ended, and its datagram is settled.
            unsafe { slot.free() };
        }
    }

    /// Drops the first span of the datagram, as one that fits none.
    pub(crate) fn drop_packed(&mut self) {
        self.unpack();
        if let Some(slot) = self.ready.pop() {
            self.ready_bytes -= record_bytes(slot);
            self.dropped.too_large += 1;
            // SAFETY: this is the one drainer, and the span has ended.
            unsafe { slot.free() };
        }
    }

    /// Puts the spans in flight back before those that wait.
    pub(crate) fn put_back(&mut self) {
        let mut all = core::mem::take(&mut self.taken);
        all.iter()
            .for_each(|slot| self.ready_bytes += record_bytes(slot));
        while let Some(slot) = self.ready.pop() {
            all.push(slot);
        }
        self.ready = all;
    }

    /// Tells those who claim in `ring` that slots were freed.
    pub fn tell_freed<L, S>(&self, ring: &LaneRing<L, S, WORDS>) {
        ring.tell_freed();
    }

    /// Shows the spans that are open now and have their name, the longest open ones first.
    pub fn for_each_open(&mut self, mut show: impl FnMut(&SpanView<'_, WORDS>)) {
        self.recheck();
        for slot in self.open.iter() {
            // SAFETY: only the drainer frees slots, which is borrowed here.
            let record = unsafe { Record::read(slot) };
            if let Some(record) = record.filter(Record::has_name) {
                show(&SpanView::new(record));
            }
        }
    }

    /// The account. What was claimed but not seen counts as waiting or open as it stands.
    pub fn stats<'a, L, S>(
        &mut self,
        rings: impl Iterator<Item = (&'a LaneRing<L, S, WORDS>, Seen)>,
    ) -> Stats
    where
        L: 'a,
        S: AsRef<[Slot<WORDS>]> + 'a,
    {
        self.recheck();
        let mut stats = Stats {
            handed_over: self.handed_over,
            in_flight: self.taken.count as u64,
            open: self.open.count as u64,
            waiting: self.ready.count as u64,
            dropped: self.dropped,
            trimmed: Trimmed::of(self.cut),
            ..Stats::default()
        };
        for (ring, seen) in rings {
            let refused = ring.refused();
            for slot in ring.claims_since(seen.0).0 {
                let head = slot.head();
                let unseen = slot.listed().load(Ordering::Relaxed).is_null();
                stats.open += u64::from(unseen && head & state::OPEN != 0);
                stats.waiting += u64::from(unseen && head & state::DONE != 0);
            }
            stats.dropped.ring_full += refused;
            stats.started += ring.claimed() + refused;
        }
        stats
    }
}

/// The first ones of those that wait: they are in the datagram that is being packed.
struct Packed<'r, const WORDS: usize> {
    last: Option<&'r Slot<WORDS>>,
    before: Option<&'r Slot<WORDS>>,
    count: usize,
    bytes: usize,
}

impl<const WORDS: usize> Packed<'_, WORDS> {
    const NONE: Self = Self {
        last: None,
        before: None,
        count: 0,
        bytes: 0,
    };
}

fn record_bytes<const WORDS: usize>(slot: &Slot<WORDS>) -> usize {
    (slot.head() & state::LENGTH) as usize * 4
}

/// Slots in a row, each linked to the next through its own `listed`; the last one to itself.
struct List<'r, const WORDS: usize> {
    first: Option<&'r Slot<WORDS>>,
    last: Option<&'r Slot<WORDS>>,
    count: usize,
}

impl<const WORDS: usize> Default for List<'_, WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'r, const WORDS: usize> List<'r, WORDS> {
    const fn new() -> Self {
        Self {
            first: None,
            last: None,
            count: 0,
        }
    }

    fn push(&mut self, slot: &'r Slot<WORDS>) {
        let link = ptr::from_ref(slot).cast_mut();
        slot.listed().store(link, Ordering::Relaxed);
        match self.last {
            Some(last) => last.listed().store(link, Ordering::Relaxed),
            None => self.first = Some(slot),
        }
        self.last = Some(slot);
        self.count += 1;
    }

    fn pop(&mut self) -> Option<&'r Slot<WORDS>> {
        let slot = self.first?;
        self.first = next(slot);
        if self.first.is_none() {
            self.last = None;
        }
        self.count -= 1;
        slot.listed().store(ptr::null_mut(), Ordering::Relaxed);
        Some(slot)
    }

    /// Moves the first ones, up to this one, behind those of another list.
    fn move_first(&mut self, last: &'r Slot<WORDS>, count: usize, to: &mut Self) {
        let (first, rest) = (self.first, next(last));
        last.listed()
            .store(ptr::from_ref(last).cast_mut(), Ordering::Relaxed);
        self.first = rest;
        if rest.is_none() {
            self.last = None;
        }
        self.count -= count;
        match (to.last, first) {
            (Some(before), Some(first)) => before
                .listed()
                .store(ptr::from_ref(first).cast_mut(), Ordering::Relaxed),
            _ => to.first = first,
        }
        to.last = Some(last);
        to.count += count;
    }

    fn iter(&self) -> impl Iterator<Item = &'r Slot<WORDS>> + use<'r, WORDS> {
        core::iter::successors(self.first, |slot| next(slot))
    }
}

fn next<const WORDS: usize>(slot: &Slot<WORDS>) -> Option<&Slot<WORDS>> {
    let next = slot.listed().load(Ordering::Relaxed);
    if ptr::eq(next, slot) {
        return None;
    }
    // SAFETY: links lead to slots that were listed as `&'r Slot`, and null leads nowhere.
    unsafe { next.as_ref() }
}
