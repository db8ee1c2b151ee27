//! Spans that are not recorded, each in two words, as one that is. Where words have 64 bits, the first span of a trace
//! is all in them: its ids follow from a random number. A child has ids of others, too; it has them in a cell of memory,
//! of which each thread keeps some for its next spans.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ptr::{self, NonNull};

use jaegerling_core::{Flags, SpanContext, SpanId, TraceId};

use crate::local::{self, Local};

/// How many free cells a thread keeps above the last one, of 48 bytes each.
const KEPT: u32 = 64;

/// A span that is not recorded.
pub(crate) struct Unrecorded {
    word: NonZeroUsize,
    ids: Ids,
}

/// The cell in which a span's ids are. Or a number, if they all follow from one that fits; as a place, too, for two
/// words of which one may be either would be moved in memory.
pub(crate) type Ids = NonNull<Memory>;

/// What the word says of a span.
mod bits {
    use std::num::NonZeroUsize;

    /// That it is no place of a lane, which a recorded span has there: that is even.
    pub(super) const UNRECORDED: NonZeroUsize = NonZeroUsize::MIN;
    /// That its ids are in a cell.
    pub(super) const IN_CELL: usize = 2;
    /// Two bits from here on: its flags.
    pub(super) const FLAGS: u32 = 2;
    /// All from here on: the number of the tracer that had no room for it, whose children may have some; 0: it has
    /// no tracer, nor have they.
    pub(super) const TRACER: u32 = 4;
}

/// A span's ids. Not as a [`SpanContext`], which would be copied with all that is between its parts.
#[derive(Clone, Copy)]
struct Who {
    /// The lower half and the upper one.
    trace_id: [u64; 2],
    span_id: SpanId,
    parent_id: Option<SpanId>,
}

pub(crate) struct Memory {
    who: Who,
    /// While it is free: the cell below it, and how many there are.
    below: Option<Owned>,
    depth: u32,
}

/// A cell that is nobody else's.
type Owned = NonNull<Memory>;

impl Who {
    /// The first span of a trace, from a random number.
    #[inline(always)]
    fn root(number: NonZeroU64) -> Self {
        let high = (u128::from(number.get()) * local::MULTIPLIER) >> 64;
        Self {
            trace_id: [number.get(), high as u64],
            span_id: number.into(),
            parent_id: None,
        }
    }
}

impl Unrecorded {
    /// The first span of a trace, of which this is said. Its ids follow from a random number.
    #[inline(always)]
    pub(crate) fn root(word: NonZeroUsize, random: u64) -> Self {
        let number = NonZeroU64::new(random).unwrap_or(NonZeroU64::MIN);
        let ids = usize::try_from(number.get()).ok();
        match ids.and_then(|ids| NonNull::new(ptr::without_provenance_mut(ids))) {
            Some(ids) => Self { word, ids },
            // Where words have 32 bits.
            None => Self::in_some_cell(word, Who::root(number)),
        }
    }

    /// A span that found no room with the tracer of this number, or has none, 0; with whatever ids.
    #[inline(always)]
    pub(crate) fn new(tracer: u64, context: SpanContext) -> Self {
        let who = Who {
            trace_id: [context.trace_id.low(), context.trace_id.high()],
            span_id: context.span_id,
            parent_id: context.parent_id,
        };
        Self::in_some_cell(word(tracer, context.flags), who)
    }

    #[inline(always)]
    fn in_some_cell(word: NonZeroUsize, who: Who) -> Self {
        let cell = match local::at_hand().cells.take() {
            Some(cell) => cell,
            None => another_cell(),
        };
        Self::in_cell(cell, word, who)
    }

    #[inline(always)]
    fn in_cell(mut cell: Owned, word: NonZeroUsize, who: Who) -> Self {
        // SAFETY: nobody else's.
        unsafe { cell.as_mut() }.who = who;
        Self {
            word: word | bits::IN_CELL,
            ids: cell,
        }
    }

    /// A child of a span with no tracer, which has none either, and a random id; if all that it takes is at hand.
    #[inline(always)]
    pub(crate) fn child_at_hand(
        local: &Local,
        trace_id: [u64; 2],
        parent_id: SpanId,
        flags: Flags,
    ) -> Option<Self> {
        if !local.is_begun() {
            return None;
        }
        let cell = local.cells.take()?;
        let who = Who {
            trace_id,
            span_id: SpanId::new(local.random()).unwrap_or(SpanId::MIN),
            parent_id: Some(parent_id),
        };
        Some(Self::in_cell(cell, word(0, flags), who))
    }

