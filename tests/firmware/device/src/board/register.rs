//! A register of a peripheral.

/// A register of 32 bits.
#[derive(Clone, Copy)]
pub(super) struct Register(*mut u32);

impl Register {
    /// The register at an address.
    ///
    /// # Safety
    ///
    /// There is one, and no access to it changes memory that Rust knows.
    pub(super) const unsafe fn at(address: usize) -> Self {
        Self(core::ptr::with_exposed_provenance_mut(address))
    }

    #[inline(always)]
    pub(super) fn read(self) -> u32 {
        // SAFETY: a register, as `at` was promised.
        unsafe { self.0.read_volatile() }
    }

    #[inline(always)]
    pub(super) fn write(self, value: u32) {
        // SAFETY: a register, as `at` was promised.
        unsafe { self.0.write_volatile(value) }
    }
}
