//! Memory that survives a reset, on a host: a copy of it that can be looked at and changed, and
//! what a tracer finds in it. The layout is told here once more, on purpose.

use std::cell::Cell;

use jaegerling_core::decode::{Span, Tag, TagValue, decode};
use jaegerling_core::{
    BUFFER_EXTRA, Clock, Found, KeepOldest, Packer, Process, Retained, RetainedSlots, SeededIds,
    SingleContext, Slot, Tracer, TracerDrain,
};

pub const SLOTS: usize = 12;
pub const WORDS: usize = 24;

pub type Memory = Retained<SLOTS, WORDS>;
pub type Device =
    Tracer<Hand, SeededIds, SingleContext, KeepOldest, RetainedSlots<SLOTS, WORDS>, WORDS>;

/// A clock of microseconds that only moves when it is told to, by its thread.
pub struct Hand;

thread_local! {
    pub static NOW: Cell<u64> = const { Cell::new(1_000) };
}

impl Clock for Hand {
    fn now(&self) -> u64 {
        NOW.get()
    }
    fn unix_nanos(&self, ticks: u64) -> i64 {
        (ticks as i64).wrapping_mul(1_000)
    }
}

/// In words: the header, and a slot.
pub const HEADER: usize = 4;
pub const SLOT: usize = size_of::<Slot<WORDS>>() / 4;
pub const SLOT_BYTES: u64 = size_of::<Slot<WORDS>>() as u64;
const ALL: usize = size_of::<Memory>() / 4;

/// Words of a slot.
pub mod slot {
    pub const HEAD: usize = 0;
    /// The flags in its lowest byte, what is rare in the next one, references that were cut.
    pub const FLAGS: usize = 1;
    pub const WORDS: usize = 6;
    pub const CHAIN: usize = WORDS + super::WORDS + 2;
    /// In the word of the flags: there is a chain.
    pub const CHAINED: u32 = 2 << 8;
    /// Of the record's head.
    pub const SPAN_ID: usize = WORDS + 4;
}

/// Bits of a head.
pub mod head {
    pub const LENGTH: u32 = (1 << 14) - 1;
    pub const DONE: u32 = 1 << 14;
    pub const OPEN: u32 = 1 << 15;
    pub const CHAINED: u32 = 1 << 16;
    pub const TAKEN: u32 = 1 << 17;
    /// With `CHAINED`, while memory is recovered.
    pub const SOUND: u32 = 1 << 19;
}

/// What stands in a memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Image(pub Vec<u32>);

impl Image {
    pub fn slot(&self, index: usize) -> &[u32] {
        &self.0[HEADER + index * SLOT..][..SLOT]
    }

    pub fn slot_mut(&mut self, index: usize) -> &mut [u32] {
        &mut self.0[HEADER + index * SLOT..][..SLOT]
    }

    pub fn set_chain(&mut self, index: usize, distance: u64) {
        let slot = self.slot_mut(index);
        match distance {
            0 => slot[slot::FLAGS] &= !slot::CHAINED,
            _ => slot[slot::FLAGS] |= slot::CHAINED,
        }
        slot[slot::CHAIN] = distance as u32;
        slot[slot::CHAIN + 1] = (distance >> 32) as u32;
    }

    /// The slots of the span that begins in this one, which is sound.
    pub fn chain(&self, first: usize) -> Vec<usize> {
        let mut chain = vec![first];
        let mut at = first;
        loop {
            let slot = self.slot(at);
            let distance = u64::from(slot[slot::CHAIN]) | u64::from(slot[slot::CHAIN + 1]) << 32;
            if slot[slot::FLAGS] & slot::CHAINED == 0 {
                return chain;
            }
            at = (at as u64 * SLOT_BYTES).wrapping_add(distance) as usize / SLOT_BYTES as usize;
            assert!(chain.len() < SLOTS && at < SLOTS);
            chain.push(at);
        }
    }

    /// The slots of each span with this id that has ended.
    pub fn chains_of(&self, span_id: u64) -> impl Iterator<Item = Vec<usize>> {
        let begins = move |index: &usize| {
            let slot = self.slot(*index);
            let id = u64::from(slot[slot::SPAN_ID]) | u64::from(slot[slot::SPAN_ID + 1]) << 32;
            slot[slot::HEAD] & head::DONE != 0 && id == span_id
        };
        (0..SLOTS).filter(begins).map(|first| self.chain(first))
    }
}

