//! One Jaeger for the whole test run: found, or built from `go.mod` beside this file and started.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use crate::trace::Trace;

/// How long a query waits for spans that were sent.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
const LOOPBACK: &str = "127.0.0.1";

/// Starts the server as a child of a shell that kills it when its own standard input ends. The other
/// end of that pipe is this process: the server goes when the tests go, however they end.
const KEEPER: &str =
    r#""$0" </dev/null >"$1" 2>&1 & trap '' INT TERM HUP; read -r _; kill -9 $!; wait"#;

/// A running Jaeger.
pub(crate) struct Jaeger {
    host: String,
    /// Holding this open keeps a server that we started alive.
    _alive: Option<ChildStdin>,
}

/// The server of this test run. `None`: there is none and the test must return; that was said on
/// standard error. Where `CI=true` this panics instead.
pub(crate) fn jaeger() -> Option<&'static Jaeger> {
    static JAEGER: OnceLock<Result<Jaeger, String>> = OnceLock::new();
    match JAEGER.get_or_init(find_or_start) {
        Ok(jaeger) => Some(jaeger),
        Err(why) => {
            let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!in_ci, "no Jaeger to test with: {why}");
            let test = std::thread::current();
            say(&format!(
                "SKIPPED the real part of {}: {why}",
                test.name().unwrap_or("a test")
            ));
            None
        }
    }
}

impl Jaeger {
    /// Where the compact protocol goes.
    pub(crate) fn udp(&self) -> String {
        format!("{}:6831", self.host)
    }

    /// Sends one datagram as it is.
    pub(crate) fn send(&self, datagram: &[u8]) {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let sent = socket.send_to(datagram, self.udp()).unwrap();
        assert_eq!(sent, datagram.len());
    }

    /// The trace, as soon as it has `spans` spans.
    #[track_caller]
    pub(crate) fn trace(&self, trace_id: u128, spans: usize) -> Trace {
        self.trace_within(trace_id, spans, PATIENCE)
    }

    /// The same with a patience of its own.
    #[track_caller]
    pub(crate) fn trace_within(&self, trace_id: u128, spans: usize, patience: Duration) -> Trace {
        let path = format!("/api/traces/{trace_id:032x}");
        let mut seen = String::from("nothing");
        let found = poll(patience, || {
            let (status, body) = self.query(&path);
            let trace = Trace::all(&body).into_iter().next();
            seen = match &trace {
                Some(trace) => format!("{} spans", trace.spans().len()),
                None => format!("{status}: {body}"),
            };
            trace.filter(|trace| trace.spans().len() >= spans)
        });
        found.unwrap_or_else(|| {
            panic!("trace {trace_id:032x}: waited for {spans} spans, there is {seen}")
        })
    }

    /// The status with which the query API answers for a trace, as soon as it is not 404.
    #[track_caller]
    pub(crate) fn trace_status(&self, trace_id: u128) -> u16 {
        let path = format!("/api/traces/{trace_id:032x}");
        poll(PATIENCE, || {
            Some(self.query(&path).0).filter(|status| *status != 404)
        })
        .expect("the trace never came")
    }

    /// Traces of a service with a span of that name, as soon as there is one, whenever it was.
    #[track_caller]
    pub(crate) fn find(&self, service: &str, operation: &str) -> Vec<Trace> {
        let path = format!(
            "/api/traces?service={}&operation={}&start=0&end={}&limit=1000",
            percent(service),
            percent(operation),
            i64::MAX / 1000,
        );
        poll(PATIENCE, || {
            Some(Trace::all(&self.query(&path).1)).filter(|traces| !traces.is_empty())
        })
        .unwrap_or_else(|| panic!("no span {operation:?} of service {service:?} came"))
    }

