//! A thread that draws, so that a slow terminal holds up nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jaegerling_core::decode::decode;

use crate::pictures::{Gathering, Pictures};
use crate::queue::{Next, Queue};

/// How often the flag to stop is looked at.
const TICK: Duration = Duration::from_millis(10);
/// For so long, the last pictures are waited for after that.
const LAST: Duration = Duration::from_secs(1);

/// Where datagrams are drawn.
pub(crate) struct Gallery {
    datagrams: Arc<Queue<Vec<u8>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), String>>,
}

impl Gallery {
    /// Sets the flag when nobody looks any more, and follows it.
    pub(crate) fn open(gathering: &Gathering, stop: &Arc<AtomicBool>) -> Self {
        let datagrams = Arc::new(Queue::default());
        let pictures = Pictures::new(gathering);
        let (come, flag) = (Arc::clone(&datagrams), Arc::clone(stop));
        Self {
            datagrams,
            stop: Arc::clone(stop),
            thread: thread::spawn(move || draw(pictures, &come, &flag)),
        }
    }

    /// Takes a datagram, if there is room for it.
    pub(crate) fn offer(&self, datagram: &[u8]) -> bool {
        self.datagrams.offer(datagram.into(), datagram.len())
    }

    /// Takes a datagram, and waits for room, unless the program is to stop.
    pub(crate) fn show(&self, datagram: &[u8]) {
        while !self.offer(datagram) && !self.stop.load(Ordering::Relaxed) {
            thread::sleep(TICK);
        }
    }

    /// Waits until all is drawn; if the program is to stop, not for long.
    pub(crate) fn close(self) -> Result<(), String> {
        self.datagrams.close(Ok(()));
        let mut stopped = None;
        while !self.thread.is_finished() {
            if self.stop.load(Ordering::Relaxed) {
                let since: &Instant = stopped.get_or_insert_with(Instant::now);
                if since.elapsed() > LAST {
                    return Ok(());
                }
            }
            thread::sleep(TICK);
        }
        self.thread.join().unwrap_or(Ok(()))
    }
}

fn draw(
    mut pictures: Pictures,
    datagrams: &Queue<Vec<u8>>,
    stop: &AtomicBool,
) -> Result<(), String> {
    loop {
        match datagrams.next(pictures.patience()) {
            Next::Item(datagram) => {
                if let Ok(batch) = decode(&datagram) {
                    pictures.add(&batch);
                }
            }
            Next::Nothing => {}
            Next::End(_) => return pictures.draw_rest(),
        }
        pictures.draw()?;
        if pictures.is_closed() {
            stop.store(true, Ordering::Relaxed);
        }
    }
}
