//! The program `jaegerling` at work. A test declares `mod program;`.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Program {
    pub child: Alive,
    /// Nothing but for [`Program::fed`].
    pub stdin: Option<ChildStdin>,
    pub stdout: Receiver<String>,
    pub stderr: Receiver<String>,
}

/// A process that does not outlive its test.
pub struct Alive(pub Child);

impl Drop for Alive {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What it said until it ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jaegerling"));
    command.env_remove("COLUMNS").env_remove("CLICOLOR_FORCE");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A program that should not even start to work.
#[track_caller]
pub fn refused(arguments: &[&str], code: i32) -> Output {
    let output = command().args(arguments).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    output
}

/// A fresh folder of a test.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

impl Program {
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(command().args(arguments))
    }

    /// One that reads what is written to its standard input.
    pub fn fed(arguments: &[&str]) -> Self {
        Self::spawn(command().stdin(Stdio::piped()).args(arguments))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        // If it is not somebody else's.
        let stdout = child.stdout.take().map_or_else(|| mpsc::channel().1, lines);
        let stderr = lines(child.stderr.take().expect("a pipe"));
        Self {
            stdin: child.stdin.take(),
            child: Alive(child),
            stdout,
            stderr,
        }
    }

    /// The next line of what it says beside the pictures.
    #[track_caller]
    pub fn line(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).expect("a line")
    }

    /// Reads its pictures up to a line that contains the text.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut read = String::new();
        while !read.contains(text) {
            let rest = end.saturating_duration_since(Instant::now());
            let line = self.stdout.recv_timeout(rest);
            let line = line.unwrap_or_else(|_| panic!("no {text:?} in {read}"));
            read = read + &line + "\n";
        }
        read
    }

    /// Sends it a signal, and waits for its end.
    pub fn end(self, signal: &str) -> Ended {
        self.signal(signal);
        self.wait()
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.0.id().to_string();
        let kill = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(kill.expect("kill").success());
    }

    /// Waits for its end. Its standard input has one, too.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        self.stdin = None;
        let end = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.0.try_wait().expect("its status") {
                Some(status) => break status,
                None if Instant::now() > end => panic!("does not end"),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let join = |lines: Receiver<String>| lines.iter().map(|line| line + "\n").collect();
        Ended {
            status,
            stdout: join(self.stdout),
            stderr: join(self.stderr),
        }
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let line = line.expect("UTF-8");
            if to.send(line).is_err() {
                break;
            }
        }
    });
    lines
}
