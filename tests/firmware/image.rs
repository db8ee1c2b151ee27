//! A program as it lies in flash, made of the ELF file that was linked.
//!
//! The emulator could load that file itself, but at each reset it would load it again, and clear
//! what the file says is memory without contents: that which is to survive the reset.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The bytes from its first address to its last one, and its symbols.
#[derive(Clone)]
pub(crate) struct Image {
    base: usize,
    bytes: Vec<u8>,
    symbols: BTreeMap<String, usize>,
}

impl Image {
    /// Reads an ELF file of 32 bits, the lowest byte first.
    pub(crate) fn read(path: &Path) -> Self {
        let elf = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(elf[..6], *b"\x7fELF\x01\x01", "{}", path.display());
        let (base, bytes) = loaded(&elf);
        Self {
            base,
            bytes,
            symbols: symbols(&elf),
        }
    }

    /// How many bytes it takes.
    #[allow(dead_code)]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether something of it lies at an address.
    #[allow(dead_code)]
    pub(crate) fn contains(&self, address: usize) -> bool {
        (self.base..self.base + self.bytes.len()).contains(&address)
    }

    /// The address of its first byte.
    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// The two bytes at an address: an instruction, or the first half of one.
    pub(crate) fn halfword(&self, address: usize) -> u16 {
        let at = address - self.base;
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// The four bytes at an address, the lowest one first, which need not be aligned.
    pub(crate) fn word(&self, address: usize) -> u32 {
        let halves = [address, address + 2].map(|at| u32::from(self.halfword(at)));
        halves[0] | halves[1] << 16
    }

    /// The address that a symbol stands for.
    pub(crate) fn symbol(&self, name: &str) -> usize {
        self.symbols[name]
    }

    /// Writes a constant of the program: a symbol of four bytes.
    pub(crate) fn set(&mut self, symbol: &str, value: u32) {
        let at = self.symbol(symbol) - self.base;
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Writes it to a file.
    pub(crate) fn save(&self, path: &Path) {
        fs::write(path, &self.bytes).unwrap();
    }
}

/// What is stored in the file, at the addresses where it lies before the program starts.
fn loaded(elf: &[u8]) -> (usize, Vec<u8>) {
    const LOAD: usize = 1;
    let headers = table(elf, word(elf, 0x1c), half(elf, 0x2a), half(elf, 0x2c));
    let segments: Vec<(usize, &[u8])> = headers
        .filter(|header| word(header, 0) == LOAD && word(header, 16) > 0)
        .map(|header| {
            (
                word(header, 12),
                part(elf, word(header, 4), word(header, 16)),
            )
        })
        .collect();
    let base = segments.iter().map(|segment| segment.0).min().unwrap();
    let mut bytes = Vec::new();
    for (address, contents) in segments {
        let at = address - base;
        bytes.resize(bytes.len().max(at + contents.len()), 0);
        bytes[at..at + contents.len()].copy_from_slice(contents);
    }
    (base, bytes)
}

fn symbols(elf: &[u8]) -> BTreeMap<String, usize> {
    const SYMBOLS: usize = 2;
    let sections: Vec<&[u8]> =
        table(elf, word(elf, 0x20), half(elf, 0x2e), half(elf, 0x30)).collect();
    let contents = |section: &[u8]| part(elf, word(section, 16), word(section, 20));
    let mut found = BTreeMap::new();
    for section in sections
        .iter()
        .filter(|section| word(section, 4) == SYMBOLS)
    {
        let names = contents(sections[word(section, 24)]);
        for symbol in contents(section).chunks_exact(16) {
            let name = &names[word(symbol, 0)..];
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            found.insert(String::from_utf8_lossy(name).into_owned(), word(symbol, 4));
        }
    }
    found
}

fn table(elf: &[u8], at: usize, size: usize, count: usize) -> impl Iterator<Item = &[u8]> {
    elf[at..at + size * count].chunks_exact(size)
}

fn part(elf: &[u8], at: usize, size: usize) -> &[u8] {
    &elf[at..at + size]
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

fn half(bytes: &[u8], at: usize) -> usize {
    u16::from_le_bytes([bytes[at], bytes[at + 1]]).into()
}
