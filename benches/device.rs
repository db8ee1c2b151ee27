//! What tracing costs on a device, in instructions and bytes, beside its peers: real machine code in
//! an emulator, counted between two markers, so that each run gives the same. `benches/README.md`
//! says what the columns mean.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/firmware/board.rs"]
mod board;
#[path = "device/cost.rs"]
mod cost;
#[path = "../tests/firmware/image.rs"]
mod image;
#[path = "../tests/firmware/instruction.rs"]
mod instruction;
#[path = "../tests/firmware/toolchain.rs"]
mod toolchain;

use board::{Board, LM3S6965EVB, MICROBIT, VIRT};
use cost::Cost;
use image::Image;
use jaegerling_core::frame;

/// A figure that must not be exceeded, and where it stands as long as it is.
struct Bar {
    what: &'static str,
    value: usize,
    bar: usize,
    /// No worse than this: what was reached, with little to spare.
    at_most: usize,
}

/// One target with one lock.
struct Row {
    name: &'static str,
    record: Cost,
    worst: Cost,
    drop: Cost,
    encode: Cost,
    postcard: Cost,
    minicbor: Cost,
    bytes: [usize; 3],
    /// A datagram in a frame: in pieces, byte by byte, through a buffer.
    frame: [Cost; 3],
    /// How long these two are.
    framed: [usize; 2],
    /// Over the empty image: lean, with everything, postcard, minicbor; over the lean one: frames,
    /// byte by byte; these and a hello.
    flash: [usize; 4],
    frame_flash: [usize; 2],
    /// Beside the slots.
    ram: usize,
}

const FOLDER: &str = "benches/device";
/// Eight of 256 bytes.
const SLOTS: usize = 8 * 256;

fn main() {
    let rows = [
        ("Cortex-M3, PRIMASK", &LM3S6965EVB, &[][..]),
        (
            "Cortex-M3, compare-and-swap",
            &LM3S6965EVB,
            &["--features", "lock-free"],
        ),
        ("Cortex-M0, PRIMASK", &MICROBIT, &[]),
        ("RV32IMAC, compare-and-swap", &VIRT, &[]),
    ];
    let mut table = Vec::new();
    for (name, board, features) in rows {
        match row(name, board, features) {
            Some(row) => table.push(row),
            None => return,
        }
    }
    print(&table);
    print_frames(&table);
    let missed = bars(&table[0], &table[1]);
    assert!(missed == 0, "{missed} figures are worse than they were");
}

fn row(name: &'static str, board: &'static Board, features: &[&str]) -> Option<Row> {
    let built = board.build(FOLDER, features)?;
    let image = |name: &str| Image::read(&built.join(name));
    let oldest = cost::of_sections(board, &image("cost"));
    let newest = cost::of_sections(board, &image("cost_newest"));
    // What the programs do, one after another.
    let [record, drop, encode] = [0..3, 3..6, 6..9].map(|range| &oldest.costs[range]);
    let [postcard, minicbor] = [9..12, 12..15].map(|range| &oldest.costs[range]);
    let empty = image("size_empty").len();
    let over_empty = |name| image(name).len() - empty;
    let framed = cost::of_sections(board, &image("cost_frame"));
    let ram = |name: &str| {
        let image = image(name);
        image.symbol("__ebss") - image.symbol("__sbss")
    };
    Some(Row {
        name,
        record: Cost::worst(record),
        worst: Cost::worst(&newest.costs),
        // The first one looks at all slots, and remembers.
        drop: Cost::worst(&drop[1..]),
        // Of one more span in a datagram.
        encode: encode[2].minus(encode[1]).max(encode[1].minus(encode[0])),
        postcard: Cost::worst(postcard),
        minicbor: Cost::worst(minicbor),
        bytes: numbers(&oldest.sent),
        frame: [0..3, 3..6, 6..9].map(|range| Cost::worst(&framed.costs[range])),
        framed: numbers(&framed.sent),
        flash: [
            "size_ours_lean",
            "size_ours",
            "size_postcard",
            "size_minicbor",
        ]
        .map(over_empty),
        frame_flash: ["size_frames", "size_hello"]
            .map(|name| image(name).len() - image("size_ours_lean").len()),
        ram: ram("size_ours") - ram("size_empty") - SLOTS,
    })
}

