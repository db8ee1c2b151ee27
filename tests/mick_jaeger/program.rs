// A program that uses every public item of mick-jaeger 0.1.8, in the ways that its users may have written it.
// It is included twice, with `client` naming one crate or the other; nothing else differs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::UdpSocket;
use std::num::{NonZeroU64, NonZeroU128};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use futures::FutureExt as _;
use futures::executor::{ThreadPool, block_on};

/// Runs all of it; answers every datagram that came out.
pub(super) fn run() -> Vec<Vec<u8>> {
    auto_traits();
    let mut datagrams = Vec::new();
    datagrams.extend(documentation());
    datagrams.extend(task_on_a_pool());
    datagrams.extend(next_as_spans_come());

    let topics: [(&str, fn(&Arc<client::TracesIn>)); 12] = [
        ("ids", ids),
        ("names", names),
        ("wrappers", wrappers),
        ("values", values),
        ("paths", paths),
        ("times", times),
        ("logs", logs),
        ("references", references),
        ("threads", threads),
        ("storage", storage),
        ("unwinding", unwinding),
        ("sizes", sizes),
    ];
    for (name, topic) in topics {
        let (traces_in, mut traces_out) = client::init(client::Config {
            service_name: format!("program {name}"),
        });
        topic(&traces_in);
        datagrams.extend(waiting(&mut traces_out));
    }
    datagrams.extend(process_tags());
    datagrams.extend(the_end());
    datagrams
}

/// What holds for mick-jaeger's types. (Not there: `Log: UnwindSafe`, `TracesOut: UnwindSafe + RefUnwindSafe`; the future of
/// `next` is `Send` and `Sync` alone.)
fn auto_traits() {
    fn all<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>() {}
    fn receiver<T: Send + Sync + Unpin + 'static>() {}
    fn log<T: Send + Sync + Unpin + RefUnwindSafe>() {}
    fn future<T: Future<Output = Vec<u8>> + Send + Sync>(future: T) -> T {
        future
    }
    all::<client::Config>();
    all::<client::TracesIn>();
    all::<client::Span>();
    all::<client::StartTime>();
    receiver::<client::TracesOut>();
    log::<client::Log<'static>>();

    let (_traces_in, mut traces_out) = client::init(client::Config {
        service_name: "traits".into(),
    });
    drop(future(traces_out.next()));
}

/// The examples of its documentation, in their order, with a socket of ours in place of the agent.
fn documentation() -> Vec<Vec<u8>> {
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    agent
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let agent_address = agent.local_addr().unwrap();

    let (traces_in, mut traces_out) = client::init(client::Config {
        service_name: "demo".to_string(),
    });
    // mick-jaeger's task panics once nothing can come any more.
    std::mem::forget(Arc::clone(&traces_in));
    thread::spawn(move || {
        block_on(async move {
            let udp_socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            udp_socket.connect(agent_address).unwrap();
            loop {
                let buf = traces_out.next().await;
                udp_socket.send(&buf).unwrap();
            }
        })
    });
    {
        let _span = traces_in.span(NonZeroU128::new(43).unwrap(), "doc: something");
    }
    {
        let mut _span = traces_in.span(NonZeroU128::new(43).unwrap(), "doc: something with a tag");
        _span.add_string_tag("key", "value");
    }
    my_function(&traces_in);
    {
        let mut _span = traces_in.span(NonZeroU128::new(43).unwrap(), "doc: something with a log");
        _span.log().with_string("key", "value");
    }
    let end = "doc: end";
    drop(traces_in.span(NonZeroU128::new(43).unwrap(), end));

    let mut buffer = vec![0; 65_536];
    let mut datagrams: Vec<Vec<u8>> = Vec::new();
    let is_last = |datagram: &Vec<u8>| {
        datagram
            .windows(end.len())
            .any(|window| window == end.as_bytes())
    };
    while !datagrams.last().is_some_and(is_last) {
        let len = agent.recv(&mut buffer).unwrap();
        datagrams.push(buffer[..len].to_vec());
    }
    datagrams
}

