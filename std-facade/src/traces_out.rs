//! Where finished spans come out, as datagrams.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use jaegerling_core::{LimitTooSmall, Outcome, Value};

use crate::drains::Waiting;
use crate::hub::Hub;
use crate::os;
use crate::process::ProcessTags;
use crate::root::Root;

/// Where finished spans come out, as datagrams for port 6831 of Jaeger. There is one for each
/// tracer.
///
/// Each datagram is as full as whole spans make it, and never longer than the limit.
pub struct TracesOut {
    root: Arc<Root>,
    tags: ProcessTags,
    buffer: Vec<u8>,
}

// A panic, which only a clock or an id source can bring, leaves at most a datagram that nobody was lent:
// its spans wait again.
impl UnwindSafe for TracesOut {}
impl RefUnwindSafe for TracesOut {}

/// The end of the stream: no `TracesIn` and no open span is left, and all that ended came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no span is left, and none can come")
    }
}

impl Error for Ended {}

impl TracesOut {
    pub(crate) fn new(root: Arc<Root>, tags: ProcessTags) -> Self {
        Self {
            root,
            tags,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn root(&self) -> &Arc<Root> {
        &self.root
    }

    pub(crate) fn tags(&self) -> &ProcessTags {
        &self.tags
    }

    /// The next datagram, as soon as one span waits. Its spans count as handed over.
    ///
    /// Nothing is lost if the future is dropped. Once nothing is left and nothing can come, it
    /// stays pending: [`next_or_end`](Self::next_or_end) tells.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name that users of mick-jaeger know"
    )]
    pub fn next(&mut self) -> Next<'_> {
        Next { out: self }
    }

    /// The next datagram, as soon as one span waits; or `None` once no `TracesIn` and no open span
    /// is left, and all that ended came out.
    pub fn next_or_end(&mut self) -> NextOrEnd<'_> {
        NextOrEnd { out: self }
    }

    /// The next datagram, if a span waits. Its spans count as handed over.
    ///
    /// # Errors
    ///
    /// [`Ended`] once there is nothing left, and nothing can come.
    pub fn try_next(&mut self) -> Result<Option<Vec<u8>>, Ended> {
        let packet = self.lend()?;
        Ok(packet.map(|packet| {
            let bytes = packet.bytes().to_vec();
            packet.sent();
            bytes
        }))
    }

    /// The next datagram, as soon as one span waits, but at most for this long.
    ///
    /// # Errors
    ///
    /// [`Ended`] once there is nothing left, and nothing can come.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Vec<u8>>, Ended> {
        let deadline = Instant::now().checked_add(timeout);
        let waker = thread_waker();
        loop {
            match self.poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(next) => return next.map(Some),
                Poll::Pending => {}
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                self.awake();
                return Ok(None);
            }
            self.park(left);
        }
    }

    /// Sleeps until a span ends, or a loss may be told, or the time is over.
    pub(crate) fn park(&self, left: Option<Duration>) {
        let left = match self.gather().untold_loss {
            true => Some(left.map_or(LOSS_PERIOD, |left| left.min(LOSS_PERIOD))),
            false => left,
        };
        match left {
            Some(left) => std::thread::park_timeout(left),
            None => std::thread::park(),
        }
    }

    /// Sleeps while spans wait, until they become many, or have no room, or the time is over. Says whether it was
    /// woken for that.
    pub(crate) fn park_until_many(&self, waker: &Waker, left: Duration) -> bool {
        let bell = self.root.hub().bell;
        bell.listen_for_many(waker);
        std::thread::park_timeout(left);
        bell.awake()
    }

    /// Lends the next datagram, if a span waits, and is told what became of it. No memory is
    /// allocated, once the buffer is.
    ///
    /// ```
    /// # use std::net::UdpSocket;
    /// # let (traces_in, mut traces_out) = jaegerling::builder("demo").build()?;
    /// # let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// # socket.connect(socket.local_addr()?)?;
    /// # drop(traces_in.new_trace("work"));
    /// while let Some(packet) = traces_out.lend()? {
    ///     match socket.send(packet.bytes()) {
    ///         Ok(_) => packet.sent(),
    ///         Err(_) => packet.failed(),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Ended`] once there is nothing left, and nothing can come.
    pub fn lend(&mut self) -> Result<Option<Packet<'_>>, Ended> {
        // Read before the look at what is left: nothing comes after it.
        let input_gone = self.root.input_is_gone();
        let hub = self.root.hub();
        hub.gather();
        let over = input_gone && hub.is_drained();
        match hub.pack(&mut self.buffer, &self.tags, over) {
            Some(packed) => Ok(Some(Packet {
                hub,
                bytes: packed.bytes,
                spans: packed.spans,
                settled: false,
            })),
            None if over => Err(Ended),
            None => Ok(None),
        }
    }

    /// What waits.
    pub(crate) fn gather(&self) -> Waiting {
        self.root.hub().gather()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<u8>, Ended>> {
        if let Some(ready) = self.try_next().transpose() {
            return Poll::Ready(ready);
        }
        self.listen(context.waker());
        match self.try_next().transpose() {
            Some(ready) => {
                self.awake();
                Poll::Ready(ready)
            }
            None => Poll::Pending,
        }
    }

    /// Says that nobody sleeps.
    pub(crate) fn awake(&self) {
        self.root.hub().bell.awake();
    }

    /// Has `waker` woken by the next span that ends. What ended before must be looked for after.
    pub(crate) fn listen(&self, waker: &Waker) {
        // While a loss waits for its second to pass, more of it is no news.
        let losses = !self.gather().untold_loss;
        self.root.hub().bell.listen(waker, losses);
    }

    /// Adds a tag to the process, for all datagrams to come.
    pub fn add_string_tag(&mut self, key: &str, value: &str) {
        self.add_tag(key, value);
    }

    /// Adds a tag to the process, for all datagrams to come.
    pub fn add_int_tag(&mut self, key: &str, value: i64) {
        self.add_tag(key, value);
    }

    /// Adds a tag of whatever kind the value is to the process, for all datagrams to come. Tags
    /// that would leave no room for a span are left out, and counted.
    pub fn add_tag<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        self.tags.push(key, value);
    }
}

