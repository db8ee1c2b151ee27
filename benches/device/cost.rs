//! Instructions between markers, in the trace of a run.

use std::fmt;
use std::ops::Range;

use crate::board::Board;
use crate::image::Image;

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
    let (sent, executed) = board.trace(image, None);
    let code = Code {
        image,
        is_arm: board.target.starts_with("thumb"),
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
    is_arm: bool,
}

impl Code<'_> {
    fn word(&self, address: usize) -> u32 {
        let halves = [address, address + 2].map(|at| u32::from(self.image.halfword(at)));
        halves[0] | halves[1] << 16
    }

    /// `mov r10, r10`; `addi s11, s11, 0`.
    fn is_marker(&self, address: usize) -> bool {
        match self.is_arm {
            true => self.image.halfword(address) == 0x46d2,
            false => self.word(address) == 0x000d_8d93,
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
            let (size, cycles) = match self.is_arm {
                true => self.arm(address),
                false => self.risc_v(address),
            };
            // A jump that is taken fills the pipeline again.
            let jumps = executed[at + 1] != address + size;
            cost.cycles += cycles + if jumps { 2 } else { 0 };
        }
        assert!(!is_masked, "masked at the end");
        cost
    }

    /// Whether it masks interrupts, or lets them through, if it does one of that.
    fn masks(&self, address: usize) -> Option<bool> {
        if !self.is_arm {
            return None;
        }
        let restores = self.word(address) & 0xffff_fff0 == 0x8810_f380;
        match self.image.halfword(address) {
            0xb672 => Some(true),
            0xb662 => Some(false),
            _ => restores.then_some(false),
        }
    }

    /// Size and cycles of an instruction of Cortex-M3, after its Technical Reference Manual; a
    /// Cortex-M0 differs little in what is used here.
    fn arm(&self, address: usize) -> (usize, usize) {
        let half = self.image.halfword(address);
        let registers = |list: u16| list.count_ones() as usize;
        match half {
            0x4800..=0x9fff => (2, 2),
            0xb400..=0xb5ff | 0xbc00..=0xbdff => (2, 1 + registers(half & 0x1ff)),
            0xc000..=0xcfff => (2, 1 + registers(half & 0xff)),
            0xe800..=0xe83f | 0xe880..=0xe8bf | 0xe900..=0xe93f => {
                (4, 1 + registers(self.image.halfword(address + 2)))
            }
            0xe840..=0xe87f | 0xe8c0..=0xe8ff => (4, 2),
            0xe940..=0xe9ff => (4, 3),
            0xf3bf => (4, 3),
            0xf380..=0xf3ff => (4, 2),
            0xf800..=0xf9ff => (4, 2),
            0xfb80..=0xfbff => (4, 4),
            0xe800.. => (4, 1),
            _ => (2, 1),
        }
    }

    /// Size and cycles of an instruction of a RISC-V core with three stages: a load takes two.
    fn risc_v(&self, address: usize) -> (usize, usize) {
        let half = self.image.halfword(address);
        if half & 3 == 3 {
            let is_load = matches!(half & 0x7f, 0x03 | 0x2f);
            return (4, if is_load { 2 } else { 1 });
        }
        // `c.lw`, `c.lwsp`.
        let is_load = half >> 13 == 0b010 && matches!(half & 3, 0 | 2);
        (2, if is_load { 2 } else { 1 })
    }
}