/// A memory that is freed when nobody has it any more.
pub struct Chip(*mut Memory);

impl Chip {
    /// Its power was just switched on.
    pub fn cold() -> Self {
        Self::with(&Image(vec![0; ALL]))
    }

    pub fn with(image: &Image) -> Self {
        let memory = Box::into_raw(Box::new(Memory::new()));
        for (at, word) in image.0.iter().enumerate() {
            assert!(at < ALL);
            // SAFETY: within the memory.
            let to = unsafe { memory.cast::<u32>().add(at) };
            // SAFETY: nobody else has it yet.
            unsafe { to.write_volatile(*word) };
        }
        Self(memory)
    }

    /// What stands in it: what a reset would leave.
    pub fn image(&self) -> Image {
        let word = |at| {
            // SAFETY: within the memory.
            let from = unsafe { self.0.cast::<u32>().add(at) };
            // SAFETY: all of it was written, and nobody does so now: there is one thread.
            unsafe { from.read_volatile() }
        };
        Image((0..ALL).map(word).collect())
    }

    /// Starts the program of the chip, and what it does.
    pub fn boot<R>(&self, program: impl FnOnce(&Device, Found) -> R) -> R {
        let device = Device::retained(Hand, SeededIds::new(), SingleContext::new());
        // SAFETY: it lives until the chip is dropped, the device no longer than this call.
        let memory = unsafe { &*self.0 };
        // SAFETY: no other device has it any more.
        let found = unsafe { device.init_retained(memory, 7) }.expect("the first time");
        program(&device, found)
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        // SAFETY: it came from a box, and nothing borrows it any more.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// A span that came out: its id, in which session it was recorded, and all that is told of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Told {
    pub span_id: u64,
    pub session: u32,
    pub name: String,
    pub duration: i64,
    pub unfinished: bool,
    pub all: String,
}

/// Whatever stood in the memory: what goes out as text is text.
fn is_text(span: Span<'_>) {
    let check = |tag: Tag<'_>| {
        assert!(tag.key.as_str().is_some(), "{span:?}");
        if let TagValue::String(text) = tag.value {
            assert!(text.as_str().is_some(), "{span:?}");
        }
    };
    assert!(span.operation_name.as_str().is_some(), "{span:?}");
    span.tags.iter().for_each(check);
    span.logs
        .iter()
        .for_each(|log| log.fields.iter().for_each(check));
}

/// Sends all that waits.
pub fn send(drain: &mut TracerDrain<'_, Device>) -> Vec<Told> {
    let mut packer = Packer::lean(60_000, "s").unwrap();
    let mut buffer = vec![0xa5; 60_000 + BUFFER_EXTRA];
    let mut told = vec![];
    let process = Process::new("s");
    loop {
        let session = drain.session();
        let Some(packed) = drain.pack(&mut packer, &mut buffer, &process) else {
            return told;
        };
        let batch = decode(packed.bytes).expect("a datagram");
        batch.spans.iter().for_each(is_text);
        told.extend(batch.spans.iter().map(|span| Told {
            span_id: span.span_id,
            session,
            name: span.operation_name.to_string(),
            duration: span.duration,
            unfinished: span.tags.iter().any(|tag| tag.key == "unfinished"),
            all: format!("{span:?}"),
        }));
        assert!(told.len() <= SLOTS, "it comes to an end");
        drain.sent(&mut packer);
    }
}

/// What a device finds in a memory and sends. Afterwards, all of its slots are free.
pub fn recovered(image: &Image) -> (Found, Vec<Told>, Image) {
    let chip = Chip::with(image);
    chip.boot(|device, found| {
        let after = chip.image();
        let mut drain = device.take_drain().expect("the first who asks");
        let waiting = u64::from(found.finished + found.unfinished);
        assert_eq!(
            (drain.stats().started, drain.stats().waiting),
            (waiting, waiting)
        );
        let told = send(&mut drain);
        let stats = drain.stats();
        assert_eq!(told.len() as u64, waiting);
        assert_eq!((stats.handed_over, stats.dropped.total()), (waiting, 0));
        let unfinished = told.iter().filter(|told| told.unfinished).count();
        assert!(unfinished as u32 >= found.unfinished);
        let all: Vec<_> = (0..SLOTS).map(|_| device.root("one")).collect();
        assert!(
            all.iter().all(|span| span.is_recording()),
            "no slot is lost"
        );
        (found, told, after)
    })
}
