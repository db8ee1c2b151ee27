//! The primitives of [`crate::bell`]: the standard library's, or loom's while it is model-checked.

#[cfg(all(test, loom))]
pub(crate) use loom::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering, fence},
};
#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering, fence},
};
