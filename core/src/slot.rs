//! One slot of a ring: who may touch which part of it, and when. All of the ring's `unsafe` that
//! reads or writes a span's bytes is here.
//!
//! ```text
//!  head   FREE → OPEN|len ─(append)─► OPEN|len' ─(end)─► DONE|len ─(drainer)─► FREE
//!              → CHAINED ───────────────────────────────────────── (drainer)─► FREE
//! ```
//!
//! | part | written by | read by |
//! |---|---|---|
//! | `head` | the owner from the claim to the end, then the drainer | anyone |
//! | words below the committed length | nobody any more | anyone, until the drainer frees the slot |
//! | words above it | the owner | nobody |
//! | `flags` | the owner | anyone |
//! | what is rare: `chain`, what was cut | the owner, then a bit that says so | anyone who has seen the bit |
//! | `end` | the owner | the drainer, once it is `DONE`; before, and in a chained slot, the owner |
//! | `listed` | the drainer | the drainer |
//!
//! A chain links slots by their distance, not by their place: a tracer may be moved between the end
//! of its last span and the first look of its drainer, and its slots move together.

mod claimed;
mod prefetch;

use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering};

pub use claimed::Claimed;
pub(crate) use claimed::Tail;

use crate::part;

/// The state bits of a head; the rest of it is the committed length in words. What is stored while
/// a span is recorded has 16 bits: so much most processors have in an instruction.
pub(crate) mod state {
    /// Nobody's: may be claimed. All bits are zero, so that zeroed memory is a ring of free slots.
    pub(crate) const FREE: u32 = 0;
    /// The bits of the committed length.
    pub(crate) const LENGTH: u32 = (1 << 14) - 1;
    /// Its span has ended, and waits for the drainer.
    pub(crate) const DONE: u32 = 1 << 14;
    /// A span is being written into it.
    pub(crate) const OPEN: u32 = 1 << 15;
    /// Carries on the record of another slot.
    pub(crate) const CHAINED: u32 = 1 << 16;
    /// With `DONE`: in a datagram that is on its way.
    pub(crate) const TAKEN: u32 = 1 << 17;
    /// With `DONE`: was open when a reset came.
    pub(crate) const UNFINISHED: u32 = 1 << 18;
    /// With `CHAINED`, while a memory is recovered: part of a sound chain.
    pub(crate) const SOUND: u32 = 1 << 19;
    /// With `DONE`: in which session it was recorded, as the ring tells; 0: in this one.
    pub(crate) const SESSION: u32 = 0xff << SESSION_SHIFT;
    pub(crate) const SESSION_SHIFT: u32 = 24;

    /// Whether a head is that of a finished span in no datagram.
    #[inline(always)]
    pub(crate) fn is_waiting(head: u32) -> bool {
        head & (DONE | TAKEN) == DONE
    }
}

/// The most slots that a ring can have.
pub const MAX_SLOTS: usize = 1 << 16;

/// Memory for one span, or for a part of a large one: `WORDS` words of four bytes and what is said of
/// them.
///
/// A bare span takes 11 words and its name, a tag takes one word, its key and its value, both
/// padded to words; 6 words more are kept for what may be said last of its times. What does not
/// fit goes on in further slots. 24 words at least. Beside the words a slot takes 32 bytes, or 40
/// where pointers have 64 bits.
#[repr(C)]
pub struct Slot<const WORDS: usize> {
    head: AtomicU32,
    /// The span's.
    flags: AtomicU8,
    /// What there is of what is rare; the rest of that means nothing.
    rare: AtomicU8,
    references_cut: AtomicU16,
    end: [AtomicU32; 2],
    listed: AtomicPtr<Self>,
    words: UnsafeCell<[u32; WORDS]>,
    // Behind the words, so that most spans take a cache line less.
    /// Tags that were cut; logs, and above these times.
    cut: [AtomicU32; 2],
    /// How far from here the next slot of the chain lies, in bytes.
    chain: AtomicUsize,
}

/// What there may be of what is rare, as bits.
mod rare {
    /// Something was cut.
    pub(super) const CUT: u8 = 1;
    /// The record goes on in another slot.
    pub(super) const CHAIN: u8 = 2;
}

/// In so many bits are logs counted that were cut; above them are those for times.
const LOGS_BITS: u32 = 24;
const LOGS_CUT: u32 = (1 << LOGS_BITS) - 1;

