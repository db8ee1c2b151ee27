//! No panic is left in the linked image: `tests/firmware/no_panic` touches every public function of
//! core, and its panic handler cannot be linked.
//!
//! What is public, rustdoc says. Left out is the module `collect`: it is for hosts, with `alloc` and
//! `hashbrown`, and both of them panic, of memory that is used up for example.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "no_panic/rustdoc.rs"]
mod rustdoc;
#[path = "firmware/toolchain.rs"]
mod toolchain;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use toolchain::{Toolchain, or_skipped};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/firmware/no_panic");
const TARGET: &str = "thumbv7m-none-eabi";

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
    let Some(built) = build("") else { return };
    let log = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "to see from where, build it with `--features handled`, and look who calls what is named \
         panic in its disassembly:\n{log}"
    );
}

#[test]
fn with_a_panic_it_does_not_link() {
    let Some(built) = build("panic") else { return };
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

fn build(features: &str) -> Option<Output> {
    static TOOLCHAIN: OnceLock<Result<Toolchain, String>> = OnceLock::new();
    let toolchain = or_skipped("no panic", TOOLCHAIN.get_or_init(Toolchain::find))?;
    let built = toolchain
        .build(Path::new(FOLDER), TARGET, &target_dir())
        .args(["--features", features])
        .output();
    Some(built.unwrap())
}

fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_panic")
}
