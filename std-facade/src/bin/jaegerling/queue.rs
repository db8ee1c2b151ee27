//! What one thread receives and another one takes: while a picture is drawn, or a slow terminal takes
//! it, what comes must not be lost.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many bytes may wait: three seconds of what a Jaeger on the same machine can take.
const MAX_BYTES: usize = 16 << 20;
/// What an item costs beside its bytes.
const OVERHEAD: usize = 128;

/// A queue that is bounded by the bytes in it.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: VecDeque<(T, usize)>,
    bytes: usize,
    /// No more will come, and why, if that is not because it was to end.
    closed: Option<Result<(), String>>,
}

/// What the queue has.
pub(crate) enum Next<T> {
    Item(T),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    End(Result<(), String>),
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            closed: None,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

impl<T> Queue<T> {
    /// Waits while the queue is full; then adds something of so many bytes.
    pub(crate) fn push(&self, item: T, bytes: usize) {
        let is_full = |state: &mut State<T>| state.bytes >= MAX_BYTES;
        let waited = self.changed.wait_while(self.lock(), is_full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        self.add(&mut state, item, bytes);
    }

    /// Adds something of so many bytes, if the queue is not full.
    pub(crate) fn offer(&self, item: T, bytes: usize) -> bool {
        let mut state = self.lock();
        if state.bytes >= MAX_BYTES {
            return false;
        }
        self.add(&mut state, item, bytes);
        true
    }

    /// No more will come.
    pub(crate) fn close(&self, why: Result<(), String>) {
        self.lock().closed = Some(why);
        self.changed.notify_all();
    }

    /// The next one, waited for no longer than the given time.
    pub(crate) fn next(&self, patience: Duration) -> Next<T> {
        let is_idle = |state: &mut State<T>| state.waiting.is_empty() && state.closed.is_none();
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), patience, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some((item, bytes)) = state.waiting.pop_front() {
            let was_full = state.bytes >= MAX_BYTES;
            state.bytes -= bytes;
            if was_full && state.bytes < MAX_BYTES {
                self.changed.notify_all();
            }
            return Next::Item(item);
        }
        match &state.closed {
            Some(why) => Next::End(why.clone()),
            None => Next::Nothing,
        }
    }

    fn add(&self, state: &mut State<T>, item: T, bytes: usize) {
        let bytes = bytes + OVERHEAD;
        state.bytes += bytes;
        state.waiting.push_back((item, bytes));
        // Who takes them sleeps only if there is none.
        if state.waiting.len() == 1 {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
