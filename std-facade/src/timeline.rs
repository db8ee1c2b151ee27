//! From the ticks of a counter to dates.
//!
//! Nobody knows the counter's rate, nor what it stood at in 1970. So it is looked at now and then
//! together with the monotonic clock and the wall clock. Ticks between two looks become nanoseconds by
//! the line between them, ticks after the last one by the same line carried on:
//!
//! ```text
//! monotonic         look ●─ ─ ─   carried on until the next look
//!   clock        ╱─────╱
//!          look ●
//!           ╱──╱
//!     look ●          the distance to the wall clock is one number, and moves by steps only
//!          └───────────────────── ticks
//! ```
//!
//! No look is waited for. The first is taken before the first tick is handed out, and the next when
//! something is to be dated; then each time the line would be carried on further than it is long, until
//! it is a second long; then every second.
//!
//! So a step of the wall clock never gets into a duration. It moves all that is dated from then on, what
//! began before it too: a step is a correction. If the machine sleeps while the counter goes on, that is
//! within the spans that are open then. Of whatever else happens to a counter, only those spans know that
//! are open then; none ends before it begins.

use std::sync::Arc;

/// How far the wall clock may be away before dates follow it, in nanoseconds. Less than this is noise
/// between two readings, and would only move spans against each other.
const TOLERANCE: u64 = 500_000;

/// What a look may be wrong by, in nanoseconds.
const NOISE: i64 = 1_000;

const SECOND: i64 = 1_000_000_000;

/// The bits of a rate behind the point.
const RATE_BITS: u32 = 40;

/// Lines that are remembered, beside the one that is carried on.
const PAST: usize = 63;

/// The three clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) ticks: u64,
    /// Of the monotonic clock, in nanoseconds.
    pub(crate) monotonic: i64,
    /// Of the wall clock, in nanoseconds since the Unix epoch.
    pub(crate) wall: i64,
}

/// What is known of a counter.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// Lines that end where the next one begins.
    past: Vec<Line>,
    /// The one that is carried on.
    line: Line,
    /// The last look, through which that goes.
    last: Look,
    /// For how long its rate was measured, in nanoseconds; 0: not at all.
    measured: i64,
    /// Wall clock less monotonic clock.
    offset: i64,
    /// For so many nanoseconds, the monotonic clock stood still while all else went on: the machine
    /// slept.
    slept: i64,
    /// What was known when the counter began again.
    before: Option<Arc<Timeline>>,
}

/// Monotonic time by ticks, from a point on.
#[derive(Clone, Copy, Debug)]
struct Line {
    ticks: u64,
    monotonic: i64,
    /// Nanoseconds per tick, with [`RATE_BITS`] bits behind the point.
    rate: u64,
    /// How far from it, in nanoseconds, the looks may be that it has lines of.
    off: u64,
}

impl Timeline {
    pub(crate) fn new(look: Look) -> Self {
        Self {
            past: Vec::with_capacity(PAST),
            // A rate that nobody has measured. It will be before anything is dated.
            line: Line::from(look, 1 << RATE_BITS),
            last: look,
            measured: 0,
            offset: look.wall.saturating_sub(look.monotonic),
            slept: 0,
            before: None,
        }
    }

