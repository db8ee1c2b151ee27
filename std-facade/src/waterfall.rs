//! A trace as a picture in a terminal or a file: one row a span, with a bar to scale.
//!
//! ```
//! use jaegerling::waterfall::Waterfall;
//! use jaegerling_core::collect::Collector;
//! use std::time::Duration;
//!
//! let mut collector = Collector::new(10_000);
//! // … collector.add(&decode(datagram)?, now) …
//! while let Some(finished) = collector.poll_finished(Duration::MAX, Duration::ZERO) {
//!     print!("{}", Waterfall::new(finished.trace).late(finished.late_spans).width(80));
//! }
//! ```
//!
//! Whatever the names and tags of a trace contain, what is printed has no control characters but
//! line feeds and, with colour, the styles.

mod bar;
mod flow;
mod page;
mod text;
mod tree;

pub use text::Visible;

use std::fmt;

use jaegerling_core::collect::Trace;

/// Draws a [`Trace`]: `println!("{}", Waterfall::new(&trace))`.
///
/// Each span has a row with its service, its operation in a tree, its bar and its duration, and
/// below it its tags and its logs, each with the time since the start of the span. Marks, for when
/// there is no colour:
///
/// | | |
/// |---|---|
/// | `✗` | the span failed |
/// | `├╌` | the span follows from its parent, which did not wait for it |
/// | `?` | a span that others name as their parent, and that did not come |
/// | `↻` | the parents form a circle, which is cut here |
/// | `+` | the span came after the trace was drawn before |
/// | `⋯` | the span lies deeper than there is room for |
///
/// A row is never wider than the width. Tags that don't fit one line are cut, and of many tags or
/// logs only the first are shown and the rest is counted: it is a picture, [`json`](crate::json)
/// has everything.
#[derive(Clone, Copy, Debug)]
pub struct Waterfall<'a> {
    trace: &'a Trace,
    width: usize,
    color: bool,
    late_spans: usize,
}

impl<'a> Waterfall<'a> {
    /// A picture of the trace, 80 columns wide, without colour.
    pub fn new(trace: &'a Trace) -> Self {
        Self {
            trace,
            width: 80,
            color: false,
            late_spans: 0,
        }
    }

    /// How many columns wide. Less than 40 is drawn as 40, more than 500 as 500.
    #[must_use]
    pub fn width(self, columns: usize) -> Self {
        let width = columns.clamp(40, 500);
        Self { width, ..self }
    }

    /// Whether with the escape sequences of ANSI terminals for colours.
    #[must_use]
    pub fn color(self, color: bool) -> Self {
        Self { color, ..self }
    }

    /// How many of the last spans came late: they and the picture are marked, unless it is 0.
    #[must_use]
    pub fn late(self, late_spans: usize) -> Self {
        Self { late_spans, ..self }
    }
}

impl fmt::Display for Waterfall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        page::Page::new(*self).draw(f)
    }
}