// SAFETY: the only part that is not atomic is `words`. They are written above the committed length,
// through `Claimed`, of which there is one per claim, or through a `Tail`, within a call that replaces
// that right; and read through `committed`, below it, after a load of the length that a store
// published: acquiring and releasing, or on one core with what the compiler must keep in order
// (`lock::look`, `lock::publish`). The owner of an open span reads `head` as if it were not atomic,
// where nobody else stores meanwhile.
unsafe impl<const WORDS: usize> Sync for Slot<WORDS> {}

impl<const WORDS: usize> Slot<WORDS> {
    /// A free slot. All of it is zero.
    pub const fn new() -> Self {
        const { assert!(WORDS >= 24, "a slot has at least 24 words") };
        const { assert!(WORDS <= 8192, "a slot has at most 8192 words") };
        Self {
            head: AtomicU32::new(state::FREE),
            flags: AtomicU8::new(0),
            rare: AtomicU8::new(0),
            references_cut: AtomicU16::new(0),
            end: [const { AtomicU32::new(0) }; 2],
            listed: AtomicPtr::new(ptr::null_mut()),
            words: UnsafeCell::new([0; WORDS]),
            cut: [const { AtomicU32::new(0) }; 2],
            chain: AtomicUsize::new(0),
        }
    }

    /// State and committed length. Acquires what was written below that length.
    pub(crate) fn head(&self) -> u32 {
        self.head.load(Ordering::Acquire)
    }

