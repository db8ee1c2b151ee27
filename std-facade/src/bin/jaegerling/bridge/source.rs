//! Where the bytes come from.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// How long a link is read from before something else is looked at.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// For so long, an answer of another machine is waited for.
const CONNECT: Duration = Duration::from_secs(5);

/// After how much silence a server is asked whether it is still there, and how often.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(10))
    .with_interval(Duration::from_secs(5));

#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A serial port, by its name.
    Serial(String),
    /// A server, as probes and emulators have them: its host and port.
    Tcp(String),
    /// What something has written, or a recording.
    File(PathBuf),
    /// What something writes.
    Pipe(PathBuf),
    Stdin,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(argument: &str) -> Result<Self, String> {
        if argument == "-" {
            return Ok(Self::Stdin);
        }
        if let Some(address) = argument.strip_prefix("tcp:") {
            return Ok(Self::Tcp(address.trim_start_matches('/').into()));
        }
        match fs::metadata(argument) {
            Ok(found) if found.is_dir() => Err("this is a folder".into()),
            Ok(found) if is_port(&found) => Ok(Self::Serial(argument.into())),
            Ok(found) if found.is_file() => Ok(Self::File(argument.into())),
            Ok(_) => Ok(Self::Pipe(argument.into())),
            // It may be plugged in later.
            Err(_) if names_port(argument) => Ok(Self::Serial(argument.into())),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(unix)]
fn is_port(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_port(_: &fs::Metadata) -> bool {
    false
}

fn names_port(argument: &str) -> bool {
    match cfg!(windows) {
        true => argument.to_ascii_uppercase().starts_with("COM") || argument.starts_with(r"\\.\"),
        false => argument.starts_with("/dev/"),
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(name) => f.write_str(name),
            Self::Tcp(address) => f.write_str(address),
            Self::File(path) | Self::Pipe(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

/// A link that goes both ways. To read waits for [`TICK`] at most.
pub(super) trait Link: Read + Write {}

impl<L: Read + Write + ?Sized> Link for L {}

/// A serial port, opened with eight bits, no parity, one stop bit.
pub(super) fn open_serial(name: &str, baud: u32) -> io::Result<Box<dyn Link>> {
    let port = serialport::new(name, baud).timeout(TICK).open()?;
    Ok(Box::new(port))
}

/// A connection to a server.
pub(super) fn connect(address: &str) -> io::Result<Box<dyn Link>> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TICK))?;
                stream.set_write_timeout(Some(TICK))?;
                // A probe that loses power says nothing.
                SockRef::from(&stream).set_tcp_keepalive(&KEEPALIVE)?;
                return Ok(Box::new(stream));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
