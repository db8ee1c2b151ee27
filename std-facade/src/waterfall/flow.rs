//! Texts in lines, with colour or without.

use std::fmt::{self, Formatter};

use anstyle::{AnsiColor, Style};
use jaegerling_core::collect::{Log, Tag, TagValue};

use super::text::{Cell, duration, tag};

pub(super) const PLAIN: Style = Style::new();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Texts one after the other, on as many lines as they need, but not more than there may be.
pub(super) struct Flow {
    width: usize,
    max_lines: usize,
    lines: Vec<Vec<(Style, String)>>,
    used: usize,
    left_out: usize,
}

impl Flow {
    pub(super) fn new(width: usize, max_lines: usize) -> Self {
        Self {
            width,
            max_lines,
            lines: Vec::new(),
            used: 0,
            left_out: 0,
        }
    }

    pub(super) fn add(&mut self, style: Style, text: String, separator: &str) {
        let width = text.chars().count();
        self.place(vec![(style, text)], width, separator);
    }

    pub(super) fn add_tags(&mut self, tags: &[Tag]) {
        for entry in tags {
            if self.left_out > 0 {
                self.left_out += 1;
                continue;
            }
            let (key, value) = tag(&entry.key, &entry.value, self.width);
            let width = key.width + 1 + value.width;
            let is_error = &*entry.key == "error" && entry.value == TagValue::Bool(true);
            let value_style = if is_error { ERROR } else { PLAIN };
            let parts = vec![(DIM, key.text + "="), (value_style, value.text)];
            self.place(parts, width, "  ");
        }
    }

    /// The time since `start`, the event, and the other fields.
    pub(super) fn add_log(&mut self, log: &Log, start: i64) {
        let sign = if log.timestamp < start { '-' } else { '+' };
        let time = duration(log.timestamp.abs_diff(start));
        self.add(DIM, format!("{sign}{time}"), "");
        let mut fields = &log.fields[..];
        if let [first, rest @ ..] = fields {
            if let ("event", TagValue::String(event)) = (&*first.key, &first.value) {
                let cell = Cell::fit(event, self.width);
                self.place(vec![(PLAIN, cell.text)], cell.width, "  ");
                fields = rest;
            }
        }
        self.add_tags(fields);
    }

    pub(super) fn break_line(&mut self) {
        self.used = self.width;
    }

    fn place(&mut self, parts: Vec<(Style, String)>, width: usize, separator: &str) {
        let gap = separator.chars().count();
        let fits = self.used + gap + width <= self.width;
        if let Some(line) = self.lines.last_mut().filter(|_| fits) {
            line.push((DIM, separator.into()));
            line.extend(parts);
            self.used += gap + width;
        } else if self.lines.len() < self.max_lines {
            self.lines.push(parts);
            self.used = width;
        } else {
            self.left_out += 1;
        }
    }

    /// Each line after what `begin` draws, which is told the number of the line.
    pub(super) fn draw(
        &self,
        pen: &mut Pen<'_, '_>,
        begin: impl Fn(&mut Pen<'_, '_>, usize) -> fmt::Result,
    ) -> fmt::Result {
        for (number, line) in self.lines.iter().enumerate() {
            begin(pen, number)?;
            line.iter()
                .try_for_each(|(style, text)| pen.put(*style, text))?;
            pen.line_feed()?;
        }
        if self.left_out > 0 {
            begin(pen, self.lines.len())?;
            pen.put(DIM, &format!("… {} more", self.left_out))?;
            pen.line_feed()?;
        }
        Ok(())
    }
}

/// Writes with colour or without.
pub(super) struct Pen<'a, 'f> {
    pub(super) f: &'a mut Formatter<'f>,
    pub(super) color: bool,
}

impl Pen<'_, '_> {
    pub(super) fn put(&mut self, style: Style, text: &str) -> fmt::Result {
        match self.color && style != PLAIN && !text.trim().is_empty() {
            true => write!(self.f, "{style}{text}{style:#}"),
            false => self.f.write_str(text),
        }
    }

    /// The cell in `columns`, blank where it has nothing.
    pub(super) fn cell(&mut self, style: Style, cell: &Cell, columns: usize) -> fmt::Result {
        self.put(style, &cell.text)?;
        self.blank(columns.saturating_sub(cell.width))
    }

    pub(super) fn blank(&mut self, columns: usize) -> fmt::Result {
        write!(self.f, "{:columns$}", "")
    }

    pub(super) fn line_feed(&mut self) -> fmt::Result {
        self.f.write_str("\n")
    }
}
