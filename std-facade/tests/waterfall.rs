//! Pictures of traces, and what must never be in them.
#![cfg(feature = "collect")]
#![allow(missing_docs)]

mod traces;

use jaegerling::waterfall::Waterfall;
use traces::*;

#[test]
fn show() {
    println!("{}", Waterfall::new(&checkout()));
    println!(
        "{}",
        Waterfall::new(&checkout()).color(true).width(110).late(2)
    );
    println!("{}", Waterfall::new(&checkout()).width(40));
}
