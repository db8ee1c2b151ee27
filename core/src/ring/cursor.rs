//! Where in a ring the next claim looks.

/// A place in the ring, and after how many laps: a number that goes on by one from slot to slot.
///
/// Where the number of slots is a power of two, its lowest bits are the index. Else its lower half
/// is, and the upper half counts the laps; the place behind the last slot is then the first one of
/// the next lap, for whoever calls [`within`](Self::within).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor(pub(super) u32);

impl Cursor {
    const INDEX: u32 = 0xffff;
    /// The first place of a lap, however many slots there are.
    pub(super) const LAP: u32 = Self::INDEX + 1;

    #[inline(always)]
    pub(super) fn index(self, slots: usize) -> usize {
        match slots.is_power_of_two() {
            true => self.0 as usize & (slots - 1),
            false => (self.0 & Self::INDEX) as usize,
        }
    }

    #[inline(always)]
    pub(super) fn within(self, slots: usize) -> Self {
        if slots.is_power_of_two() || self.index(slots) < slots {
            return self;
        }
        Self((self.0 | Self::INDEX).wrapping_add(1))
    }

    #[inline(always)]
    pub(super) fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    pub(super) fn is_before(self, other: Self) -> bool {
        (other.0.wrapping_sub(self.0) as i32) > 0
    }
}
