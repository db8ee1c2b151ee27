//! Text that came from the network, made fit for a terminal; and numbers made fit for people.

use std::fmt::{self, Write};

use jaegerling_core::collect::TagValue;
use unicode_width::UnicodeWidthChar;

/// As many combining characters are kept in a row; a terminal need not stack more.
const MAX_COMBINING: usize = 4;
/// Of bytes, as many are shown.
const MAX_BYTES: usize = 16;

/// Prints text of any origin so that it cannot act on a terminal: control characters, line
/// separators, characters that change the direction of writing or are invisible, and combining
/// characters without a base are escaped, as in `\n` and `\u{202e}`.
///
/// ```
/// use jaegerling::waterfall::Visible;
/// assert_eq!(Visible("red \x1b[31m").to_string(), "red \\u{1b}[31m");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Visible<'a>(pub &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pieces(self.0).try_for_each(|piece| piece.write(f))
    }
}

/// One character, as it is shown.
#[derive(Clone, Copy)]
enum Piece {
    Plain(char, usize),
    Escaped(char),
}

impl Piece {
    fn width(self) -> usize {
        match self {
            Self::Plain(_, width) => width,
            Self::Escaped(c) => c.escape_default().len(),
        }
    }

    fn write(self, out: &mut impl Write) -> fmt::Result {
        match self {
            Self::Plain(c, _) => out.write_char(c),
            Self::Escaped(c) => write!(out, "{}", c.escape_default()),
        }
    }
}

fn pieces(text: &str) -> impl Iterator<Item = Piece> + '_ {
    // A combining character at the beginning would sit on what stands before the text.
    let mut combining = MAX_COMBINING;
    text.chars().map(move |c| match c.width() {
        Some(width) if !is_unruly(c) => {
            combining = if width == 0 { combining + 1 } else { 0 };
            match combining <= MAX_COMBINING {
                true => Piece::Plain(c, width),
                false => Piece::Escaped(c),
            }
        }
        _ => {
            combining = 0;
            Piece::Escaped(c)
        }
    })
}

/// Characters of no width of their own that do something: controls, line separators, marks of
/// writing direction, invisible operators, annotations, tags.
fn is_unruly(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text that is ready to be printed, and how many columns it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) width: usize,
}

impl Cell {
    /// As much of the text as fits into `max` columns, with `…` if that is not all.
    pub(super) fn fit(text: &str, max: usize) -> Self {
        let mut cell = Self::default();
        // Where to cut if the text turns out to be too long: so that there is room for the `…`.
        let (mut cut, mut cut_width) = (0, 0);
        for piece in pieces(text) {
            if cell.width + piece.width() > max {
                cell.text.truncate(cut);
                cell.text.push('…');
                cell.width = cut_width + 1;
                return cell;
            }
            // A string cannot fail.
            let _ = piece.write(&mut cell.text);
            cell.width += piece.width();
            if cell.width < max {
                (cut, cut_width) = (cell.text.len(), cell.width);
            }
        }
        cell
    }
}

/// `key=value`, printable, in at most `max` columns.
pub(super) fn tag(key: &str, value: &TagValue, max: usize) -> (Cell, Cell) {
    let key = Cell::fit(key, max.saturating_sub(4));
    let room = max - key.width - 1;
    let value = match value {
        TagValue::String(text) => Cell::fit(text, room),
        TagValue::Double(number) => Cell::fit(&double(*number), room),
        TagValue::Bool(yes) => Cell::fit(if *yes { "true" } else { "false" }, room),
        TagValue::Long(number) => Cell::fit(&number.to_string(), room),
        TagValue::Binary(bytes) => Cell::fit(&hex(bytes), room),
    };
    (key, value)
}

