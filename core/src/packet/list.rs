//! The list of spans of a datagram: its header comes last, as the count is known last.

use core::sync::atomic::{Ordering, compiler_fence};

use super::{Extent, FRONT};
use crate::thrift::ty;
use crate::thrift::write::{LONG_LIST, Writer};

/// The list of spans while it is written: its header takes one byte for now.
pub(super) struct SpanList {
    pub(super) count: usize,
    /// From so many spans on, the header takes one byte more.
    long_from: usize,
}

impl SpanList {
    pub(super) const EMPTY: Self = Self {
        count: 0,
        long_from: 15,
    };

    /// One more span, whole or not at all: says which. `write` says whether it was written.
    #[inline(always)]
    pub(super) fn push<E: Extent>(
        &mut self,
        w: &mut Writer<'_>,
        write: impl FnOnce(&mut Writer<'_>) -> bool,
    ) -> bool {
        if E::MOST_SPANS > 14 && self.count + 1 == self.long_from {
            self.grow(w);
        }
        let before = w.at();
        let fits = write(w);
        if !fits {
            w.back_to(before);
        }
        self.count += usize::from(fits);
        fits
    }

    #[cold]
    fn grow(&mut self, w: &mut Writer<'_>) {
        w.shrink();
        self.long_from = match self.long_from {
            15 => 0x80,
            _ => usize::MAX,
        };
    }

    /// Writes the list's header, which stands at `header` behind the bytes in front, and moves what
    /// is before it to make room. Returns where the datagram begins.
    pub(super) fn finish<E: Extent>(&self, buffer: &mut [u8], header: usize) -> usize {
        let place = FRONT + header;
        let count = self.count;
        if E::MOST_SPANS <= 14 || count <= 14 {
            if let Some(byte) = buffer.get_mut(place) {
                *byte = (count as u8) << 4 | ty::STRUCT;
            }
            return FRONT;
        }
        let (bytes, grown) = match count {
            15..=0x7f => ([0, LONG_LIST, count as u8], 1),
            _ => ([LONG_LIST, count as u8 | 0x80, (count >> 7) as u8], 2),
        };
        let begin = FRONT - grown;
        // One by one, for what is short: a call of `memmove` brings that along.
        for at in begin..begin + header {
            if let Some([to, .., from]) = buffer.get_mut(at..=at + grown) {
                *to = *from;
            }
            compiler_fence(Ordering::SeqCst);
        }
        let last = buffer.get_mut(place - grown..=place).into_iter().flatten();
        for (to, from) in last.rev().zip(bytes.into_iter().rev()) {
            *to = from;
            compiler_fence(Ordering::SeqCst);
        }
        begin
    }
}
