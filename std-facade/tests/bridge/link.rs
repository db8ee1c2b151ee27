//! Links that go away and come back: what they carried meanwhile is missing, and nothing else.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jaegerling_core::frame::RequestListener;
use serialport::{SerialPort, TTYPort};
use socket2::{Domain, Socket, Type};

use crate::device::Device;
use crate::jaeger::Jaeger;
use crate::program::{PATIENCE, Program, folder};

/// The device's end of a link: it waits until somebody asks who is there.
#[track_caller]
fn await_request(link: &mut impl Read) {
    let mut listener = RequestListener::new();
    let end = Instant::now() + PATIENCE;
    let mut byte = [0];
    while Instant::now() < end {
        if link.read(&mut byte).is_ok_and(|len| len > 0) && listener.hear(&byte) {
            return;
        }
    }
    panic!("nobody asks");
}

/// A serial port that is plugged in.
struct Port {
    device: TTYPort,
    _host: TTYPort,
}

impl Port {
    /// At a place where the bridge looks for it.
    fn plugged_in(place: &PathBuf) -> Self {
        let (mut device, host) = TTYPort::pair().expect("a pseudo-terminal");
        for port in [&device, &host] {
            // Or the bridge inherits them, and keeps the port plugged in.
            // SAFETY: a descriptor that is open.
            let set = unsafe { libc::fcntl(port.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
            assert_eq!(set, 0);
        }
        device
            .set_timeout(Duration::from_millis(100))
            .expect("a timeout");
        let _ = fs::remove_file(place);
        symlink(host.name().expect("a name"), place).expect("a link");
        Self {
            device,
            _host: host,
        }
    }
}

fn account_of(frames: usize, missing: usize, sessions: &str) -> String {
    format!("{frames} frames, 0 bad, {missing} missing; {sessions}; ")
}

#[test]
fn a_serial_port_that_is_pulled_and_put_back_costs_what_it_would_have_carried() {
    let place = folder("bridge-port").join("ttyACM0");
    let jaeger = Jaeger::new();
    let mut port = Port::plugged_in(&place);
    let name = place.to_string_lossy();
    let bridge = Program::start(&["bridge", &name, "--to", &jaeger.address()]);
    assert_eq!(bridge.line(), format!("{name} is open"));
    let mut device = Device::new(1);

    await_request(&mut port.device);
    device.record(0);
    let before = device.send();
    port.device.write_all(&before.concat()).expect("it is read");
    assert_eq!(jaeger.spans(1)[0].number, Some(0));

    drop(port);
    fs::remove_file(&place).expect("the link");
    assert_eq!(bridge.line(), "thermostat, session 1");
    assert!(bridge.line().contains(" went away "));
    device.record(1);
    let lost = device.send();

    let mut port = Port::plugged_in(&place);
    assert_eq!(bridge.line(), format!("{name} is back"));
    await_request(&mut port.device);
    device.record(2);
    let mut after = device.send();
    after.extend(device.close());
    port.device.write_all(&after.concat()).expect("it is read");
    let span = &jaeger.spans(1)[0];
    assert_eq!(span.number, Some(2));
    span.assert_begun_at(device.recorded(2));

    let ended = bridge.end("TERM");
    assert!(ended.status.success());
    let account = account_of(before.len() + after.len(), lost.len(), "1 session");
    assert!(ended.stderr.contains(&account), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("lost on the link: 1 span;"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_server_that_is_not_there_yet_and_then_ends_is_waited_for() {
    // A port that nobody else gets, and that refuses connections for now.
    let server = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    server.bind(&any.into()).expect("a port");
    let address = server.local_addr().expect("an address");
    let address = address.as_socket().expect("of IP");
    let jaeger = Jaeger::new();
    let link = format!("tcp:{address}");
    let bridge = Program::start(&["bridge", &link, "--to", &jaeger.address()]);
    assert!(
        bridge
            .line()
            .starts_with(&format!("waiting for {address}: "))
    );
    let mut device = Device::new(1);
    let mut frames = 0;
    server.listen(1).expect("it is bound");
    let listener = TcpListener::from(server);
    for number in 0..3 {
        let (mut link, _) = listener.accept().expect("the bridge");
        await_request(&mut link);
        device.record(number);
        let mut sent = device.send();
        if number == 2 {
            sent.extend(device.close());
        }
        frames += sent.len();
        link.write_all(&sent.concat()).expect("it is read");
        assert_eq!(jaeger.spans(1)[0].number, Some(number));
    }
    let ended = bridge.end("INT");
    let account = account_of(frames, 0, "1 session");
    assert!(ended.stderr.contains(&account), "{}", ended.stderr);
}

#[test]
fn a_bridge_that_is_killed_and_started_again_misses_what_came_meanwhile() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let link = format!("tcp:{}", listener.local_addr().expect("an address"));
    let jaeger = Jaeger::new();
    let arguments = ["bridge", &link, "--to", &jaeger.address()];
    let accept = || -> TcpStream {
        let (mut link, _) = listener.accept().expect("the bridge");
        await_request(&mut link);
        link
    };
    let mut device = Device::new(1);

    let killed = Program::start(&arguments);
    let mut link = accept();
    device.record(0);
    let before = device.send();
    link.write_all(&before.concat()).expect("it is read");
    assert_eq!(jaeger.spans(1)[0].number, Some(0));
    drop(killed.end("KILL"));

    device.record(1);
    let lost = device.send();
    let again = Program::start(&arguments);
    let mut link = accept();
    let mut after = vec![device.hello()];
    device.record(2);
    after.extend(device.send());
    after.extend(device.close());
    link.write_all(&after.concat()).expect("it is read");
    let span = &jaeger.spans(1)[0];
    assert_eq!(span.number, Some(2));
    span.assert_begun_at(device.recorded(2));

    let ended = again.end("TERM");
    let account = account_of(after.len(), 0, "1 session");
    assert!(ended.stderr.contains(&account), "{}", ended.stderr);
    // Less what the first one took, this is what came meanwhile.
    let earlier = before.len() + lost.len();
    let earlier = format!("  {earlier} frames sent before this bridge listened\n");
    assert!(ended.stderr.contains(&earlier), "{}", ended.stderr);
}
