//! `jaegerling listen`, the program itself, with datagrams written by hand.
#![cfg(all(unix, feature = "cli"))]
#![allow(missing_docs)]

mod datagram;
mod program;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use datagram::{Batch, SpanOf};
use program::{Ended, PATIENCE, Program, folder};
use serde_json::Value;

struct Listen {
    program: Program,
    address: SocketAddr,
    socket: UdpSocket,
}

impl Listen {
    fn start(arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", arguments)
    }

    fn start_at(bind: &str, arguments: &[&str]) -> Self {
        Self::spawn(bind, arguments, &mut program::command())
    }

    fn spawn(bind: &str, arguments: &[&str], command: &mut Command) -> Self {
        let program = Program::spawn(command.args(["listen", "--bind", bind]).args(arguments));
        let first = program.line();
        let address = first.strip_prefix("listening on ").expect("the address");
        let address: SocketAddr = address.parse().expect("an address");
        let socket = UdpSocket::bind((address.ip(), 0)).expect("a socket");
        Self {
            program,
            address,
            socket,
        }
    }

    fn send(&self, datagram: &[u8]) {
        let sent = self.socket.send_to(datagram, self.address);
        assert_eq!(sent.expect("loopback takes it"), datagram.len());
    }

    fn wait_for(&self, text: &str) -> String {
        self.program.wait_for(text)
    }

    fn end(self, signal: &str) -> Ended {
        self.program.end(signal)
    }
}

/// A program that should not even start to listen.
fn refused(arguments: &[&str]) -> Output {
    program::refused(&[&["listen"], arguments].concat(), 1)
}

fn hello() -> Batch<'static> {
    let root = SpanOf::new(0xabc, 1, 0, "GET /hello", 0, 2_000);
    let child = SpanOf::new(0xabc, 2, 1, "SELECT", 500, 1_000).tag("db", "users");
    Batch::new("web").spans([root, child])
}

#[test]
fn a_trace_is_drawn_when_it_is_idle_and_written_at_the_end() {
    let folder = folder("written");
    let file = folder.join("traces.json");
    let listen = Listen::start(&["--idle", "50ms", "--out", &file.to_string_lossy()]);
    listen.send(&hello().bytes());
    let picture = listen.wait_for("SELECT") + &listen.wait_for("db=users");
    assert!(
        picture.starts_with("trace 0000000000000abc · "),
        "{picture}"
    );
    assert!(picture.contains("\nweb  GET /hello  █"), "{picture}");
    assert!(picture.contains("\nweb  └─ SELECT   "), "{picture}");
    assert!(!picture.contains('\x1b'), "no colour for a pipe");

    let ended = listen.end("TERM");
    assert!(ended.status.success(), "{:?}", ended.status);
    let summary = "1 packet, 2 spans, 0 packets lost, 0 bad datagrams\n";
    assert!(ended.stderr.starts_with(summary), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("1 trace written to "),
        "{}",
        ended.stderr
    );
    assert!(
        !ended.stdout.contains("trace"),
        "drawn once: {}",
        ended.stdout
    );
    let json = fs::read(&file).expect("the file");
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["data"][0]["traceID"], "0000000000000abc");
    assert_eq!(json["data"][0]["spans"][1]["operationName"], "SELECT");
    assert_eq!(
        fs::read_dir(&folder).expect("the folder").count(),
        1,
        "nothing else is left"
    );
}