    /// The span of these two words.
    ///
    /// # Safety
    ///
    /// They came from [`into_words`](Self::into_words), and of all spans that are made of them, only the last one is
    /// dropped.
    #[inline(always)]
    pub(crate) unsafe fn of_words(word: NonZeroUsize, ids: Ids) -> Self {
        Self { word, ids }
    }

    /// The span in two words; the first is no place of a lane.
    #[inline(always)]
    pub(crate) fn into_words(self) -> (NonZeroUsize, Ids) {
        let span = ManuallyDrop::new(self);
        // It has that bit: so the compiler knows it, too.
        (span.word | bits::UNRECORDED, span.ids)
    }

    #[inline(always)]
    fn is_in_cell(&self) -> bool {
        self.word.get() & bits::IN_CELL != 0
    }

    #[inline(always)]
    fn who(&self) -> Who {
        if self.is_in_cell() {
            // SAFETY: the span's own, to which nobody writes as long as that lives.
            return unsafe { self.ids.as_ref() }.who;
        }
        let number = self.ids.addr().get() as u64;
        Who::root(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN))
    }

    pub(crate) fn context(&self) -> SpanContext {
        let who = self.who();
        let [low, high] = who.trace_id.map(u128::from);
        SpanContext {
            // It was none of zero.
            trace_id: TraceId::new(low | high << 64).unwrap_or(TraceId::MIN),
            span_id: who.span_id,
            parent_id: who.parent_id,
            flags: self.flags(),
        }
    }

    #[inline(always)]
    fn flags(&self) -> Flags {
        Flags::from_bits((self.word.get() >> bits::FLAGS & 3) as u32)
    }

    /// The number of the tracer that had no room for it; 0: it has none.
    #[inline(always)]
    pub(crate) fn tracer(&self) -> u64 {
        (self.word.get() >> bits::TRACER) as u64
    }

    /// What its word is if somebody debugs it. Whatever is not sampled stays that.
    pub(crate) fn debug_word(&self) -> NonZeroUsize {
        match self.flags().is_sampled() {
            true => self.word | (Flags::DEBUG.bits() as usize) << bits::FLAGS,
            false => self.word,
        }
    }

    /// A child, if the span has no tracer and all that it takes is at hand.
    #[inline(always)]
    pub(crate) fn child(&self) -> Option<Self> {
        if self.tracer() != 0 {
            return None;
        }
        let who = self.who();
        Self::child_at_hand(local::at_hand(), who.trace_id, who.span_id, self.flags())
    }
}

/// Whether it is no place of a lane.
#[inline(always)]
pub(crate) fn is_unrecorded(word: NonZeroUsize) -> bool {
    word.get() & bits::UNRECORDED.get() != 0
}

/// The word that says this of a span which is in no cell. A tracer whose number has no room there is none: where words
/// have 32 bits, children of what the 268,435,456th tracer of a process refuses are not recorded.
#[inline(always)]
pub(crate) fn word(tracer: u64, flags: Flags) -> NonZeroUsize {
    let number = match usize::try_from(tracer) {
        Ok(number) if number <= usize::MAX >> bits::TRACER => number << bits::TRACER,
        _ => 0,
    };
    let flags = (flags.bits() as usize) << bits::FLAGS;
    bits::UNRECORDED | number | flags
}

impl Drop for Unrecorded {
    #[inline(always)]
    fn drop(&mut self) {
        if self.is_in_cell() {
            keep(self.ids, local::at_hand());
        }
    }
}

/// Out of line, as the end of a recorded span.
#[inline(never)]
fn keep(cell: Owned, local: &Local) {
    local.cells.keep(cell);
}

/// Not with what is to stand in it: that would have to be in memory first.
#[cold]
#[inline(never)]
fn another_cell() -> Owned {
    NonNull::from(Box::leak(Box::new(Memory {
        who: Who::root(NonZeroU64::MIN),
        below: None,
        depth: 0,
    })))
}

/// The free cells of a thread. Without a destructor, so that nobody asks whether it has run: see [`AtEnd`].
///
/// The last one stays: it tells that cells are kept. How many there are, each tells of itself and those below
/// it, for a count beside them would be the slowest part of all.
pub(crate) struct Cells(Cell<Option<Owned>>);

thread_local! {
    static AT_END: AtEnd = const { AtEnd(Cell::new(false)) };
}

impl Cells {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(None))
    }

    #[inline(always)]
    fn take(&self) -> Option<Owned> {
        let cell = self.0.get()?;
        // SAFETY: a free cell is this list's alone.
        let below = unsafe { cell.as_ref() }.below?;
        self.0.set(Some(below));
        Some(cell)
    }

    #[inline(always)]
    fn keep(&self, mut cell: Owned) {
        if let Some(below) = self.0.get() {
            // SAFETY: a free cell is this list's alone.
            let depth = unsafe { below.as_ref() }.depth;
            if depth < KEPT {
                // SAFETY: nobody else's.
                let memory = unsafe { cell.as_mut() };
                memory.depth = depth + 1;
                memory.below = Some(below);
                return self.0.set(Some(cell));
            }
        }
        keep_first(cell);
    }
}