impl Drop for TracesOut {
    fn drop(&mut self) {
        self.root.drop_output();
    }
}

/// A loss is told at most this often.
const LOSS_PERIOD: Duration = Duration::from_secs(1);

/// Wakes the current thread from [`std::thread::park`].
pub(crate) fn thread_waker() -> Waker {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    Waker::from(Arc::new(Unpark(std::thread::current())))
}

/// The future of [`TracesOut::next`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Next<'a> {
    out: &'a mut TracesOut,
}

impl UnwindSafe for Next<'_> {}

impl Future for Next<'_> {
    type Output = Vec<u8>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<u8>> {
        match self.out.poll(context) {
            Poll::Ready(Ok(datagram)) => Poll::Ready(datagram),
            Poll::Ready(Err(Ended)) | Poll::Pending => Poll::Pending,
        }
    }
}

/// The future of [`TracesOut::next_or_end`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct NextOrEnd<'a> {
    out: &'a mut TracesOut,
}

impl UnwindSafe for NextOrEnd<'_> {}

impl Future for NextOrEnd<'_> {
    type Output = Option<Vec<u8>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        self.out.poll(context).map(Result::ok)
    }
}

/// A datagram that is lent: say what became of it. One that is dropped counts as failed.
#[must_use = "say whether it was sent"]
pub struct Packet<'a> {
    hub: &'a Hub,
    bytes: &'a [u8],
    spans: usize,
    settled: bool,
}

impl<'a> Packet<'a> {
    /// The datagram.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many spans it has; one that tells of a loss is not counted.
    pub fn span_count(&self) -> usize {
        self.spans
    }

    /// Whether a span would fit a datagram of so many bytes.
    pub(crate) fn holds_within(&self, limit: usize) -> bool {
        self.hub.holds_within(limit)
    }

    /// It is somebody else's now: its spans count as handed over.
    pub fn sent(mut self) {
        self.settle(Outcome::HandedOver);
    }

    /// It is lost: its spans count as failed.
    pub fn failed(mut self) {
        self.settle(Outcome::Failed);
    }

    /// The link takes no more than `limit` bytes: its spans wait again, and this and all later
    /// datagrams are no longer than that.
    ///
    /// # Errors
    ///
    /// [`LimitTooSmall`] if no span fits such a datagram; the limit stays as it was.
    pub fn too_large(mut self, limit: usize) -> Result<(), LimitTooSmall> {
        self.settled = true;
        if self.is_inherited() {
            return Ok(());
        }
        self.hub.too_large(limit)
    }

    /// Whether it is the parent's, who tells of it: the process has forked since it was lent.
    fn is_inherited(&self) -> bool {
        self.hub.forks != os::forks()
    }

    fn settle(&mut self, outcome: Outcome) {
        if !std::mem::replace(&mut self.settled, true) && !self.is_inherited() {
            self.hub.settle(outcome);
        }
    }
}

impl Drop for Packet<'_> {
    fn drop(&mut self) {
        self.settle(Outcome::Failed);
    }
}
