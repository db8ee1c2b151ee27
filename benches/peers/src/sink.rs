//! The receiver: a process of its own, which keeps what arrives, and reads it once nothing more comes, so as to use as
//! little CPU as it can while others are measured.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jaegerling_core::decode::{Span, Tag, TagValue, decode};

use crate::shape::{Shape, TAGS};

/// What one client's spans came to.
#[derive(Default, Clone, Copy)]
pub struct Arrived {
    pub datagrams: u64,
    pub bytes: u64,
    pub spans: u64,
    /// Spans that have both tags, as many as they should in all, and their logs.
    pub whole: u64,
    /// Datagrams that are no `emitBatch`.
    pub bad: u64,
}

/// A sink in another process.
pub struct Sink {
    process: Child,
    pub address: SocketAddr,
}

impl Sink {
    pub fn start(shape: Shape) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(program)
            .args(["sink", shape.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sink starts");
        let mut port = [0; 5];
        process
            .stdout
            .as_mut()
            .expect("piped")
            .read_exact(&mut port)
            .expect("the sink says its port");
        let port = std::str::from_utf8(&port)
            .expect("digits")
            .parse::<u16>()
            .expect("a port");
        Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        }
    }

    /// Closes the sink once nothing comes any more.
    pub fn finish(mut self) -> Arrived {
        drop(self.process.stdin.take());
        let mut text = String::new();
        self.process
            .stdout
            .take()
            .expect("piped")
            .read_to_string(&mut text)
            .expect("the sink reports");
        assert!(
            self.process.wait().expect("it was started").success(),
            "the sink failed"
        );
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(|n| n.parse().expect("a number"))
            .collect();
        let [datagrams, bytes, spans, whole, bad] = numbers[..] else {
            panic!("the sink said {text:?}");
        };
        Arrived {
            datagrams,
            bytes,
            spans,
            whole,
            bad,
        }
    }
}

/// The sink's own process: ends when its input was closed and nothing came for a while.
pub fn run(shape: Shape) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    enlarge(&socket);
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout");
    print!("{:05}", socket.local_addr().expect("bound").port());
    std::io::stdout().flush().expect("the parent reads");

    let closing = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let (mut kept, mut ends) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; 65_536];
    loop {
        match socket.recv(&mut buffer) {
            Ok(len) => {
                kept.extend_from_slice(&buffer[..len]);
                ends.push(kept.len());
            }
            Err(_) if closing.is_finished() => break,
            Err(_) => {}
        }
    }
    let mut arrived = Arrived::default();
    let mut begin = 0;
    for end in ends {
        arrived.count(&kept[begin..end], shape);
        begin = end;
    }
    let Arrived {
        datagrams,
        bytes,
        spans,
        whole,
        bad,
    } = arrived;
    println!("{datagrams} {bytes} {spans} {whole} {bad}");
}

impl Arrived {
    /// Datagrams and spans that are not as they should be.
    pub fn wrong(&self) -> u64 {
        self.bad + (self.spans - self.whole)
    }

    fn count(&mut self, datagram: &[u8], shape: Shape) {
        let Ok(batch) = decode(datagram) else {
            self.bad += 1;
            return;
        };
        self.datagrams += 1;
        self.bytes += datagram.len() as u64;
        // One that tells of a loss is none of those that were offered.
        let spans = || batch.spans.iter().filter(|span| !tells_of_loss(span));
        self.spans += spans().count() as u64;
        self.whole += spans().filter(|span| is_whole(span, shape)).count() as u64;
    }
}

fn tells_of_loss(span: &Span<'_>) -> bool {
    span.operation_name == jaegerling::LOSS_SPAN
}

fn is_whole(span: &Span<'_>, shape: Shape) -> bool {
    let (tags, logs) = shape.tags_and_logs();
    let has_both = TAGS.iter().all(|(key, value)| {
        let sought = Tag {
            key: (*key).into(),
            value: TagValue::String((*value).into()),
        };
        span.tags.iter().any(|tag| tag == sought)
    });
    has_both && span.tags.len() >= tags && span.logs.len() == logs
}

/// A receive buffer that outlasts the sink being scheduled away; the larger one needs privileges.
fn enlarge(socket: &UdpSocket) {
    for option in [libc::SO_RCVBUF, libc::SO_RCVBUFFORCE] {
        let size: libc::c_int = 64 << 20;
        // SAFETY: the descriptor is open, and the pointer and length are those of a live `c_int`.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const size).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }
}
