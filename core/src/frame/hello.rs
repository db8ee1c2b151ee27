//! What a device says of itself.

use super::Hello;
use crate::decode::{DecodeError, process};
use crate::jaeger::write as jaeger;
use crate::stats::Dropped;
use crate::thrift::write::{SLACK, Writer};
use crate::{BUFFER_EXTRA, Process, Stats, Value};

/// The numbers before the process: sequence, ticks per second, sent at, and the counters.
const NUMBERS: usize = 4 + 4 + 8 + 5 * 8;

/// Who sends frames, as far as that does not change.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a, T = core::iter::Empty<(&'a str, Value<'a>)>> {
    process: Process<'a, T>,
    ticks_per_second: u32,
}

impl<'a> Device<'a> {
    /// A service with no tags. `ticks_per_second` is what its clock counts in, a
    /// [`TickCounter::HZ`](crate::TickCounter::HZ); 0: it does not say.
    pub const fn new(service_name: &'a str, ticks_per_second: u32) -> Self {
        Self {
            process: Process::new(service_name),
            ticks_per_second,
        }
    }
}

impl<'a, T> Device<'a, T> {
    /// The same with these tags: as a rule, those of its [`Process`](crate::Process).
    pub fn with_tags<I>(self, tags: I) -> Device<'a, I::IntoIter>
    where
        I: IntoIterator<Item = (&'a str, Value<'a>)>,
    {
        Device {
            process: self.process.with_tags(tags),
            ticks_per_second: self.ticks_per_second,
        }
    }
}

impl<'a, T: Iterator<Item = (&'a str, Value<'a>)> + Clone> Device<'a, T> {
    /// Writes a hello, and says how long it is.
    pub(super) fn write(
        &self,
        sequence: u32,
        sent_at: i64,
        stats: &Stats,
        buffer: &mut [u8],
    ) -> Option<usize> {
        // As long as the packer's longest datagram in this buffer.
        let limit = buffer.len().checked_sub(BUFFER_EXTRA)?;
        let buffer = buffer.get_mut(..limit + SLACK)?;
        let (numbers, rest) = buffer.split_at_mut_checked(NUMBERS)?;
        let Dropped {
            ring_full,
            evicted,
            too_large,
            failed,
        } = stats.dropped;
        let all = [
            u64::from(self.ticks_per_second) << 32 | u64::from(sequence),
            sent_at as u64,
            stats.handed_over,
            ring_full,
            evicted,
            too_large,
            failed,
        ];
        for (place, number) in numbers.chunks_exact_mut(8).zip(all) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let w = &mut Writer::new(rest);
        self.process(w);
        (!w.is_full()).then(|| NUMBERS + w.at())
    }

    /// The process, with as many of its tags as fit.
    fn process(&self, w: &mut Writer<'_>) {
        let Process { service_name, tags } = &self.process;
        let mut kept = tags.clone().count();
        loop {
            jaeger::process(w, service_name.as_bytes(), kept);
            for (key, value) in tags.clone().take(kept) {
                jaeger::tag(w, key, value);
            }
            w.stop();
            if kept == 0 || !w.is_full() {
                return;
            }
            w.back_to(0);
            kept -= 1;
        }
    }
}

impl<'d> Hello<'d> {
    /// Reads a hello.
    pub(super) fn read(payload: &'d [u8]) -> Result<Self, DecodeError> {
        let truncated = DecodeError::Truncated { at: payload.len() };
        let (numbers, rest) = payload.split_first_chunk::<NUMBERS>().ok_or(truncated)?;
        let (sequence, numbers) = numbers.split_first_chunk().ok_or(truncated)?;
        let (ticks_per_second, numbers) = numbers.split_first_chunk().ok_or(truncated)?;
        let (sent_at, numbers) = numbers.split_first_chunk().ok_or(truncated)?;
        let mut numbers = numbers.chunks_exact(8).map(|number| {
            let number = number.first_chunk().copied().unwrap_or_default();
            u64::from_le_bytes(number)
        });
        let mut number = || numbers.next().unwrap_or_default();
        Ok(Self {
            sequence: u32::from_le_bytes(*sequence),
            sent_at: i64::from_le_bytes(*sent_at),
            ticks_per_second: u32::from_le_bytes(*ticks_per_second),
            handed_over: number(),
            dropped: Dropped {
                ring_full: number(),
                evicted: number(),
                too_large: number(),
                failed: number(),
            },
            process: process(rest)?,
        })
    }
}
