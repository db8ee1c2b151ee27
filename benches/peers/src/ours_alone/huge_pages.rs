//! A system that gives huge pages to whoever maps enough memory (`transparent_hugepage/enabled` set to `always`), for
//! this process alone and without a privilege.

use std::sync::atomic::{AtomicBool, Ordering};

static ALWAYS: AtomicBool = AtomicBool::new(false);

/// From now on, each mapping of memory is advised as the system would have it.
pub fn always() {
    ALWAYS.store(true, Ordering::Relaxed);
}

/// Takes the place of the C library's function of this name.
///
/// # Safety
///
/// As for that one.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    address: *mut libc::c_void,
    length: libc::size_t,
    access: libc::c_int,
    kind: libc::c_int,
    file: libc::c_int,
    offset: libc::off_t,
) -> *mut libc::c_void {
    // SAFETY: as the caller promises.
    let mapped =
        unsafe { libc::syscall(libc::SYS_mmap, address, length, access, kind, file, offset) };
    let mapped = std::ptr::with_exposed_provenance_mut(mapped as usize);
    if ALWAYS.load(Ordering::Relaxed) && kind & libc::MAP_ANONYMOUS != 0 {
        // SAFETY: it changes no content. Where there is nothing mapped, it fails.
        unsafe { libc::madvise(mapped, length, libc::MADV_HUGEPAGE) };
    }
    mapped
}