    /// Nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn unix_nanos(&self, ticks: u64) -> i64 {
        match self.recent(ticks) {
            Some(nanos) => nanos,
            None => self.whenever(ticks),
        }
    }

    /// The same of what is on the line that is carried on, and far from any limit: of almost all.
    #[inline]
    fn recent(&self, ticks: u64) -> Option<i64> {
        if self.before.is_some() {
            return None;
        }
        let nanos = self.line.nanos(ticks.checked_sub(self.line.ticks)?)?;
        self.line
            .monotonic
            .checked_add(nanos)?
            .checked_add(self.offset)
    }

    #[cold]
    #[inline(never)]
    fn whenever(&self, ticks: u64) -> i64 {
        let line = if ticks >= self.line.ticks {
            &self.line
        } else {
            self.past_line(ticks)
        };
        let monotonic = line.monotonic_at(ticks);
        match &self.before {
            // The counter has not come so far again: nothing is dated that is a second behind a look.
            Some(before) if monotonic.saturating_sub(self.last.monotonic) > 2 * SECOND => {
                before.unix_nanos(ticks)
            }
            _ => monotonic.saturating_add(self.offset),
        }
    }

    /// The line at ticks before the last one; or from before the first look, the first one.
    fn past_line(&self, ticks: u64) -> &Line {
        let mut lines = self.past.iter().rev();
        let line = lines.find(|line| line.ticks <= ticks);
        line.or(self.past.first()).unwrap_or(&self.line)
    }

    /// Whether it is time for another look: by ticks and wall clock, read one after the other.
    pub(crate) fn is_due(&self, ticks: u64, wall: i64) -> bool {
        let carried_on = self.line.monotonic_at(ticks);
        let carried_on = carried_on.saturating_sub(self.last.monotonic);
        carried_on >= self.measured.min(SECOND)
            || ticks < self.last.ticks
            || self.unix_nanos(ticks).abs_diff(wall) >= TOLERANCE
    }

    /// Takes in a look.
    pub(crate) fn follow(&mut self, look: Look) {
        let mut look = Look {
            monotonic: look.monotonic.saturating_add(self.slept),
            ..look
        };
        let mut is_broken = self.is_broken(look);
        if is_broken && self.has_slept(look) {
            let awake = look.wall.saturating_sub(self.offset);
            self.slept = self
                .slept
                .saturating_add(awake.saturating_sub(look.monotonic));
            look.monotonic = awake;
            is_broken = self.is_broken(look);
        }
        let offset = look.wall.saturating_sub(look.monotonic);
        if is_broken {
            return self.begin_again(look, offset);
        }
        if self.offset.abs_diff(offset) >= TOLERANCE {
            self.offset = offset;
        }
        let elapsed = look.monotonic.saturating_sub(self.last.monotonic);
        if elapsed >= self.measured.min(SECOND) {
            self.go_on(look);
        }
    }

    /// Whether one of the two, counter or monotonic clock, jumped or stood still since the last look:
    /// the machine slept, or the program runs on another one.
    fn is_broken(&self, look: Look) -> bool {
        let elapsed = look.monotonic.saturating_sub(self.last.monotonic);
        if look.ticks < self.last.ticks || elapsed < 0 {
            return true;
        }
        if self.measured == 0 {
            return false;
        }
        let expected = self.line.monotonic_at(look.ticks);
        // The monotonic clock is kept to UTC by up to 500 parts in a million.
        let kept = elapsed / 1_000;
        let noise = i128::from(elapsed) * i128::from(NOISE) / i128::from(self.measured);
        let most = i128::from(kept + 10 * NOISE) + noise;
        i128::from(expected.abs_diff(look.monotonic)) > most
    }

    /// Whether the counter and the wall clock went on together, and the monotonic clock did not.
    fn has_slept(&self, look: Look) -> bool {
        let expected = self.line.monotonic_at(look.ticks);
        let by_wall = look.wall.saturating_sub(self.offset);
        let passed = expected.saturating_sub(self.last.monotonic);
        look.ticks >= self.last.ticks
            && by_wall > look.monotonic
            && expected.abs_diff(by_wall) <= TOLERANCE + passed.unsigned_abs() / 1_000
    }

    /// What is new is dated back from here, at the rate that was known; which is measured anew. What is
    /// older keeps its date, and nothing is dated before it.
    #[cold]
    fn begin_again(&mut self, look: Look, offset: i64) {
        if look.ticks >= self.last.ticks {
            let kept = self.offset.saturating_sub(offset);
            for line in self.past.iter_mut().chain([&mut self.line]) {
                line.monotonic = line.monotonic.saturating_add(kept);
            }
            self.push(self.line);
            let line = Line::from(look, self.line.rate);
            let begin = self.last.monotonic.saturating_add(kept);
            let last = self.last.ticks;
            if line.monotonic_at(last) < begin {
                self.push(Line {
                    ticks: last,
                    monotonic: begin,
                    rate: 0,
                    off: 0,
                });
            }
            self.push(line.begun_at(last, begin));
        } else {
            let before = Self {
                before: None,
                ..self.clone()
            };
            self.before = Some(Arc::new(before));
            self.past.clear();
        }
        self.line = Line::from(look, self.line.rate);
        self.last = look;
        self.measured = 0;
        self.offset = offset;
    }

    fn go_on(&mut self, look: Look) {
        if self.last.monotonic.saturating_sub(self.line.monotonic) >= SECOND {
            self.push(self.line);
            self.line = Line::from(self.last, self.line.rate);
            self.measured = 0;
        }
        if self.line.lead_to(look.ticks, look.monotonic) {
            let measured = look.monotonic.saturating_sub(self.line.monotonic);
            // Between looks so near that their errors are the whole of it, but no further.
            self.measured = if measured < NOISE { 0 } else { measured };
        }
        self.last = look;
    }

    fn push(&mut self, line: Line) {
        if self.past.len() >= PAST {
            self.thin();
        }
        self.past.push(line);
    }

    /// Makes one line of those two that are most nearly one.
    fn thin(&mut self) {
        let joined = |[mut first, second, third]: [Line; 3]| {
            first.lead_to(third.ticks, second.monotonic_at(third.ticks));
            let off = first.monotonic_at(second.ticks).abs_diff(second.monotonic);
            first.off = first.off.max(second.off).saturating_add(off);
            first
        };
        let threes = self.past.windows(3).enumerate();
        let all = threes.filter_map(|(at, three)| Some((at, joined(three.try_into().ok()?))));
        if let Some((at, line)) = all.min_by_key(|(_, line)| line.off) {
            self.past[at] = line;
            self.past.remove(at + 1);
        }
    }
}

