//! The counts that are kept: a text file, the compiler in its first line, then a case in each, with its
//! instructions for all spans before its name.

use std::fmt::Write as _;
use std::fs;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.txt");

/// By whom this program was compiled, and for what.
const COMPILER: &str = env!("COMPILER");

/// Counts, and the compiler whose code was counted.
pub struct Baseline {
    compiler: String,
    lines: Vec<(String, u64)>,
}

impl Baseline {
    pub fn of_this_compiler() -> Self {
        Self {
            compiler: COMPILER.to_owned(),
            lines: Vec::new(),
        }
    }

    pub fn push(&mut self, name: &str, count: u64) {
        self.lines.push((name.to_owned(), count));
    }

    pub fn read() -> Result<Self, String> {
        let text = fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
        let mut lines = text.lines();
        let compiler = lines.next().unwrap_or_default().to_owned();
        let lines = lines.map(|line| {
            let (count, name) = line.trim_start().split_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        });
        let lines = lines.collect::<Option<_>>();
        let lines = lines.ok_or_else(|| format!("{FILE}: a line is no count and name"))?;
        Ok(Self { compiler, lines })
    }

    pub fn write(&self) -> Result<(), String> {
        let mut text = format!("{}\n", self.compiler);
        for (name, count) in &self.lines {
            let _ = writeln!(text, "{count:>9} {name}");
        }
        print!("{text}");
        fs::write(FILE, text).map_err(|error| format!("{FILE}: {error}"))
    }

    /// The code of another compiler has other counts.
    pub fn is_comparable(&self) -> Result<(), String> {
        if self.compiler == COMPILER {
            return Ok(());
        }
        Err(format!(
            "the baseline is of {}, and this was compiled by {COMPILER}",
            self.compiler
        ))
    }

    pub fn lines(&self) -> impl Iterator<Item = (&str, u64)> {
        self.lines.iter().map(|(name, count)| (&**name, *count))
    }

    pub fn get(&self, name: &str) -> Option<u64> {
        self.lines()
            .find(|(known, _)| *known == name)
            .map(|(_, count)| count)
    }
}