fn my_function(traces_in: &Arc<client::TracesIn>) {
    let mut _span = traces_in.span(NonZeroU128::new(43).unwrap(), "doc: foo");
    {
        let mut _span = _span.child("doc: bar");
        _span.add_int_tag("expensive", 1);
    }
    _span.add_string_tag("child", "ended");
}

/// `next` in a task that may move between the threads of a pool.
fn task_on_a_pool() -> Vec<Vec<u8>> {
    let pool = ThreadPool::builder().pool_size(2).create().unwrap();
    let (traces_in, mut traces_out) = client::init(client::Config {
        service_name: "pool".into(),
    });
    let (sender, receiver) = mpsc::channel();
    pool.spawn_ok(async move {
        loop {
            let packet: Vec<u8> = traces_out.next().await;
            if sender.send(packet).is_err() {
                return;
            }
        }
    });
    let mut datagrams = Vec::new();
    for name in ["pool: first", "pool: second"] {
        drop(traces_in.span(trace(1), name));
        datagrams.push(receiver.recv_timeout(Duration::from_secs(10)).unwrap());
    }
    // Ends the task, before its stream ends.
    drop(receiver);
    drop(traces_in.span(trace(1), "pool: never read"));
    datagrams
}

/// Pending while nothing waits; may be dropped then without harm; woken by a span that ends on another thread.
fn next_as_spans_come() -> Vec<Vec<u8>> {
    let (traces_in, mut traces_out) = client::init(client::Config {
        service_name: "next".into(),
    });
    assert!(traces_out.next().now_or_never().is_none());
    let open = traces_in.span(trace(2), "next: open");
    assert!(
        traces_out.next().now_or_never().is_none(),
        "an open span does not wait"
    );
    let later = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        drop(open);
    });
    let mut datagrams = vec![block_on(traces_out.next())];
    later.join().unwrap();
    drop(traces_in.span(trace(2), "next: waits already"));
    datagrams.push(block_on(async { traces_out.next().await }));
    assert!(traces_out.next().now_or_never().is_none());
    datagrams
}

fn ids(traces_in: &Arc<client::TracesIn>) {
    let largest = NonZeroU128::MAX;
    let given = traces_in.span_with_id(trace(10), id(100), "ids: given");
    assert_eq!(given.trace_id(), trace(10));
    assert_eq!(given.span_id(), id(100));
    let random = traces_in.span(largest, "ids: random");
    assert_eq!(random.trace_id().get(), u128::MAX);
    let _: NonZeroU64 = random.span_id();
    drop(traces_in.span_with_id(trace(1 << 64), NonZeroU64::MAX, "ids: largest span"));
    drop(traces_in.span_with_id(trace(1 << 127), id(1 << 63), "ids: only the sign"));
    drop(traces_in.span_with_parent(trace(10), None, "ids: no parent"));
    drop(traces_in.span_with_parent(trace(10), NonZeroU64::new(0), "ids: parent 0"));
    drop(traces_in.span_with_parent(trace(10), NonZeroU64::new(100), "ids: parent given"));
    drop(traces_in.span_with_parent(largest, Some(random.span_id()), "ids: parent random"));
    drop(traces_in.span_with_id_and_parent(trace(10), id(101), Some(given.span_id()), "ids: both"));
    drop(traces_in.span_with_id_and_parent(trace(10), id(102), None, "ids: both, no parent"));
    let child = given.child("ids: child");
    let grandchild = child.child_with_id(id(103), "ids: grandchild");
    assert_eq!(grandchild.trace_id(), given.trace_id());
    assert_ne!(child.span_id(), given.span_id());
    drop(given);
    drop(grandchild.child(String::from("ids: child whose parents end in any order")));
    drop(child);
}

/// A name of the user's own, borrowed, that converts in its own way.
struct Route<'a>(&'a str);

impl From<Route<'_>> for String {
    fn from(route: Route<'_>) -> String {
        format!("names: route {}", route.0)
    }
}

