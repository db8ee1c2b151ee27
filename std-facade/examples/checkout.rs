//! Somebody buys something in a small shop: five services that call each other over HTTP, a bank
//! that is too slow, a second try; and the trace of it all.
//!
//! Each service has a tracer of its own, as if it were a process of its own. What they say of one
//! purchase becomes one trace because the context travels with each call, in the header
//! `uber-trace-id`.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::UdpSocket;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jaegerling::collect::Collector;
use jaegerling::decode::decode;
use jaegerling::propagate::uber::{self, Uber};
use jaegerling::udp;
use jaegerling::waterfall::Waterfall;
use jaegerling::{Span, SpanContext, TracesIn};
use tiny_http::{Header, Request, Response, Server};

type Failure = Box<dyn Error + Send + Sync>;

// --- What the services do ---

const SERVICES: [(&str, fn(Incoming<'_>)); 5] = [
    ("shop", checkout),
    ("cart", cart),
    ("payment", charge),
    ("bank", transfer),
    ("mail", receipt),
];

fn checkout(mut shop: Incoming<'_>) {
    shop.span.add_string_tag("user", "ada");
    shop.call("cart", "GET /cart", ms(500), None);
    shop.span.add_float_tag("total", 49.9);

    let (mut status, first_try) = shop.call("payment", "POST /charge", ms(500), None);
    if status == 504 {
        // A log is recorded when it is dropped.
        drop(shop.span.log().with_string("event", "trying again"));
        thread::sleep(ms(15));
        (status, _) = shop.call("payment", "POST /charge", ms(500), Some(first_try));
    }
    if status == 200 {
        shop.call("mail", "POST /receipt", ms(500), None);
    }
    shop.answer(status);
}

fn cart(mut cart: Incoming<'_>) {
    cart.span.add_bool_tag("cached", false);
    let mut query = cart.span.child("SELECT items");
    query.add_string_tag("db.system", "sqlite");
    thread::sleep(ms(14));
    query.add_int_tag("db.rows", 3);
    drop(query); // A span ends when it is dropped.
    cart.answer(200);
}

fn charge(mut payment: Incoming<'_>) {
    payment.span.add_bytes_tag("card.token", b"\x5f\xc1\x09");
    let (status, _) = payment.call("bank", "POST /transfer", ms(60), None);
    payment.answer(status);
}

/// The first call takes longer than anybody waits for.
fn transfer(mut bank: Incoming<'_>) {
    static LOCKED: AtomicBool = AtomicBool::new(true);
    thread::sleep(ms(5));
    if LOCKED.swap(false, Ordering::Relaxed) {
        drop(bank.span.log().with_string("event", "waits for a lock"));
        thread::sleep(ms(90));
    }
    thread::sleep(ms(20));
    bank.answer(200);
}

/// Answers at once and works later: that span follows from the request, which did not wait for it.
fn receipt(mail: Incoming<'_>) {
    let (traces, order) = (mail.traces, mail.span.context());
    mail.answer(202);
    let mut span = traces.span_in(&order, "send receipt");
    span.add_follows_from_raw(order.trace_id.into(), order.span_id.into());
    thread::sleep(ms(20));
    let log = span.log().with_string("event", "queued");
    drop(log.with_int("bytes", 1_734));
    thread::sleep(ms(10));
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

// --- How they call each other ---

type Urls = HashMap<&'static str, String>;

/// A request that came in, and its span.
struct Incoming<'a> {
    request: Request,
    span: Span,
    traces: &'a Arc<TracesIn>,
    urls: &'a Urls,
}

impl<'a> Incoming<'a> {
    /// Begins a child of the caller's span; or a trace, if the caller does not trace.
    fn new(request: Request, traces: &'a Arc<TracesIn>, urls: &'a Urls) -> Self {
        let operation = format!("{} {}", request.method(), request.url());
        let mut headers = request.headers().iter();
        let header = headers.find(|header| header.field.equiv(uber::HEADER));
        let span = match header.and_then(|header| uber::parse(header.value.as_str()).ok()) {
            Some(caller) => traces.span_in(&caller, operation),
            None => traces.new_trace(operation),
        };
        let span = span.with_string_tag("span.kind", "server");
        Self {
            request,
            span,
            traces,
            urls,
        }
    }

    /// Calls another service, in a span of its own, whose context goes along.
    fn call(
        &self,
        service: &str,
        operation: &str,
        timeout: Duration,
        first_try: Option<SpanContext>,
    ) -> (u16, SpanContext) {
        let mut span = self.span.child(operation);
        span.add_string_tag("span.kind", "client");
        if let Some(first) = first_try {
            span.add_int_tag("retry", 1);
            span.add_follows_from_raw(first.trace_id.into(), first.span_id.into());
        }
        let (method, path) = operation.split_once(' ').unwrap_or(("GET", operation));
        let url = format!("{}{path}", self.urls[service]);
        let header = (uber::HEADER, Uber(span.context()).to_string());
        let status =
            http(method, &url, Some(header), timeout).map(|answer| answer.status().as_u16());
        let status = status.unwrap_or_else(|error| {
            let log = span.log().with_string("event", "error");
            drop(log.with_string("message", &error.to_string()));
            504
        });
        (note(&mut span, status), span.context())
    }

    /// Answers, and ends the span.
    fn answer(mut self, status: u16) {
        let trace_id = self.span.context().trace_id.to_string();
        let header = Header::from_bytes("trace-id", trace_id).expect("it is ASCII");
        note(&mut self.span, status);
        let response = Response::empty(status).with_header(header);
        // Before the caller goes on, so that his span is not over first.
        drop(self.span);
        // Whoever asked may be gone.
        let _ = self.request.respond(response);
    }
}

fn note(span: &mut Span, status: u16) -> u16 {
    span.add_int_tag("http.status_code", status.into());
    if status >= 500 {
        span.add_bool_tag("error", true);
    }
    status
}

fn http(
    method: &str,
    url: &str,
    header: Option<(&str, String)>,
    timeout: Duration,
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(timeout))
        .build()
        .new_agent();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    agent.run(request.body(())?)
}

// --- One purchase ---

/// Runs the services, buys something, and gives the id of the trace that was sent to `address`.
fn buy(address: &str) -> Result<String, Failure> {
    let mut services = Vec::new();
    let mut urls = Urls::new();
    for (name, handler) in SERVICES {
        let (traces_in, traces_out) = jaegerling::builder(name).build()?;
        let sender = udp::spawn(traces_out, address.to_owned())?;
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
        let answer = http(
            "POST",
            &format!("{}/checkout", urls["shop"]),
            None,
            ms(5_000),
        );
        services.iter().for_each(|(server, ..)| server.unblock());
        answer
    })?;
    for (.., sender) in &services {
        sender.flush(ms(1_000))?;
    }
    if services
        .iter()
        .any(|(.., sender)| sender.stats().refused > 0)
    {
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
            let (host, _port) = address.rsplit_once(':').ok_or("--jaeger wants HOST:PORT")?;
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
