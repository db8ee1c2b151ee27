//! The owner's side of a slot.

use core::ops::Range;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, Ordering};

use super::{Cut, LOGS_BITS, LOGS_CUT, Slot, rare, state};
use crate::part;

/// The right to write into a claimed slot and those chained to it: one per claim. Words are handed out
/// once each, in order.
pub struct Claimed<'r, const WORDS: usize> {
    first: &'r Slot<WORDS>,
    /// Words handed out in all.
    length: u32,
}

impl<'r, const WORDS: usize> Claimed<'r, WORDS> {
    /// The right to write into a slot.
    ///
    /// # Safety
    ///
    /// Whoever has this took the slot, for the state that it is in now, and has no other right to it.
    #[inline(always)]
    pub(crate) unsafe fn of(slot: &'r Slot<WORDS>) -> Self {
        // SAFETY: as promised by the caller.
        unsafe { Self::at(slot, 0) }
    }

    /// The right to go on behind so many words.
    ///
    /// # Safety
    ///
    /// A span is open here, this replaces the right that its owner had, and nobody reads what is behind those
    /// words.
    #[inline(always)]
    pub(crate) unsafe fn at(slot: &'r Slot<WORDS>, length: u32) -> Self {
        Self {
            first: slot,
            length,
        }
    }

    /// The right to go on behind what is committed, wherever that is.
    ///
    /// # Safety
    ///
    /// A span is open here, and this replaces the right that its owner had.
    #[inline(always)]
    pub(crate) unsafe fn again(slot: &'r Slot<WORDS>) -> Self {
        // SAFETY: only the owner stores here while the span is open. It is no atomic load, so that the
        // compiler may know what was stored last.
        let head = unsafe { slot.head.as_ptr().read() };
        // SAFETY: so much is committed.
        unsafe { Self::at(slot, head & state::LENGTH) }
    }

    /// Where the record begins.
    pub(crate) fn first(&self) -> &'r Slot<WORDS> {
        self.first
    }

    /// Words of the record so far.
    pub(crate) fn length(&self) -> u32 {
        self.length
    }

    /// The next `count` words, or `None` if the slot with the last ones has not so many and `keep` more.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: usize, keep: usize) -> Option<&mut [u32]> {
        let place = if self.length as usize + count + keep <= WORDS {
            // SAFETY: within the slot.
            unsafe { self.first.word(self.length) }
        } else {
            // SAFETY: this is the right to do so.
            unsafe { place_behind(self.first, self.length, count + keep) }?.as_ptr()
        };
        self.length += count as u32;
        // SAFETY: so many words are in the slot from there on. They are above the committed length, so that
        // nobody reads them, and this is the only writer, which hands each word out once.
        Some(unsafe { core::slice::from_raw_parts_mut(place, count) })
    }

    /// Writes zeros over words of the first slot that were handed out and are not committed yet.
    pub(crate) fn clear_words(&self, words: Range<usize>) {
        let end = words.end.min(self.length as usize);
        if self.first.head.load(Ordering::Relaxed) & state::LENGTH != 0 {
            return;
        }
        for at in words.start..end {
            // SAFETY: within the slot's memory, of which `length` words were handed out.
            let word = unsafe { self.first.words.get().cast::<u32>().add(at) };
            // SAFETY: nothing is committed, so that nobody reads it, and this is the only writer.
            unsafe { word.write(0) };
        }
    }

    /// Puts the slots of `chain` behind the one that this has.
    pub(crate) fn link(&self, chain: &Self) {
        self.first.link(chain.first);
    }

    /// Gives the slots back; nothing in them was ever committed.
    pub(crate) fn release(self) {
        // SAFETY: the slots were never published: no reader knows them, and this value was the
        // only one that could write to them.
        unsafe { self.first.free() };
    }

    /// Publishes all words that were taken, by a releasing store.
    #[inline(always)]
    pub(crate) fn commit(&self, publish: impl FnOnce(&AtomicU32, u32)) {
        publish(&self.first.head, state::OPEN | self.length);
    }

    /// The same right once more, which replaces this one.
    ///
    /// # Safety
    ///
    /// This one is not used any more.
    #[inline(always)]
    pub(crate) unsafe fn moved(&self) -> Self {
        Self { ..*self }
    }
}

/// The end of a record, in whatever slot it is.
pub(crate) struct Tail<'r, const WORDS: usize> {
    slot: &'r Slot<WORDS>,
    /// Words of it that are handed out.
    used: u32,
    /// And of the whole record.
    length: u32,
}

impl<'r, const WORDS: usize> Tail<'r, WORDS> {
    /// That of a record which begins in this slot, and of which so many words are handed out.
    ///
    /// # Safety
    ///
    /// As for [`Claimed::at`].
    pub(crate) unsafe fn of(first: &'r Slot<WORDS>, length: u32) -> Self {
        // SAFETY: as promised by the caller.
        let (slot, used) = unsafe { first.end_of_record(length) };
        Self { slot, used, length }
    }

    /// Lets the owner find this end again.
    pub(crate) fn remember(&self, first: &'r Slot<WORDS>) {
        first.remember_last(self.slot, self.length - self.used);
    }

    /// Words of the record so far.
    pub(crate) fn length(&self) -> u32 {
        self.length
    }

    /// How many words the slot still has.
    #[inline(always)]
    pub(crate) fn room(&self) -> usize {
        WORDS - self.used as usize
    }

    /// How many words it and those attached behind it still have.
    pub(crate) fn room_in_chain(&self) -> usize {
        let attached =
            core::iter::successors(self.slot.next_in_chain(), |slot| slot.next_in_chain());
        self.room() + attached.count() * WORDS
    }

