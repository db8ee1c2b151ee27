//! Boards whose UART is the link of a bridge: `jaegerling bridge` takes what comes over it to a Jaeger.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jaegerling_core::decode::{TagValue, decode};

use crate::board::{Board, VIRT};
use crate::image::Image;
use crate::toolchain;

/// A board whose UART is a TCP server.
pub(crate) struct Server<'a> {
    board: &'a Board,
    port: u16,
    emulator: Child,
    /// What goes over the UART, and the image.
    files: [PathBuf; 2],
}

impl<'a> Server<'a> {
    /// Starts when somebody connects.
    pub(crate) fn start(board: &'a Board, image: &Image, more: &[&str]) -> Self {
        let port = free_port();
        let wire = board.scratch("wire");
        let uart = format!(
            "socket,id=out,host=127.0.0.1,port={port},server=on,wait=on,logfile={}",
            wire.display()
        );
        let (mut emulator, image) = board.emulator(image, &uart);
        let emulator = emulator
            .args(["-semihosting-config", "enable=on"])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Self {
            board,
            port,
            emulator: emulator.expect("timeout, of coreutils, runs"),
            files: [wire, image],
        }
    }

    /// Waits until the program has ended. What went over the UART.
    pub(crate) fn sent(self) -> Vec<u8> {
        self.board.has_ended(self.emulator);
        let sent = fs::read(&self.files[0]).unwrap();
        for file in self.files {
            let _ = fs::remove_file(file);
        }
        sent
    }
}

/// `jaegerling bridge`; it does not outlive its test.
pub(crate) struct Bridge(Child);

impl Bridge {
    /// From a TCP server to a Jaeger.
    pub(crate) fn start(port: u16, jaeger: &str) -> Self {
        let link = format!("tcp:127.0.0.1:{port}");
        let bridge = Command::new(program())
            .args(["bridge", &link, "--to", jaeger])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Self(bridge.expect("the bridge runs"))
    }

    /// Its account, once the server has ended.
    pub(crate) fn account(mut self) -> String {
        let said = BufReader::new(self.0.stderr.take().expect("a pipe"));
        let mut said = said.lines().map(|line| line.unwrap());
        // It may have been there before the server.
        assert!(said.any(|line| line.contains(" went away ")));
        let id = self.0.id().to_string();
        let kill = Command::new("kill").arg(id).status();
        assert!(kill.expect("kill").success());
        assert!(self.0.wait().unwrap().success());
        said.map(|line| line + "\n").collect()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

/// Runs a program, with a bridge that sends to a Jaeger. What went over the UART, and the bridge's account.
pub(crate) fn run(board: &Board, image: &Image, more: &[&str], jaeger: &str) -> (Vec<u8>, String) {
    // Before the board, which has little patience.
    program();
    let server = Server::start(board, image, more);
    let bridge = Bridge::start(server.port, jaeger);
    let sent = server.sent();
    (sent, bridge.account())
}

/// One that nobody has at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| toolchain::jaegerling("debug"))
}

/// As the program has them.
const PING: u8 = 0xaa;
const SPANS: usize = 40;

#[test]
fn utc_is_right_within_5_ms_with_a_board_in_real_time() {
    let Some(image) = VIRT.program("utc") else {
        return;
    };
    program();
    let server = Server::start(&VIRT, &image, &[]);
    let jaeger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = relay.local_addr().unwrap().port();
    let bridge = Bridge::start(port, &jaeger.local_addr().unwrap().to_string());
    let mut uart = between(relay.accept().unwrap().0, server.port);

    // The board records a span for each byte, whose time is known here.
    let pings: Vec<i64> = (0..SPANS)
        .map(|_| {
            thread::sleep(Duration::from_millis(100));
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            uart.write_all(&[PING]).unwrap();
            now.as_micros() as i64
        })
        .collect();
    server.sent();
    drop(uart);
    let account = bridge.account();
    let whole = format!("0 bad, 0 missing; 1 session; {SPANS} spans passed on");
    assert!(account.contains(&whole), "{account}");

    let mut errors: Vec<i64> = starts(&jaeger)
        .iter()
        .zip(&pings)
        .map(|(a, b)| a - b)
        .collect();
    println!("spans begin so many µs after their byte was sent: {errors:?}");
    // Not earlier than their byte; and not later, but for the time that the byte took, which a machine
    // that is busy makes longer for some.
    errors.drain(..10);
    errors.sort_unstable();
    assert!(errors[0] >= -5_000, "{errors:?}");
    assert!(errors[errors.len() / 2] <= 5_000, "{errors:?}");
}

/// Passes on what the bridge and the board send each other. The way to the board, for more.
fn between(mut bridge: TcpStream, board: u16) -> TcpStream {
    let connect = || TcpStream::connect(("127.0.0.1", board));
    let mut board = connect();
    while board.is_err() {
        thread::sleep(Duration::from_millis(10));
        board = connect();
    }
    let mut board = board.unwrap();
    for stream in [&bridge, &board] {
        stream.set_nodelay(true).unwrap();
    }
    let mut to_board = board.try_clone().unwrap();
    let mut from_bridge = bridge.try_clone().unwrap();
    thread::spawn(move || io::copy(&mut from_bridge, &mut to_board));
    let more = board.try_clone().unwrap();
    thread::spawn(move || {
        let _ = io::copy(&mut board, &mut bridge);
        let _ = bridge.shutdown(std::net::Shutdown::Both);
    });
    more
}

/// When spans began, by their numbers: microseconds since 1970.
fn starts(jaeger: &UdpSocket) -> Vec<i64> {
    jaeger
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let mut starts = vec![None; SPANS];
    let mut buffer = vec![0; 65_536];
    while starts.contains(&None) {
        let len = jaeger.recv(&mut buffer).expect("all spans");
        for span in decode(&buffer[..len]).unwrap().spans.iter() {
            let number = span.tags.iter().find(|tag| tag.key == "number");
            match number.map(|tag| tag.value) {
                Some(TagValue::Long(number)) => starts[number as usize] = Some(span.start_time),
                other => panic!("{other:?}"),
            }
        }
    }
    starts.into_iter().flatten().collect()
}