/// What a program has printed, a line each.
fn numbers<const N: usize>(sent: &[u8]) -> [usize; N] {
    let text = std::str::from_utf8(sent).expect("numbers");
    let numbers: Vec<_> = text.lines().map(|line| line.parse().unwrap()).collect();
    numbers.try_into().expect("as many numbers")
}

fn print(rows: &[Row]) {
    println!(
        "| target, lock | record | masked | worst masked | drop | encode | postcard | minicbor |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for row in rows {
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            row.record,
            row.record.masked,
            row.worst.masked,
            row.drop,
            row.encode,
            row.postcard,
            row.minicbor
        );
    }
    println!("Instructions; in brackets cycles, estimated.\n");
    println!(
        "| target, lock | flash: lean | with everything | postcard | minicbor | RAM | bytes: ours | postcard | minicbor |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for row in rows {
        let [lean, full, postcard, minicbor] = row.flash;
        let [ours, their, others] = row.bytes;
        println!(
            "| {} | {lean} | {full} | {postcard} | {minicbor} | {} | {ours} | {their} | {others} |",
            row.name, row.ram
        );
    }
    println!("Bytes, flash over an empty image, RAM beside the slots.\n");
}

fn print_frames(rows: &[Row]) {
    println!(
        "| target, lock | in pieces | byte by byte | through a buffer | flash | with a hello | bytes |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for row in rows {
        let [pieces, bytes, buffer] = row.per_byte();
        let [datagram, frame] = row.framed;
        let [flash, with_hello] = row.frame_flash;
        println!(
            "| {} | {pieces:.1} | {bytes:.1} | {buffer:.1} | {flash} | {with_hello} | {} |",
            row.name,
            frame - datagram
        );
    }
    println!("Instructions per byte of a datagram; bytes that a frame takes beside it.\n");
}

impl Row {
    /// Instructions for a frame, by the bytes of its datagram.
    fn per_byte(&self) -> [f64; 3] {
        let [datagram, _] = self.framed;
        self.frame
            .map(|cost| cost.instructions as f64 / datagram as f64)
    }
}

/// Prints the bars, and counts the figures that have become worse.
fn bars(masking: &Row, swapping: &Row) -> usize {
    let bar = |what, value, bar, at_most| Bar {
        what,
        value,
        bar,
        at_most,
    };
    let dearest = masking.per_byte().into_iter().fold(0.0, f64::max);
    let beside = (1..=254).map(|len| frame::max_len(len) - len).max();
    let bars = [
        bar("record", masking.record.instructions, 120, 120),
        bar("record, of these masked", masking.record.masked, 16, 16),
        bar("masked with compare-and-swap", swapping.worst.masked, 0, 0),
        bar("masked at worst", masking.worst.masked, 60, 60),
        bar("drop", masking.drop.instructions, 100, 100),
        bar("encode", masking.encode.instructions, 520, 492),
        bar("flash, lean", masking.flash[0], 1_792, 3_136),
        bar("flash, with everything", masking.flash[1], 3_072, 7_184),
        bar("RAM beside the slots", masking.ram, 64, 64),
        bar(
            "frame, instructions a byte in the dearest way",
            dearest.ceil() as usize,
            25,
            24,
        ),
        bar(
            "frame, bytes beside up to 254",
            beside.unwrap_or_default(),
            16,
            16,
        ),
        bar(
            "frame, flash over the lean packer",
            masking.frame_flash[0],
            400,
            384,
        ),
    ];
    for Bar {
        what, value, bar, ..
    } in &bars
    {
        let verdict = if value <= bar { "met" } else { "MISSED" };
        println!("Cortex-M3, {what}: {value}, bar {bar}: {verdict}");
    }
    bars.iter().filter(|bar| bar.value > bar.at_most).count()
}
