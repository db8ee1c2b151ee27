//! Instructions between markers, in the trace of a run.

use std::fmt;
use std::ops::Range;

use crate::board::Board;
use crate::image::Image;
use crate::instruction::{Architecture, Exclusion};

/// What something costs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) instructions: usize,
    /// Of these, with interrupts masked.
    pub(crate) masked: usize,
    /// Estimated, with no wait states.
    pub(crate) cycles: usize,
}

impl Cost {
    /// The most of each.
    pub(crate) fn worst(costs: &[Self]) -> Self {
        costs.iter().copied().fold(Self::default(), Self::max)
    }

    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            instructions: self.instructions.max(other.instructions),
            masked: self.masked.max(other.masked),
            cycles: self.cycles.max(other.cycles),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            instructions: self.instructions - other.instructions,
            masked: self.masked.saturating_sub(other.masked),
            cycles: self.cycles - other.cycles,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.instructions, self.cycles)
    }
}

/// What a program has sent, and what is between each two of its markers.
pub(crate) struct Sections {
    pub(crate) sent: Vec<u8>,
    pub(crate) costs: Vec<Cost>,
}

pub(crate) fn of_sections(board: &Board, image: &Image) -> Sections {
    let (sent, executed) = board.trace(image, None, &[]);
    let code = Code {
        image,
        architecture: board.architecture,
    };
    // The board begins in a memory of its own.
    let is_marker = |at: &usize| image.contains(executed[*at]) && code.is_marker(executed[*at]);
    let markers: Vec<usize> = (0..executed.len()).filter(is_marker).collect();
    assert!(markers.len() % 2 == 0, "a marker is missing");
    let sections = markers.chunks_exact(2).map(|pair| pair[0] + 1..pair[1]);
    let costs = sections
        .map(|section| code.cost(&executed, section))
        .collect();
    Sections { sent, costs }
}

struct Code<'a> {
    image: &'a Image,
    architecture: Architecture,
}

impl Code<'_> {
    /// `mov r10, r10`; `addi s11, s11, 0`.
    fn is_marker(&self, address: usize) -> bool {
        match self.architecture {
            Architecture::Arm => self.image.halfword(address) == 0x46d2,
            Architecture::RiscV => self.image.word(address) == 0x000d_8d93,
        }
    }

    fn cost(&self, executed: &[usize], section: Range<usize>) -> Cost {
        let mut cost = Cost::default();
        let mut is_masked = false;
        for at in section {
            let address = executed[at];
            cost.instructions += 1;
            cost.masked += usize::from(is_masked);
            is_masked = self.masks(address).unwrap_or(is_masked);
            let cycles = match self.architecture {
                Architecture::Arm => self.arm(address),
                Architecture::RiscV => self.risc_v(address),
            };
            // A jump that is taken fills the pipeline again.
            let size = self.architecture.size(self.image, address);
            let jumps = executed[at + 1] != address + size;
            cost.cycles += cycles + if jumps { 2 } else { 0 };
        }
        assert!(!is_masked, "masked at the end");
        cost
    }

    /// Whether it masks interrupts, or lets them through, if it does one of that.
    fn masks(&self, address: usize) -> Option<bool> {
        match self.architecture.exclusion(self.image, address)? {
            Exclusion::Masks => Some(true),
            Exclusion::Unmasks => Some(false),
            Exclusion::LoadsReserved | Exclusion::StoresConditionally => None,
        }
    }

    /// Cycles of an instruction of Cortex-M3, after its Technical Reference Manual; a Cortex-M0
    /// differs little in what is used here.
    fn arm(&self, address: usize) -> usize {
        let half = self.image.halfword(address);
        let registers = |list: u16| list.count_ones() as usize;
        match half {
            0x4800..=0x9fff => 2,
            0xb400..=0xb5ff | 0xbc00..=0xbdff => 1 + registers(half & 0x1ff),
            0xc000..=0xcfff => 1 + registers(half & 0xff),
            0xe800..=0xe83f | 0xe880..=0xe8bf | 0xe900..=0xe93f => {
                1 + registers(self.image.halfword(address + 2))
            }
            0xe840..=0xe87f | 0xe8c0..=0xe8ff => 2,
            0xe940..=0xe9ff => 3,
            0xf3bf => 3,
            0xf380..=0xf3ff => 2,
            0xf800..=0xf9ff => 2,
            0xfb80..=0xfbff => 4,
            _ => 1,
        }
    }

    /// Cycles of an instruction of a RISC-V core with three stages: a load takes two.
    fn risc_v(&self, address: usize) -> usize {
        let half = self.image.halfword(address);
        let is_load = match half & 3 {
            // `lw` and the like; atomics.
            3 => matches!(half & 0x7f, 0x03 | 0x2f),
            // `c.lw`, `c.lwsp`.
            low => half >> 13 == 0b010 && low != 1,
        };
        if is_load { 2 } else { 1 }
    }
}
