//! Circumstances other than a thread that does nothing but trace. All of them record root spans.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Running, per};
use crate::cores;
use crate::peer::{Lacks, Peer, Recorder};
use crate::rounds::median;
use crate::shape::Shape;

/// Spans of a round, a millisecond apart.
const COLD_SPANS: usize = 50;

pub fn cold<P: Peer>(running: &mut Running<P>) -> Result<f64, Lacks> {
    // A first one, to see whether there is one, and for what is done only once.
    running.recorder.record(Shape::Root, 1)?;
    let recorder = &mut running.recorder;
    let cold = cold_median(|| {
        let _ = recorder.record(Shape::Root, 1);
    });
    running.peer.drain(1 + COLD_SPANS);
    Ok(cold)
}

/// The median nanoseconds of `work`, done once a millisecond, less those of looking at the time around it.
pub fn cold_median(mut work: impl FnMut()) -> f64 {
    let mut with = Vec::with_capacity(COLD_SPANS);
    let mut without = Vec::with_capacity(COLD_SPANS);
    for _ in 0..COLD_SPANS {
        thread::sleep(Duration::from_millis(1));
        let start = Instant::now();
        work();
        with.push(start.elapsed().as_nanos() as f64);
        thread::sleep(Duration::from_millis(1));
        let start = Instant::now();
        without.push(start.elapsed().as_nanos() as f64);
    }
    (median(&mut with) - median(&mut without)).max(0.0)
}

pub fn full<P: Peer>(running: &mut Running<P>) -> Result<f64, Lacks> {
    const REFUSED: usize = 10_000;
    let full = P::FULL?;
    // And one that finds that there is no room.
    running.recorder.record(Shape::Root, full + 1)?;
    let start = Instant::now();
    running.recorder.record(Shape::Root, REFUSED)?;
    let spent = start.elapsed();
    running.peer.drain(full);
    Ok(per(spent, REFUSED))
}

pub fn elsewhere<P: Peer>(running: &mut Running<P>) -> Result<f64, Lacks> {
    running.recorder.record(Shape::Root, 0)?;
    let count = Running::<P>::batch(Shape::Root);
    let mut spans = Vec::with_capacity(count);
    let (give, take) = mpsc::sync_channel::<Vec<_>>(1);
    let spent = thread::scope(|scope| {
        let other = scope.spawn(move || {
            let spans = take.recv().expect("spans");
            let start = Instant::now();
            drop(spans);
            start.elapsed()
        });
        let start = Instant::now();
        for _ in 0..count {
            spans.push(running.recorder.open());
        }
        let here = start.elapsed();
        give.send(spans).expect("the other thread waits");
        here + other.join().expect("they end")
    });
    running.peer.drain(count);
    Ok(per(spent, count))
}

/// From when the first of the threads begins until the last one has ended, by all their spans. Of three batches the
/// fastest, since with as many threads as cores, whatever else runs stops one of them.
pub fn threads<P: Peer>(running: &mut Running<P>, count: usize) -> Result<f64, Lacks> {
    const BATCHES: usize = 3;
    let each = P::per_thread(count)?;
    let peer = &mut running.peer;
    let recorders: Vec<_> = (0..count).map(|_| peer.recorder()).collect();
    let gate = Barrier::new(count + 1);
    let arrived = AtomicUsize::new(0);
    let spent = thread::scope(|scope| {
        let (gate, arrived) = (&gate, &arrived);
        // A barrier wakes one after the other, some 50 µs apart: a tenth of a batch.
        let together = move |batch: usize| {
            arrived.fetch_add(1, Ordering::Relaxed);
            while arrived.load(Ordering::Relaxed) < (batch + 1) * count {
                thread::yield_now();
            }
        };
        let threads: Vec<_> = recorders
            .into_iter()
            .enumerate()
            .map(|(at, recorder)| {
                scope.spawn(move || {
                    cores::stay_on(at);
                    batches(recorder, each, BATCHES, gate, together)
                })
            })
            .collect();
        for _ in 0..=BATCHES {
            gate.wait();
            gate.wait();
            peer.drain(count * each);
        }
        let times: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().expect("it records"))
            .collect();
        // The first batch warms up.
        let spent = (1..=BATCHES).map(|batch| {
            let first = times.iter().map(|times| times[batch].0).min();
            let last = times.iter().map(|times| times[batch].1).max();
            first
                .zip(last)
                .map_or(Duration::ZERO, |(first, last)| last - first)
        });
        spent.min().expect("there are batches")
    });
    Ok(per(spent, count * each))
}

/// When each batch of this thread began and ended.
fn batches(
    mut recorder: impl Recorder,
    each: usize,
    count: usize,
    gate: &Barrier,
    together: impl Fn(usize),
) -> Vec<(Instant, Instant)> {
    let mut times = Vec::with_capacity(count + 1);
    for batch in 0..=count {
        gate.wait();
        together(batch);
        let start = Instant::now();
        let recorded = recorder.record(Shape::Root, each);
        times.push((start, Instant::now()));
        recorded.expect("roots can be recorded");
        gate.wait();
    }
    times
}
