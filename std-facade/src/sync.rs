//! The primitives of [`crate::bell`]: the standard library's and the system's, or loom's while it
//! is model-checked.

#[cfg(not(all(test, loom)))]
pub(crate) use crate::os::{heavy_fence, light_fence, needs_light_fence};
#[cfg(all(test, loom))]
pub(crate) use loom::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};
#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

/// What the two fences are to each other; loom knows no other.
#[cfg(all(test, loom))]
pub(crate) fn light_fence() {
    loom::sync::atomic::fence(Ordering::SeqCst);
}

#[cfg(all(test, loom))]
pub(crate) use light_fence as heavy_fence;

#[cfg(all(test, loom))]
pub(crate) fn needs_light_fence() -> bool {
    true
}
