//! Runs all cases with all crates. A round of each crate, then the next round of each: what disturbs the machine meets
//! them all.

use crate::case::{Case, Runner};
use crate::delivered::{self, Delivered, Rate};
use crate::peer::{Lacks, Nothing, Peer as _};
use crate::rounds::Spread;
use crate::shape::Shape;
use crate::table::{Row, Sent};
use crate::{CRATES, Crate, Effort};

/// The name of the case of a drainer that sends all the time.
pub const LIVE: &str = "1,000,000 spans/s, sent meanwhile";

/// The case in which the loop alone is measured.
const BARE: Case = Case::Hot(Shape::Root);

pub struct Results {
    pub rows: Vec<Row>,
    /// Nanoseconds that two reads of each clock take.
    pub reads: Vec<(&'static str, f64)>,
}

pub fn all(effort: &Effort) -> Results {
    let mut results = calling_thread(effort);
    let bare = bare_memory(effort);
    for shape in Shape::SENT {
        let sent = deliveries(effort, shape, Rate::Bursts, bare);
        for (known, sent) in CRATES.iter().zip(sent) {
            let case = Case::Hot(shape);
            let row = results.rows.iter_mut().find(|row| row.is(case, known.name));
            if let Some(row) = row {
                row.delivered = sent;
            }
        }
    }
    let steady = Effort {
        spans: effort.spans * 5,
        ..*effort
    };
    let live = deliveries(&steady, Shape::Root, Rate::Steady, bare);
    for (known, sent) in CRATES.iter().zip(live) {
        results.rows.extend(sent.map(|sent| live_row(known, sent)));
    }
    results
}

fn calling_thread(effort: &Effort) -> Results {
    let mut runners: Vec<_> = CRATES.iter().map(|known| (known, (known.run)())).collect();
    let mut rows = Vec::new();
    let mut reads = Vec::new();
    for case in Case::ALL {
        // Without tracing, there is nothing to say but once.
        let is_asked = |known: &Crate| known.name != Nothing::NAME || case == BARE;
        let mut times = vec![Vec::new(); runners.len()];
        let mut floors = vec![Vec::new(); runners.len()];
        let mut lacks: Vec<Option<Lacks>> = vec![None; runners.len()];
        for round in 0..=effort.rounds {
            for (at, (known, runner)) in runners.iter_mut().enumerate() {
                if lacks[at].is_some() || !is_asked(known) {
                    continue;
                }
                match runner.round(case) {
                    // The first one warms up.
                    Ok(_) if round == 0 => {}
                    Ok(time) => {
                        times[at].push(time);
                        floors[at].push(runner.floor(case));
                    }
                    Err(reason) => lacks[at] = Some(reason),
                }
            }
        }
        for (at, (known, runner)) in runners.iter_mut().enumerate() {
            if !is_asked(known) {
                continue;
            }
            let floor = Spread::of(&mut floors[at]).map(|floor| floor.median);
            if case == BARE {
                reads.extend(floor.map(|floor| (known.clock, floor)));
            }
            let row = row(
                known,
                runner.as_mut(),
                case,
                Spread::of(&mut times[at]),
                floor,
            );
            let reason = lacks[at].unwrap_or(Lacks("it was not measured"));
            rows.push(row.unwrap_or_else(|| Row::without(known, case, reason)));
        }
    }
    reads.dedup_by_key(|(clock, _)| *clock);
    Results { rows, reads }
}

fn row(
    known: &Crate,
    runner: &mut dyn Runner,
    case: Case,
    calling: Option<Spread>,
    floor: Option<f64>,
) -> Option<Row> {
    let calling = calling?;
    let allocations = match case {
        Case::Hot(shape) => runner.allocations(shape).ok(),
        _ => None,
    };
    let has_clock = known.name != Nothing::NAME;
    Some(Row {
        case: case.name(),
        name: known.name,
        calling: Ok(calling),
        reads: floor
            .filter(|_| has_clock)
            .map(|floor| calling.median / floor),
        allocations,
        delivered: None,
    })
}

impl Row {
    fn without(known: &Crate, case: Case, reason: Lacks) -> Self {
        Self {
            case: case.name(),
            name: known.name,
            calling: Err(reason),
            reads: None,
            allocations: None,
            delivered: None,
        }
    }
}

fn live_row(known: &Crate, sent: Sent) -> Row {
    Row {
        case: LIVE.into(),
        name: known.name,
        calling: Ok(sent.calling),
        reads: None,
        allocations: None,
        delivered: Some(sent),
    }
}

/// The most memory that the program has that sends nothing.
fn bare_memory(effort: &Effort) -> u64 {
    delivered::measure(Nothing::NAME, Shape::Root, Rate::Bursts, effort.spans).resident
}

/// What each crate delivers, but the one that does nothing.
fn deliveries(effort: &Effort, shape: Shape, rate: Rate, bare: u64) -> Vec<Option<Sent>> {
    let mut all: Vec<Vec<Delivered>> = CRATES.iter().map(|_| Vec::new()).collect();
    for _ in 0..effort.deliveries {
        for (known, runs) in CRATES.iter().zip(&mut all) {
            if known.name != Nothing::NAME {
                runs.push(delivered::measure(known.name, shape, rate, effort.spans));
            }
        }
    }
    all.into_iter().map(|runs| Sent::of(runs, bare)).collect()
}

impl Sent {
    fn of(runs: Vec<Delivered>, bare: u64) -> Option<Self> {
        let spread = |of: fn(&Delivered) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(of).collect();
            Spread::of(&mut values)
        };
        let resident = runs.iter().map(|run| run.resident).max()?;
        Some(Self {
            cpu: spread(Delivered::cpu_ns_per_span)?,
            calling: spread(|run| run.calling)?,
            bytes: spread(Delivered::bytes_per_span)?.median,
            offered: runs.iter().map(|run| run.offered).sum(),
            lost: runs.iter().map(Delivered::lost).sum(),
            told: runs.iter().map(|run| run.told).sum(),
            wrong: runs.iter().map(|run| run.arrived.wrong()).sum(),
            memory: resident as i64 - bare as i64,
        })
    }
}
