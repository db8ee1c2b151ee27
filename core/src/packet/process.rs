//! Who sends, and its tags.

use crate::Value;
use crate::jaeger::write as jaeger;
use crate::thrift::write::Writer;

/// Who sends: jaeger.thrift's `Process`.
#[derive(Clone, Copy, Debug)]
pub struct Process<'a, T = core::iter::Empty<(&'a str, Value<'a>)>> {
    pub(crate) service_name: &'a str,
    pub(crate) tags: T,
}

impl<'a> Process<'a> {
    /// A service with no tags.
    pub const fn new(service_name: &'a str) -> Self {
        Self {
            service_name,
            tags: core::iter::empty(),
        }
    }
}

impl<'a, T> Process<'a, T> {
    /// The same service with these tags. Those that leave no room for a span are left out.
    pub fn with_tags<I>(self, tags: I) -> Process<'a, I::IntoIter>
    where
        I: IntoIterator<Item = (&'a str, Value<'a>)>,
    {
        Process {
            service_name: self.service_name,
            tags: tags.into_iter(),
        }
    }
}

/// Writes those of the tags that fit in `room` bytes; how many did and did not.
pub(super) fn tags_within<'a>(
    w: &mut Writer<'_>,
    tags: impl Iterator<Item = (&'a str, Value<'a>)>,
    room: usize,
) -> (usize, u32) {
    let begin = w.at();
    let (mut kept, mut left_out) = (0, 0);
    for (key, value) in tags {
        let before = w.at();
        jaeger::tag(w, key, value);
        if !w.is_full() && w.at() - begin <= room {
            kept += 1;
        } else {
            w.back_to(before);
            left_out += 1;
        }
    }
    (kept, left_out)
}