#[test]
fn what_was_not_drawn_yet_is_drawn_at_the_end() {
    for signal in ["TERM", "INT"] {
        let listen = Listen::start(&["--idle", "1h"]);
        listen.send(&hello().bytes());
        let ended = listen.end(signal);
        assert!(ended.status.success(), "{:?}", ended.status);
        assert!(ended.stdout.contains("SELECT"), "{}", ended.stdout);
        assert!(
            ended.stderr.starts_with("1 packet, 2 spans, "),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_late_span_draws_its_trace_again_and_a_duplicate_does_not() {
    let listen = Listen::start(&["--idle", "20ms"]);
    listen.send(&hello().bytes());
    listen.wait_for("db=users");
    listen.send(&hello().bytes());
    let late = SpanOf::new(0xabc, 3, 1, "late one", 1_600, 300);
    listen.send(&Batch::new("web").spans([late]).bytes());
    let again = listen.wait_for("late one");
    assert!(again.contains("1 late span · drawn again"), "{again}");
    assert!(again.contains("└─ + late one"), "{again}");
    let ended = listen.end("TERM");
    assert!(
        ended.stderr.contains("\n  2 spans came more than once\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn losses_are_told_by_client_else_by_source_and_service() {
    let listen = Listen::start(&[]);
    for number in [1, 2, 5, 4] {
        listen.send(&hello().number(number).bytes());
        listen.send(&hello().uuid("0123\x1b[31m").number(number * 10).bytes());
    }
    let source = listen.socket.local_addr().expect("an address");
    let ended = listen.end("TERM");
    let check = |line: &str| assert!(ended.stderr.contains(line), "{line}: {}", ended.stderr);
    check("8 packets, 2 spans, 38 packets lost, 0 bad datagrams\n");
    check("  lost: 37 of 41 of client-uuid 0123\\u{1b}[31m\n");
    check(&format!("  lost: 1 of 5 of web at {source}\n"));
}

#[test]
fn what_a_client_says_that_it_dropped_is_told() {
    let listen = Listen::start(&[]);
    for (number, dropped) in [(1, 3), (2, 12)] {
        let batch = hello().uuid("u").number(number).dropped(dropped);
        listen.send(&batch.bytes());
    }
    let ended = listen.end("TERM");
    let line = "  dropped before sending: 12 spans, says client-uuid u\n";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    assert!(!ended.stderr.contains("  lost:"), "{}", ended.stderr);
}

#[test]
fn bad_datagrams_are_counted_and_the_first_of_each_kind_is_explained() {
    let listen = Listen::start(&[]);
    listen.send(b"\x80\x01\x00\x04\x00\x00\x00\x09emitBatch");
    listen.send(b"\x80\x01\x00\x04\x00\x00\x00\x09emitBatch");
    listen.send(b"GET / HTTP/1.1\r\n\r\n");
    listen.send(b"");
    let good = hello().bytes();
    for end in [1, 20, good.len() - 1] {
        listen.send(&good[..end]);
    }
    listen.send(b"\x82\x81\x01\x0femitZipkinBatch\x00");
    listen.send(&vec![0xff; 65_507]);
    listen.send(&vec![0; 65_507]);
    listen.send(&good);
    let ended = listen.end("TERM");
    assert!(ended.status.success(), "{:?}", ended.status);
    assert!(ended.stdout.contains("SELECT"), "{}", ended.stdout);
    let check = |line: &str| assert!(ended.stderr.contains(line), "{line}: {}", ended.stderr);
    check("binary protocol (for port 6832), not the compact one");
    check("emitZipkinBatch");
    check("bad datagram of 18 bytes from 127.0.0.1:");
    check("11 packets, 2 spans, 0 packets lost, 10 bad datagrams\n");
    check("  bad: 2 × binary protocol\n");
    check("  bad: 4 × truncated\n");
    check("  bad: 3 × not Thrift\n");
    check("  bad: 1 × another method than emitBatch\n");
    check("  2 packets of more than 65,000 bytes, which a Jaeger does not take\n");
    assert_eq!(
        ended.stderr.matches("bad datagram of").count(),
        4,
        "{}",
        ended.stderr
    );
}

#[test]
fn the_largest_datagram_is_read_whole() {
    let listen = Listen::start(&[]);
    let text = |len| "x".repeat(len);
    let spare = Batch::new("web").spans([SpanOf::new(7, 1, 0, "op", 0, 1).tag("k", &text(60_000))]);
    let text = text(65_507 - spare.bytes().len() + 60_000);
    let largest = Batch::new("web").spans([SpanOf::new(7, 1, 0, "op", 0, 1).tag("k", &text)]);
    let largest = largest.bytes();
    assert_eq!(largest.len(), 65_507);
    listen.send(&largest);
    let ended = listen.end("TERM");
    assert!(
        ended.stderr.starts_with("1 packet, 1 span, "),
        "{}",
        ended.stderr
    );
    assert!(ended.stdout.contains("k=xxxx"), "{}", ended.stdout);
}

#[test]
fn names_from_the_network_reach_the_terminal_without_control_characters() {
    let evil = "\x1b[2J\x07\n\r\u{202e}\u{9b}";
    let span = SpanOf::new(7, 1, 0, evil, 0, 1).tag(evil, evil);
    let listen = Listen::start(&[]);
    listen.send(&Batch::new(evil).spans([span]).bytes());
    let ended = listen.end("TERM");
    assert!(ended.stdout.contains("\\u{1b}"), "{}", ended.stdout);
    let harmful = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!ended.stdout.contains(harmful), "{:?}", ended.stdout);
}

#[test]
fn memory_is_bounded_and_what_goes_is_counted() {
    let listen = Listen::start(&["--max-spans", "100", "--idle", "1h"]);
    let text = "x".repeat(50_000);
    for id in 1..=2_000 {
        let span = SpanOf::new(id, 1, 0, "op", 0, 1).tag("k", &text);
        listen.send(&Batch::new("web").spans([span]).bytes());
        if id % 20 == 0 {
            // It shall read them all, however slow it is.
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let status = fs::read_to_string(format!("/proc/{}/status", listen.program.child.0.id()));
    if let Ok(status) = status {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.expect("its peak").trim().trim_end_matches(" kB");
        let peak: u64 = peak.parse().expect("a number");
        assert!(peak < 40_000, "{peak} kB, of 100 MB sent");
    }
    let ended = listen.end("TERM");
    assert!(
        ended
            .stderr
            .contains(" made room for others and were never drawn"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_port_that_is_taken_is_said_clearly() {
    let listen = Listen::start(&[]);
    let output = refused(&["--bind", &listen.address.to_string()]);
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = format!(
        "jaegerling: cannot listen on {}: another program",
        listen.address
    );
    assert!(said.starts_with(&expected), "{said}");
    listen.end("TERM");
}

#[test]
fn a_file_that_cannot_be_written_is_said_at_the_start() {
    let folder = folder("unwritable");
    let missing = folder.join("missing/traces.json");
    for path in [&missing, &folder, &PathBuf::from("/")] {
        let path = path.to_string_lossy();
        let output = refused(&["--bind", "127.0.0.1:0", "--out", &path]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.starts_with(&format!("jaegerling: cannot write {path}: ")),
            "{said}"
        );
        assert!(!said.contains("listening"), "{said}");
    }
}

#[test]
fn a_file_that_cannot_be_written_any_more_fails_and_leaves_the_old_one() {
    let folder = folder("vanishing");
    let file = folder.join("traces.json");
    let listen = Listen::start(&["--out", &file.to_string_lossy()]);
    listen.send(&hello().bytes());
    fs::remove_dir_all(&folder).expect("it goes");
    let ended = listen.end("TERM");
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.stderr.contains("jaegerling: cannot write "),
        "{}",
        ended.stderr
    );
    assert!(ended.stdout.contains("SELECT"), "drawn all the same");
}

#[test]
fn an_old_file_is_replaced() {
    let file = folder("replaced").join("traces.json");
    fs::write(&file, "old").expect("a file");
    let listen = Listen::start(&["--out", &file.to_string_lossy()]);
    assert_eq!(fs::read(&file).expect("still there"), b"old");
    listen.end("TERM");
    assert!(
        fs::read(&file)
            .expect("the file")
            .starts_with(b"{\"data\":[]")
    );
}

#[test]
fn colour_and_width_follow_the_environment() {
    let run = |variables: &[(&str, &str)]| {
        let mut command = program::command();
        command.envs(variables.iter().copied());
        let listen = Listen::spawn("127.0.0.1:0", &[], &mut command);
        listen.send(&hello().bytes());
        listen.end("TERM").stdout
    };
    assert!(run(&[("CLICOLOR_FORCE", "1")]).contains("\x1b["));
    assert!(!run(&[("NO_COLOR", "1")]).contains("\x1b["));
    let longest = |text: String| text.lines().map(|line| line.chars().count()).max();
    assert_eq!(longest(run(&[])), Some(80));
    assert_eq!(longest(run(&[("COLUMNS", "120")])), Some(120));
    assert_eq!(longest(run(&[("COLUMNS", "many")])), Some(80));
}

#[test]
fn a_reader_that_goes_away_ends_it_without_a_complaint() {
    let mut listen = Listen::start(&["--idle", "1ms"]);
    drop(std::mem::replace(
        &mut listen.program.stdout,
        mpsc::channel().1,
    ));
    let end = Instant::now() + PATIENCE;
    let mut id = 1;
    let status = loop {
        let span = SpanOf::new(id, 1, 0, "op", 0, 1);
        let _ = listen
            .socket
            .send_to(&Batch::new("web").spans([span]).bytes(), listen.address);
        id += 1;
        match listen.program.child.0.try_wait().expect("its status") {
            Some(status) => break status,
            None => assert!(Instant::now() < end, "does not end"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status:?}");
}

#[test]
fn it_listens_on_ipv6_too() {
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: this machine has no IPv6");
        return;
    }
    let listen = Listen::start_at("[::1]:0", &[]);
    listen.send(&hello().bytes());
    assert!(listen.end("TERM").stdout.contains("SELECT"));
}
