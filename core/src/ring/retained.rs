//! Slots in memory that is not cleared at a reset: what was recorded before it is found again.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::Slots;
use super::scan::told;
use crate::part;
use crate::record::Record;
use crate::slot::{Slot, state};

/// Memory for `SLOTS` slots that survives a reset, in a section that the start-up code leaves as it
/// is: `.uninit` with `cortex-m-rt`, `.noinit` elsewhere.
///
/// ```
/// use jaegerling_core::Retained;
///
/// # #[cfg(any())]
/// #[unsafe(link_section = ".uninit.spans")]
/// static SPANS: Retained<16, 32> = Retained::new();
/// # static SPANS: Retained<16, 32> = Retained::new();
/// ```
///
/// What stands in it is believed only if a header with a magic word, the layout, the number of the
/// session and a checksum says so; then each slot is looked at alone, and what is not whole is
/// left out. What a session is: the time between two resets. They are counted here, from 0 at a
/// cold start, when the memory holds nothing.
///
/// What must be true of the hardware:
///
/// - **Data cache** (Cortex-M7): a reset throws away what is in the cache and not yet in memory.
///   Put this in a region that is not cached or written through (an MPU region, or DTCM).
/// - **ECC RAM**: reading what was never written since power-on is a fault. There, ask the chip why
///   it was reset, and call [`clear`](Self::clear) after a power-on, before anything reads it.
/// - **A bootloader** between the two must leave the memory alone.
pub struct Retained<const SLOTS: usize, const WORDS: usize> {
    memory: UnsafeCell<MaybeUninit<Memory<SLOTS, WORDS>>>,
}

// SAFETY: nobody reaches the memory but the one who is given it (see `Tracer::init_retained`), and
// what is in it is `Sync`.
unsafe impl<const SLOTS: usize, const WORDS: usize> Sync for Retained<SLOTS, WORDS> {}

/// All of it is words, so that any bytes are one.
#[repr(C)]
struct Memory<const SLOTS: usize, const WORDS: usize> {
    magic: AtomicU32,
    layout: AtomicU32,
    session: AtomicU32,
    checksum: AtomicU32,
    slots: [Slot<WORDS>; SLOTS],
}

const MAGIC: u32 = u32::from_le_bytes(*b"jgl\x04");

/// What was found in memory that had survived a reset.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Found {
    /// The number of the session that begins now: 0 at a cold start.
    pub session: u32,
    /// Spans that had ended, and will be sent.
    pub finished: u32,
    /// Spans that were open. They will be sent, with the tag `unfinished=true`.
    pub unfinished: u32,
    /// Slots in use that were not whole, and are left out: a claim, or the freeing of a chain, may
    /// have been under way.
    pub broken: u32,
}

impl<const SLOTS: usize, const WORDS: usize> Default for Retained<SLOTS, WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const SLOTS: usize, const WORDS: usize> Retained<SLOTS, WORDS> {
    const MEMORY_WORDS: usize = size_of::<Memory<SLOTS, WORDS>>() / 4;

