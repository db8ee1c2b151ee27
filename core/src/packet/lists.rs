//! The lists of a span that has more than short tags, where code is cheap: long strings, floating-point numbers, bytes,
//! and logs behind all tags.

use super::plain::{MOST, are_plain};
use crate::Clock;
use crate::jaeger::write::{self as jaeger, KEY};
use crate::record::kind::{self, set};
use crate::record::{LONG_KEY, Run, time};
use crate::thrift::ty;
use crate::thrift::write::Place;

/// Lists while they are written.
pub(super) struct Lists<'r> {
    /// The header of the entry that is next; 0: there is none.
    pub(super) header: u32,
    /// What is behind that.
    pub(super) run: Run<'r>,
    pub(super) place: Place,
}

/// Goes on with a span's tags, of which so many are written behind the gap for their list's header, up to the span's
/// stop; or `None`, if there is what goes another way.
#[inline(never)]
pub(super) fn rest(
    mut lists: Lists<'_>,
    list: Place,
    count: usize,
    clock: &(impl Clock + ?Sized),
) -> Option<Place> {
    let tags = lists.list(list, count, kind::STRING)?;
    if tags == 0 {
        // No list, nor the header of its field.
        lists.place = list;
        lists.place.back(1);
    }
    if lists.header != 0 {
        lists.place.put([jaeger::logs(tags)]);
        lists.logs(clock)?;
    }
    lists.place.put([ty::STOP]);
    Some(lists.place)
}

impl<'r> Lists<'r> {
    fn go_to(&mut self, rest: Run<'r>) {
        self.run = rest;
        self.header = self.run.word().unwrap_or(0);
    }

    /// Tags, or the fields of a log: all that come now of the six kinds from `first` on. How many there are then.
    fn list(&mut self, mut list: Place, mut count: usize, first: u32) -> Option<usize> {
        while self.header != 0 && !kind::is_any_of(self.header >> 27, set::LOGS) {
            if count == MOST {
                return None;
            }
            self.tag(first)?;
            count += 1;
        }
        list.put([(count as u8) << 4 | ty::STRUCT]);
        Some(count)
    }

    /// The next entry as a tag.
    fn tag(&mut self, first: u32) -> Option<()> {
        let header = self.header;
        let (key_len, len) = ((header >> 16) as usize & LONG_KEY, header as usize & 0xffff);
        let [key, value, rest] = self.run.split(key_len, len)?;
        if key_len == LONG_KEY {
            return None;
        }
        let place = &mut self.place;
        place.put([KEY]);
        place.length(key_len);
        place.words(key, key_len);
        match (header >> 27).wrapping_add(kind::STRING.wrapping_sub(first)) {
            kind @ (kind::STRING | kind::BYTES) => {
                let is_string = kind == kind::STRING;
                place.put(if is_string {
                    jaeger::STRING
                } else {
                    jaeger::BYTES
                });
                place.length(len);
                place.words(value, len);
            }
            kind @ (kind::FALSE | kind::TRUE) => {
                let is_true = kind == kind::TRUE;
                place.put(if is_true { jaeger::TRUE } else { jaeger::FALSE });
            }
            kind::I64 => {
                let [header, kind, field] = jaeger::LONG;
                place.put([header, kind]);
                place.i64_field(field, value.number()? as i64);
            }
            kind::F64 => {
                let bits = value.number()?;
                if !f64::from_bits(bits).is_finite() {
                    return None;
                }
                place.put(jaeger::DOUBLE);
                place.put(bits.to_le_bytes());
            }
            _ => return None,
        }
        place.put([ty::STOP]);
        self.go_to(rest);
        Some(())
    }

    /// All logs that come now, each with its fields.
    fn logs(&mut self, clock: &(impl Clock + ?Sized)) -> Option<()> {
        let mut list = self.place.gap();
        let mut count = 0;
        while self.header != 0 {
            let kind = self.header >> 27;
            if count == MOST || !kind::is_any_of(kind, set::LOGS) {
                return None;
            }
            let [number, _, rest] = self.run.split(8, 0)?;
            let micros = time(kind, number.number()?).unix_micros(clock);
            if !are_plain(micros) {
                return None;
            }
            let [time, fields] = jaeger::LOG_HEADERS;
            self.place.i64_field(time, micros);
            self.place.put([fields]);
            self.go_to(rest);
            let list = self.place.gap();
            self.list(list, 0, kind::FIELDS)?;
            self.place.put([ty::STOP]);
            count += 1;
        }
        list.put([(count as u8) << 4 | ty::STRUCT]);
        Some(())
    }
}
