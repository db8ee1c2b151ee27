//! The way of most spans: a name and a few short tags, in one slot, in one pass. Where code is cheap, all else that is
//! not rare goes on from here by way of [`lists`](super::lists).

use super::lists::{self, Lists};
use crate::Clock;
use crate::jaeger::write::{self as jaeger, KEY};
use crate::record::{CHUNK, Gather, LONG_KEY, Record, Run, kind};
use crate::thrift::ty;
use crate::thrift::write::{Place, SLACK, Writer};

/// Whether code is cheap.
const CHEAP: bool = cfg!(target_pointer_width = "64");

/// A length that is one byte on the wire.
const SHORT: usize = 0x7f;

/// The most that stands before the tags without the name: four ids, two bytes before the name, the
/// flags, two times. These are longer than what the name's last chunk has too much.
const HEAD: usize = 4 * 11 + 2 + 2 + 2 * 11;
const _: () = assert!(4 * CHUNK - 1 <= 2 + 2 * 11);

/// The header of a list of more is longer.
pub(super) const MOST: usize = 14;

/// The most that entries of so many bytes take more on the wire than in the record, with the headers of two lists and
/// the span's stop, and with what the last chunk has too much.
///
/// An entry's header is four bytes in the record. On the wire, what is around a string takes 7, around a number with its
/// up to ten bytes 6, around one of eight 6, around a log's time, of at most eight, 4: at most four bytes more than in
/// the record, which is at least four. So it is where lengths take more than a byte each, because those entries are long.
/// Where code is dear, there are so few entries that they are taken to be the longest; and then the writer's slack is
/// room, too.
const fn around(bytes: usize) -> usize {
    const REST: usize = 2 * 2 + 1 + 4 * (CHUNK - 1);
    match CHEAP {
        true => bytes + REST,
        false => MOST * 4 + REST - SLACK,
    }
}

/// Writes the span of a record if it is no more than that, and there is room enough to be sure
/// without a look at each byte; and says so. If not, what is written is nothing.
#[inline(never)]
pub(super) fn write<const WORDS: usize>(
    record: Record<'_, WORDS>,
    clock: &(impl Clock + ?Sized),
    w: &mut Writer<'_>,
) -> bool {
    let written = match record.in_one_slot() {
        Some(run) => w.apart(|w| tags(head(record, run, clock, w)?, clock, w)),
        None if CHEAP => gathered(record, clock, w),
        None => None,
    };
    written.is_some()
}

/// The same of one that lies in several slots.
#[inline(never)]
fn gathered<const WORDS: usize>(
    record: Record<'_, WORDS>,
    clock: &(impl Clock + ?Sized),
    w: &mut Writer<'_>,
) -> Option<()> {
    let mut gather = Gather::new();
    let run = head(record, record.gathered(&mut gather)?, clock, w)?;
    tags(run, clock, w)
}

/// All up to the tags, which are left.
#[inline(always)]
fn head<'r, const WORDS: usize>(
    record: Record<'_, WORDS>,
    mut run: Run<'r>,
    clock: &(impl Clock + ?Sized),
    w: &mut Writer<'_>,
) -> Option<Run<'r>> {
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
    match record.number(3) {
        // Of a trace's first span.
        0 if CHEAP => place.put([jaeger::ID, 0]),
        parent => place.i64_field(jaeger::ID, parent as i64),
    }
    place.put([jaeger::NAME, name_len as u8]);
    place.words(name, name_len);
    place.put(jaeger::flags(0, record.flags()));

    let start = clock.unix_micros(record.number(4));
    let end = clock.unix_micros(record.end_ticks());
    let duration = end.wrapping_sub(start);
    if !are_plain(start | end | duration) {
        return None;
    }
    place.i64_field(jaeger::TIME, start);
    // Jaeger takes one of 0 for a negative one.
    place.i64_field(jaeger::TIME, duration | i64::from(duration == 0));
    place.done(w);
    Some(rest)
}

/// Whether microseconds, one or more in one, are in range, and none is negative. Before 2255 it takes no more than this
/// to see it.
#[inline(always)]
pub(super) fn are_plain(micros: i64) -> bool {
    micros as u64 >> 53 == 0
}

/// Writes all that is left, up to the stop.
#[inline(always)]
fn tags(run: Run<'_>, clock: &(impl Clock + ?Sized), w: &mut Writer<'_>) -> Option<()> {
    let most = run.bytes_left() + around(run.bytes_left());
    // SAFETY: so many it takes at most, as is said at `around`.
    let place = unsafe { w.unchecked(most)? };
    let end = tags_at(place, run, clock)?;
    debug_assert!(end.is_within(place, most + if CHEAP { 0 } else { SLACK }));
    end.done(w);
    Some(())
}

#[inline(always)]
fn tags_at(mut place: Place, mut run: Run<'_>, clock: &(impl Clock + ?Sized)) -> Option<Place> {
    if !run.is_empty() {
        place.put([jaeger::TAGS]);
        let mut list = place.gap();
        let mut count = 0;
        while let Some(header) = run.word() {
            let (key_len, len) = ((header >> 16) as usize & LONG_KEY, header as usize & 0xffff);
            let [key, value, rest] = run.split(key_len, len)?;
            if key_len | len > SHORT || count == MOST {
                return odd(Lists { header, run, place }, list, count, clock);
            }
            place.put([KEY, key_len as u8]);
            place.words(key, key_len);
            match header >> 27 {
                kind::STRING => {
                    let [header, kind, field] = jaeger::STRING;
                    place.put([header, kind, field, len as u8]);
                    place.words(value, len);
                }
                kind::I64 => {
                    let number = value.number()?;
                    let [header, kind, field] = jaeger::LONG;
                    place.put([header, kind]);
                    place.i64_field(field, number as i64);
                }
                kind @ (kind::FALSE | kind::TRUE) => {
                    let [header, value, field] = jaeger::FALSE;
                    place.put([header, value, field - (kind & 1) as u8]);
                }
                _ => {
                    place.back(2 + key_len);
                    return odd(Lists { header, run, place }, list, count, clock);
                }
            }
            place.put([ty::STOP]);
            run = rest;
            count += 1;
        }
        list.put([(count as u8) << 4 | ty::STRUCT]);
    }
    place.put([ty::STOP]);
    Some(place)
}

/// What is no short tag, and all behind it, where code is cheap.
#[inline(always)]
fn odd(
    lists: Lists<'_>,
    list: Place,
    count: usize,
    clock: &(impl Clock + ?Sized),
) -> Option<Place> {
    match CHEAP {
        true => lists::rest(lists, list, count, clock),
        false => None,
    }
}
