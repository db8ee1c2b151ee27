//! Ids at random: a generator for each thread, seeded by the operating system.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Instant;

use crate::os;

thread_local! {
    /// The generator's state, and one more than the number of forks at which it was seeded. It
    /// needs no destructor, so that it is there as long as its thread is.
    static STATE: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
}

/// Random numbers, none of which is zero.
#[inline]
pub(crate) fn numbers<const N: usize>() -> [u64; N] {
    STATE.with(|cell| {
        let (mut state, mut seeded) = cell.get();
        let now = os::forks().wrapping_add(1);
        if seeded != now {
            // Perhaps before the first tracer is made.
            os::watch_forks();
            (state, seeded) = (os::random(), now);
        }
        // wyrand: <https://github.com/wangyi-fudan/wyhash>.
        let numbers = std::array::from_fn(|_| {
            state = state.wrapping_add(0xa076_1d64_78bd_642f);
            let product = u128::from(state) * u128::from(state ^ 0xe703_7ed1_a0b4_28db);
            ((product >> 64) as u64 ^ product as u64).max(1)
        });
        cell.set((state, seeded));
        numbers
    })
}

/// A random number that is not zero.
pub(crate) fn next() -> u64 {
    let [number] = numbers();
    number
}

/// Random bits where the system has no better source that needs no further crate: the seed that
/// the standard library takes for its hash maps, the thread, the process, the time.
pub(crate) fn from_hasher() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let place = &raw const hasher;
    hasher.write_usize(place.addr());
    let now = Instant::now();
    hasher.write(format!("{now:?} {:?}", std::thread::current().id()).as_bytes());
    hasher.finish()
}