    /// Takes the slot if it is free, as `OPEN` or `CHAINED`; calls `count` before anyone can see that:
    /// never more is accounted for than started.
    ///
    /// # Safety
    ///
    /// No other claim may run on this slot at the same time.
    #[inline(always)]
    pub(crate) unsafe fn claim(
        &self,
        as_state: u32,
        count: impl FnOnce(),
    ) -> Option<Claimed<'_, WORDS>> {
        if self.head() != state::FREE {
            return None;
        }
        count();
        self.head.store(as_state, Ordering::Release);
        // SAFETY: it was free and has been taken by nobody else, as the caller promised.
        Some(unsafe { Claimed::of(self) })
    }

    /// Who may touch the slot is decided on this word.
    pub(crate) fn state(&self) -> &AtomicU32 {
        &self.head
    }

    /// Gives the slot, and those that are chained to it, back to those who claim.
    ///
    /// # Safety
    ///
    /// The caller is the ring's one drainer, nobody reads the record any more, and its span has
    /// ended (or was never published).
    #[inline(never)]
    pub(crate) unsafe fn free(&self) {
        let mut next = Some(self);
        while let Some(slot) = next {
            next = slot.next_in_chain();
            slot.forget();
            slot.head.store(state::FREE, Ordering::Release);
        }
    }

    /// Forgets what the slot was used for, so that a claim has nothing to do but to take it.
    pub(crate) fn forget(&self) {
        if part::CUTS.is_there() || part::CHAINS.is_there() {
            self.rare.store(0, Ordering::Relaxed);
        }
    }

    /// Whether there is some of that. Acquires it.
    fn has(&self, rare: u8) -> bool {
        self.rare.load(Ordering::Acquire) & rare != 0
    }

    /// From now on, there is some of that, which was written before. Only the owner of the slot calls this.
    fn add(&self, rare: u8) {
        let before = self.rare.load(Ordering::Relaxed);
        self.rare.store(before | rare, Ordering::Release);
    }

    /// The slot in which this one's record goes on.
    pub(crate) fn next_in_chain(&self) -> Option<&Self> {
        let next = self.place().wrapping_add(self.chain_distance()?);
        let next = ptr::with_exposed_provenance::<Self>(next);
        // SAFETY: what is linked stays there until the drainer has freed both (`Lane`), or has
        // moved together with this slot; a chained slot is not freed before the first one. Its
        // place was exposed when it was linked, and where it has moved to, by `expose`.
        Some(unsafe { &*next })
    }

    /// Whether the record goes on in another slot.
    pub(crate) fn is_chained(&self) -> bool {
        part::CHAINS.is_there() && self.has(rare::CHAIN)
    }

    fn place(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// Lets links lead to these slots, which may lie elsewhere than when they were linked.
    pub(crate) fn expose(slots: &[Self]) {
        let _ = slots.as_ptr().expose_provenance();
    }

    /// How far from here the chain says that it goes on, in bytes, if it does.
    pub(crate) fn chain_distance(&self) -> Option<usize> {
        self.is_chained()
            .then(|| self.chain.load(Ordering::Relaxed))
    }

    /// The first `words` of the slot's memory, at most all of it.
    ///
    /// # Safety
    ///
    /// The record's committed length, read since the slot was claimed by [`head`](Self::head) or
    /// [`look`](crate::lock::look), covers them, and the slot is not freed while the slice lives.
    pub(crate) unsafe fn committed(&self, words: usize) -> &[u32] {
        let start = self.words.get().cast::<u32>();
        // SAFETY: within the slot's memory; below the committed length nobody writes (see above).
        unsafe { core::slice::from_raw_parts(start, words.min(WORDS)) }
    }

    /// All of the slot's memory: what is not committed may be anything.
    ///
    /// # Safety
    ///
    /// As for [`committed`](Self::committed), and the span has ended: nobody writes any more.
    #[inline(always)]
    pub(crate) unsafe fn ended(&self) -> &[u32; WORDS] {
        // SAFETY: as promised by the caller.
        unsafe { &*self.words.get() }
    }

    /// How many entries of a kind found no room.
    #[inline(always)]
    pub(crate) fn cut(&self, kind: Cut) -> u32 {
        if !self.is_cut() {
            return 0;
        }
        let [tags, logs_and_times] = &self.cut;
        let logs_and_times = logs_and_times.load(Ordering::Relaxed);
        match kind {
            Cut::Tag => tags.load(Ordering::Relaxed),
            Cut::Log => logs_and_times & LOGS_CUT,
            Cut::Reference => self.references_cut.load(Ordering::Relaxed).into(),
            Cut::Time => logs_and_times >> LOGS_BITS,
        }
    }

    /// Whether anything found no room.
    pub(crate) fn is_cut(&self) -> bool {
        part::CUTS.is_there() && self.has(rare::CUT)
    }

    /// From now on, these are the span's flags: bits.
    #[inline(always)]
    pub(crate) fn set_flags(&self, bits: u8) {
        self.flags.store(bits, Ordering::Relaxed);
    }

    /// The flags of the span, as bits.
    #[inline(always)]
    pub(crate) fn flags(&self) -> u8 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Ends the span that is open here, at `ticks`; what is committed is all of it. `publish` is a
    /// releasing store, and the owner's last access to the slot.
    #[inline(always)]
    pub(crate) fn end(&self, ticks: u64, publish: impl FnOnce(&AtomicU32, u32)) {
        self.set_end_ticks(ticks);
        // Only the owner stores here while the span is open.
        let head = self.head.load(Ordering::Relaxed) ^ (state::OPEN | state::DONE);
        publish(&self.head, head);
    }

    #[inline(always)]
    fn set_end_ticks(&self, ticks: u64) {
        let [low, high] = &self.end;
        low.store(ticks as u32, Ordering::Relaxed);
        high.store((ticks >> 32) as u32, Ordering::Relaxed);
    }

    /// When the span ended, in ticks. Meaningful once it is `DONE`; before, it is the owner's.
    pub(crate) fn end_ticks(&self) -> u64 {
        let [low, high] = &self.end;
        u64::from(low.load(Ordering::Relaxed)) | u64::from(high.load(Ordering::Relaxed)) << 32
    }

    /// The drainer's own link: null while the slot is in none of its lists.
    pub(crate) fn listed(&self) -> &AtomicPtr<Self> {
        &self.listed
    }
}

impl<const WORDS: usize> Default for Slot<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

/// What can be cut from a span for lack of room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    /// A tag, or a log's field.
    Tag,
    Log,
    Reference,
    /// Another start or end than the one that was said before.
    Time,
}

/// The bytes of some words, in the order of memory.
#[inline(always)]
pub(crate) fn bytes_of(words: &[u32]) -> &[u8] {
    // SAFETY: the same memory; any four bytes of a word are four bytes.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len() * 4) }
}

/// As [`bytes_of`], to be written.
#[inline(always)]
pub(crate) fn bytes_of_mut(words: &mut [u32]) -> &mut [u8] {
    // SAFETY: the same memory, borrowed for as long; any four bytes are a word.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len() * 4) }
}