fn names(traces_in: &Arc<client::TracesIn>) {
    let owned = String::from("names: owned");
    let mut text = String::from("names: mutable str");
    let borrowed: Cow<'_, str> = Cow::Borrowed("names: borrowed cow");
    let path = String::from("/cart");
    let shared = Mutex::new(String::from("names: behind a lock"));
    drop(traces_in.span(trace(20), "names: str"));
    drop(traces_in.span(trace(20), &owned[..10]));
    drop(traces_in.span(trace(20), &owned));
    drop(traces_in.span(trace(20), owned + ", moved"));
    drop(traces_in.span(trace(20), text.as_mut_str()));
    drop(traces_in.span(trace(20), borrowed));
    drop(traces_in.span(
        trace(20),
        Cow::<'static, str>::Owned("names: owned cow".to_string()),
    ));
    drop(traces_in.span(trace(20), Box::<str>::from("names: boxed")));
    drop(traces_in.span(trace(20), 'n'));
    drop(traces_in.span(trace(20), Route(&path)));
    drop(traces_in.span(trace(20), format!("names: {}", "formatted")));
    drop(traces_in.span(trace(20), &*shared.lock().unwrap()));
    drop(traces_in.span(trace(20), shared.lock().unwrap().as_str().to_uppercase()));
    drop(traces_in.span(trace(20), &*Arc::<str>::from("names: shared")));
    drop(traces_in.span(trace(20), ""));
    drop(traces_in.span(trace(20), "names: Jägerling 🦌\0 and\ncontrol\u{1b}"));
}

fn by_impl(traces_in: &Arc<client::TracesIn>, name: impl Into<String>) -> client::Span {
    traces_in.span(trace(30), name)
}

fn by_parameter<N: Into<String>>(parent: &client::Span, name: N) -> client::Span {
    parent.child(name)
}

fn by_parameter_with_id<'a, N>(
    parent: &'a client::Span,
    span_id: NonZeroU64,
    name: N,
) -> client::Span
where
    N: Into<String> + 'a,
{
    parent.child_with_id(span_id, name)
}

fn by_trait_object(
    traces_in: &Arc<client::TracesIn>,
    name: Box<dyn Fn() -> String>,
) -> client::Span {
    traces_in.span_with_id_and_parent(trace(30), id(300), None, name())
}

/// A user's trait on the crate's types.
trait Traced {
    fn traced<N: Into<String>, T>(self, name: N, work: impl FnOnce(&mut client::Span) -> T) -> T;
}

impl Traced for &Arc<client::TracesIn> {
    fn traced<N: Into<String>, T>(self, name: N, work: impl FnOnce(&mut client::Span) -> T) -> T {
        work(&mut self.span_with_parent(trace(30), None, name))
    }
}

fn wrappers(traces_in: &Arc<client::TracesIn>) {
    let local = String::from("wrappers: impl, borrowed");
    let parent = by_impl(traces_in, "wrappers: impl");
    drop(by_impl(traces_in, &local));
    drop(by_impl(traces_in, local + ", moved"));
    drop(by_parameter(&parent, "wrappers: parameter"));
    drop(by_parameter(
        &parent,
        String::from("wrappers: parameter, owned"),
    ));
    drop(by_parameter::<&str>(
        &parent,
        &"wrappers: parameter, named".to_owned(),
    ));
    drop(by_parameter(&parent, Route("wrapped")));
    drop(by_parameter_with_id(&parent, id(301), "wrappers: with id"));
    drop(by_trait_object(
        traces_in,
        Box::new(|| "wrappers: boxed closure".into()),
    ));
    let answer = traces_in.traced("wrappers: trait", |span| {
        span.add_int_tag("answer", 42);
        42
    });
    assert_eq!(answer, 42);
}

