//! What stands where in the picture, and in which colour.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Formatter};

use anstyle::{AnsiColor, Style};
use jaegerling_core::TraceId;
use jaegerling_core::collect::{Span, Trace};

use super::Waterfall;
use super::bar::Scale;
use super::flow::{DIM, ERROR, Flow, PLAIN, Pen};
use super::text::{Cell, duration, utc};
use super::tree::{Item, Row, rows};

/// Blanks between the columns.
const GAP: usize = 2;
/// As many lines of tags are shown for a span, and for a log.
const TAG_LINES: usize = 8;
/// As many logs are shown for a span.
const LOGS: usize = 20;

const BOLD: Style = Style::new().bold();
const MARK: Style = AnsiColor::Yellow.on_default();
/// The services, in the order in which they turn up; then again from the beginning.
const SERVICES: [Style; 8] = [
    AnsiColor::Cyan.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Blue.on_default(),
    AnsiColor::Magenta.on_default(),
    AnsiColor::Yellow.on_default(),
    AnsiColor::BrightCyan.on_default(),
    AnsiColor::BrightGreen.on_default(),
    AnsiColor::BrightMagenta.on_default(),
];

/// A laid-out picture.
pub(super) struct Page<'a> {
    picture: Waterfall<'a>,
    rows: Vec<Row>,
    scale: Scale,
    service: usize,
    label: usize,
    bar: usize,
    duration: usize,
    /// As many levels of the tree are drawn.
    levels: usize,
    styles: HashMap<&'a str, Style>,
}

impl<'a> Page<'a> {
    pub(super) fn new(picture: Waterfall<'a>) -> Self {
        let (trace, width) = (picture.trace, picture.width);
        let rows = rows(trace);
        let cell = |text: &str, max| Cell::fit(text, max).width;
        let services = trace.spans.iter().map(|span| &*span.process.service_name);
        let most = (width / 6).max(8);
        let service = services.map(|name| cell(name, most)).max().unwrap_or(0);
        let times = trace.spans.iter().map(|span| duration(micros(span)));
        let time = times.map(|time| cell(&time, 16)).max().unwrap_or(0);
        let room = width - service - time - 2 * GAP - 1;
        let most = room * 9 / 20;
        let levels = (most / 4).max(1);
        let labels = rows.iter().map(|row| match row.item {
            Item::Span(index) => {
                let span = &trace.spans[index];
                let indent = Self::indent(row.depth, levels) + 2 * picture.marks(row).len();
                (indent + cell(&span.operation_name, most)).min(most)
            }
            Item::Missing(_) => 0,
        });
        let label = labels.max().unwrap_or(0);
        let bar = room - label;
        Self {
            picture,
            rows,
            scale: Scale::new(trace.start_time(), trace.end_time(), bar),
            service,
            label,
            bar,
            duration: time,
            levels,
            styles: styles(trace),
        }
    }

    pub(super) fn draw(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut pen = Pen {
            f,
            color: self.picture.color,
        };
        self.head(&mut pen)?;
        self.axis(&mut pen)?;
        // Whether the ancestor at each level has siblings below.
        let mut open = Vec::new();
        for row in &self.rows {
            open.truncate(row.depth.saturating_sub(1));
            match row.item {
                Item::Span(index) => {
                    let span = &self.picture.trace.spans[index];
                    self.span(&mut pen, row, &open, span)?;
                    self.details(&mut pen, row, &open, span)?;
                }
                Item::Missing(id) => self.missing(&mut pen, row, &open, id)?,
            }
            if row.depth > 0 {
                open.push(!row.is_last);
            }
        }
        Ok(())
    }

