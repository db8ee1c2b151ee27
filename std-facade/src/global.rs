//! What a process has one of: the tracers that it can find by their number, the bells that are
//! free, the closed tracers whose last spans are still open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use crate::TracesIn;
use crate::bell::Bell;
use crate::fork::PerProcess;
use crate::hub::Hub;

static GLOBAL: PerProcess<Global> = PerProcess::new();
static NUMBERS: AtomicU64 = AtomicU64::new(1);

type Inputs = HashMap<u64, Weak<TracesIn>>;

#[derive(Default)]
struct Global {
    inputs: Mutex<Inputs>,
    bells: Mutex<Vec<&'static Bell>>,
    orphans: Mutex<Vec<Arc<Hub>>>,
}

impl Global {
    /// A child knows the tracers that its parent had. Should a destructor of its thread have forked, and
    /// another thread been looking at them: those that it uses.
    fn after(parent: Option<&Self>) -> Self {
        let known = parent.map(|parent| match parent.inputs.try_lock() {
            Ok(inputs) => inputs.clone(),
            Err(TryLockError::Poisoned(inputs)) => inputs.into_inner().clone(),
            Err(TryLockError::WouldBlock) => HashMap::new(),
        });
        Self {
            inputs: Mutex::new(known.unwrap_or_default()),
            ..Self::default()
        }
    }
}

#[cfg(all(unix, not(jaegerling_portable)))]
thread_local! {
    /// Held while this thread forks.
    static HELD: std::cell::Cell<Option<MutexGuard<'static, Inputs>>> =
        const { std::cell::Cell::new(None) };
}

/// To be called before a fork: no other thread is at what the child looks at.
#[cfg(all(unix, not(jaegerling_portable)))]
pub(crate) fn hold() {
    let _ = HELD.try_with(|held| held.set(GLOBAL.get().map(|global| lock(&global.inputs))));
}

/// And after it, in both processes.
#[cfg(all(unix, not(jaegerling_portable)))]
pub(crate) fn let_go() {
    let _ = HELD.try_with(std::cell::Cell::take);
}

fn global() -> &'static Global {
    GLOBAL.get_or_make_after(Global::after)
}

/// Poison is of no meaning: nothing that is under these locks is left half done by a panic, which
/// only a clock or an id source of the user's can bring.
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
    bell.reset();
    lock(&global().bells).push(bell);
}

/// Keeps a closed tracer, in whose lanes spans are open, until they have ended.
pub(crate) fn adopt(hub: Arc<Hub>) {
    let bell = hub.bell;
    lock(&global().orphans).push(hub);
    // Either the span that ends sees this, or the look below sees that it has ended.
    bell.orphan();
    free_orphans();
}

/// Frees the closed tracers whose last open span has ended.
#[cold]
pub(crate) fn free_orphans() {
    let ended: Vec<_> = {
        let mut orphans = lock(&global().orphans);
        let all = std::mem::take(&mut *orphans);
        let (open, ended) = all.into_iter().partition(|hub| hub.has_open_spans());
        *orphans = open;
        ended
    };
    ended.iter().for_each(|hub| hub.free_lanes());
}
