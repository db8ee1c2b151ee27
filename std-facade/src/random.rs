//! Random numbers: from a generator that each thread has, seeded by the operating system.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Instant;

use crate::local;

/// A random number that is not zero.
#[inline(always)]
pub(crate) fn next() -> u64 {
    local::get().random().max(1)
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
