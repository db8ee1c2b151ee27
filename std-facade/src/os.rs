//! All that differs by operating system. Its portable twin is `os_portable.rs`.

use std::alloc::Layout;
use std::io;
use std::ptr::NonNull;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, compiler_fence, fence};

use crate::{global, local};

static FORKS: AtomicU32 = AtomicU32::new(0);
static WATCH: Once = Once::new();

/// From now on, [`forks`] tells a child from its parent.
pub(crate) fn watch_forks() {
    extern "C" fn before() {
        global::hold();
    }
    extern "C" fn in_parent() {
        global::let_go();
    }
    extern "C" fn in_child() {
        global::let_go();
        FORKS.fetch_add(1, Ordering::Relaxed);
        // The thread that forked is the only one here.
        local::forget_parent();
        // It is for each process to ask. The child has no other thread yet that could rely on it.
        ASYMMETRIC.store(ask_for_barriers(), Ordering::Relaxed);
    }
    WATCH.call_once(|| {
        ASYMMETRIC.store(ask_for_barriers(), Ordering::Relaxed);
        // SAFETY: in a child, the handler does nothing that is not safe after a fork: it unlocks what
        // this thread has locked, adds to an atomic, and writes to memory of its thread.
        // If it cannot be registered, for lack of memory, a child counts as its parent.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}

/// Whether [`heavy_fence`] can make all threads of the process pass a fence, so that
/// [`light_fence`] need not be one.
static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

#[cfg(target_os = "linux")]
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: it takes numbers only, and changes no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(target_os = "linux")]
fn ask_for_barriers() -> bool {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

#[cfg(not(target_os = "linux"))]
fn ask_for_barriers() -> bool {
    false
}

/// Whether [`light_fence`] is a fence: else nobody need pass it.
pub(crate) fn needs_light_fence() -> bool {
    !ASYMMETRIC.load(Ordering::Relaxed)
}

/// A sequentially consistent fence against [`heavy_fence`] only, for the side that passes often.
#[inline(always)]
pub(crate) fn light_fence() {
    if ASYMMETRIC.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// A sequentially consistent fence, against [`light_fence`] too.
pub(crate) fn heavy_fence() {
    fence(Ordering::SeqCst);
    #[cfg(target_os = "linux")]
    if ASYMMETRIC.load(Ordering::Relaxed) {
        // Asked for before it is relied on, and then it does not fail, unless a filter of system
        // calls was put up since: then the other side must do without it from now on.
        if !membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
            ASYMMETRIC.store(false, Ordering::SeqCst);
        }
    }
}

/// How many forks lie between the process that first asked and this one.
#[inline(always)]
pub(crate) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// The clock that never steps. Apple's one of that name counts in microseconds only.
#[cfg(target_vendor = "apple")]
const MONOTONIC: libc::clockid_t = libc::CLOCK_UPTIME_RAW;
#[cfg(not(target_vendor = "apple"))]
const MONOTONIC: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// Nanoseconds of the monotonic clock.
#[inline]
pub(crate) fn monotonic_nanos() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a place for the time. It cannot fail: every system that has `fork` has this clock.
    unsafe { libc::clock_gettime(MONOTONIC, &raw mut now) };
    (now.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(now.tv_nsec as u64)
}

/// Whether nothing that the system knows speaks against the processor's counter of time.
#[cfg(target_os = "linux")]
pub(crate) fn trusts_counter() -> bool {
    // It compares the counters of all cores while it runs, and goes over to another clock for good if
    // they differ. Hyper-V's clock is the same counter, with a rate that the guest is told. So is KVM's,
    // but Linux takes that only where it does not trust the counter (or is old).
    const CURRENT: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    const COUNTERS: [&str; 3] = ["tsc", "hyperv_clocksource_tsc_page", "arch_sys_counter"];
    if !may_read_counter() {
        return false;
    }
    // Where there is no such file, it has not said anything.
    std::fs::read_to_string(CURRENT).map_or(true, |clock| COUNTERS.contains(&clock.trim()))
}

/// See above.
#[cfg(not(target_os = "linux"))]
pub(crate) fn trusts_counter() -> bool {
    true
}

/// Whether the process was not forbidden to read the counter itself, which would end it.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn may_read_counter() -> bool {
    let mut allowed: libc::c_int = 0;
    // SAFETY: a place for one number.
    let failed = unsafe { libc::prctl(libc::PR_GET_TSC, &raw mut allowed) };
    failed == 0 && allowed == libc::PR_TSC_ENABLE
}

#[cfg(all(target_os = "linux", not(target_arch = "x86_64")))]
fn may_read_counter() -> bool {
    true
}

/// 64 random bits.
pub(crate) fn random() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let mut bits = [0_u8; 8];
        // SAFETY: a buffer of eight bytes. Without flags it does not fail for so few.
        let got = unsafe { libc::getrandom(bits.as_mut_ptr().cast(), bits.len(), 0) };
        if got == 8 {
            return u64::from_ne_bytes(bits);
        }
    }
    crate::random::from_hasher()
}

/// Zeroed memory in pages of its own, which take room once they are touched. An allocator would
/// give such pages the first time, but later clear by hand what it got back: of a lane, that is 8 MiB.
///
/// # Safety
///
/// The layout is not empty, and asks for no more than a page's alignment.
pub(crate) unsafe fn map_zeroed(layout: Layout) -> Option<NonNull<u8>> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANON;
    // SAFETY: new pages, wherever the system has room for them.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), layout.size(), access, kind, -1, 0) };
    if memory == libc::MAP_FAILED {
        return None;
    }
    // A huge page would make a thread that traces little hold 2 MiB. If the system has none, all is well.
    #[cfg(target_os = "linux")]
    // SAFETY: the pages that it just gave.
    unsafe {
        libc::madvise(memory, layout.size(), libc::MADV_NOHUGEPAGE)
    };
    NonNull::new(memory.cast())
}

/// Gives back what [`map_zeroed`] gave.
///
/// # Safety
///
/// It was given for this layout, and nobody uses it any more.
pub(crate) unsafe fn unmap(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: as promised by the caller.
    unsafe { libc::munmap(memory.as_ptr().cast(), layout.size()) };
}

/// The name of this machine.
pub(crate) fn hostname() -> Option<String> {
    let mut name = [0_u8; 256];
    // SAFETY: a buffer and its length, less the last byte, which stays 0.
    let failed = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let name = name.split(|byte| *byte == 0).next().unwrap_or(&[]);
    match std::str::from_utf8(name) {
        Ok(name) if failed == 0 && !name.is_empty() => Some(name.to_owned()),
        _ => None,
    }
}

/// Whether a datagram was longer than the system sends.
pub(crate) fn is_too_long(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EMSGSIZE)
}
