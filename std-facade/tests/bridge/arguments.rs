//! What is asked of it wrongly is refused, and says why.

use crate::program::{self, folder};

#[track_caller]
fn refused(arguments: &[&str], code: i32, why: &str) {
    let output = program::refused(&[&["bridge"], arguments].concat(), code);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(why), "{said}");
}

#[test]
fn a_tag_without_a_key_is_refused() {
    for tag in ["site", "=roof"] {
        refused(&["-", "--tag", tag], 2, "a key, = and a value are needed");
    }
}

#[test]
fn a_link_that_cannot_be_there_is_refused() {
    let folder = folder("bridge-arguments");
    let missing = folder.join("missing");
    refused(&[&missing.to_string_lossy()], 2, "No such file");
    refused(&[&folder.to_string_lossy()], 2, "this is a folder");
    refused(&["tcp:localhost:port"], 1, "cannot read localhost:port: ");
}

#[test]
fn a_jaeger_that_cannot_be_resolved_is_refused() {
    refused(&["-", "--to", "localhost"], 1, "cannot send to localhost: ");
}

#[test]
fn a_recording_does_not_overwrite_a_file() {
    let file = folder("bridge-recording").join("link.rec");
    std::fs::write(&file, "dear").expect("a file");
    let name = file.to_string_lossy();
    refused(&["-", "--record", &name], 1, "cannot record to ");
    assert_eq!(std::fs::read(&file).expect("it is there"), b"dear");
}

#[test]
fn a_file_is_not_recorded_again() {
    let folder = folder("bridge-again");
    let [file, record] = ["link.bin", "link.rec"].map(|name| folder.join(name));
    std::fs::write(&file, "").expect("a file");
    let [name, to] = [&file, &record].map(|path| path.to_string_lossy());
    refused(&[&name, "--record", &to], 1, "--record is for a link");
    assert!(!record.exists());
}

#[test]
fn what_is_no_terminal_is_no_serial_port() {
    refused(&["/dev/null"], 1, "cannot read /dev/null: ");
}