    /// Memory as it is.
    pub const fn new() -> Self {
        const { assert!(SLOTS <= crate::MAX_SLOTS, "a ring has at most 65536 slots") };
        Self {
            memory: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Where its word `at` lies.
    fn word(&self, at: usize) -> *mut u32 {
        self.memory.get().cast::<u32>().wrapping_add(at)
    }

    /// Writes all of it without reading it: there is nothing to be found.
    ///
    /// # Safety
    ///
    /// No tracer has been given it since the start of the program.
    pub unsafe fn clear(&self) {
        for at in 0..Self::MEMORY_WORDS {
            // SAFETY: within the memory, which nobody else has.
            unsafe { self.word(at).write_volatile(0) };
        }
    }

    /// Looks through the memory, and makes slots of it.
    ///
    /// # Safety
    ///
    /// Nobody else uses it, now or later.
    unsafe fn recover(&self) -> (&Memory<SLOTS, WORDS>, Found) {
        // To the compiler, what is there is nothing: it would make of it what it likes. A volatile
        // access is one that it must make, and so these are the words that stand there.
        for at in 0..Self::MEMORY_WORDS {
            // SAFETY: within the memory, which nobody else has; what is read is passed on as it is.
            let value = unsafe { self.word(at).read_volatile() };
            // SAFETY: as above.
            unsafe { self.word(at).write_volatile(value) };
        }
        part::set_all();
        let mut found = Found::default();
        // SAFETY: all of it was written just now, and any words are a `Memory`.
        let memory = unsafe { &*self.memory.get().cast::<Memory<SLOTS, WORDS>>() };
        if memory.is_sound() {
            found.session = memory.session.load(Ordering::Relaxed).wrapping_add(1);
            recover_slots(&memory.slots, &mut found);
        } else {
            // SAFETY: nobody else uses it, and all of it is atomic or cells.
            unsafe { self.clear() };
        }
        memory.seal(found.session);
        (memory, found)
    }
}

impl<const SLOTS: usize, const WORDS: usize> Memory<SLOTS, WORDS> {
    /// What the memory looks like: changes with whatever makes old contents unreadable.
    const LAYOUT: u32 =
        (SLOTS as u32) << 16 ^ (WORDS as u32) ^ (size_of::<Slot<WORDS>>() as u32) << 20;

    fn is_sound(&self) -> bool {
        let [magic, layout, session, checksum] =
            [&self.magic, &self.layout, &self.session, &self.checksum]
                .map(|word| word.load(Ordering::Relaxed));
        // A reset may have come when the new session was written, and its checksum not yet.
        let sessions = [session, session.wrapping_sub(1)];
        let mut checks = sessions
            .map(|session| check(magic, layout, session))
            .into_iter();
        magic == MAGIC && layout == Self::LAYOUT && checks.any(|check| check == checksum)
    }

    fn seal(&self, session: u32) {
        self.session.store(session, Ordering::Relaxed);
        self.magic.store(MAGIC, Ordering::Relaxed);
        self.layout.store(Self::LAYOUT, Ordering::Relaxed);
        let checksum = check(MAGIC, Self::LAYOUT, session);
        self.checksum.store(checksum, Ordering::Release);
    }
}

fn check(magic: u32, layout: u32, session: u32) -> u32 {
    let mixed = magic ^ layout.rotate_left(7) ^ session.rotate_left(19);
    !mixed.wrapping_mul(0x9e37_79b1)
}

/// Looks at each slot: keeps whole spans, and frees the rest.
fn recover_slots<const WORDS: usize>(slots: &[Slot<WORDS>], found: &mut Found) {
    Slot::expose(slots);
    // Nothing that was being done to a slot is being done any more.
    let chained = |head| head & !state::SOUND == state::CHAINED;
    for slot in slots {
        if chained(slot.head()) {
            slot.state().store(state::CHAINED, Ordering::Relaxed);
        }
    }
    for slot in slots {
        let head = slot.head() & !state::TAKEN;
        match head & (state::OPEN | state::DONE | state::CHAINED) {
            0 => clear(slot),
            state::CHAINED if chained(head) => {}
            state::OPEN | state::DONE => recover_span(slots, slot, head, found),
            _ => {
                found.broken += 1;
                clear(slot);
            }
        }
    }
    for slot in slots
        .iter()
        .filter(|slot| slot.head() & state::CHAINED != 0)
    {
        if slot.head() & state::SOUND != 0 {
            slot.state().store(state::CHAINED, Ordering::Relaxed);
        } else {
            clear(slot);
        }
    }
}

fn clear<const WORDS: usize>(slot: &Slot<WORDS>) {
    slot.forget();
    slot.listed().store(ptr::null_mut(), Ordering::Relaxed);
    slot.state().store(state::FREE, Ordering::Release);
}

fn recover_span<const WORDS: usize>(
    slots: &[Slot<WORDS>],
    slot: &Slot<WORDS>,
    head: u32,
    found: &mut Found,
) {
    let is_open = head & state::OPEN != 0;
    // One that is told already was found before, and not sent since.
    let session = match head & state::SESSION {
        0 => told(found.session.wrapping_sub(1)),
        session => session,
    };
    let unfinished = is_open || head & state::UNFINISHED != 0;
    let known = state::OPEN | state::DONE | state::UNFINISHED | state::SESSION | state::LENGTH;
    let is_known = head & !known == 0 && session <= told(u32::MAX);
    let length = head & state::LENGTH;
    let chain = sound_chain(slots, slot);
    if let Ok(chain) = chain {
        slot.state().store(
            state::DONE | if unfinished { state::UNFINISHED } else { 0 } | session | length,
            Ordering::Release,
        );
        let fits = length as usize <= (chain + 1) * WORDS;
        // SAFETY: its chain was found sound just now, and nobody frees it before the drainer.
        let record = unsafe { Record::read(slot) };
        let is_whole = record.is_some_and(|record| record.is_whole());
        if is_known && fits && is_whole {
            found.finished += u32::from(!unfinished);
            found.unfinished += u32::from(unfinished);
            return;
        }
    }
    found.broken += 1;
    let (Ok(linked) | Err(linked)) = chain;
    let mut next = Some(slot);
    for _ in 0..=linked {
        let Some(slot) = next else { break };
        next = linked_slot(slots, slot);
        clear(slot);
    }
}

/// How many slots are chained to a span's first one, all marked as sound; or how many were
/// before the chain broke.
fn sound_chain<const WORDS: usize>(
    slots: &[Slot<WORDS>],
    first: &Slot<WORDS>,
) -> Result<usize, usize> {
    let mut slot = first;
    let mut linked = 0;
    while slot.is_chained() {
        let next = linked_slot(slots, slot).ok_or(linked)?;
        // In one chain, and in it once.
        if next.head() != state::CHAINED {
            return Err(linked);
        }
        next.state()
            .store(state::CHAINED | state::SOUND, Ordering::Relaxed);
        linked += 1;
        slot = next;
    }
    Ok(linked)
}

/// The slot that the chain goes on in, if there is one so far from here.
fn linked_slot<'r, const WORDS: usize>(
    slots: &'r [Slot<WORDS>],
    slot: &Slot<WORDS>,
) -> Option<&'r Slot<WORDS>> {
    let distance = slot.chain_distance()?;
    let start = slots.as_ptr().addr();
    let offset = ptr::from_ref(slot)
        .addr()
        .wrapping_sub(start)
        .wrapping_add(distance);
    if offset % size_of::<Slot<WORDS>>() != 0 {
        return None;
    }
    slots.get(offset / size_of::<Slot<WORDS>>())
}

