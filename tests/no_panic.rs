//! No panic is left in the linked image: `tests/firmware/no_panic` touches every public function of
//! core, and its panic handler cannot be linked.
//!
//! What is public, rustdoc says. Left out is the module `collect`: it is for hosts, with `alloc` and
//! `hashbrown`, and both of them panic, of memory that is used up for example.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "no_panic/rustdoc.rs"]
mod rustdoc;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/firmware/no_panic");
const TARGET: &str = "thumbv7m-none-eabi";
/// Debian's compiler, which has the sources of `core` beside it (`rustc-web`, `rust-web-src`).
const RUSTC: &str = "/usr/bin/rustc";

#[test]
fn every_public_function_is_touched() {
    let public = rustdoc::public_functions();
    assert!(
        public.len() > 300,
        "rustdoc says {} functions",
        public.len()
    );
    let named = named_functions();
    let missing: Vec<_> = public.difference(&named).collect();
    assert!(missing.is_empty(), "not touched in {FOLDER}: {missing:#?}");
    let unknown: Vec<_> = named.difference(&public).collect();
    assert!(unknown.is_empty(), "not public, or no more: {unknown:#?}");
}

#[test]
fn no_panic_can_be_reached() {
    let Some(tools) = tools() else { return };
    let built = tools.build("");
    let log = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "to see from where, build it with `--features handled`, and look who calls what is named \
         panic in its disassembly:\n{log}"
    );
}

#[test]
fn with_a_panic_it_does_not_link() {
    let Some(tools) = tools() else { return };
    let built = tools.build("panic");
    let log = String::from_utf8_lossy(&built.stderr);
    assert!(!built.status.success(), "it links with a panic: {log}");
    assert!(
        log.contains("undefined symbol: a_panic_can_be_reached"),
        "{log}"
    );
}

/// Those that the program says it touches, and those that it says it cannot.
fn named_functions() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for entry in fs::read_dir(Path::new(FOLDER).join("src")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines() {
            let Some((function, rest)) = line.trim().split_once(" => ") else {
                continue;
            };
            let touched = rest.starts_with('(') && rest.ends_with(");");
            let is_excused = rest.starts_with('"') && rest.ends_with("\";");
            if touched || is_excused && function.ends_with("::fmt") {
                // What the language asks for where it is named, and the list does not have.
                let function = function.replace("'static ", "").replace("<T>", "");
                named.insert(function);
            }
        }
    }
    named
}

/// What builds for a bare target. `None`: it is not there and the test must return; that was said
/// on standard error. Where `CI=true` this panics instead.
struct Tools {
    linker: PathBuf,
}

fn tools() -> Option<Tools> {
    match find_tools() {
        Ok(tools) => Some(tools),
        Err(why) => {
            let in_ci = env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!in_ci, "nothing to build for {TARGET} with: {why}");
            let test = std::thread::current();
            let name = test.name().unwrap_or("a test");
            // Past what the test harness keeps to itself.
            let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {why}");
            None
        }
    }
}

fn find_tools() -> Result<Tools, String> {
    let sources = sysroot(RUSTC)?.join("lib/rustlib/src/rust/library/core/src/lib.rs");
    if !sources.exists() {
        return Err("the sources of core are needed: apt-get install rust-web-src".to_owned());
    }
    let own = sysroot("rustc")?;
    let host = rustdoc::host()?;
    let linker = own.join(format!("lib/rustlib/{host}/bin/rust-lld"));
    match linker.exists() {
        true => Ok(Tools { linker }),
        false => Err(format!("{} is not there", linker.display())),
    }
}

fn sysroot(rustc: &str) -> Result<PathBuf, String> {
    let asked = Command::new(rustc).args(["--print", "sysroot"]).output();
    let missing = |why: &dyn std::fmt::Display| {
        format!("{rustc} is needed ({why}): apt-get install rustc-web rust-web-src")
    };
    let asked = asked.map_err(|error| missing(&error))?;
    let path = String::from_utf8(asked.stdout).map_err(|error| missing(&error))?;
    Ok(PathBuf::from(path.trim()))
}

impl Tools {
    fn build(&self, features: &str) -> Output {
        let linker = format!(
            "CARGO_TARGET_{}_LINKER",
            TARGET.replace('-', "_").to_uppercase()
        );
        rustdoc::cargo()
            .current_dir(FOLDER)
            .args([
                "build",
                "--release",
                "--locked",
                "--target",
                TARGET,
                "-Zbuild-std=core",
            ])
            .args(["--features", features])
            .env("RUSTC", RUSTC)
            .env(linker, &self.linker)
            .env("CARGO_TARGET_DIR", target_dir())
            .output()
            .unwrap()
    }
}

fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_panic")
}
