//! One table: this project's crate beside its peers, measured in one run, with the answers asserted.

mod clocks;
mod delivered;
mod peer;
mod rounds;
mod sink;
mod table;

use peer::{Fastrace, Mick, Nothing, Ours, Peer, Rustracing};
use table::Row;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => compare(&Effort {
            rounds: 41,
            spans: 200_000,
        }),
        ["--quick"] => compare(&Effort {
            rounds: 7,
            spans: 20_000,
        }),
        ["sink"] => sink::run(),
        ["send", name, address, spans] => {
            let send = CRATES
                .iter()
                .find(|known| known.name == name)
                .expect("a known crate")
                .send;
            send(
                address.parse().expect("an address"),
                spans.parse().expect("a number"),
            );
        }
        _ => {
            eprintln!("usage: jaegerling-peers [--quick]");
            std::process::exit(2);
        }
    }
}

struct Effort {
    rounds: usize,
    spans: usize,
}

/// What the program needs of one crate, whose types differ.
struct Crate {
    name: &'static str,
    rounds: fn() -> Box<dyn FnMut() -> f64>,
    send: fn(std::net::SocketAddr, usize),
}

impl Crate {
    const fn of<P: Peer + 'static>() -> Self {
        Self {
            name: P::NAME,
            rounds: || Box::new(rounds::rounds_of::<P>()),
            send: delivered::send::<P>,
        }
    }
}

const CRATES: &[Crate] = &[
    Crate::of::<Ours>(),
    Crate::of::<Mick>(),
    Crate::of::<Rustracing>(),
    Crate::of::<Fastrace>(),
    Crate::of::<Nothing>(),
];

fn compare(effort: &Effort) {
    let calling = calling_thread(effort.rounds);
    let clocks = clocks::pairs(effort.rounds);
    let rows: Vec<Row> = CRATES
        .iter()
        .zip(calling)
        .map(|(known, calling)| Row {
            name: known.name,
            calling,
            delivered: delivered::measure(known.name, effort.spans),
        })
        .collect();
    table::print(&rows, &clocks, effort.spans);
    table::check(&rows);
    table::bars(&rows);
}

/// A round of each crate, then the next round of each: what disturbs the machine meets them all.
fn calling_thread(rounds: usize) -> Vec<rounds::Spread> {
    let mut crates: Vec<_> = CRATES
        .iter()
        .map(|known| ((known.rounds)(), Vec::new()))
        .collect();
    for round in 0..=rounds {
        for (run, times) in &mut crates {
            let time = run();
            // The first one warms up.
            if round > 0 {
                times.push(time);
            }
        }
    }
    crates
        .iter_mut()
        .map(|(_, times)| rounds::Spread::of(times))
        .collect()
}
