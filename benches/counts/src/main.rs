//! What the core executes for a span: instructions under callgrind, beside those of the baseline that is
//! kept here. They repeat exactly; a rise over 3 % is a failure. `benches/README.md` says more.

mod baseline;
mod callgrind;
mod case;
mod fixture;

use std::process::ExitCode;

use baseline::Baseline;
use case::{CASES, SPANS};

/// A count may rise by this part of its baseline.
const TOLERANCE: f64 = 0.03;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments[..] {
        [] => compare(),
        ["--write"] => count().and_then(|counts| counts.write()),
        // The child that callgrind watches.
        ["run", name] => case::run(name),
        _ => Err("usage: instruction-counts [--write]".into()),
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn count() -> Result<Baseline, String> {
    let mut counts = Baseline::of_this_compiler();
    for case in CASES {
        counts.push(case.name, callgrind::count(case.name)?);
    }
    Ok(counts)
}

fn per_span(count: u64) -> f64 {
    count as f64 / SPANS as f64
}

fn compare() -> Result<(), String> {
    let baseline = Baseline::read()?;
    baseline.is_comparable()?;
    let counts = count()?;
    println!("| instructions per span | baseline | now | |");
    println!("|---|---:|---:|---:|");
    let mut risen = Vec::new();
    let mut has_fallen = false;
    for (name, now) in counts.lines() {
        let Some(before) = baseline.get(name) else {
            println!("| {name} | | {:.1} | |", per_span(now));
            risen.push(format!("{name} is not in the baseline"));
            continue;
        };
        let change = now as f64 / before as f64 - 1.0;
        let percent = change * 100.0;
        let (then, today) = (per_span(before), per_span(now));
        println!("| {name} | {then:.1} | {today:.1} | {percent:+.1} % |");
        if change > TOLERANCE {
            risen.push(format!("{name} has risen by {percent:.1} %"));
        }
        has_fallen |= now < before;
    }
    for (name, _) in baseline.lines() {
        if counts.get(name).is_none() {
            risen.push(format!("{name} is in the baseline, and no case"));
        }
    }
    if has_fallen {
        println!(
            "\nFewer than before: `-- --write` makes this the baseline, to be committed with its reason."
        );
    }
    if risen.is_empty() {
        return Ok(());
    }
    Err(format!(
        "\n{}\nIf that has its reason, `-- --write` makes it the baseline, for a commit of its own.",
        risen.join("\n")
    ))
}
