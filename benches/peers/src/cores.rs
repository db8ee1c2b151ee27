//! Which core a thread runs on. Left alone, threads that one thread has woken often begin on the same core.

use std::mem;

/// Keeps this thread on one of the cores that it may use: the `at`th, around and around.
pub fn stay_on(at: usize) {
    let cores = allowed();
    // SAFETY: all-zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: it came out of a set of this size.
    unsafe { libc::CPU_SET(cores[at % cores.len()], &mut set) };
    // SAFETY: a live set, and its size.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(result, 0, "sched_setaffinity");
}

fn allowed() -> Vec<usize> {
    // SAFETY: all-zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: a live, writable set, and its size.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    assert_eq!(result, 0, "sched_getaffinity");
    let all = 0..libc::CPU_SETSIZE as usize;
    // SAFETY: within the set.
    all.filter(|core| unsafe { libc::CPU_ISSET(*core, &set) })
        .collect()
}