    /// The next `count` words, or `None` if the slot has fewer.
    pub(crate) fn take(&mut self, count: usize) -> Option<&mut [u32]> {
        if count > self.room() {
            return None;
        }
        // SAFETY: within the slot.
        let place = unsafe { self.slot.word(self.used) };
        self.used += count as u32;
        self.length += count as u32;
        // SAFETY: so many words are in the slot from there on. They are above the committed length, so that
        // nobody reads them, and this is the only writer, which hands each word out once.
        Some(unsafe { core::slice::from_raw_parts_mut(place, count) })
    }

    /// Puts the slots of `chain` behind the last one.
    pub(crate) fn attach(&self, chain: Claimed<'r, WORDS>) {
        let mut last = self.slot;
        while let Some(next) = last.next_in_chain() {
            last = next;
        }
        last.link(chain.first);
    }

    /// Goes on in the next attached slot, if this one is full and there is one.
    pub(crate) fn advance(&mut self) -> bool {
        let is_full = self.room() == 0;
        match self.slot.next_in_chain() {
            Some(next) if is_full => {
                self.slot = next;
                self.used = 0;
                true
            }
            _ => false,
        }
    }
}

/// Where the words behind so many begin, if the slot with the last of them has `room` more. By value, and it
/// does not unwind: so a span for which it is called need not lie in memory.
///
/// # Safety
///
/// As for [`Slot::end_of_record`].
#[cold]
#[inline(never)]
unsafe extern "C" fn place_behind<const WORDS: usize>(
    first: &Slot<WORDS>,
    length: u32,
    room: usize,
) -> Option<NonNull<u32>> {
    // SAFETY: as promised by the caller.
    let (slot, used) = unsafe { first.end_of_record(length) };
    match used as usize + room <= WORDS {
        // SAFETY: within the slot.
        true => NonNull::new(unsafe { slot.word(used) }),
        false => None,
    }
}

impl<const WORDS: usize> Slot<WORDS> {
    /// One of its words, or the end of them.
    ///
    /// # Safety
    ///
    /// `at` is at most `WORDS`.
    #[inline(always)]
    unsafe fn word(&self, at: u32) -> *mut u32 {
        // SAFETY: as promised by the caller.
        unsafe { self.words.get().cast::<u32>().add(at as usize) }
    }

    /// Where a record of so many words ends that begins here: in which slot, and behind how many of its
    /// words.
    ///
    /// # Safety
    ///
    /// A span is open here, of which so many words are handed out, and the caller acts for its owner.
    pub(crate) unsafe fn end_of_record(&self, length: u32) -> (&Self, u32) {
        let (mut slot, mut used) = (self, length);
        if used as usize > WORDS {
            // SAFETY: whoever goes on in another slot remembers that.
            let (last, base) = unsafe { self.last() };
            // Not so if a log was forgotten, and all of its fields with it.
            if base < length {
                (slot, used) = (last, length - base);
            }
        }
        while used as usize > WORDS {
            let Some(next) = slot.next_in_chain() else {
                return (slot, WORDS as u32);
            };
            (slot, used) = (next, used - WORDS as u32);
        }
        (slot, used)
    }

    /// The owner was last in this slot, which begins with this word of the record. As long as the span has
    /// no end, that stands in its place; in that of `last`, which never has one, the word.
    fn remember_last(&self, last: &Self, base: u32) {
        let distance = last.place().wrapping_sub(self.place()) as u64;
        self.set_end_ticks(distance);
        last.set_end_ticks(base.into());
    }

    /// As it was remembered last.
    ///
    /// # Safety
    ///
    /// Something was, since this slot was claimed, and the span has not ended.
    unsafe fn last(&self) -> (&Self, u32) {
        let last = self.place().wrapping_add(self.end_ticks() as usize);
        let last = ptr::with_exposed_provenance::<Self>(last);
        // SAFETY: it is one of the span's, which keeps its place; that was exposed when it was linked.
        let last = unsafe { &*last };
        (last, last.end_ticks() as u32)
    }

    /// From now on, the record goes on in `next`, which is the owner's, too.
    fn link(&self, next: &Self) {
        part::CHAINS.set();
        let next = ptr::from_ref(next).expose_provenance();
        let distance = next.wrapping_sub(self.place());
        self.chain.store(distance, Ordering::Relaxed);
        self.add(rare::CHAIN);
    }

    /// Counts an entry that found no room; of logs at most 16,777,215, of references 65,535, of times 255.
    /// Only the span's owner calls this, so that it needs no compare-and-swap.
    pub(crate) fn count_cut(&self, kind: Cut) {
        part::CUTS.set();
        let [tags, logs_and_times] = &self.cut;
        if !self.has(rare::CUT) {
            tags.store(0, Ordering::Relaxed);
            logs_and_times.store(0, Ordering::Relaxed);
            self.references_cut.store(0, Ordering::Relaxed);
            self.add(rare::CUT);
        }
        let cut = self.cut(kind).saturating_add(1);
        match kind {
            Cut::Tag => tags.store(cut, Ordering::Relaxed),
            Cut::Reference => {
                let cut = u16::try_from(cut).unwrap_or(u16::MAX);
                self.references_cut.store(cut, Ordering::Relaxed);
            }
            Cut::Log | Cut::Time => {
                let other = logs_and_times.load(Ordering::Relaxed);
                let both = match kind {
                    Cut::Log => other & !LOGS_CUT | cut.min(LOGS_CUT),
                    _ => other & LOGS_CUT | cut.min(u32::MAX >> LOGS_BITS) << LOGS_BITS,
                };
                logs_and_times.store(both, Ordering::Relaxed);
            }
        }
    }
}
