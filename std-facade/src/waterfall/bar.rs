//! A time span as a bar of block characters, to an eighth of a column where Unicode has one.

/// The time that the width of the bars stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    start: i64,
    /// Microseconds, at least 1.
    length: u64,
    columns: usize,
}

/// Blocks that fill a column from the left, by eighths.
const FROM_LEFT: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

impl Scale {
    /// `columns` from `start` to `end`.
    pub(super) fn new(start: i64, end: i64, columns: usize) -> Self {
        let length = end.abs_diff(start).max(1);
        Self {
            start,
            length,
            columns,
        }
    }

    /// How many blank columns come first, and the bar itself: at least something is visible.
    pub(super) fn bar(&self, start: i64, end: i64) -> (usize, String) {
        let last = self.columns * 8;
        let from = self.eighths(start).min(last - 1);
        let to = self.eighths(end).clamp(from + 1, last);
        let columns = from / 8..to.div_ceil(8);
        let block = |column: usize| {
            let begin = from.saturating_sub(column * 8);
            block(begin, (to - column * 8).min(8))
        };
        (columns.start, columns.map(block).collect())
    }

    fn eighths(&self, time: i64) -> usize {
        let since = u128::from(time.max(self.start).abs_diff(self.start));
        let eighths = since * (self.columns as u128 * 8) / u128::from(self.length);
        usize::try_from(eighths).unwrap_or(usize::MAX)
    }
}

/// The character that comes closest to a column filled from one eighth to another.
fn block(from: usize, to: usize) -> char {
    match (from, to) {
        (0 | 1, 8) => '█',
        (0, _) => FROM_LEFT[to],
        (7, 8) => '▕',
        (_, 8) => '▐',
        // Within a column: a thin line at the side that is nearer, a half block if it is wide.
        _ if to - from >= 4 => '▌',
        _ if from + to < 8 => '▎',
        _ => '▕',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: i64, end: i64, expected: &str) {
        let (blank, bar) = Scale::new(0, 800, 10).bar(start, end);
        assert_eq!(" ".repeat(blank) + &bar, expected);
    }

    #[test]
    fn bars_are_to_scale() {
        check(0, 800, "██████████");
        check(0, 400, "█████");
        check(400, 800, "     █████");
        check(0, 10, "▏");
        check(0, 130, "█▋");
        check(120, 240, " ▐█");
        check(790, 800, "         ▕");
    }

    #[test]
    fn the_shortest_span_is_visible_and_stays_inside() {
        check(0, 0, "▏");
        check(800, 800, "         ▕");
        check(250, 255, "   ▎");
        check(370, 375, "    ▕");
        check(220, 260, "  ▐▎");
        check(210, 250, "  ▐▏");
    }

    #[test]
    fn no_time_is_too_long_or_too_short() {
        for (start, end) in [
            (i64::MIN, i64::MAX),
            (0, 0),
            (-5, i64::MAX),
            (i64::MAX, i64::MAX),
        ] {
            let scale = Scale::new(start, end, 30);
            for (from, to) in [
                (start, end),
                (start, start),
                (end, end),
                (i64::MIN, i64::MAX),
            ] {
                let (blank, bar) = scale.bar(from, to);
                let columns = bar.chars().count();
                assert!(columns > 0 && blank + columns <= 30);
            }
        }
    }

    #[test]
    fn every_part_of_a_column_has_a_character() {
        for from in 0..8 {
            for to in from + 1..=8 {
                assert_ne!(block(from, to), ' ');
            }
        }
    }
}
