//! The program knows the compiler that it was built by.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var_os("RUSTC").expect("cargo says which");
    let output = Command::new(rustc).arg("--version").output();
    let version = String::from_utf8(output.expect("rustc runs").stdout).expect("text");
    let target = env::var("TARGET").expect("cargo says which");
    println!("cargo:rustc-env=COMPILER={} {target}", version.trim());
    println!("cargo:rerun-if-changed=build.rs");
}
