//! Somebody buys something in a small shop: five services that call each other over HTTP, a bank
//! that is too slow, a second try; and the trace of it all.
//!
//! Each service has a tracer of its own, as if it were a process of its own. What they say of one
//! purchase becomes one trace because the context travels with each call, in the header
//! `uber-trace-id`.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::UdpSocket;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jaegerling::collect::Collector;
use jaegerling::decode::decode;
use jaegerling::udp;
use jaegerling::waterfall::Waterfall;
use tiny_http::Server;

#[path = "checkout/call.rs"]
mod call;
use call::{Incoming, Urls, http};

type Failure = Box<dyn Error + Send + Sync>;

// --- What the services do ---

type Handler = fn(Incoming<'_>);

const SERVICES: [(&str, Handler); 5] = [
    ("shop", checkout),
    ("cart", cart),
    ("payment", charge),
    ("bank", transfer),
    ("mail", receipt),
];

fn checkout(mut shop: Incoming<'_>) {
    shop.span.add_string_tag("user", "ada");
    shop.call("cart", "GET /cart", SECOND, None);
    shop.span.add_float_tag("total", 49.9);

    let (mut status, first_try) = shop.call("payment", "POST /charge", SECOND, None);
    if status == 504 {
        shop.span.log().with_string("event", "trying again");
        thread::sleep(ms(30));
        (status, _) = shop.call("payment", "POST /charge", SECOND, Some(first_try));
    }
    if status == 200 {
        shop.call("mail", "POST /receipt", SECOND, None);
    }
    shop.answer(status);
}

fn cart(mut cart: Incoming<'_>) {
    cart.span.add_bool_tag("cached", false);
    let mut query = cart.span.child("SELECT items");
    query.add_string_tag("db.system", "sqlite");
    thread::sleep(ms(45));
    query.add_int_tag("db.rows", 3);
    drop(query); // A span ends when it is dropped.
    cart.answer(200);
}

fn charge(mut payment: Incoming<'_>) {
    payment.span.add_bytes_tag("card.token", b"\x5f\xc1\x09");
    let (status, _) = payment.call("bank", "POST /transfer", ms(200), None);
    payment.answer(status);
}

/// The first call takes longer than anybody waits for.
fn transfer(mut bank: Incoming<'_>) {
    static LOCKED: AtomicBool = AtomicBool::new(true);
    thread::sleep(ms(5));
    if LOCKED.swap(false, Ordering::Relaxed) {
        bank.span.log().with_string("event", "waits for a lock");
        thread::sleep(ms(220));
    }
    thread::sleep(ms(55));
    bank.answer(200);
}

/// Answers at once and works later: that span follows from the request, which did not wait for it.
fn receipt(mail: Incoming<'_>) {
    let (traces, order) = (mail.traces, mail.span.context());
    mail.answer(202);
    let mut span = traces.span_in(&order, "send receipt");
    span.add_follows_from_raw(order.trace_id.into(), order.span_id.into());
    thread::sleep(ms(50));
    let log = span.log().with_string("event", "queued");
    log.with_int("bytes", 1_734); // Recorded when it is dropped: here.
    thread::sleep(ms(30));
}

const SECOND: Duration = Duration::from_secs(1);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

// --- One purchase ---

/// Runs the services, buys something, and gives the id of the trace that was sent to `address`.
fn buy(address: &str) -> Result<String, Failure> {
    let mut services = Vec::new();
    let mut urls = Urls::new();
    for (name, handler) in SERVICES {
        let (traces_in, traces_out) = jaegerling::builder(name).build()?;
        let sender = udp::spawn(traces_out, address.to_owned())
            .map_err(|error| format!("cannot send to {address}: {error}"))?;
        let server = Server::http("127.0.0.1:0")?;
        urls.insert(name, format!("http://{}", server.server_addr()));
        services.push((server, handler, traces_in, sender));
    }
    let answer = thread::scope(|scope| {
        for (server, handler, traces, _) in &services {
            let serve = |request| handler(Incoming::new(request, traces, &urls));
            scope.spawn(move || {
                let requests = server.incoming_requests();
                requests.for_each(|request| drop(scope.spawn(move || serve(request))));
            });
        }
        let url = format!("{}/checkout", urls["shop"]);
        let answer = http("POST", &url, 5 * SECOND, None);
        services.iter().for_each(|(server, ..)| server.unblock());
        answer
    })?;
    for (.., sender) in &services {
        sender.flush(SECOND)?;
    }
    let mut senders = services.iter().map(|(.., sender)| sender);
    if senders.any(|sender| sender.stats().refused > 0) {
        return Err(format!("nobody listens at {address}").into());
    }
    let trace_id = answer.headers().get("trace-id").ok_or("no trace id")?;
    Ok(trace_id.to_str()?.to_owned())
}

// --- The picture ---

fn draw(socket: &UdpSocket) -> Result<(), Failure> {
    let mut collector = Collector::new(1_000);
    let mut buffer = [0; 65_000];
    socket.set_read_timeout(Some(ms(100)))?;
    while let Ok(length) = socket.recv(&mut buffer) {
        collector.add(&decode(&buffer[..length])?, Duration::ZERO);
    }
    let mut stdout = io::stdout();
    while let Some(finished) = collector.poll_finished(Duration::MAX, Duration::ZERO) {
        let picture = Waterfall::new(finished.trace).color(stdout.is_terminal());
        write!(stdout, "{picture}")?;
    }
    Ok(())
}

// --- The command line ---

const HELP: &str = "\
Traces a purchase through five small services, and draws it.

Usage: checkout [--jaeger HOST:6831]

Options:
  --jaeger HOST:6831  Send it to the Jaeger there, and print where to look at it
  --help              Print this";

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            buy(&socket.local_addr()?.to_string())?;
            draw(&socket)?;
        }
        ["--jaeger", address] => {
            let Some((host, _port)) = address.rsplit_once(':') else {
                return Err(format!("--jaeger wants HOST:PORT, not {address:?}").into());
            };
            println!("http://{host}:16686/trace/{}", buy(address)?);
        }
        ["--help" | "-h"] => println!("{HELP}"),
        _ => return Err(format!("unknown arguments {arguments:?}\n\n{HELP}").into()),
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("checkout: {error}");
            ExitCode::FAILURE
        }
    }
}
