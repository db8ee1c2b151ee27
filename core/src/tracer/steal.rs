//! What is left when nothing else runs any more.

use crate::lock::ClaimLock;
use crate::packet::Extent;
use crate::part;
use crate::ring::{Policy, Reading, Slots};
use crate::slot::Slot;
use crate::stats::Dropped;
use crate::{Clock, IdSource, Packed, Packer, Process, Tracer, Value};

/// What a panic or fault handler sends: see [`Tracer::steal`].
pub struct Stolen<'t, T> {
    tracer: &'t T,
    /// The slot where the reading began, and how many were read.
    first: usize,
    read: usize,
}

impl<C, I: IdSource, L: ClaimLock, P: Policy, S: Slots<WORDS>, const WORDS: usize>
    Tracer<C, I, L, P, S, WORDS>
{
    /// All spans, for a panic or fault handler: the finished ones, and with the tag
    /// `unfinished=true` the open ones.
    ///
    /// It takes no lock, changes nothing, and works while the drain is taken and in the middle of
    /// whatever it has interrupted. Each span is read once, so that it comes to an end. A span that
    /// was in a datagram already may come again, which Jaeger does not mind; so do all of them
    /// after a reset, if the slots survive it.
    ///
    /// # Safety
    ///
    /// While the result is used, nobody drains, nor, in a ring that keeps the newest, starts spans or
    /// says so much of one that it needs a further slot: on one core, whoever does was interrupted and
    /// is not returned to before that, and other cores are stopped.
    pub unsafe fn steal(&self) -> Stolen<'_, Self> {
        part::UNFINISHED.set();
        Stolen {
            tracer: self,
            first: self.ring.oldest(),
            read: 0,
        }
    }
}

impl<C, I, L, P, S, const WORDS: usize> Stolen<'_, Tracer<C, I, L, P, S, WORDS>>
where
    C: Clock,
    I: IdSource,
    L: ClaimLock,
    P: Policy,
    S: Slots<WORDS>,
{
    /// The next datagram, or `None` if that was all. Nobody asks what becomes of it.
    pub fn pack<'b, 'a, E: Extent>(
        &mut self,
        packer: &mut Packer<E>,
        buffer: &'b mut [u8],
        process: &Process<'a, impl Iterator<Item = (&'a str, Value<'a>)> + Clone>,
    ) -> Option<Packed<'b>> {
        let ring = &self.tracer.ring;
        Slot::expose(ring.place().slots());
        let mut reading = Reading {
            slots: ring.place().slots(),
            first: self.first,
            read: self.read,
        };
        let clock = &self.tracer.clock;
        let dropped = Dropped::NONE;
        let packed = packer.pack_from(buffer, process, &mut reading, clock, &dropped, None);
        self.read = reading.read;
        packed
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::vec::Vec;

    use crate::decode::decode;
    use crate::slot::state;
    use crate::{
        BUFFER_EXTRA, Clock, KeepOldest, Packer, Process, SeededIds, SingleContext, Slot, Time,
        Tracer,
    };
    use core::sync::atomic::Ordering;

    const WORDS: usize = 24;

    /// Microseconds.
    struct Hand(Cell<u64>);

    impl Clock for Hand {
        fn now(&self) -> u64 {
            self.0.get()
        }
        fn unix_nanos(&self, ticks: u64) -> i64 {
            ticks as i64 * 1_000
        }
    }

    type Device = Tracer<Hand, SeededIds, SingleContext, KeepOldest, [Slot<WORDS>; 4], WORDS>;

    fn device() -> Device {
        let device = Device::new(
            Hand(Cell::new(1_000)),
            SeededIds::new(),
            SingleContext::new(),
        );
        device.init(7).expect("once");
        device
    }

    /// Start, duration and tags of the spans that a handler finds, and how many times were out of
    /// range.
    fn stolen(device: &Device) -> (Vec<(i64, i64, usize)>, u64) {
        // SAFETY: nobody else does anything.
        let mut stolen = unsafe { device.steal() };
        let mut packer = Packer::new(1_000, "service").expect("large enough");
        let mut buffer = [0; 1_000 + BUFFER_EXTRA];
        let process = Process::new("service");
        let (mut all, mut cut) = (Vec::new(), [0; 6]);
        while let Some(packed) = stolen.pack(&mut packer, &mut buffer, &process) {
            let batch = decode(packed.bytes).expect("a datagram");
            let spans = batch.spans.iter();
            all.extend(spans.map(|span| (span.start_time, span.duration, span.tags.len())));
            packer.settle(&mut cut);
        }
        let [.., times, _] = cut;
        (all, times)
    }

    #[test]
    fn a_record_whose_chain_was_cut_by_the_one_who_frees_it_comes_to_an_end() {
        let device = device();
        let mut span = device.root("name");
        for number in 0..8_i64 {
            span.tag("key", number);
        }
        span.end();
        // As in `Slot::free`, interrupted before the slot is free.
        let [slot, ..] = &device.ring.place();
        let head = slot.head() | state::TAKEN;
        assert!((head & state::LENGTH) as usize > WORDS);
        slot.forget();
        slot.state().store(head, Ordering::Relaxed);
        let (spans, _) = stolen(&device);
        assert_eq!(spans.len(), 1);
    }

    #[test]
    fn an_open_span_lasts_until_the_last_time_that_was_read_off_the_clock_for_it() {
        let device = device();
        let mut span = device.root("name");
        device.clock().0.set(3_000);
        drop(span.log());
        device.clock().0.set(9_000);
        // Said of other times, of which one cannot be.
        drop(span.log_at(Time::Ticks(2_000)));
        drop(span.log_at(Time::UnixNanos(-5)));
        let (spans, odd) = stolen(&device);
        assert_eq!(spans, [(1_000, 2_000, 1)]);
        assert_eq!(odd, 1, "the log's own time");
        drop(span);
    }
}
