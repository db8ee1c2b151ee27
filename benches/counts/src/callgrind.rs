//! This program once more, as a child of callgrind, which counts what [`measured`] executes.

use std::process::Command;

/// The C library picks its `memcpy` by what the processor has. So it is the same one on all.
const PLAIN_PROCESSOR: &str = "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-SSSE3";

/// Only what is in here is counted.
#[inline(never)]
pub fn measured<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Instructions that are [`measured`] in the case `name`.
pub fn count(name: &str) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*callgrind*measured*"])
        .arg("--callgrind-out-file=/dev/null")
        .arg(program)
        .args(["run", name])
        .env("GLIBC_TUNABLES", PLAIN_PROCESSOR)
        .output()
        .map_err(|error| format!("valgrind (Debian: `apt-get install valgrind`): {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = number_in(&report, "Collected :").filter(|count| *count > 0);
    match collected {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(format!("{name}: no count, but\n{report}")),
    }
}

fn number_in(report: &str, label: &str) -> Option<u64> {
    let (_, rest) = report.split_once(label)?;
    rest.lines().next()?.trim().parse().ok()
}
