//! Boards whose UART is the link of a bridge: `jaegerling bridge` takes what comes over it to a Jaeger.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jaegerling_core::decode::{TagValue, decode};
use jaegerling_core::frame::{Content, Decoder};

use crate::board::{Board, VIRT};
use crate::image::Image;
use crate::toolchain;

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

/// What a board has sent at once, and when that came: microseconds since 1970.
type Piece = (i64, Vec<u8>);

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_micros() as i64
}

/// Runs a program, with a bridge that sends to a Jaeger. What went over the UART, and the bridge's account.
pub(crate) fn run(board: &Board, image: &Image, more: &[&str], jaeger: &str) -> (Vec<u8>, String) {
    let (sent, account, ()) = run_with(board, image, more, jaeger, drop);
    let pieces = sent.into_iter().flat_map(|(_, bytes)| bytes);
    (pieces.collect(), account)
}

/// The same, and meanwhile something with the way to the board.
fn run_with<R>(
    board: &Board,
    image: &Image,
    more: &[&str],
    jaeger: &str,
    meanwhile: impl FnOnce(TcpStream) -> R,
) -> (Vec<Piece>, String, R) {
    // Both connect to here, so that no port has to be guessed.
    let [uart, link] = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [uart_port, link_port] = [&uart, &link].map(|it| it.local_addr().unwrap().port());
    let bridge = Bridge::start(link_port, jaeger);
    let link = accept(&link);
    let uart_at = format!("socket,id=out,host=127.0.0.1,port={uart_port}");
    let (mut emulator, image) = board.emulator(image, &uart_at);
    let emulator = emulator
        .args(["-semihosting-config", "enable=on"])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let emulator = emulator.expect("timeout, of coreutils, runs");
    let uart = accept(&uart);
    let to_board = uart.try_clone().unwrap();
    let sent = pass_on(uart, link);
    let result = meanwhile(to_board);
    board.has_ended(emulator);
    let _ = fs::remove_file(image);
    (sent.join().unwrap(), bridge.account(), result)
}

/// Passes on what the board and the bridge send each other, until the board ends: then its end is the
/// bridge's, too. What the board has sent.
fn pass_on(mut uart: TcpStream, mut link: TcpStream) -> JoinHandle<Vec<Piece>> {
    for stream in [&uart, &link] {
        stream.set_nodelay(true).unwrap();
    }
    let mut to_board = uart.try_clone().unwrap();
    let mut from_bridge = link.try_clone().unwrap();
    thread::spawn(move || io::copy(&mut from_bridge, &mut to_board));
    thread::spawn(move || {
        let mut sent = Vec::new();
        let mut piece = [0; 4_096];
        while let Ok(len @ 1..) = uart.read(&mut piece) {
            sent.push((now(), piece[..len].to_vec()));
            link.write_all(&piece[..len]).unwrap();
        }
        link.shutdown(Shutdown::Both).unwrap();
        sent
    })
}

/// A connection, if it comes soon.
#[track_caller]
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    for _ in 0..2_000 {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).unwrap();
            return stream;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody connects");
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
    let jaeger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = jaeger.local_addr().unwrap().to_string();
    // The board records a span for each byte, whose time is known here.
    let ping = |mut uart: TcpStream| -> Vec<i64> {
        let pings = (0..SPANS).map(|_| {
            thread::sleep(Duration::from_millis(100));
            let now = now();
            uart.write_all(&[PING]).unwrap();
            now
        });
        pings.collect()
    };
    let (sent, account, pings) = run_with(&VIRT, &image, &[], &to, ping);
    let whole = format!("0 bad, 0 missing; 1 session; {SPANS} spans passed on");
    assert!(account.contains(&whole), "{account}");

    // A span begins after its byte was sent, and before its frame came.
    let frames = came(&sent);
    let mut errors = starts(&jaeger);
    for (start, (ping, frame)) in errors.iter_mut().zip(pings.iter().zip(frames)) {
        let outside = (ping - *start).max(*start - frame).max(0);
        println!(
            "{} µs after its byte, {} before its frame",
            *start - ping,
            frame - *start
        );
        *start = outside;
    }
    // The first second is for the clock to be learned.
    let worst = errors[10..].iter().max().unwrap();
    assert!(*worst <= 5_000, "{errors:?}");
}

/// When the frames with spans came, by their numbers.
fn came(sent: &[Piece]) -> Vec<i64> {
    let mut came = vec![0; SPANS];
    let mut decoder = Decoder::new(vec![0; 1_000]);
    for (at, bytes) in sent {
        let mut bytes = &bytes[..];
        while let Some(frame) = decoder.next(&mut bytes) {
            if let Content::Datagram(datagram) = frame.unwrap().content {
                numbers(datagram)
                    .into_iter()
                    .for_each(|(n, _)| came[n] = *at);
            }
        }
    }
    came
}

/// The spans in a datagram: their numbers, and when they began.
fn numbers(datagram: &[u8]) -> Vec<(usize, i64)> {
    let batch = decode(datagram).unwrap();
    let spans = batch.spans.iter().map(|span| {
        let number = span.tags.iter().find(|tag| tag.key == "number");
        match number.map(|tag| tag.value) {
            Some(TagValue::Long(number)) => (number as usize, span.start_time),
            other => panic!("{other:?}"),
        }
    });
    spans.collect()
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
        let spans = numbers(&buffer[..len]).into_iter();
        spans.for_each(|(number, start)| starts[number] = Some(start));
    }
    starts.into_iter().flatten().collect()
}
