//! Several threads record through one static tracer while one drains: with each lock, nothing is
//! lost that is not counted, and every span is whole.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use jaegerling_core::decode::{TagValue, decode};
use jaegerling_core::{
    ClaimLock, Clock, IdSource, InCriticalSection, KeepNewest, KeepOldest, LockFree, Packer,
    Policy, Process, SeededIds, SeveralCores, Slot, Tracer,
};

const THREADS: u64 = 3;
const SPANS: u64 = 20_000;
const WORDS: usize = 32;

struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn unix_nanos(&self, ticks: u64) -> i64 {
        ticks as i64 * 1_000
    }
}

/// Ids that are only apart if the lock keeps them apart: a load and a store.
struct Counted(AtomicU32);

impl IdSource for Counted {
    fn needs_lock(&self) -> bool {
        true
    }

    fn next_id(&self) -> u64 {
        let id = self.0.load(Ordering::Relaxed) + 1;
        self.0.store(id, Ordering::Relaxed);
        id.into()
    }
}

/// So few slots that claims meet each other's all the time.
const SLOTS: usize = 7;

type Spans<I, L, P> = Tracer<Ticks, I, L, P, [Slot<WORDS>; SLOTS], WORDS>;

/// Longer than a slot, so that chains are claimed, too, and different for each span.
fn text(of: u64) -> String {
    format!("{of:016x}").repeat(9)
}

fn everything_is_accounted_for<I, L, P>(tracer: &'static Spans<I, L, P>)
where
    I: IdSource + Sync,
    L: ClaimLock + Sync,
    P: Policy + Sync,
{
    tracer.init(7).unwrap();
    let record = move |thread: u64| {
        for count in 0..SPANS {
            let number = thread << 32 | count;
            let mut span = tracer.root("work");
            span.tag("number", number);
            span.tag("text", text(number).as_str());
        }
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| thread::spawn(move || record(thread)))
        .collect();

    let mut drain = tracer.take_drain().unwrap();
    assert!(tracer.take_drain().is_none());
    // A loss is told by counters only: no span that nobody recorded.
    let mut packer = Packer::lean(2_000, "locks").unwrap();
    let mut buffer = [0; 2_003];
    let (mut ids, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let mut cut = 0;
    loop {
        let done = threads.iter().all(|thread| thread.is_finished());
        while let Some(datagram) = drain.pack(&mut packer, &mut buffer, &Process::new("locks")) {
            for span in decode(datagram.bytes).unwrap().spans {
                assert_eq!(span.operation_name, "work");
                assert!(ids.insert(span.span_id), "an id came twice");
                let mut tags = span.tags.iter();
                let number = tags.next().unwrap();
                assert_eq!(number.key, "number");
                let TagValue::Long(number) = number.value else {
                    panic!("{number:?}")
                };
                assert!(numbers.insert(number), "a span came twice");
                match tags.next() {
                    Some(of) => {
                        assert_eq!(of.key, "text");
                        assert_eq!(
                            of.value,
                            TagValue::String(text(number as u64).as_str().into())
                        );
                    }
                    // No slot was left to go on in.
                    None => cut += 1,
                }
            }
            drain.sent(&mut packer);
        }
        let stats = drain.stats();
        let ended = stats.handed_over + stats.dropped.total();
        assert!(ended + stats.open + stats.waiting + stats.in_flight <= stats.started);
        if done && stats.waiting == 0 {
            break;
        }
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());

    let stats = drain.stats();
    assert_eq!(stats.started, THREADS * SPANS);
    assert_eq!(stats.handed_over + stats.dropped.total(), stats.started);
    assert_eq!(stats.handed_over, numbers.len() as u64);
    assert_eq!((stats.open, stats.waiting, stats.in_flight), (0, 0, 0));
    assert_eq!(stats.trimmed.tags, cut);
    assert!(stats.handed_over > 0);
}

macro_rules! lock {
    ($name:ident, $policy:ty, $lock:ty = $new:expr) => {
        #[test]
        fn $name() {
            static SEEDED: Spans<SeededIds, $lock, $policy> =
                Tracer::new(Ticks(AtomicU64::new(0)), SeededIds::new(), $new);
            everything_is_accounted_for(&SEEDED);
        }
    };
}

lock!(
    critical_section_keep_oldest,
    KeepOldest,
    InCriticalSection = InCriticalSection
);
lock!(
    critical_section_keep_newest,
    KeepNewest,
    InCriticalSection = InCriticalSection
);
lock!(spin_keep_oldest, KeepOldest, SeveralCores<LockFree> = SeveralCores::new(LockFree));
lock!(spin_keep_newest, KeepNewest, SeveralCores<LockFree> = SeveralCores::new(LockFree));
lock!(lock_free_keep_oldest, KeepOldest, LockFree = LockFree);
lock!(lock_free_keep_newest, KeepNewest, LockFree = LockFree);

#[test]
fn ids_are_drawn_one_by_one_in_a_critical_section() {
    static TRACER: Spans<Counted, InCriticalSection, KeepOldest> = Tracer::new(
        Ticks(AtomicU64::new(0)),
        Counted(AtomicU32::new(0)),
        InCriticalSection,
    );
    everything_is_accounted_for(&TRACER);
}

#[test]
fn ids_are_drawn_one_by_one_by_spinning() {
    static TRACER: Spans<Counted, SeveralCores<LockFree>, KeepOldest> = Tracer::new(
        Ticks(AtomicU64::new(0)),
        Counted(AtomicU32::new(0)),
        SeveralCores::new(LockFree),
    );
    everything_is_accounted_for(&TRACER);
}

/// Interrupts are masked before it spins, and stay so until it is done.
#[test]
fn spinning_comes_within_the_mask() {
    struct Mask(AtomicU32);
    static MASKED: AtomicU32 = AtomicU32::new(0);

    // SAFETY: it promises nothing: it is shared.
    unsafe impl ClaimLock for Mask {
        const SHARED: bool = true;

        fn with<R>(&self, claim: impl FnOnce() -> R) -> R {
            self.0.fetch_add(1, Ordering::SeqCst);
            MASKED.fetch_add(1, Ordering::SeqCst);
            let result = claim();
            MASKED.fetch_sub(1, Ordering::SeqCst);
            result
        }
    }

    static LOCK: SeveralCores<Mask> = SeveralCores::new(Mask(AtomicU32::new(0)));
    const { assert!(!<SeveralCores<Mask> as ClaimLock>::SHARED) };
    let waits = LOCK.with(|| {
        assert_eq!(MASKED.load(Ordering::SeqCst), 1);
        let other = thread::spawn(|| LOCK.with(|| MASKED.load(Ordering::SeqCst)));
        // The other core has masked its interrupts while it waits for this one.
        while MASKED.load(Ordering::SeqCst) < 2 {
            thread::yield_now();
        }
        other
    });
    assert!(waits.join().unwrap() >= 1);
    assert_eq!(MASKED.load(Ordering::SeqCst), 0);
}
