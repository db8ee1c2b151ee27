//! Who builds for a bare target: Debian's Rust, because its sources allow to build `core`, and the
//! linker of the toolchain that builds the tests themselves.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const RUSTC: &str = "/usr/bin/rustc";

pub(crate) struct Toolchain {
    linker: PathBuf,
}

impl Toolchain {
    pub(crate) fn find() -> Result<Self, String> {
        let sysroot = said(Command::new(RUSTC).args(["--print", "sysroot"]))
            .ok_or("Debian's Rust is missing: apt install rustc-web rust-web-src")?;
        let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library/core/Cargo.toml");
        if !sources.exists() {
            return Err(
                "the sources of Debian's Rust are missing: apt install rust-web-src".into(),
            );
        }
        let linker =
            linker().ok_or("rust-lld is missing: it comes with any toolchain of rustup")?;
        Ok(Self { linker })
    }

    /// Cargo, about to build what is in a folder.
    pub(crate) fn build(&self, folder: &Path, target: &str, into: &Path) -> Command {
        let linker = target.to_uppercase().replace('-', "_");
        let mut cargo = cargo();
        cargo
            .args(["build", "--quiet", "--release", "--locked"])
            .args(["-Zbuild-std=core", "--target", target])
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", into)
            .env("RUSTC", RUSTC)
            .env(format!("CARGO_TARGET_{linker}_LINKER"), &self.linker);
        cargo
    }
}

/// Cargo, as it runs these tests, with what is unstable; but with nothing that is set for the tests,
/// sanitizers among it.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.env("RUSTC_BOOTSTRAP", "1");
    for variable in [
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "LD_LIBRARY_PATH",
    ] {
        cargo.env_remove(variable);
    }
    cargo
}

/// The program `jaegerling`, built with this profile: `debug`, `release`.
#[allow(dead_code)] // Of those that share this file, two need it.
pub(crate) fn jaegerling(profile: &str) -> PathBuf {
    let into = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bridge");
    let mut build = cargo();
    build
        .args(["build", "--quiet", "--locked"])
        .args(["-p", "jaegerling", "--features", "cli"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", &into);
    if profile == "release" {
        build.arg("--release");
    }
    let built = build.output().expect("cargo runs");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    into.join(profile).join("jaegerling")
}

/// What was found. `None`: it is not there, and the test must return; that is said on standard error.
/// Where `CI=true` this panics instead.
pub(crate) fn or_skipped<'f, T>(what: &str, found: &'f Result<T, String>) -> Option<&'f T> {
    match found {
        Ok(found) => Some(found),
        Err(why) => {
            let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!in_ci, "{what} cannot be tested: {why}");
            let test = std::thread::current();
            let test = test.name().unwrap_or("a test").to_owned();
            // Past the capture of test output, so that it is seen when the test passes, too.
            let _ = writeln!(io::stderr(), "\n*** {what}: SKIPPED {test}: {why}");
            None
        }
    }
}

fn linker() -> Option<PathBuf> {
    let sysroot = said(Command::new("rustc").args(["--print", "sysroot"]))?;
    let version = said(Command::new("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))?;
    let linker = Path::new(&sysroot).join(format!("lib/rustlib/{host}/bin/rust-lld"));
    linker.exists().then_some(linker)
}

/// What a command prints, if it is there and succeeds.
pub(crate) fn said(command: &mut Command) -> Option<String> {
    let Output { status, stdout, .. } = command.env_remove("LD_LIBRARY_PATH").output().ok()?;
    let said = String::from_utf8(stdout).ok()?;
    status.success().then(|| said.trim_end().to_owned())
}