    /// How many spans came in over the compact protocol since the server started. `None` where its
    /// metrics cannot be reached: they are on the server's loopback.
    pub(crate) fn accepted_spans(&self) -> Option<u64> {
        let (_, text) = get(&format!("http://{}:8888/metrics", self.host)).ok()?;
        let line = text.lines().find(|line| {
            line.starts_with("otelcol_receiver_accepted_spans_total{")
                && line.contains(r#"transport="udp_thrift_compact""#)
        });
        // Before the first span the counter is not there.
        let Some(line) = line else { return Some(0) };
        let count: f64 = line.rsplit(' ').next()?.parse().ok()?;
        Some(count as u64)
    }

    fn query(&self, path: &str) -> (u16, String) {
        get(&format!("http://{}:16686{path}", self.host))
            .unwrap_or_else(|error| panic!("Jaeger's query API is gone: {error}"))
    }
}

/// A trace id that no other test has.
pub(crate) fn fresh_id() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    let half = || u128::from(RandomState::new().hash_one(0));
    half() << 64 | half() | 1 << 127 | 1
}

fn find_or_start() -> Result<Jaeger, String> {
    if let Ok(host) = std::env::var("JAEGER") {
        let answer = get(&format!("http://{host}:16686/api/services"));
        assert!(answer.is_ok(), "JAEGER={host}: no query API there");
        return Ok(Jaeger { host, _alive: None });
    }
    // Asked twice: the server of a run that just ended may be on its way out.
    if is_healthy() && {
        sleep(Duration::from_millis(300));
        is_healthy()
    } {
        say("the ports of Jaeger are taken by one that is healthy: testing with that one");
        return Ok(Jaeger {
            host: LOOPBACK.into(),
            _alive: None,
        });
    }
    let folder = folder();
    let binary = build(&folder)?;
    start(&binary, &folder.join("server.log"))
}

/// Where the server's binary and log live: beside cargo's own output.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("jaeger")
}

fn build(folder: &Path) -> Result<PathBuf, String> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jaeger");
    let binary = folder.join("jaeger");
    let built = changed(&binary);
    if built > changed(&module.join("go.mod")) && built > changed(&module.join("go.sum")) {
        return Ok(binary);
    }
    say("building Jaeger 2.13 with Go: the first time this takes 4 to 5 minutes on two cores");
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // Built under a name of its own and then renamed: whoever builds at the same time does no harm.
    let half_done = folder.join(format!("jaeger.{}", std::process::id()));
    let output = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&half_done)
        .arg("github.com/jaegertracing/jaeger/cmd/jaeger")
        .current_dir(module)
        .output()
        .map_err(|error| format!("Go is needed to build it, and `go` does not run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("Go did not build it: {}", last_lines(&said, 5)));
    }
    fs::rename(&half_done, &binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    Ok(binary)
}

fn start(binary: &Path, log: &Path) -> Result<Jaeger, String> {
    File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut keeper = Command::new("sh")
        .args(["-c", KEEPER])
        .args([binary, log])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("a shell is needed to start it: {error}"))?;
    let alive = keeper.stdin.take();
    match poll(Duration::from_secs(30), || is_healthy().then_some(())) {
        Some(()) => Ok(Jaeger {
            host: LOOPBACK.into(),
            _alive: alive,
        }),
        None => {
            let said = fs::read_to_string(log).unwrap_or_default();
            Err(format!("it does not start: {}", last_lines(&said, 5)))
        }
    }
}

fn is_healthy() -> bool {
    get(&format!("http://{LOOPBACK}:13133/status"))
        .is_ok_and(|(status, body)| status == 200 && body.contains("StatusOK"))
}

fn get(url: &str) -> Result<(u16, String), minreq::Error> {
    let response = minreq::get(url).with_timeout(30).send()?;
    let body = String::from_utf8_lossy(response.as_bytes()).into_owned();
    Ok((response.status_code, body))
}

/// What `look` finds, as soon as it does.
pub(crate) fn poll<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if begin.elapsed() > patience {
            return None;
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// Past the capture of test output, so that it is seen when the test passes, too.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "\n*** Jaeger: {what}");
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                out.write_char(byte.into())
            }
            _ => write!(out, "%{byte:02X}"),
        };
        out
    })
}
