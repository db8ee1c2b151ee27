//! Things that each process has one of: after a `fork`, the child makes its own on first use, and
//! never touches its parent's, whose locks may be held for ever.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::os;

/// One value for each process.
pub(crate) struct PerProcess<T> {
    current: AtomicPtr<Made<T>>,
}

struct Made<T> {
    forks: u32,
    value: T,
}

// SAFETY: it owns a `T` and gives out `&T`.
unsafe impl<T: Send + Sync> Sync for PerProcess<T> {}
// SAFETY: it owns a `T`.
unsafe impl<T: Send + Sync> Send for PerProcess<T> {}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self {
            current: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// This process's value, if it has been made.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.alive(self.current.load(Ordering::Acquire))
    }

    #[inline]
    fn alive(&self, made: *mut Made<T>) -> Option<&T> {
        // SAFETY: what was once stored stays where it is until `self` is dropped.
        let made = unsafe { made.as_ref() }?;
        (made.forks == os::forks()).then_some(&made.value)
    }

    /// This process's value, made now if need be. If several threads make one, one of them counts,
    /// so that `make` should do nothing that is seen from outside.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        self.get_or_make_after(|_| make())
    }

    /// The same; `make` is shown what the parent process had, whose locks may be held for ever.
    pub(crate) fn get_or_make_after(&self, make: impl FnOnce(Option<&T>) -> T) -> &T {
        let mut current = self.current.load(Ordering::Acquire);
        if let Some(value) = self.alive(current) {
            return value;
        }
        // SAFETY: what was once stored stays where it is until `self` is dropped.
        let before = unsafe { current.as_ref() };
        let made = Box::into_raw(Box::new(Made {
            forks: os::forks(),
            value: make(before.map(|made| &made.value)),
        }));
        loop {
            // What is replaced is the parent's: it is never freed, because handles point there.
            match self
                .current
                .compare_exchange(current, made, Ordering::AcqRel, Ordering::Acquire)
            {
                // SAFETY: just stored, and from then on never moved.
                Ok(_) => return unsafe { &(*made).value },
                Err(now) => current = now,
            }
            if let Some(value) = self.alive(current) {
                // SAFETY: it was not stored, so that nobody else knows it.
                drop(unsafe { Box::from_raw(made) });
                return value;
            }
        }
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let made = *self.current.get_mut();
        if self.alive(made).is_some() {
            // SAFETY: stored by `get_or_make`, and nobody borrows `self` any more.
            drop(unsafe { Box::from_raw(made) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_however_many_threads_ask() {
        let value = PerProcess::<Box<u64>>::new();
        let seen: Vec<usize> = std::thread::scope(|scope| {
            let ask = || ptr::from_ref(value.get_or_make(Box::default)).addr();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads
                .into_iter()
                .map(|t| t.join().expect("no panic"))
                .collect()
        });
        assert!(seen.iter().all(|place| *place == seen[0]));
        assert!(value.get().is_some());
    }
}
