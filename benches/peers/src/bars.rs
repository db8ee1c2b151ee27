//! The bars: what is promised, and whether it is so.

use crate::case::Case;
use crate::ours_alone::Alone;
use crate::peer::{Fastrace, Mick, Ours, Peer, Rustracing};
use crate::shape::Shape;
use crate::table::{Row, Sent};

pub fn print(rows: &[Row], alone: &Alone) {
    println!("| bar | now | at most | |");
    println!("|---|---:|---:|---|");
    let bars = Bars { rows };
    bars.on_the_calling_thread();
    bars.beside_fastrace();
    bars.with_threads();
    bars.delivered();
    taking_and_memory(alone);
}

const PEERS: &[&str] = &[Mick::NAME, Rustracing::NAME, Fastrace::NAME];

/// With fastrace, the ids of a thread share their upper half: by chance, each id of all of them has a byte more or
/// less on the wire. So its bytes are no measure.
const WITH_RANDOM_IDS: &[&str] = &[Mick::NAME, Rustracing::NAME];

struct Bars<'a> {
    rows: &'a [Row],
}

impl Bars<'_> {
    fn row(&self, case: Case, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.is(case, name))
    }

    fn ns(&self, case: Case, name: &str) -> Option<f64> {
        let row = self.row(case, name)?;
        row.calling.as_ref().ok().map(|calling| calling.median)
    }

    fn on_the_calling_thread(&self) {
        let reads = [
            (Case::Hot(Shape::Root), 1.3),
            (Case::Hot(Shape::Strings), 1.6),
            (Case::Hot(Shape::Moved), 1.5),
            (Case::Hot(Shape::Child), 1.3),
            (Case::Hot(Shape::Fenced), 1.4),
            (Case::Full, 0.25),
        ];
        for (case, bar) in reads {
            let what = format!("{}: × two clock reads", case.name());
            let row = self.row(case, Ours::NAME);
            at_most(&what, row.and_then(|row| row.reads), bar);
        }
        for shape in [Shape::Disabled, Shape::Unsampled] {
            let ns = self.ns(Case::Hot(shape), Ours::NAME);
            at_most(&format!("{}: ns", shape.name()), ns, 5.0);
        }
        let ours = self.rows.iter().filter(|row| row.name == Ours::NAME);
        let allocations = ours.filter_map(|row| row.allocations);
        at_most(
            "allocations per span, any case",
            allocations.max_by(f64::total_cmp),
            0.0,
        );
    }

    /// The worst of four cases, by what fastrace is fastest at, and by its root span.
    fn beside_fastrace(&self) {
        let shapes = [Shape::Root, Shape::Strings, Shape::Moved, Shape::Child];
        let ours = shapes
            .iter()
            .filter_map(|shape| self.ns(Case::Hot(*shape), Ours::NAME))
            .max_by(f64::total_cmp);
        for (what, shape, bar) in [
            ("÷ fastrace's local span", Shape::Child, 0.35),
            ("÷ fastrace's root span", Shape::Root, 0.25),
        ] {
            let fastrace = self.ns(Case::Hot(shape), Fastrace::NAME);
            let ratio = ours.zip(fastrace).map(|(ours, fastrace)| ours / fastrace);
            at_most(
                &format!("slowest of root, strings, moved, child {what}"),
                ratio,
                bar,
            );
        }
    }

    fn with_threads(&self) {
        let speed = |threads: usize| {
            let one = self.ns(Case::Threads(1), Ours::NAME)?;
            Some(one / self.ns(Case::Threads(threads), Ours::NAME)?)
        };
        at_least("2 threads, × one", speed(2), 1.8);
        at_least("8 threads, × one: no collapse", speed(8), 1.0);
    }

    fn delivered(&self) {
        let sent = |name: &str, shape: Shape| {
            let row = self.row(Case::Hot(shape), name)?;
            row.delivered.as_ref()
        };
        let least = |names: &[&str], shape: Shape, of: fn(&Sent) -> f64| {
            let values = names.iter().filter_map(|name| sent(name, shape).map(of));
            values.min_by(f64::total_cmp)
        };
        let cpu = |sent: &Sent| sent.cpu.median;
        let ours = sent(Ours::NAME, Shape::Root).map(cpu);
        for (what, names, bar) in [
            ("the best peer's", PEERS, 0.1),
            ("fastrace's", &[Fastrace::NAME], 0.04),
        ] {
            let theirs = least(names, Shape::Root, cpu);
            let ratio = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
            at_most(&format!("CPU per delivered span ÷ {what}"), ratio, bar);
        }
        for shape in Shape::SENT {
            let bytes = sent(Ours::NAME, shape).map(|sent| sent.bytes);
            let smallest = least(WITH_RANDOM_IDS, shape, |sent| sent.bytes);
            let what = format!("{}: bytes ÷ the smallest peer's", shape.name());
            at_most(&what, bytes.zip(smallest).map(|(a, b)| a / b), 1.0);
        }
        let ours = self.rows.iter().filter(|row| row.name == Ours::NAME);
        for row in ours {
            let lost = row.delivered.as_ref().map(|sent| sent.lost as f64);
            if lost.is_some() {
                at_most(&format!("{}: spans lost", row.case), lost, 0.0);
            }
        }
    }
}

fn taking_and_memory(alone: &Alone) {
    const MIB: f64 = (1 << 20) as f64;
    let taking = alone.taking.median / alone.reads;
    at_most(
        "taking, encoding, packing: × two clock reads",
        Some(taking),
        2.5,
    );
    let first = alone.first.median / 1_000.0;
    at_most("a thread's first span: µs", Some(first), 50.0);
    let space = alone.lane.address_space as f64 / MIB;
    at_most("a thread's lane: MiB of address space", Some(space), 8.0);
    at_least(
        "a thread's lane: bare spans",
        Some(alone.lane.spans as f64),
        20_000.0,
    );
    let over = |of: fn(&crate::ours_alone::Memory) -> u64| {
        (of(&alone.threads) as f64 - of(&alone.untraced) as f64) / 1e6
    };
    at_most(
        "10,000 threads × 10 spans: spans lost",
        Some(alone.threads.lost as f64),
        0.0,
    );
    at_most(
        "10,000 threads: MB over no tracing",
        Some(over(|memory| memory.peak)),
        100.0,
    );
    // The allocator keeps a little; a lane that is left over for each would be 40 MB.
    at_most(
        "10,000 threads, all ended and drained: MB over no tracing",
        Some(over(|memory| memory.end)),
        4.0,
    );
    for (what, resident) in [
        ("a span a millisecond: KiB of the lane resident", alone.slow),
        ("the same where there are huge pages: KiB", alone.huge),
    ] {
        at_most(what, Some(resident as f64 / 1_024.0), 64.0);
    }
}

fn at_most(what: &str, value: Option<f64>, bar: f64) {
    verdict(what, value, "≤", bar, |value| value <= bar);
}

fn at_least(what: &str, value: Option<f64>, bar: f64) {
    verdict(what, value, "≥", bar, |value| value >= bar);
}

fn verdict(what: &str, value: Option<f64>, sign: &str, bar: f64, is_met: impl Fn(f64) -> bool) {
    match value {
        Some(value) => {
            let verdict = if is_met(value) { "met" } else { "MISSED" };
            println!(
                "| {what} | {} | {sign} {} | {verdict} |",
                short(value),
                short(bar)
            );
        }
        None => println!("| {what} | – | {sign} {} | not measured |", short(bar)),
    }
}

/// With three digits behind the point, if they say something.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