fn double(number: f64) -> String {
    match number.abs() {
        0.0 | 1e-5..1e16 => format!("{number}"),
        _ => format!("{number:e}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("0x");
    for byte in bytes.iter().take(MAX_BYTES) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > MAX_BYTES {
        let _ = write!(text, "… ({} bytes)", bytes.len());
    }
    text
}

/// A time span in three digits or so: `17 µs`, `1.25 ms`, `2.4 s`, `3 min 20 s`, `5 d 3 h`.
pub(super) fn duration(micros: u64) -> String {
    const SECOND: u64 = 1_000_000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let two = |large, of, small, per| match (micros / of, micros % of / per) {
        (n, 0) => format!("{n} {large}"),
        (n, m) => format!("{n} {large} {m} {small}"),
    };
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..999_500 => format!("{} ms", digits(micros, 1_000)),
        999_500..MINUTE => format!("{} s", digits(micros, SECOND)),
        MINUTE..HOUR => two("min", MINUTE, "s", SECOND),
        HOUR..DAY => two("h", HOUR, "min", MINUTE),
        _ => two("d", DAY, "h", HOUR),
    }
}

/// `n / unit` with three significant digits, without zeros at the end.
fn digits(n: u64, unit: u64) -> String {
    let value = n as f64 / unit as f64;
    let decimals = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

/// Microseconds since the Unix epoch as a date and a time in UTC.
pub(super) fn utc(micros: i64) -> String {
    let (days, rest) = (
        micros.div_euclid(86_400_000_000),
        micros.rem_euclid(86_400_000_000),
    );
    let (year, month, day) = civil(days);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06} UTC")
}

/// Days since 1970-01-01 as year, month and day of the Gregorian calendar. Years are counted from
/// March, so that the leap day is the last one.
fn civil(days: i64) -> (i64, i64, i64) {
    // 719,468 days lie between 0000-03-01 and 1970-01-01; 146,097 are 400 years.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, months have 31, 30, 31, 30, 31 days, over and over: 153 in five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through() {
        let check = |text: &str, expected: &str| assert_eq!(Visible(text).to_string(), expected);
        check("plain ünïcödé 日本", "plain ünïcödé 日本");
        check("\x1b[31m", "\\u{1b}[31m");
        check("a\nb\r\tc\0\x7f", "a\\nb\\r\\tc\\u{0}\\u{7f}");
        check("\u{85}\u{9b}31m", "\\u{85}\\u{9b}31m");
        check("\u{202e}evil\u{2066}", "\\u{202e}evil\\u{2066}");
        check("\u{2028}\u{feff}\u{200b}", "\\u{2028}\\u{feff}\\u{200b}");
        check("\u{e0041}", "\\u{e0041}");
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = Visible(&format!("a{c}")).to_string();
            assert!(!text.chars().any(is_unruly), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn combining_characters_stay_on_their_base_and_are_bounded() {
        assert_eq!(Visible("e\u{301}").to_string(), "e\u{301}");
        assert_eq!(Visible("\u{301}e").to_string(), "\\u{301}e");
        let zalgo = format!("a{}b", "\u{301}".repeat(1000));
        let shown = Visible(&zalgo).to_string();
        let kept = shown.chars().filter(|&c| c == '\u{301}').count();
        assert_eq!(kept, MAX_COMBINING);
        assert_eq!(Cell::fit(&zalgo, 9).width, 9);
    }

    #[test]
    fn cells_are_cut_to_their_width() {
        let check = |text: &str, max, expected: &str, width| {
            let cell = Cell::fit(text, max);
            assert_eq!((cell.text.as_str(), cell.width), (expected, width));
        };
        check("", 3, "", 0);
        check("abc", 3, "abc", 3);
        check("abcd", 3, "ab…", 3);
        check("日本語", 6, "日本語", 6);
        check("日本語", 5, "日本…", 5);
        check("日本語", 4, "日…", 3);
        check("e\u{301}e\u{301}", 2, "e\u{301}e\u{301}", 2);
        check("e\u{301}e\u{301}e", 2, "e\u{301}…", 2);
        check("a\x1b[2J", 5, "a…", 2);
        check("ab", 1, "…", 1);
    }

    #[test]
    fn durations_read_well_at_every_scale() {
        let check = |micros, expected: &str| assert_eq!(duration(micros), expected);
        check(0, "0 µs");
        check(999, "999 µs");
        check(1_000, "1 ms");
        check(1_254, "1.25 ms");
        check(9_996, "10 ms");
        check(12_340, "12.3 ms");
        check(123_456, "123 ms");
        check(999_499, "999 ms");
        check(999_500, "1 s");
        check(2_400_000, "2.4 s");
        check(59_990_000, "60 s");
        check(200_000_000, "3 min 20 s");
        check(7_200_000_000, "2 h");
        check(443_000_000_000, "5 d 3 h");
        check(u64::MAX, "213503982 d 8 h");
    }

    #[test]
    fn dates_are_right() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000000 UTC");
        assert_eq!(utc(-1), "1969-12-31 23:59:59.999999 UTC");
        assert_eq!(utc(951_782_400_000_000), "2000-02-29 00:00:00.000000 UTC");
        assert_eq!(utc(1_704_067_199_000_001), "2023-12-31 23:59:59.000001 UTC");
        assert_eq!(&utc(i64::MAX)[..10], "294247-01-");
        assert_eq!(&utc(i64::MIN)[..10], "-290308-12");
    }

    #[test]
    fn values_are_short() {
        let value = |value: TagValue| tag("k", &value, 40).1.text;
        assert_eq!(value(TagValue::Double(0.5)), "0.5");
        assert_eq!(value(TagValue::Double(f64::MAX)), "1.7976931348623157e308");
        assert_eq!(value(TagValue::Double(f64::NAN)), "NaN");
        assert_eq!(value(TagValue::Binary([1, 255].into())), "0x01ff");
        let long = tag("k", &TagValue::Binary([0; 17].into()), 80).1.text;
        assert_eq!(long, format!("0x{}… (17 bytes)", "0".repeat(32)));
        let (key, value) = tag(&"k".repeat(99), &TagValue::Long(12_345), 20);
        assert_eq!((key.width, value.text.as_str()), (16, "12…"));
    }
}
