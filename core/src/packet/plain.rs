//! The way of most spans: a name and a few short tags, in one slot, in one pass.

use crate::Clock;
use crate::jaeger::write::{self as jaeger, KEY};
use crate::record::{CHUNK, LONG_KEY, Record, Run, kind};
use crate::thrift::ty;
use crate::thrift::write::{SLACK, Writer};

/// A length that is one byte on the wire.
const SHORT: usize = 0x7f;

/// The most that stands before the tags without the name: four ids, two bytes before the name, the
/// flags, two times. These are longer than what the name's last chunk has too much.
const HEAD: usize = 4 * 11 + 2 + 2 + 2 * 11;
const _: () = assert!(4 * CHUNK - 1 <= 2 + 2 * 11);

/// The header of a list of more is longer.
const MOST_TAGS: usize = 14;

/// The most that all tags take more than in the record, with their list's header and the span's stop,
/// and with what their last chunk has too much.
const AROUND_TAGS: usize = MOST_TAGS * 4 + 2 + 1 + 4 * (CHUNK - 1) - SLACK;

/// Writes the span of a record if it is no more than that, and there is room enough to be sure
/// without a look at each byte; and says so. If not, what is written is nothing.
#[inline(never)]
pub(super) fn write<const WORDS: usize>(
    record: Record<'_, WORDS>,
    clock: &(impl Clock + ?Sized),
    w: &mut Writer<'_>,
) -> bool {
    w.apart(|w| head(record, clock, w).is_some_and(|run| tags(run, w)))
}

/// All up to the tags, which are left.
#[inline(always)]
fn head<'r, const WORDS: usize>(
    record: Record<'r, WORDS>,
    clock: &(impl Clock + ?Sized),
    w: &mut Writer<'_>,
) -> Option<Run<'r>> {
    let mut run = record.in_one_slot()?;
    // A header whose kind and length are anything else makes a larger number.
    let name_len = run.word()?.wrapping_sub(kind::NAME << 27) as usize;
    if name_len > SHORT {
        return None;
    }
    let [_, name, rest] = run.split(0, name_len)?;
    // SAFETY: ids, name and what is around it take no more than `HEAD` and the name.
    let mut place = unsafe { w.unchecked(HEAD - SLACK + name_len)? };
    // One by one, as a loop has to count them.
    place.i64_field(jaeger::ID, record.number(0) as i64);
    place.i64_field(jaeger::ID, record.number(1) as i64);
    place.i64_field(jaeger::ID, record.number(2) as i64);
    place.i64_field(jaeger::ID, record.number(3) as i64);
    place.put([jaeger::NAME, name_len as u8]);
    place.words(name, name_len);
    place.put(jaeger::flags(0, record.flags()));

    let start = clock.unix_micros(record.number(4));
    let end = clock.unix_micros(record.end_ticks());
    let duration = end.wrapping_sub(start);
    // Before 2255 it takes no more than this to see that they are in range and in order.
    if (start | end | duration) as u64 >> 53 != 0 {
        return None;
    }
    place.i64_field(jaeger::TIME, start);
    // Jaeger takes one of 0 for a negative one.
    place.i64_field(jaeger::TIME, duration | i64::from(duration == 0));
    place.done(w);
    Some(rest)
}

/// Writes all that is left, up to the stop.
#[inline(always)]
fn tags(mut run: Run<'_>, w: &mut Writer<'_>) -> bool {
    // SAFETY: on the wire a tag takes no more than four bytes more than in the record: what is around
    // a string takes 7, around a number with its up to ten bytes 6, and an entry's header is four.
    let Some(mut place) = (unsafe { w.unchecked(run.bytes_left() + AROUND_TAGS) }) else {
        return false;
    };
    if !run.is_empty() {
        place.put([jaeger::TAGS]);
        let mut header = place.gap();
        let mut count = 0;
        while let Some(entry) = run.word() {
            let (key_len, len) = ((entry >> 16) as usize & LONG_KEY, entry as usize & 0xffff);
            let Some([key, value, rest]) = run.split(key_len, len) else {
                return false;
            };
            if key_len | len > SHORT || count == MOST_TAGS {
                return false;
            }
            place.put([KEY, key_len as u8]);
            place.words(key, key_len);
            match entry >> 27 {
                kind::STRING => {
                    let [header, kind, field] = jaeger::STRING;
                    place.put([header, kind, field, len as u8]);
                    place.words(value, len);
                }
                kind::I64 => {
                    let Some(number) = value.number() else {
                        return false;
                    };
                    let [header, kind, field] = jaeger::LONG;
                    place.put([header, kind]);
                    place.i64_field(field, number as i64);
                }
                kind::FALSE | kind::TRUE => {
                    let [header, kind, field] = jaeger::FALSE;
                    place.put([header, kind, field - (entry >> 27 & 1) as u8]);
                }
                _ => return false,
            }
            place.put([ty::STOP]);
            run = rest;
            count += 1;
        }
        header.put([(count as u8) << 4 | ty::STRUCT]);
    }
    place.put([ty::STOP]);
    place.done(w);
    true
}