/// Of a thread; unless it has kept enough, or is about to end.
#[cold]
#[inline(never)]
fn keep_first(cell: Owned) {
    // SAFETY: it came from a box, and is nobody else's.
    let mut cell = unsafe { Box::from_raw(cell.as_ptr()) };
    let is_first = AT_END.try_with(|at_end| !at_end.0.replace(true));
    if is_first == Ok(true) {
        (cell.depth, cell.below) = (0, None);
        let cells = &local::at_hand().cells;
        cells.0.set(Some(NonNull::from(Box::leak(cell))));
    }
}

/// Frees the cells when the thread ends. Later ones are not kept. Whether there are any, it knows.
struct AtEnd(Cell<bool>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        let mut next = local::at_hand().cells.0.take();
        while let Some(cell) = next {
            // SAFETY: it came from a box, and is this list's alone.
            next = unsafe { Box::from_raw(cell.as_ptr()) }.below;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    fn kept() -> u32 {
        let first = local::at_hand().cells.0.get();
        // SAFETY: it is this thread's.
        first.map_or(0, |cell| unsafe { cell.as_ref() }.depth + 1)
    }

    /// A span whose ids do not follow from each other.
    fn in_a_cell() -> Span {
        let context = SpanContext {
            parent_id: Some(SpanId::MIN),
            ..Span::disabled().context()
        };
        Span::unrecorded(0, context)
    }

    #[test]
    fn the_first_span_of_a_trace_that_is_not_recorded_takes_no_memory() {
        let kept_there = std::thread::spawn(|| {
            let spans: Vec<_> = (0..10).map(|_| Span::disabled()).collect();
            drop(spans);
            kept()
        });
        // Elsewhere, what is random does not fit.
        let cells = if usize::BITS == 64 { 0 } else { 10 };
        assert_eq!(kept_there.join().expect("no panic"), cells);
        assert_eq!(size_of::<Option<Span>>(), 2 * size_of::<usize>());
    }

    #[test]
    fn what_a_word_says_is_read_again() {
        for tracer in [0, 1, 77, u64::MAX >> 4, u64::MAX] {
            for flags in [Flags::NONE, Flags::SAMPLED, Flags::DEBUG] {
                for random in [0, 1, 1 << 40, u64::MAX] {
                    let mut span = Unrecorded::root(word(tracer, flags), random);
                    let has_room = tracer <= (usize::MAX >> 4) as u64;
                    assert_eq!(span.tracer(), if has_room { tracer } else { 0 });
                    assert_eq!(span.flags(), flags);
                    assert_eq!(span.context().span_id.get(), random.max(1));
                    assert_eq!(span.context().trace_id.low(), random.max(1));
                    let before = span.context();
                    span.word = span.debug_word();
                    let debug = flags.is_sampled().then_some(Flags::DEBUG);
                    let flags = debug.unwrap_or(flags);
                    assert_eq!(span.context(), SpanContext { flags, ..before });
                }
            }
        }
    }

    #[test]
    fn a_thread_keeps_some_cells_wherever_they_come_from_and_no_more() {
        let spans: Vec<_> = (0..1_000).map(|_| in_a_cell()).collect();
        let kept_there = std::thread::spawn(move || {
            let before = kept();
            drop(spans);
            let after = kept();
            drop([(); 10].map(|()| in_a_cell()));
            (before, after, kept())
        });
        assert_eq!(
            kept_there.join().expect("no panic"),
            (0, KEPT + 1, KEPT + 1)
        );
    }

    #[test]
    fn each_span_has_a_cell_of_its_own() {
        let spans: Vec<_> = (0..200).map(|_| in_a_cell()).collect();
        drop(spans);
        let spans: Vec<_> = (0..200).map(|_| in_a_cell()).collect();
        let mut ids: Vec<_> = spans.iter().map(|span| span.span_id()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), spans.len());
    }

    #[test]
    fn a_span_that_ends_when_its_thread_has_no_cells_any_more_frees_its_own() {
        thread_local! {
            static LAST: Cell<Option<Span>> = const { Cell::new(None) };
        }
        std::thread::spawn(|| {
            // Its destructor runs behind that of the cells, or before it.
            LAST.set(Some(in_a_cell()));
            drop(in_a_cell());
        })
        .join()
        .expect("no panic");
    }
}
