//! Spans that are not recorded. Who such a span is stands in a cell of memory: so it is one word, as small as
//! where a recorded span lies. Each thread keeps cells for its next spans, and as a rule none is allocated.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use jaegerling_core::{Flags, SpanContext, SpanId, TraceId};

use crate::{local, random};

/// How many free cells a thread keeps above the last one, of 64 bytes each.
const KEPT: u32 = 64;

/// A span that is not recorded: its cell.
pub(crate) struct Unrecorded(Owned);

/// Who such a span is. Not as a [`SpanContext`], which would be copied with all that is between its parts.
pub(crate) struct Who {
    /// The lower half and the upper one.
    trace_id: [u64; 2],
    span_id: SpanId,
    parent_id: Option<SpanId>,
    flags: Flags,
    /// The number of the tracer that had no room for it, whose children may have some; 0: it has no
    /// tracer, nor have they.
    tracer: u64,
}

struct Memory {
    who: Who,
    /// While it is free: the cell below it, and how many there are.
    below: Option<Owned>,
    depth: u32,
}

type Owned = ManuallyDrop<Box<Memory>>;

impl Unrecorded {
    /// A span that found no room with the tracer of this number; or with none, 0.
    #[inline(always)]
    pub(crate) fn new(tracer: u64, context: SpanContext) -> Self {
        let cell = match local::at_hand().cells.take() {
            Some(cell) => cell,
            None => another_cell(),
        };
        let who = Who {
            trace_id: [context.trace_id.low(), context.trace_id.high()],
            span_id: context.span_id,
            parent_id: context.parent_id,
            flags: context.flags,
            tracer,
        };
        Self::in_cell(cell, who)
    }

    #[inline(always)]
    fn in_cell(mut cell: Owned, who: Who) -> Self {
        cell.who = who;
        Self(cell)
    }

    /// With no tracer, and random ids.
    #[inline(never)]
    pub(crate) fn disabled() -> Self {
        let context = SpanContext {
            trace_id: TraceId::new(random::next().into()).unwrap_or(TraceId::MIN),
            span_id: SpanId::new(random::next()).unwrap_or(SpanId::MIN),
            parent_id: None,
            flags: Flags::NONE,
        };
        Self::new(0, context)
    }

    /// With no tracer and a random id, if all that it takes is at hand.
    #[inline(always)]
    pub(crate) fn child_at_hand(
        trace_id: [u64; 2],
        parent_id: SpanId,
        flags: Flags,
    ) -> Option<Self> {
        let local = local::at_hand();
        if !local.is_begun() {
            return None;
        }
        let cell = local.cells.take()?;
        let who = Who {
            trace_id,
            span_id: SpanId::new(local.random()).unwrap_or(SpanId::MIN),
            parent_id: Some(parent_id),
            flags,
            tracer: 0,
        };
        Some(Self::in_cell(cell, who))
    }

    #[inline(always)]
    pub(crate) fn who(&self) -> &Who {
        &self.0.who
    }

    /// Whatever is not sampled stays that.
    pub(crate) fn set_debug(&mut self) {
        let flags = &mut self.0.who.flags;
        if flags.is_sampled() {
            *flags = Flags::DEBUG;
        }
    }
}

impl Who {
    pub(crate) fn context(&self) -> SpanContext {
        let [low, high] = self.trace_id.map(u128::from);
        SpanContext {
            // It was none of zero.
            trace_id: TraceId::new(low | high << 64).unwrap_or(TraceId::MIN),
            span_id: self.span_id,
            parent_id: self.parent_id,
            flags: self.flags,
        }
    }

    /// The number of the tracer that had no room for it; 0: it has none.
    pub(crate) fn tracer(&self) -> u64 {
        self.tracer
    }

    /// A child of a span that has no tracer, if all that it takes is at hand.
    #[inline(always)]
    pub(crate) fn child_at_hand(&self) -> Option<Unrecorded> {
        match self.tracer {
            0 => Unrecorded::child_at_hand(self.trace_id, self.span_id, self.flags),
            _ => None,
        }
    }
}

impl Drop for Unrecorded {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: it is not used any more.
        keep(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}

/// Out of line, as the end of a recorded span; and what it is given, by value: so it need not be in memory.
#[inline(never)]
fn keep(cell: Box<Memory>) {
    local::at_hand().cells.keep(cell);
}

/// Not with what is to stand in it: that would have to be in memory first.
#[cold]
#[inline(never)]
fn another_cell() -> Owned {
    let who = Who {
        trace_id: [0; 2],
        span_id: SpanId::MIN,
        parent_id: None,
        flags: Flags::NONE,
        tracer: 0,
    };
    ManuallyDrop::new(Box::new(Memory {
        who,
        below: None,
        depth: 0,
    }))
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
        let mut cell = self.0.take()?;
        let below = cell.below.take();
        if below.is_none() {
            self.0.set(Some(cell));
            return None;
        }
        self.0.set(below);
        Some(cell)
    }

    #[inline(always)]
    fn keep(&self, mut cell: Box<Memory>) {
        match self.0.take() {
            Some(below) if below.depth < KEPT => {
                cell.depth = below.depth + 1;
                cell.below = Some(below);
                self.0.set(Some(ManuallyDrop::new(cell)));
            }
            below => {
                self.0.set(below);
                keep_first(cell);
            }
        }
    }
}

/// Of a thread; unless it has kept enough, or is about to end.
#[cold]
#[inline(never)]
fn keep_first(mut cell: Box<Memory>) {
    let is_first = AT_END.try_with(|at_end| !at_end.0.replace(true));
    if is_first == Ok(true) {
        (cell.depth, cell.below) = (0, None);
        let cells = &local::at_hand().cells;
        cells.0.set(Some(ManuallyDrop::new(cell)));
    }
}

/// Frees the cells when the thread ends. Later ones are not kept. Whether there are any, it knows.
struct AtEnd(Cell<bool>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        let mut next = local::at_hand().cells.0.take();
        while let Some(cell) = next {
            next = ManuallyDrop::into_inner(cell).below;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    fn kept() -> u32 {
        let cells = &local::at_hand().cells.0;
        let first = cells.take();
        let count = first.as_ref().map_or(0, |cell| cell.depth + 1);
        cells.set(first);
        count
    }

    #[test]
    fn a_thread_keeps_some_cells_wherever_they_come_from_and_no_more() {
        let spans: Vec<_> = (0..1_000).map(|_| Span::disabled()).collect();
        let kept_there = std::thread::spawn(move || {
            let before = kept();
            drop(spans);
            let after = kept();
            drop([(); 10].map(|()| Span::disabled()));
            (before, after, kept())
        });
        assert_eq!(
            kept_there.join().expect("no panic"),
            (0, KEPT + 1, KEPT + 1)
        );
    }

    #[test]
    fn each_span_has_a_cell_of_its_own() {
        let spans: Vec<_> = (0..200).map(|_| Span::disabled()).collect();
        drop(spans);
        let spans: Vec<_> = (0..200).map(|_| Span::disabled()).collect();
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
            LAST.set(Some(Span::disabled()));
            drop(Span::disabled());
        })
        .join()
        .expect("no panic");
    }
}
