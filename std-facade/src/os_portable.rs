//! What `os.rs` does, with no more than `std`: for systems that it does not know, and for tests,
//! which force it with `--cfg jaegerling_portable`.
//!
//! There is no `fork` to tell here; a datagram that is too long is known by its error's number on
//! the systems that have one.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{Ordering, fence};
use std::time::Instant;

pub(crate) fn watch_forks() {}

#[inline(always)]
pub(crate) fn forks() -> u32 {
    0
}

pub(crate) fn needs_light_fence() -> bool {
    true
}

#[inline(always)]
pub(crate) fn light_fence() {
    fence(Ordering::SeqCst);
}

pub(crate) fn heavy_fence() {
    fence(Ordering::SeqCst);
}

#[inline]
pub(crate) fn monotonic_nanos() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let begin = *BEGIN.get_or_init(Instant::now);
    Instant::now().duration_since(begin).as_nanos() as u64
}

/// Nobody here could tell.
pub(crate) fn trusts_counter() -> bool {
    false
}

pub(crate) fn random() -> u64 {
    crate::random::from_hasher()
}

/// # Safety
///
/// The layout is not empty.
pub(crate) unsafe fn map_zeroed(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: as promised by the caller.
    NonNull::new(unsafe { alloc_zeroed(layout) })
}

/// # Safety
///
/// It was given for this layout, and nobody uses it any more.
pub(crate) unsafe fn unmap(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: as promised by the caller.
    unsafe { dealloc(memory.as_ptr(), layout) };
}

pub(crate) fn hostname() -> Option<String> {
    let variable = |name| std::env::var(name).ok();
    let file = |path| std::fs::read_to_string(path).ok();
    let name = variable("COMPUTERNAME")
        .or_else(|| variable("HOSTNAME"))
        .or_else(|| file("/proc/sys/kernel/hostname"))
        .or_else(|| file("/etc/hostname"))?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

pub(crate) fn is_too_long(error: &io::Error) -> bool {
    // EMSGSIZE of Linux, of the BSDs and macOS; WSAEMSGSIZE of Windows.
    matches!(error.raw_os_error(), Some(90 | 40 | 10_040))
}
