//! One table: this project's crate beside its peers, measured in one run, with the answers asserted.

mod bars;
mod case;
mod compare;
mod cores;
mod delivered;
mod heap;
mod ours_alone;
mod peer;
mod rounds;
mod shape;
mod sink;
mod situation;
mod table;

use std::time::Duration;

use case::{Runner, Running};
use delivered::Order;
use peer::{Fastrace, Mick, Nothing, Ours, Peer, Rustracing};
use shape::Shape;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => run(&THOROUGH),
        ["--quick"] => run(&QUICK),
        ["sink", shape] => sink::run(Shape::sent(shape).expect("a shape that is sent")),
        ["send", name, ref order @ ..] => {
            let known = CRATES.iter().find(|known| known.name == name);
            let order = Order::parse(order).expect("an order");
            (known.expect("a known crate").send)(&order);
        }
        ["alone", errand, seconds] => ours_alone::run(errand, seconds.parse().expect("seconds")),
        _ => {
            eprintln!("usage: jaegerling-peers [--quick]");
            std::process::exit(2);
        }
    }
}

fn run(effort: &Effort) {
    let results = compare::all(effort);
    let ours = ours_alone::measure(effort);
    table::print(&results.rows);
    let reads = results.reads.iter();
    let reads: Vec<_> = reads
        .map(|(clock, ns)| format!("{clock} {ns:.1}"))
        .collect();
    println!("\nTwo clock reads, ns: {}.\n", reads.join(", "));
    bars::print(&results.rows, &ours);
    table::print_summary(&results.rows);
    table::check(&results.rows);
}

struct Effort {
    /// On the thread that traces.
    rounds: usize,
    /// In processes of their own.
    deliveries: usize,
    /// Of each delivery.
    spans: usize,
    /// How long a thread records a span a millisecond.
    slow: Duration,
}

const THOROUGH: Effort = Effort {
    rounds: 21,
    deliveries: 5,
    spans: 200_000,
    slow: Duration::from_secs(60),
};

const QUICK: Effort = Effort {
    rounds: 5,
    deliveries: 1,
    spans: 20_000,
    slow: Duration::from_secs(2),
};

/// What the program needs of one crate, whose types differ.
struct Crate {
    name: &'static str,
    clock: &'static str,
    run: fn() -> Box<dyn Runner>,
    send: fn(&Order),
}

impl Crate {
    const fn of<P: Peer + 'static>() -> Self {
        Self {
            name: P::NAME,
            clock: P::CLOCK,
            run: || Box::new(Running::<P>::new()),
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
