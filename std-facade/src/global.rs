//! What a process has one of: the tracers that it can find by their number, the bells that are
//! free, the closed tracers whose last spans are still open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::TracesIn;
use crate::bell::Bell;
use crate::fork::PerProcess;
use crate::hub::Hub;

static GLOBAL: PerProcess<Global> = PerProcess::new();
static NUMBERS: AtomicU64 = AtomicU64::new(1);
/// How many closed tracers wait for open spans. Outside of any lock, because each span that ends
/// without a drainer looks here.
static ORPHANS: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Global {
    inputs: Mutex<HashMap<u64, Weak<TracesIn>>>,
    bells: Mutex<Vec<&'static Bell>>,
    orphans: Mutex<Vec<Arc<Hub>>>,
}

fn global() -> &'static Global {
    GLOBAL.get_or_make(Global::default)
}

/// Nothing panics while these locks are held, so that poison is of no meaning.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that no other tracer of the process has or had.
pub(crate) fn next_number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// Lets the children of refused spans find their tracer.
pub(crate) fn publish(number: u64, input: Weak<TracesIn>) {
    lock(&global().inputs).insert(number, input);
}

pub(crate) fn unpublish(number: u64) {
    lock(&global().inputs).remove(&number);
}

/// The tracer of this number, while somebody holds it.
pub(crate) fn input(number: u64) -> Option<Arc<TracesIn>> {
    // Upgraded inside, dropped outside of the lock: dropping the last one comes back here.
    let input = lock(&global().inputs).get(&number).map(Weak::upgrade);
    input.flatten()
}

/// A bell that nobody listens to. It lives as long as the process.
pub(crate) fn take_bell() -> &'static Bell {
    let free = lock(&global().bells).pop();
    free.unwrap_or_else(|| Box::leak(Box::new(Bell::new())))
}

/// A bell whose tracer is gone.
pub(crate) fn return_bell(bell: &'static Bell) {
    lock(&global().bells).push(bell);
}

/// Keeps a closed tracer, in whose lanes spans are open, until they have ended.
pub(crate) fn adopt(hub: Arc<Hub>) {
    lock(&global().orphans).push(hub);
    ORPHANS.fetch_add(1, Ordering::Relaxed);
    // As in `Bell`: either the span that ends sees the number, or this sees that it has ended.
    fence(Ordering::SeqCst);
    free_orphans();
}

/// Frees the closed tracers whose last open span has ended.
#[inline]
pub(crate) fn free_orphans() {
    if ORPHANS.load(Ordering::Relaxed) > 0 {
        free_ended_orphans();
    }
}

#[cold]
fn free_ended_orphans() {
    let ended: Vec<_> = {
        let mut orphans = lock(&global().orphans);
        let all = std::mem::take(&mut *orphans);
        let (open, ended) = all.into_iter().partition(|hub| hub.has_open_spans());
        *orphans = open;
        ended
    };
    for hub in ended {
        ORPHANS.fetch_sub(1, Ordering::Relaxed);
        hub.free_lanes();
    }
}