    fn head(&self, pen: &mut Pen<'_, '_>) -> fmt::Result {
        let trace = self.picture.trace;
        let id = TraceId::new(trace.trace_id).map_or("0".into(), |id| id.to_string());
        let count = |n: usize, what: &str| match n {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        let took = trace.end_time().abs_diff(trace.start_time());
        let missing = self
            .rows
            .iter()
            .filter(|row| matches!(row.item, Item::Missing(_)));
        let errors = trace.spans.iter().filter(|span| span.is_error()).count();
        let late = self.picture.late_spans;
        let mut flow = Flow::new(self.picture.width, usize::MAX);
        flow.add(BOLD, format!("trace {id}"), " · ");
        flow.add(DIM, utc(trace.start_time()), " · ");
        flow.break_line();
        flow.add(BOLD, duration(took), " · ");
        flow.add(PLAIN, count(trace.spans.len(), "span"), " · ");
        flow.add(PLAIN, count(self.styles.len(), "service"), " · ");
        for (n, style, what) in [
            (errors, ERROR, "error"),
            (missing.count(), MARK, "missing parent"),
            (late, MARK, "late span"),
        ] {
            if n > 0 {
                flow.add(style, count(n, what), " · ");
            }
        }
        if late > 0 {
            flow.add(MARK, "drawn again".into(), " · ");
        }
        flow.draw(pen, |_, _| Ok(()))?;
        pen.line_feed()
    }

    /// The times at the beginning, the middle and the end of the bars.
    fn axis(&self, pen: &mut Pen<'_, '_>) -> fmt::Result {
        let trace = self.picture.trace;
        let took = trace.end_time().abs_diff(trace.start_time());
        let (middle, end) = (duration(took / 2), duration(took));
        let (middle_width, end_width) = (middle.chars().count(), end.chars().count());
        let to_middle = (self.bar / 2).saturating_sub(1);
        let to_end = self.bar.saturating_sub(1 + end_width);
        pen.blank(self.service + self.label + 2 * GAP)?;
        if took > 1 && to_middle + middle_width + 2 < to_end {
            pen.put(DIM, &format!("0{:to_middle$}{middle}", ""))?;
            pen.blank(to_end - to_middle - middle_width)?;
        } else {
            pen.put(DIM, &format!("0{:to_end$}", ""))?;
        }
        pen.put(DIM, &end)?;
        pen.line_feed()
    }

    fn span(&self, pen: &mut Pen<'_, '_>, row: &Row, open: &[bool], span: &Span) -> fmt::Result {
        let name = &*span.process.service_name;
        let service = self.styles.get(name).copied().unwrap_or(PLAIN);
        let is_error = span.is_error();
        let cell = Cell::fit(name, self.service);
        pen.cell(service, &cell, self.service + GAP)?;

        let mut used = self.branch(pen, row, open)?;
        for (style, mark) in self.picture.marks(row) {
            pen.put(style, mark)?;
            pen.blank(1)?;
            used += 2;
        }
        let name = if is_error { ERROR } else { PLAIN };
        let room = self.label.saturating_sub(used).max(1);
        let cell = Cell::fit(&span.operation_name, room);
        pen.cell(name, &cell, room + GAP)?;

        let (blank, bar) = self.scale.bar(span.start_time, span.end_time());
        let cell = Cell {
            width: bar.chars().count(),
            text: bar,
        };
        pen.blank(blank)?;
        pen.cell(
            if is_error { ERROR } else { service },
            &cell,
            self.bar - blank + 1,
        )?;

        let time = Cell::fit(&duration(micros(span)), self.duration);
        pen.blank(self.duration - time.width)?;
        pen.put(name, &time.text)?;
        pen.line_feed()
    }

    fn missing(&self, pen: &mut Pen<'_, '_>, row: &Row, open: &[bool], id: u64) -> fmt::Result {
        pen.blank(self.service + GAP)?;
        self.branch(pen, row, open)?;
        pen.put(MARK, &format!("? {id:016x} did not come"))?;
        pen.line_feed()
    }

    fn details(&self, pen: &mut Pen<'_, '_>, row: &Row, open: &[bool], span: &Span) -> fmt::Result {
        let used = self.service + GAP + Self::indent(row.depth + 1, self.levels);
        let room = self.picture.width.saturating_sub(used).max(8);
        let mut tags = Flow::new(room, TAG_LINES);
        tags.add_tags(&span.tags);
        tags.draw(pen, |pen, _| self.margin(pen, row, open))?;
        for log in span.logs.iter().take(LOGS) {
            let mut flow = Flow::new(room - 2, TAG_LINES);
            flow.add_log(log, span.start_time);
            flow.draw(pen, |pen, line| {
                self.margin(pen, row, open)?;
                pen.put(DIM, if line == 0 { "• " } else { "  " })
            })?;
        }
        if span.logs.len() > LOGS {
            self.margin(pen, row, open)?;
            pen.put(DIM, &format!("… {} more logs", span.logs.len() - LOGS))?;
            pen.line_feed()?;
        }
        Ok(())
    }

    /// The columns that the tree takes before a name.
    fn indent(depth: usize, levels: usize) -> usize {
        match depth {
            0 => 0,
            _ if depth > levels => 2 * levels + 2,
            _ => 2 * depth + 1,
        }
    }

    /// The tree up to a row's name. Returns its width.
    fn branch(&self, pen: &mut Pen<'_, '_>, row: &Row, open: &[bool]) -> Result<usize, fmt::Error> {
        if row.depth > 0 {
            let own = match (row.is_last, row.follows) {
                (false, false) => "├─ ",
                (false, true) => "├╌ ",
                (true, false) => "└─ ",
                (true, true) => "└╌ ",
            };
            let text = self.guides(row.depth, open.iter().copied()) + own;
            pen.put(DIM, &text)?;
        }
        Ok(Self::indent(row.depth, self.levels))
    }

    /// The tree beside what belongs to a row.
    fn margin(&self, pen: &mut Pen<'_, '_>, row: &Row, open: &[bool]) -> fmt::Result {
        pen.blank(self.service + GAP)?;
        let below = if row.has_children { "│  " } else { "   " };
        let own = (row.depth > 0).then_some(!row.is_last);
        let open = open.iter().copied().chain(own);
        pen.put(DIM, &(self.guides(row.depth + 1, open) + below))
    }

    /// The lines of the ancestors of a row, those far up left out.
    fn guides(&self, depth: usize, open: impl Iterator<Item = bool>) -> String {
        let hidden = depth.saturating_sub(self.levels);
        let mut text = String::from(if hidden > 0 { "⋯" } else { "" });
        for open in open.skip(hidden) {
            text += if open { "│ " } else { "  " };
        }
        text
    }
}

impl Waterfall<'_> {
    fn marks(&self, row: &Row) -> Vec<(Style, &'static str)> {
        let Item::Span(index) = row.item else {
            return Vec::new();
        };
        let spans = &self.trace.spans;
        let is_late = index >= spans.len().saturating_sub(self.late_spans);
        let marks = [
            (is_late, MARK, "+"),
            (row.is_cut, MARK, "↻"),
            (spans[index].is_error(), ERROR, "✗"),
        ];
        let marks = marks.into_iter().filter(|(is_set, ..)| *is_set);
        marks.map(|(_, style, mark)| (style, mark)).collect()
    }
}

fn micros(span: &Span) -> u64 {
    u64::try_from(span.duration).unwrap_or(0)
}

fn styles(trace: &Trace) -> HashMap<&str, Style> {
    let mut known = HashSet::new();
    let names = trace.spans.iter().map(|span| &*span.process.service_name);
    let names = names.filter(|name| known.insert(*name));
    names.zip(SERVICES.into_iter().cycle()).collect()
}
