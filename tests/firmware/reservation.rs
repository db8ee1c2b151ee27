//! How an interrupt between the load and the store of a compare-and-swap shows in the trace of a
//! run: the store fails, and the next thing is that the word is loaded again.
//!
//! A Cortex-M forgets what was reserved when an exception begins and when it ends (Armv7-M Architecture
//! Reference Manual, A3.4.4). A RISC-V need not; that which QEMU emulates does so, too, with each
//! trap and each return from one.

use std::collections::BTreeSet;
use std::mem;
use std::ops::Range;

use crate::instruction::Exclusion::{LoadsReserved, StoresConditionally};
use crate::storm::Swept;

/// So many instructions behind a store, one that has failed has led back to a load.
const DECISION: usize = 3;

/// Lets an interrupt come between the load and the store of each compare-and-swap of a
/// round: the store fails then, and at no other time.
pub(crate) fn an_interrupt_makes_a_store_fail(swept: &Swept) {
    let mut stores: BTreeSet<usize> = swept.round.iter().copied().collect();
    stores.retain(|address| swept.exclusion(*address) == Some(StoresConditionally));
    assert!(!stores.is_empty(), "{}", swept.board.name);
    let places = places(swept);
    let mut have_failed = BTreeSet::new();
    let [mut failures, mut successes] = [0; 2];
    for margin in [20, 60, 180] {
        let missing = |address| stores.contains(&address) && !have_failed.contains(&address);
        for delays in swept.delays(margin, missing) {
            for store in executed_stores(swept, &swept.trace(delays, &places)) {
                assert_eq!(
                    store.failed, store.interrupted,
                    "{}: the store at {:#x}",
                    swept.board.name, store.address
                );
                if store.failed {
                    failures += 1;
                    have_failed.insert(store.address);
                } else {
                    successes += 1;
                }
            }
        }
    }
    println!(
        "{}: {failures} conditional stores at {} addresses failed behind an interrupt, {successes} succeeded without",
        swept.board.name,
        have_failed.len()
    );
    let missed: Vec<_> = stores.difference(&have_failed).collect();
    assert!(missed.is_empty(), "{}: {missed:#x?}", swept.board.name);
}

/// A store, once executed by what is interrupted.
struct Store {
    address: usize,
    /// An interrupt came since the word was loaded.
    interrupted: bool,
    /// The word is loaded again.
    failed: bool,
}

fn executed_stores(swept: &Swept, executed: &[usize]) -> Vec<Store> {
    let [enter, leave] = handler(swept);
    let mut stores: Vec<Store> = Vec::new();
    let [mut is_inside, mut interrupted, mut is_behind_store] = [false; 3];
    let mut last = 0;
    for &address in executed {
        if address == enter || address == leave {
            is_inside = address == enter;
            interrupted = true;
        }
        if is_inside || address == leave {
            continue;
        }
        // What an interrupt came before is listed before it, too, where it was not executed.
        if mem::replace(&mut last, address) == address && is_behind_store {
            stores.pop();
        }
        let exclusion = swept.exclusion(address);
        match exclusion {
            Some(LoadsReserved) => {
                interrupted = false;
                if let (true, Some(store)) = (is_behind_store, stores.last_mut()) {
                    store.failed = true;
                }
            }
            Some(StoresConditionally) => stores.push(Store {
                address,
                interrupted,
                failed: false,
            }),
            _ => {}
        }
        is_behind_store = exclusion == Some(StoresConditionally);
    }
    stores
}

/// What must be traced: loads, stores, what comes behind a store that has succeeded, and the handler's
/// beginning and end.
fn places(swept: &Swept) -> Vec<Range<usize>> {
    let mut places = BTreeSet::from(handler(swept));
    for (at, &address) in swept.round.iter().enumerate() {
        match swept.exclusion(address) {
            Some(LoadsReserved) => {
                places.insert(address);
            }
            Some(StoresConditionally) => {
                places.insert(address);
                places.extend(swept.round.get(at + DECISION));
                // A load that is only for those that fail.
                let behind = (address..).step_by(2).skip(2).take(2 * DECISION);
                places.extend(behind.filter(|at| swept.exclusion(*at) == Some(LoadsReserved)));
            }
            _ => {}
        }
    }
    places.into_iter().map(|place| place..place + 2).collect()
}

/// Where the timer's handler begins, and where it is at its end.
fn handler(swept: &Swept) -> [usize; 2] {
    ["on_timer", "leave"].map(|name| swept.symbol(name))
}