/// Whatever becomes a `&str` or an `i64` where one is expected.
fn values(traces_in: &Arc<client::TracesIn>) {
    let mut span = traces_in.span_with_id(trace(40), id(400), "values");
    let owned = String::from("owned");
    let shared = Mutex::new(String::from("behind a lock"));
    let cow = Cow::Borrowed("cow");
    let length: usize = 7;
    span.add_string_tag("str", "value");
    span.add_string_tag("owned", &owned);
    span.add_string_tag(&owned, &format!("{owned} key"));
    span.add_string_tag("lock", &shared.lock().unwrap());
    span.add_string_tag(&shared.lock().unwrap(), "key");
    span.add_string_tag("cow", &cow);
    span.add_string_tag("box", &Box::<str>::from("boxed"));
    span.add_string_tag("arc", &Arc::<str>::from("shared"));
    span.add_string_tag("rc", &std::rc::Rc::new(String::from("counted")));
    span.add_string_tag("as_ref", owned.as_ref());
    span.add_string_tag("into", "into".into());
    span.add_string_tag("default", Default::default());
    span.add_string_tag("", "");
    span.add_string_tag("twice", "first");
    span.add_string_tag("twice", "second");
    span.add_string_tag("ünï\0cødé", "\u{1b}[31m🦌\r\n\t");
    span.add_string_tag("number as text", &7.to_string());
    span.add_int_tag("literal", 7);
    span.add_int_tag("least", i64::MIN);
    span.add_int_tag("most", i64::MAX);
    span.add_int_tag("zero", 0);
    span.add_int_tag("into", 7u32.into());
    span.add_int_tag("try_into", length.try_into().unwrap());
    span.add_int_tag("parse", "-7".parse().unwrap());
    span.add_int_tag("cast", length as _);
    span.add_int_tag("twice", 3);
    let reborrowed = &mut span;
    reborrowed.add_string_tag("reborrowed", "yes");
    tag(&mut span);
    let () = span.add_int_tag("unit", 1);
}

fn tag(span: &mut client::Span) {
    span.add_string_tag("by a function", "yes");
}

/// Functions and methods as values.
fn paths(traces_in: &Arc<client::TracesIn>) {
    let init: fn(client::Config) -> (Arc<client::TracesIn>, client::TracesOut) = client::init;
    let (_, mut traces_out) = init(client::Config {
        service_name: String::new(),
    });
    let tag_process: fn(&mut client::TracesOut, &str, &str) = client::TracesOut::add_string_tag;
    tag_process(&mut traces_out, "key", "value");

    let span: fn(&Arc<client::TracesIn>, NonZeroU128, &'static str) -> client::Span =
        client::TracesIn::span;
    let child: fn(&client::Span, String) -> client::Span = client::Span::child;
    let add_string: fn(&mut client::Span, &str, &str) = client::Span::add_string_tag;
    let add_int: fn(&mut client::Span, &str, i64) = client::Span::add_int_tag;
    let log: for<'a> fn(&'a mut client::Span) -> client::Log<'a> = client::Span::log;
    let with_int: fn(_, &'static str, i64) -> _ = client::Log::with_int;

    let mut parent = span(traces_in, trace(50), "paths: parent");
    add_string(&mut parent, "by", "path");
    add_int(&mut parent, "by", 1);
    drop(with_int(log(&mut parent), "by", 2));
    let names = ["paths: one", "paths: two"].map(String::from);
    let children: Vec<client::Span> = names.into_iter().map(|name| child(&parent, name)).collect();
    let ids: Vec<NonZeroU64> = children.iter().map(client::Span::span_id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(Some(&parent).map(client::Span::trace_id), Some(trace(50)));
    let start = Some(()).map(|()| client::StartTime::now());
    let started = start.map_or_else(client::StartTime::now, std::convert::identity);
    let moved = Some(parent.child("paths: started"))
        .into_iter()
        .zip([started]);
    moved
        .map(|(span, start)| client::Span::with_start_time_override(span, start))
        .for_each(drop);
}

fn times(traces_in: &Arc<client::TracesIn>) {
    let start = client::StartTime::now();
    let start_of_second = client::StartTime::now();
    thread::sleep(Duration::from_millis(30));
    let mut first = traces_in.span(trace(60), "times: 30 ms, in place");
    first.override_start_time(start);
    drop(first);
    let second = traces_in
        .span(trace(60), "times: 30 ms, by value")
        .with_start_time_override(start_of_second);
    drop(second);
    let waits = traces_in.span(trace(60), "times: 20 ms");
    thread::sleep(Duration::from_millis(20));
    drop(waits);
    let mut shifted = traces_in.span(trace(60), "times: short after all");
    thread::sleep(Duration::from_millis(20));
    shifted.override_start_time(client::StartTime::now());
}

/// A log in a user's own struct.
struct Event<'a> {
    log: Option<client::Log<'a>>,
}

fn with_both<'a>(log: client::Log<'a>, text: &str) -> client::Log<'a> {
    log.with_string("text", text)
        .with_int("length", text.len() as i64)
}