/// Slots that survive a reset: none before [`Tracer::init_retained`](crate::Tracer::init_retained)
/// was given them.
pub struct RetainedSlots<const SLOTS: usize, const WORDS: usize>(AtomicPtr<Memory<SLOTS, WORDS>>);

impl<const SLOTS: usize, const WORDS: usize> RetainedSlots<SLOTS, WORDS> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// # Safety
    ///
    /// Nobody else uses the memory, now or later.
    pub(crate) unsafe fn recover(&self, memory: &'static Retained<SLOTS, WORDS>) -> Found {
        // SAFETY: as promised by the caller.
        let (memory, found) = unsafe { memory.recover() };
        self.0
            .store(ptr::from_ref(memory).cast_mut(), Ordering::Release);
        found
    }

    #[inline(always)]
    fn memory(&self) -> Option<&'static Memory<SLOTS, WORDS>> {
        // SAFETY: null, or a `'static` memory that was made sound.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }
}

// SAFETY: the same ones from the moment on when there are any, in a `static`; whole before that.
unsafe impl<const SLOTS: usize, const WORDS: usize> Slots<WORDS> for RetainedSlots<SLOTS, WORDS> {
    const RETAINED: bool = true;

    #[inline(always)]
    fn slots(&self) -> &[Slot<WORDS>] {
        self.memory().map_or(&[], |memory| &memory.slots)
    }

    fn session(&self) -> u32 {
        self.memory()
            .map_or(0, |memory| memory.session.load(Ordering::Relaxed))
    }
}
