//! The table: a line for each case and crate.

use crate::case::Case;
use crate::peer::{Lacks, Nothing, Ours, Peer as _};
use crate::rounds::Spread;

/// What is known of one crate in one case.
pub struct Row {
    pub case: String,
    pub name: &'static str,
    /// Nanoseconds per span on the thread that traces.
    pub calling: Result<Spread, Lacks>,
    /// The same by two reads of the crate's clock.
    pub reads: Option<f64>,
    /// Allocations per span.
    pub allocations: Option<f64>,
    pub delivered: Option<Sent>,
}

/// What came of the runs in processes of their own.
pub struct Sent {
    /// Nanoseconds per span that arrived.
    pub cpu: Spread,
    /// Nanoseconds per span on the thread that traces, while another one sends.
    pub calling: Spread,
    pub bytes: f64,
    /// Spans, in all runs.
    pub offered: u64,
    pub lost: i64,
    /// Lost by the crate's own account.
    pub told: Option<u64>,
    /// Datagrams that were no batches, and spans that were not as they should be.
    pub wrong: u64,
    /// At most, over that of the same program without tracing, in bytes.
    pub memory: i64,
}

impl Row {
    pub fn is(&self, case: Case, name: &str) -> bool {
        self.case == case.name() && self.name == name
    }
}

pub fn print(rows: &[Row]) {
    println!(
        "| case | crate | ns per span on its thread (10–90 %) | × two clock reads | CPU, ns per delivered span (10–90 %) | bytes per span | lost | allocations per span | memory, KiB |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|");
    for row in rows {
        println!("{}", line(row));
    }
    println!("\nWithout a figure:");
    for (name, reason) in reasons(rows) {
        println!("- {name}: {reason}.");
    }
}

fn reasons(rows: &[Row]) -> Vec<(&str, &str)> {
    let lacks = rows.iter().filter_map(|row| match row.calling {
        Err(Lacks(reason)) => Some((row.name, reason)),
        Ok(_) => None,
    });
    let mut reasons: Vec<_> = lacks.collect();
    reasons.dedup();
    reasons
}

/// The same, shorter: a line for each case, a column for each crate.
pub fn print_summary(rows: &[Row]) {
    let mut names: Vec<&str> = Vec::new();
    let mut cases: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.name != Nothing::NAME) {
        if !names.contains(&row.name) {
            names.push(row.name);
        }
        if !cases.contains(&row.case.as_str()) {
            cases.push(&row.case);
        }
    }
    println!("\n| ns per span | {} |", names.join(" | "));
    println!("|---|{}", "---:|".repeat(names.len()));
    for case in cases {
        let cells = names.iter().map(|name| {
            let row = rows
                .iter()
                .find(|row| row.case == case && row.name == *name);
            let calling = row.and_then(|row| row.calling.as_ref().ok());
            calling.map_or_else(|| NONE.into(), |calling| format!("{:.1}", calling.median))
        });
        println!("| {case} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

const NONE: &str = "–";

fn line(row: &Row) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.into());
    let spread = |spread: &Spread, digits: usize| {
        format!(
            "{:.digits$} ({:.digits$}–{:.digits$})",
            spread.median, spread.low, spread.high
        )
    };
    let sent = row.delivered.as_ref();
    let cells = [
        row.case.clone(),
        row.name.into(),
        or_none(row.calling.as_ref().ok().map(|calling| spread(calling, 1))),
        or_none(row.reads.map(|reads| format!("{reads:.2}"))),
        or_none(sent.map(|sent| spread(&sent.cpu, 0))),
        or_none(sent.map(|sent| format!("{:.1}", sent.bytes))),
        or_none(sent.map(lost)),
        or_none(row.allocations.map(|count| format!("{count:.2}"))),
        or_none(sent.map(|sent| format!("{}", sent.memory / 1_024))),
    ];
    format!("| {} |", cells.join(" | "))
}

fn lost(sent: &Sent) -> String {
    match sent.told {
        _ if sent.lost == 0 => "0".into(),
        Some(told) => format!("{} of {}, {told} told", sent.lost, sent.offered),
        None => format!("{} of {}", sent.lost, sent.offered),
    }
}

/// A fast client that sends nothing, or something else, has not won.
pub fn check(rows: &[Row]) {
    for row in rows {
        let Some(sent) = &row.delivered else { continue };
        let what = format!("{}, {}", row.name, row.case);
        assert!(sent.lost < sent.offered as i64, "{what}: nothing arrived");
        assert!(sent.lost >= 0, "{what}: more spans arrived than were made");
        assert_eq!(sent.wrong, 0, "{what}: spans are whole, datagrams batches");
        if row.name == Ours::NAME {
            let told = sent.told.map(|told| told as i64);
            assert_eq!(Some(sent.lost), told, "{what}: no span is lost in silence");
        }
    }
}