fn shorter<'short, 'long: 'short>(log: client::Log<'long>) -> client::Log<'short> {
    log
}

fn logs(traces_in: &Arc<client::TracesIn>) {
    let mut span = traces_in.span(trace(70), "logs");
    span.log();
    span.log().with_string("event", "one field");
    span.log()
        .with_int("least", i64::MIN)
        .with_string("text", "")
        .with_int("least", i64::MAX);
    let held = span.log();
    thread::sleep(Duration::from_millis(5));
    let held = held.with_string("held", "in a variable");
    drop(shorter(held));
    {
        let mut log = span.log();
        for number in 0..20 {
            log = log.with_int("number", number);
        }
        let _log = log;
    }
    let mut event = Event {
        log: Some(span.log()),
    };
    event.log = event.log.take().map(|log| with_both(log, "in a struct"));
    drop(event);
    span.add_string_tag("tag", "between logs");
    let log = span.log().with_string("thread", "another");
    thread::scope(|scope| {
        scope.spawn(move || drop(log.with_int("there", 1)));
    });
    span.log().with_string("event", "last");
}

fn references(traces_in: &Arc<client::TracesIn>) {
    let first = traces_in.span_with_id(trace(80), id(800), "references: first");
    let elsewhere = traces_in.span(trace(u128::MAX - 80), "references: another trace");
    let mut span =
        traces_in.span_with_parent(trace(80), Some(first.span_id()), "references: three");
    span.add_follows_from(&first);
    span.add_follows_from(&elsewhere);
    span.add_follows_from_raw(trace(1 << 100), id(u64::MAX));
    let mut one = span.child("references: its parent, too");
    one.add_follows_from(&span);
    let mut many = first.child("references: many");
    for number in 1..=20 {
        many.add_follows_from_raw(trace(80), id(number));
    }
}

fn threads(traces_in: &Arc<client::TracesIn>) {
    let shared: Arc<client::Span> =
        Arc::new(traces_in.span_with_id(trace(90), id(900), "threads: shared"));
    let workers: Vec<_> = (0..4)
        .map(|number| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut span = shared.child(format!("threads: child {number}"));
                span.add_int_tag("number", number);
                span.add_follows_from(&shared);
                span
            })
        })
        .collect();
    // Made there, ended here.
    for worker in workers {
        worker.join().unwrap().add_string_tag("ended", "here");
    }
    // Made here, ended there; the shared one ends where it is used last.
    let sent = traces_in.span(trace(90), "threads: sent");
    let traces_in_there = Arc::clone(traces_in);
    thread::spawn(move || {
        let mut sent = sent;
        sent.add_string_tag("ended", "there");
        drop(traces_in_there.span(trace(90), "threads: made and ended there"));
        drop(shared);
    })
    .join()
    .unwrap();
    let locked = Mutex::new(traces_in.span(trace(90), "threads: locked"));
    thread::scope(|scope| {
        let tag = || locked.lock().unwrap().add_string_tag("same", "tag");
        scope.spawn(tag);
        scope.spawn(tag);
    });
}

