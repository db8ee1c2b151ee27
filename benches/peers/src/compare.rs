//! Runs all cases with all crates. A round of each crate, then the next round of each: what disturbs the machine meets
//! them all.

use crate::case::{Case, Runner};
use crate::delivered::{self, Delivered, Rate};
use crate::peer::{Lacks, Nothing, Peer as _};
use crate::rounds::Spread;
use crate::shape::Shape;
use crate::table::{Row, Sent};
use crate::{CRATES, Crate, Effort};

/// Names of the cases in which another thread sends meanwhile.
const SLOW: &str = "1,000 spans/s, sent meanwhile";
const LIVE: &str = "1,000,000 spans/s, sent meanwhile";

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
    for (case, rate, spans) in [
        (SLOW, Rate::Slow, effort.spans / 100),
        (LIVE, Rate::Steady, effort.spans * 5),
    ] {
        let effort = Effort { spans, ..*effort };
        let sent = deliveries(&effort, Shape::Root, rate, bare);
        let rows = CRATES.iter().zip(sent);
        let rows = rows.filter_map(|(known, sent)| Some(sent_row(case, known, sent?)));
        results.rows.extend(rows);
    }
    results
}

fn calling_thread(effort: &Effort) -> Results {
    let mut all: Vec<Measured> = CRATES.iter().map(Measured::new).collect();
    let mut results = Results {
        rows: Vec::new(),
        reads: Vec::new(),
    };
    for case in Case::ALL {
        // The first one warms up.
        for round in 0..=effort.rounds {
            for measured in all.iter_mut().filter(|one| one.is_asked(case)) {
                measured.round(case, round > 0);
            }
        }
        for measured in all.iter_mut().filter(|one| one.is_asked(case)) {
            let floor = Spread::of(&mut measured.floors).map(|floor| floor.median);
            let row = measured.row(case, floor);
            results.rows.push(row);
            if case == BARE {
                let clock = measured.known.clock;
                results.reads.extend(floor.map(|floor| (clock, floor)));
            }
        }
    }
    results.reads.dedup_by_key(|(clock, _)| *clock);
    results
}

/// A crate at work, and what one case has given so far.
struct Measured {
    known: &'static Crate,
    runner: Box<dyn Runner>,
    times: Vec<f64>,
    floors: Vec<f64>,
    lacks: Option<Lacks>,
}

impl Measured {
    fn new(known: &'static Crate) -> Self {
        Self {
            known,
            runner: (known.run)(),
            times: Vec::new(),
            floors: Vec::new(),
            lacks: None,
        }
    }

    /// Without tracing, there is nothing to say but once.
    fn is_asked(&self, case: Case) -> bool {
        self.known.name != Nothing::NAME || case == BARE
    }

    fn round(&mut self, case: Case, counts: bool) {
        if self.lacks.is_some() {
            return;
        }
        match self.runner.round(case) {
            Ok(time) if counts => {
                self.times.push(time);
                self.floors.push(self.runner.floor(case));
            }
            Ok(_) => {}
            Err(reason) => self.lacks = Some(reason),
        }
    }

    /// What the case has given; the next one begins anew.
    fn row(&mut self, case: Case, floor: Option<f64>) -> Row {
        let calling = Spread::of(&mut self.times);
        let reads = calling
            .zip(floor)
            .map(|(calling, floor)| calling.median / floor);
        let allocations = match case {
            Case::Hot(shape) => self.runner.allocations(shape).ok(),
            _ => None,
        };
        self.times.clear();
        self.floors.clear();
        let lacks = self.lacks.take();
        Row {
            case: case.name(),
            name: self.known.name,
            calling: calling.ok_or(lacks.unwrap_or(Lacks("it was not measured"))),
            reads: reads.filter(|_| self.known.name != Nothing::NAME),
            allocations,
            delivered: None,
        }
    }
}

fn sent_row(case: &str, known: &Crate, sent: Sent) -> Row {
    Row {
        case: case.into(),
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
