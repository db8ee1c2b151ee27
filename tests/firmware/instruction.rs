//! Instructions, as far as the traces of a run are read.

use crate::image::Image;

/// Which instructions a core has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// Of a Cortex-M: T32.
    Arm,
    /// RV32IMAC.
    RiscV,
}

/// How an instruction keeps interrupts out, or notices them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exclusion {
    /// No interrupt comes behind it.
    Masks,
    /// Interrupts are let through again.
    Unmasks,
    /// Loads a word, which is reserved from here on: LDREX, LR.
    LoadsReserved,
    /// Stores a word if it is still reserved: STREX, SC.
    StoresConditionally,
}

impl Architecture {
    /// How many bytes the instruction at an address has.
    pub(crate) fn size(self, image: &Image, address: usize) -> usize {
        let first = image.halfword(address);
        let is_long = match self {
            Self::Arm => first >= 0xe800,
            Self::RiscV => first & 3 == 3,
        };
        if is_long { 4 } else { 2 }
    }

    /// What the instruction at an address has to do with interrupts, if anything.
    ///
    /// What is restored is that interrupts are let through, as no lock is taken within another.
    pub(crate) fn exclusion(self, image: &Image, address: usize) -> Option<Exclusion> {
        use Exclusion::{LoadsReserved, Masks, StoresConditionally, Unmasks};
        let is_long = self.size(image, address) == 4;
        let encoding = match is_long {
            true => image.word(address),
            false => image.halfword(address).into(),
        };
        // A mask, and what is left by it; of T32, the first halfword is the lower one.
        let known: &[(u32, u32, Exclusion)] = match (self, is_long) {
            // `cpsid i`; `cpsie i`.
            (Self::Arm, false) => &[(0xffff, 0xb672, Masks), (0xffff, 0xb662, Unmasks)],
            // `msr PRIMASK, <register>`; `ldrex`; `strex`.
            (Self::Arm, true) => &[
                (0xffff_fff0, 0x8810_f380, Unmasks),
                (0x0000_fff0, 0x0000_e850, LoadsReserved),
                (0x0000_fff0, 0x0000_e840, StoresConditionally),
            ],
            (Self::RiscV, false) => &[],
            // `csrrci <register>, mstatus, 8`; `csrsi mstatus, 8`; `csrs mstatus, <register>`;
            // `lr.w`; `sc.w`.
            (Self::RiscV, true) => &[
                (0xffff_f07f, 0x3004_7073, Masks),
                (0xffff_ffff, 0x3004_6073, Unmasks),
                (0xfff0_7fff, 0x3000_2073, Unmasks),
                (0xf9f0_707f, 0x1000_202f, LoadsReserved),
                (0xf800_707f, 0x1800_202f, StoresConditionally),
            ],
        };
        let found = known
            .iter()
            .find(|(mask, value, _)| encoding & mask == *value);
        found.map(|(.., exclusion)| *exclusion)
    }
}
