//! The thread that sends.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::link::Link;
use super::{DatagramSender, Options, Resolve, SendError, UdpStats};
use crate::global::lock;
use crate::traces_out::{Packet, thread_waker};
use crate::{Ended, TracesOut};

/// How often the thread looks whether what lingers fills a datagram, if it may linger for longer: what many
/// threads record, each of them slowly.
const LOOK: Duration = Duration::from_millis(100);

/// What others have to say to the thread, and it to them.
#[derive(Default)]
pub(super) struct Control {
    state: Mutex<State>,
    changed: Condvar,
    thread: OnceLock<Thread>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Flushes that were asked for.
    asked: u64,
    /// Of these, how many are done.
    done: u64,
    stop: bool,
    finished: bool,
    stats: UdpStats,
}

impl State {
    /// Whether somebody waits for the thread to send what there is.
    fn is_urgent(self) -> bool {
        self.stop || self.asked > self.done
    }
}

impl Control {
    pub(super) fn set_thread(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Whether everything was flushed in time.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let mut state = lock(&self.state);
        state.asked += 1;
        let ticket = state.asked;
        self.wake();
        let wait = self.changed.wait_timeout_while(state, timeout, |state| {
            state.done < ticket && !state.finished
        });
        let (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        state.done >= ticket
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stop = true;
        self.wake();
    }

    pub(super) fn stats(&self) -> UdpStats {
        lock(&self.state).stats
    }

    fn get(&self) -> State {
        *lock(&self.state)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
        self.changed.notify_all();
    }
}

pub(super) struct Worker {
    out: TracesOut,
    wire: DatagramSender,
    linger: Duration,
    control: Arc<Control>,
    waker: Waker,
}

impl Worker {
    pub(super) fn new(
        out: TracesOut,
        link: Link,
        resolve: Arc<Resolve>,
        options: Options,
        control: Arc<Control>,
    ) -> Self {
        Self {
            out,
            wire: DatagramSender::new(link, resolve, options),
            linger: options.linger,
            control,
            waker: Waker::noop().clone(),
        }
    }

    pub(super) fn run(mut self) {
        // Whoever waits for a flush is let go, however this ends.
        struct Finish(Arc<Control>);
        impl Drop for Finish {
            fn drop(&mut self) {
                self.0.change(|state| state.finished = true);
            }
        }
        let _finish = Finish(self.control.clone());
        self.control.set_thread(thread::current());
        self.waker = thread_waker();
        while let Ok(Next::GoOn) = self.round() {}
        // Nothing is left that a flush could wait for. (After a panic, there may be.)
        self.control.change(|state| state.done = u64::MAX);
    }

    /// Waits until something is to be sent, and sends it.
    fn round(&mut self) -> Result<Next, Ended> {
        let state = self.wait_for_work()?;
        let urgent = state.is_urgent();
        let over = urgent || self.linger();
        let state = self.control.get();
        let urgent = state.is_urgent();
        // Only what waits now: spans that keep coming must not keep a flush from its end.
        let mut waiting = self.out.gather();
        let mut left = waiting.spans;
        while left > 0 && (urgent || over || waiting.fill_datagram) {
            let Some(sent) = self.send_next()? else {
                break;
            };
            left = left.saturating_sub(sent);
            waiting = self.out.gather();
        }
        if urgent {
            self.control.change(|now| now.done = state.asked);
        }
        Ok(if state.stop { Next::Stop } else { Next::GoOn })
    }

    /// Sleeps until a span waits or somebody asks for something.
    fn wait_for_work(&mut self) -> Result<State, Ended> {
        loop {
            if let Some(state) = self.work()? {
                return Ok(state);
            }
            self.out.listen(&self.waker);
            if let Some(state) = self.work()? {
                self.out.awake();
                return Ok(state);
            }
            self.out.park(None);
        }
    }

    fn work(&mut self) -> Result<Option<State>, Ended> {
        let state = self.control.get();
        let waiting = self.out.gather();
        if state.is_urgent() || waiting.spans > 0 {
            return Ok(Some(state));
        }
        if waiting.untold_loss || self.out.root().input_is_gone() {
            self.send_next()?;
        }
        Ok(None)
    }

    /// Waits for more spans to share the datagram, but not long. Says whether it goes out though they do not
    /// fill it.
    fn linger(&self) -> bool {
        let begin = Instant::now();
        let mut is_woken = false;
        loop {
            let left = self.linger.saturating_sub(begin.elapsed());
            let state = self.control.get();
            if left.is_zero() || state.is_urgent() {
                return true;
            }
            if self.out.gather().fill_datagram {
                return false;
            }
            // Some lane is too small, or too full, to fill one.
            if is_woken {
                return true;
            }
            is_woken = self.out.park_until_many(&self.waker, left.min(LOOK));
        }
    }

    /// Sends one datagram, and says how many spans it disposed of; `None` if none waited.
    fn send_next(&mut self) -> Result<Option<usize>, Ended> {
        let sent = self.out.lend()?.map(|packet| send(packet, &mut self.wire));
        let stats = self.wire.stats();
        lock(&self.control.state).stats = stats;
        Ok(sent)
    }
}

enum Next {
    GoOn,
    Stop,
}

/// Sends a packet. How many spans are disposed of, sent or failed.
fn send(packet: Packet<'_>, wire: &mut DatagramSender) -> usize {
    let spans = packet.span_count();
    match wire.send(packet.bytes()) {
        Ok(()) => packet.sent(),
        Err(SendError::TooLong {
            at_most: Some(limit),
        }) if packet.holds_within(limit) => {
            // It was just asked whether that can be.
            let _ = packet.too_large(limit);
            return 0;
        }
        Err(_) => packet.failed(),
    }
    spans
}