/// Spans where programs keep them.
fn storage(traces_in: &Arc<client::TracesIn>) {
    let mut by_request: HashMap<u64, client::Span> = HashMap::new();
    by_request.insert(1, traces_in.span(trace(110), "storage: in a map"));
    by_request
        .get_mut(&1)
        .unwrap()
        .add_string_tag("found", "yes");
    let mut current: Option<client::Span> = Some(traces_in.span(trace(110), "storage: optional"));
    if let Some(span) = current.as_mut() {
        span.log().with_string("event", "there");
    }
    let mut replaced = by_request.remove(&1).unwrap().child("storage: replaced");
    let old = std::mem::replace(
        &mut replaced,
        traces_in.span(trace(110), "storage: replacement"),
    );
    drop((old, current.take()));
    let boxed: Box<dyn std::any::Any + Send + Sync> = Box::new(replaced);
    assert!(boxed.is::<client::Span>());
    let kept: Vec<client::Span> = (0..3)
        .map(|n| traces_in.span(trace(110), format!("storage: {n}")))
        .collect();
    drop(kept);
}

/// A span is reported while its thread unwinds.
fn unwinding(traces_in: &Arc<client::TracesIn>) {
    let mut span = traces_in.span(trace(120), "unwinding");
    span.add_string_tag("error", "true");
    let result = std::panic::catch_unwind(move || {
        let mut span = span;
        let _log = span.log().with_string("event", "panic");
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(result.is_err());
    drop(traces_in.span(trace(120), "unwinding: afterwards"));
}

/// More than is usual.
fn sizes(traces_in: &Arc<client::TracesIn>) {
    for count in [0, 12, 13, 14, 15, 16, 60] {
        let mut span = traces_in.span(trace(130), format!("sizes: {count} tags"));
        for number in 0..count {
            span.add_int_tag(&format!("tag {number}"), number);
        }
    }
    let long = "länge ".repeat(700);
    let mut span = traces_in.span(trace(130), format!("sizes: {long}"));
    span.add_string_tag(&long, &long);
    for number in 0..30 {
        span.log()
            .with_string("event", &long[..98])
            .with_int("number", number);
    }
}

/// Process tags may come at any time; a packet has those that were added before it.
fn process_tags() -> Vec<Vec<u8>> {
    let (traces_in, mut traces_out) = client::init(client::Config {
        service_name: "process tags".into(),
    });
    let mut datagrams = Vec::new();
    drop(traces_in.span(trace(140), "process tags: none"));
    datagrams.extend(waiting(&mut traces_out));
    traces_out.add_string_tag("program.version", &String::from("1.2.3"));
    traces_out.add_int_tag("program.shard", 3);
    drop(traces_in.span(trace(140), "process tags: two"));
    datagrams.extend(waiting(&mut traces_out));
    traces_out.add_string_tag("program.version", "1.2.4");
    drop(traces_in.span(trace(140), "process tags: three"));
    datagrams.extend(waiting(&mut traces_out));
    datagrams
}

/// A span outlives its `TracesIn`; then `next` has nothing more to say and stays pending.
fn the_end() -> Vec<Vec<u8>> {
    let (traces_in, mut traces_out) = client::init(client::Config {
        service_name: "the end".into(),
    });
    let last = traces_in.span(trace(150), "the end: parent");
    drop(traces_in);
    drop(last.child("the end: child"));
    drop(last);
    let datagrams = waiting(&mut traces_out);
    assert!(traces_out.next().now_or_never().is_none());
    assert!(traces_out.next().now_or_never().is_none());

    let (traces_in, traces_out) = client::init(client::Config {
        service_name: "nobody listens".into(),
    });
    drop(traces_out);
    drop(traces_in.span(trace(150), "the end: never seen"));
    datagrams
}

/// Every datagram that can be had at once.
fn waiting(traces_out: &mut client::TracesOut) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| traces_out.next().now_or_never()).collect()
}

fn trace(number: u128) -> NonZeroU128 {
    NonZeroU128::new(number).unwrap()
}

fn id(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap()
}