impl Line {
    fn from(look: Look, rate: u64) -> Self {
        let Look {
            ticks, monotonic, ..
        } = look;
        Self {
            ticks,
            monotonic,
            rate,
            off: 0,
        }
    }

    /// What so many ticks take, unless that is too much.
    #[inline]
    fn nanos(&self, ticks: u64) -> Option<i64> {
        i64::try_from((u128::from(ticks) * u128::from(self.rate)) >> RATE_BITS).ok()
    }

    fn monotonic_at(&self, ticks: u64) -> i64 {
        let nanos = |ticks| self.nanos(ticks).unwrap_or(i64::MAX);
        if ticks >= self.ticks {
            self.monotonic.saturating_add(nanos(ticks - self.ticks))
        } else {
            self.monotonic.saturating_sub(nanos(self.ticks - ticks))
        }
    }

    /// The same line, from where it has reached so many ticks and this time on.
    fn begun_at(self, ticks: u64, monotonic: i64) -> Self {
        let ahead = u64::try_from(self.monotonic.saturating_sub(monotonic)).unwrap_or(0);
        let ahead = (u128::from(ahead) << RATE_BITS)
            .checked_div(self.rate.into())
            .map_or(u64::MAX, |ticks| u64::try_from(ticks).unwrap_or(u64::MAX));
        let ticks = ticks.max(self.ticks.saturating_sub(ahead));
        Self {
            ticks,
            monotonic: self.monotonic_at(ticks),
            ..self
        }
    }

    /// Sets the rate so that the line leads through this point, if it lies ahead.
    fn lead_to(&mut self, ticks: u64, monotonic: i64) -> bool {
        let nanos = u64::try_from(monotonic.saturating_sub(self.monotonic)).unwrap_or(0);
        match (u128::from(nanos) << RATE_BITS).checked_div(ticks.saturating_sub(self.ticks).into())
        {
            None | Some(0) => false,
            Some(rate) => {
                self.rate = u64::try_from(rate).unwrap_or(u64::MAX);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests;
