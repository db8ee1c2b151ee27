//! The example of the README, run as its users run it.
#![allow(missing_docs)]

use std::collections::HashSet;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use jaegerling::decode::decode;

/// Cargo builds the examples before it runs all tests, into a folder beside these.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let profile = test.parent().and_then(|deps| deps.parent());
    let name = format!("checkout{}", std::env::consts::EXE_SUFFIX);
    let program = profile.expect("two folders").join("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: cargo build -p jaegerling --example checkout",
        program.display()
    );
    program
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null());
    command.output().expect("it starts")
}

#[track_caller]
fn said(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    assert_eq!(errors, "");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What it says when it fails, which it must.
#[track_caller]
fn complaint(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn the_picture_shows_the_services_the_error_and_the_retry() {
    let picture = said(run(&[]));
    let heading = "· 15 spans · 5 services · 3 errors\n";
    assert!(picture.contains(heading), "{picture}");
    for row in [
        "shop     POST /checkout",
        "cart     │   └─ SELECT items",
        "shop     ├─ ✗ POST /charge",
        "payment  │ └─ ✗ POST /charge",
        "message=timeout: global",
        "bank     │     └─ POST /transfer",
        "span.kind=client  retry=1  http.status_code=200",
        "mail         └╌ send receipt",
        "queued  bytes=1734",
    ] {
        assert!(picture.contains(row), "no {row:?} in\n{picture}");
    }
    assert!(!picture.contains('\x1b'), "styles, but not for a terminal");
}

#[test]
fn with_an_address_the_spans_go_there_and_it_says_where_to_look() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address").to_string();
    let url = said(run(&["--jaeger", &address]));
    let trace_id = url.strip_prefix("http://127.0.0.1:16686/trace/");
    let trace_id = trace_id.expect("the address of Jaeger's UI").trim_end();

    let mut services = HashSet::new();
    let mut spans = 0;
    let mut buffer = [0; 65_000];
    let patience = Some(Duration::from_millis(200));
    socket.set_read_timeout(patience).expect("a timeout");
    while let Ok(length) = socket.recv(&mut buffer) {
        let batch = decode(&buffer[..length]).expect("a datagram");
        services.insert(batch.process.service_name.to_string());
        for span in batch.spans {
            assert_eq!(format!("{:032x}", span.trace_id), trace_id);
            spans += 1;
        }
    }
    assert_eq!((services.len(), spans), (5, 15));
}

#[test]
fn arguments_that_make_no_sense_are_told() {
    assert!(said(run(&["--help"])).contains("Usage: checkout [--jaeger HOST:6831]"));
    assert!(complaint(&["nonsense"]).starts_with("checkout: unknown arguments [\"nonsense\"]\n"));
    assert_eq!(
        complaint(&["--jaeger", "localhost"]),
        "checkout: --jaeger wants HOST:PORT, not \"localhost\"\n"
    );
    let error = complaint(&["--jaeger", "localhost:ui"]);
    assert!(error.starts_with("checkout: cannot send to localhost:ui: "));
}

#[cfg(target_os = "linux")]
#[test]
fn a_jaeger_that_is_not_there_is_told() {
    // A port that was free a moment ago.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address").to_string();
    drop(socket);
    assert_eq!(
        complaint(&["--jaeger", &address]),
        format!("checkout: nobody listens at {address}\n")
    );
}
