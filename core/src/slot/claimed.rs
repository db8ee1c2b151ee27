//! The owner's side of a slot.

use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use super::{Cut, Slot, state};
use crate::part;

/// The right to write into a claimed slot and those attached to it: one per claim. Words are
/// handed out once each, in order.
pub struct Claimed<'r, const WORDS: usize> {
    first: &'r Slot<WORDS>,
    tail: &'r Slot<WORDS>,
    /// Words handed out in all.
    length: u32,
    /// Words handed out of `tail`, at most `WORDS`; more than that, if all are counted and the last slot of
    /// several is still to be found.
    used: u32,
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
            tail: slot,
            length,
            used: length,
        }
    }

    /// The right to go on behind what is committed, wherever that is: it is found when it is needed.
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
    pub(crate) fn length(&self) -> usize {
        self.length as usize
    }

    /// How many words the last slot still has.
    #[inline(always)]
    pub(crate) fn room(&mut self) -> usize {
        self.find_tail();
        WORDS - self.used as usize
    }

    /// Whether the last slot has so many words more.
    #[inline(always)]
    pub(crate) fn has(&mut self, words: usize) -> bool {
        self.is_known_to_have(words) || self.find_tail() && self.is_known_to_have(words)
    }

    #[inline(always)]
    fn is_known_to_have(&self, words: usize) -> bool {
        self.used as usize + words <= WORDS
    }

    /// Finds the last slot, if it still has to be. Says whether it had.
    #[inline(always)]
    fn find_tail(&mut self) -> bool {
        let is_unknown = self.used as usize > WORDS;
        if is_unknown {
            (self.tail, self.used) = tail_of(self.first, self.length);
        }
        is_unknown
    }

    /// How many words the last slot and those attached behind it still have.
    pub(crate) fn room_in_chain(&mut self) -> usize {
        let room = self.room();
        let attached =
            core::iter::successors(self.tail.next_in_chain(), |slot| slot.next_in_chain());
        room + attached.count() * WORDS
    }

    /// The next `count` words, or `None` if the last slot has fewer.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: usize) -> Option<&mut [u32]> {
        if !self.is_known_to_have(count) {
            return None;
        }
        let start = self.tail.words.get().cast::<u32>();
        // SAFETY: `used + count` is at most `WORDS`.
        let start = unsafe { start.add(self.used as usize) };
        self.used += count as u32;
        self.length += count as u32;
        // SAFETY: within the slot; these words are above the committed length, so that nobody
        // reads them, and this is the only writer, which hands each word out once.
        Some(unsafe { core::slice::from_raw_parts_mut(start, count) })
    }

    /// Writes zeros over words of the first slot that were handed out and are not committed yet.
    pub(crate) fn clear_words(&self, words: Range<usize>) {
        let end = words.end.min(self.used as usize);
        if self.first.head.load(Ordering::Relaxed) & state::LENGTH != 0 {
            return;
        }
        for at in words.start..end {
            // SAFETY: within the slot's memory, of which `used` words were handed out.
            let word = unsafe { self.first.words.get().cast::<u32>().add(at) };
            // SAFETY: nothing is committed, so that nobody reads it, and this is the only writer.
            unsafe { word.write(0) };
        }
    }

    /// Puts the slots of `chain` behind the last one.
    pub(crate) fn attach(&mut self, chain: Self) {
        part::CHAINS.set();
        let mut last = self.tail;
        while let Some(next) = last.next_in_chain() {
            last = next;
        }
        let next = ptr::from_ref(chain.first).expose_provenance();
        let distance = next.wrapping_sub(last.place());
        last.chain.store(distance, Ordering::Relaxed);
    }

    /// Goes on in the next attached slot, if this one is full and there is one.
    pub(crate) fn advance(&mut self) -> bool {
        let is_full = self.room() == 0;
        match self.tail.next_in_chain() {
            Some(next) if is_full => {
                self.tail = next;
                self.used = 0;
                true
            }
            _ => false,
        }
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

    /// Counts an entry that found no room; of references at most 65,535, of times at most 255.
    pub(crate) fn count_cut(&self, kind: Cut) {
        part::CUTS.set();
        let Slot {
            cut: [tags, logs],
            references_cut,
            times_cut,
            ..
        } = self.first;
        // The owner is the only writer, so that this needs no compare-and-swap.
        let cut = self.first.cut(kind).saturating_add(1);
        match kind {
            Cut::Tag => tags.store(cut, Ordering::Relaxed),
            Cut::Log => logs.store(cut, Ordering::Relaxed),
            Cut::Reference => {
                let cut = u16::try_from(cut).unwrap_or(u16::MAX);
                references_cut.store(cut, Ordering::Relaxed);
            }
            Cut::Time => {
                let cut = u8::try_from(cut).unwrap_or(u8::MAX);
                times_cut.store(cut, Ordering::Relaxed);
            }
        }
    }
}

/// The last slot of a record of this length, and how many of its words are handed out. By value, and it does not
/// unwind: so a span for which it is called need not lie in memory.
#[cold]
#[inline(never)]
#[expect(improper_ctypes_definitions, reason = "it is called from here alone")]
extern "C" fn tail_of<const WORDS: usize>(first: &Slot<WORDS>, length: u32) -> (&Slot<WORDS>, u32) {
    let (mut tail, mut used) = (first, length);
    while used as usize > WORDS {
        let Some(next) = tail.next_in_chain() else {
            // No writer leaves less than it says.
            return (tail, WORDS as u32);
        };
        (tail, used) = (next, used - WORDS as u32);
    }
    (tail, used)
}
