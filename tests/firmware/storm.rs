//! An interrupt that records before every instruction of recording and draining, by evidence of the
//! run itself: nothing is lost but what is counted, and every record is whole.
//!
//! The emulator counts time in instructions, so that a program goes the same way each time. From a
//! run without interrupts it tells which instructions a round consists of. The handler tells, from
//! what the core has stored of the place that it came from, before which of them it came.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jaegerling_core::decode::{Span, TagValue, decode};

use crate::board::{Board, LM3S6965EVB, MICROBIT, VIRT};
use crate::image::Image;
use crate::instruction::Exclusion;
use crate::link::{DATAGRAM, frames};
use crate::reservation;

#[test]
fn a_storm_of_interrupts_on_a_cortex_m3_leaves_every_record_whole() {
    storm(&LM3S6965EVB, MASKING);
}

#[test]
fn a_storm_of_interrupts_on_a_cortex_m0_leaves_every_record_whole() {
    storm(&MICROBIT, MASKING);
}

#[test]
fn a_storm_of_interrupts_on_a_risc_v_leaves_every_record_whole() {
    storm(&VIRT, MASKING);
}

#[test]
fn a_storm_on_a_cortex_m3_with_compare_and_swap_finds_nothing_masked() {
    lock_free_storm(&LM3S6965EVB);
}

#[test]
fn a_storm_on_a_risc_v_with_compare_and_swap_finds_nothing_masked() {
    lock_free_storm(&VIRT);
}

/// The program whose claims mask interrupts.
const MASKING: &str = "storm";
/// Instructions from an interrupt to the next one: what is left of them by the handler is little.
const PERIODS: [usize; 2] = [940, 1_370];
/// About so many instructions after the timer was started a round begins.
const LEAD: usize = 40;
/// No other interrupt.
const ONCE: u32 = u32::MAX >> 8;

fn lock_free_storm(board: &'static Board) {
    let Some(swept) = storm(board, "storm_lock_free") else {
        return;
    };
    assert!(swept.masked.is_empty(), "{}", board.name);
    reservation::an_interrupt_makes_a_store_fail(&swept);
}

/// A program, and what was seen of a round of it.
pub(crate) struct Swept {
    pub(crate) board: &'static Board,
    image: Image,
    /// The addresses of the instructions that nothing interrupts, in the order of execution.
    pub(crate) round: Vec<usize>,
    /// Those that are only executed with interrupts masked.
    masked: BTreeSet<usize>,
}

fn storm(board: &'static Board, program: &str) -> Option<Swept> {
    let image = board.program(program)?;
    let round = quiet_round(board, &image);
    let (open, masked) = by_mask(board, &image, &round);
    let swept = Swept {
        board,
        image,
        round,
        masked,
    };

    // A timer that comes again and again, and in each round a tick later. The first half of the first
    // period will do: the other instructions have their turn in the periods behind it.
    let mut came_before = BTreeSet::new();
    for instructions in PERIODS {
        let period = ticks(board, instructions);
        came_before.extend(swept.run(period, 1..period / 2));
    }
    // It disturbs the rounds so that some ways are hardly gone any more. What of an undisturbed
    // round it did not come before, it comes to once a round, as the first thing to disturb it. As
    // a round is not always as long as the one before, once may not be enough.
    for margin in [20, 60, 180, 400] {
        let missed = |address| open.contains(&address) && !came_before.contains(&address);
        for delays in swept.delays(margin, missed) {
            came_before.extend(swept.run(ONCE, delays));
        }
    }
    // The other way round: where interrupts are masked, none came.
    assert!(swept.masked.is_disjoint(&came_before), "{}", board.name);
    let missed: Vec<String> = open
        .difference(&came_before)
        .map(|address| format!("{address:#x}"))
        .collect();
    println!(
        "{}, {program}: interrupted before each of {} instructions; masked are {}: {:x?}",
        board.name,
        open.len() - missed.len(),
        swept.masked.len(),
        swept.masked
    );
    assert_eq!(
        missed, [""; 0],
        "{}: no interrupt came before these",
        board.name
    );
    Some(swept)
}

/// An instruction takes 2^`shift` nanoseconds, which is at least two ticks of the timer: so there is a
/// tick for each instruction, at whichever part of a tick a round begins.
fn shift(board: &Board) -> u32 {
    (2_000_000_000 / board.hz).ilog2() + 1
}

fn ticks(board: &Board, instructions: usize) -> u32 {
    (((instructions as u64) << shift(board)) * board.hz / 1_000_000_000) as u32
}

fn quiet_round(board: &Board, image: &Image) -> Vec<usize> {
    let (sent, executed) = board.trace(image, Some(shift(board)), &[]);
    check(&sent);
    let begin = image.symbol("work") & !1;
    let at = executed.iter().rposition(|address| *address == begin);
    let (before, round) = executed.split_at(at.expect("rounds"));
    let call = *before.last().expect("a call");
    let back = call + board.architecture.size(image, call);
    let round = round.iter().copied();
    round.take_while(|address| *address != back).collect()
}

/// The instructions that are executed with interrupts let through at least once, and those that
/// never are: an interrupt cannot come before them.
fn by_mask(board: &Board, image: &Image, round: &[usize]) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let [mut open, mut masked] = [BTreeSet::new(), BTreeSet::new()];
    let mut is_masked = false;
    for &address in round {
        if is_masked { &mut masked } else { &mut open }.insert(address);
        match board.architecture.exclusion(image, address) {
            Some(Exclusion::Masks) => is_masked = true,
            Some(Exclusion::Unmasks) => is_masked = false,
            _ => {}
        }
    }
    let masked = masked.difference(&open).copied().collect();
    (open, masked)
}

impl Swept {
    /// What an instruction has to do with interrupts.
    pub(crate) fn exclusion(&self, address: usize) -> Option<Exclusion> {
        self.board.architecture.exclusion(&self.image, address)
    }

    pub(crate) fn symbol(&self, name: &str) -> usize {
        self.image.symbol(name) & !1
    }

    /// After which delays an interrupt comes to such addresses of a round, and to `margin` instructions
    /// before and behind; those that are close to each other together. Of an address that is executed
    /// more than once, to the first time.
    pub(crate) fn delays(&self, margin: usize, wanted: impl Fn(usize) -> bool) -> Vec<Range<u32>> {
        let mut seen = BTreeSet::new();
        let mut parts: Vec<Range<usize>> = Vec::new();
        for (at, &address) in self.round.iter().enumerate() {
            if !wanted(address) || !seen.insert(address) {
                continue;
            }
            match parts.last_mut() {
                Some(part) if at < part.end + 200 => part.end = at + 1,
                _ => parts.push(at..at + 1),
            }
        }
        let delays = |part: Range<usize>| {
            let first = (part.start + LEAD).saturating_sub(margin);
            let [first, last] = [first, part.end + LEAD + margin].map(|at| ticks(self.board, at));
            first.max(1)..last
        };
        parts.into_iter().map(delays).collect()
    }

    /// One run, a round for each delay after which the interrupt comes, and then again after each
    /// `period`: the addresses that it came before.
    fn run(&self, period: u32, delays: Range<u32>) -> BTreeSet<usize> {
        let image = self.image(period, delays);
        let came_before = check(&self.board.run(&image, shift(self.board), &[]));
        let address = |offset| image.base() + offset;
        came_before.into_iter().map(address).collect()
    }

    /// The same, with one interrupt a round: the addresses that were executed, of those in some
    /// places.
    pub(crate) fn trace(&self, delays: Range<u32>, places: &[Range<usize>]) -> Vec<usize> {
        let image = self.image(ONCE, delays);
        let (sent, executed) = self.board.trace(&image, Some(shift(self.board)), places);
        check(&sent);
        executed
    }

    fn image(&self, period: u32, delays: Range<u32>) -> Image {
        let mut image = self.image.clone();
        image.set("PERIOD", period);
        image.set("DELAY", delays.start);
        image.set("ROUNDS", delays.end - delays.start);
        image
    }
}

/// Checks the counts, and every record that came out. Returns how far behind the beginning of the
/// code the instructions lie that an interrupt came before.
fn check(sent: &[u8]) -> BTreeSet<usize> {
    let mut numbers = BTreeSet::new();
    let mut names = BTreeMap::new();
    let mut stats = Vec::new();
    let mut came_before = BTreeSet::new();
    let mut told = 0;
    for frame in frames(sent) {
        match &frame.letters {
            letters if *letters == DATAGRAM => {
                let batch = decode(frame.bytes).unwrap();
                told = batch.stats.unwrap().full_queue_dropped_spans;
                for span in batch.spans.iter() {
                    assert!(numbers.insert(number(&span)), "a span twice");
                    *names.entry(span.operation_name.to_string()).or_insert(0) += 1;
                }
            }
            b"ST" => stats.extend(
                frame
                    .bytes
                    .chunks_exact(4)
                    .map(|number| u64::from(u32::from_le_bytes(number.try_into().unwrap()))),
            ),
            b"AD" => came_before.extend(set_bits(frame.bytes).map(|bit| bit * 2)),
            other => panic!("a frame {other:?}"),
        }
    }
    let [
        offered,
        started,
        sent,
        refused,
        evicted,
        0,
        0,
        0,
        interrupts,
        inside,
        trimmed,
    ] = stats[..]
    else {
        panic!("nothing too large, open or waiting at the end: {stats:?}");
    };
    assert_eq!(offered, started);
    assert_eq!(sent, numbers.len() as u64);
    assert_eq!(
        offered,
        sent + refused + evicted,
        "recorded + dropped = offered"
    );
    // What was dropped behind the last datagram, that cannot tell.
    assert!(told as u64 <= refused + evicted);
    assert!(inside <= interrupts);
    println!(
        "offered {offered}: sent {sent} {names:?}, refused {refused}, evicted {evicted}, cut {trimmed} tags; {interrupts} interrupts"
    );
    came_before
}

/// The number of a span that has all that was said of it, and what was said is what was meant.
fn number(span: &Span<'_>) -> i64 {
    let name = span.operation_name.to_string();
    let mut number = None;
    let mut complement = None;
    for tag in span.tags.iter() {
        match (tag.key.as_str(), tag.value) {
            (Some("n"), TagValue::Long(value)) => number = Some(value),
            (Some("m"), TagValue::Long(value)) => complement = Some(!value),
            (Some("text"), TagValue::String(text)) if name == "long" => {
                assert_eq!(text, "text that is longer than what a slot has left");
            }
            // What found no slot to go on in is counted.
            (Some("otel.dropped_attributes_count" | "otel.dropped_events_count"), _)
                if name == "long" => {}
            (key, value) => panic!("{name} has {key:?}: {value:?}"),
        }
    }
    for log in span.logs.iter() {
        let fields: Vec<_> = log.fields.iter().collect();
        let [field] = fields[..] else {
            panic!("{name} has a log with {fields:?}");
        };
        assert_eq!(
            (field.key.as_str(), field.value),
            (Some("event"), TagValue::String("half way".into()))
        );
    }
    assert!(
        ["outer", "long", "short", "timer"].contains(&&*name),
        "{name}"
    );
    assert_eq!(
        span.parent_span_id == 0,
        ["outer", "timer"].contains(&&*name)
    );
    assert!(
        number.is_some() && number == complement,
        "{name}: {number:?}"
    );
    number.unwrap()
}

fn set_bits(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let bits = bytes.iter().enumerate();
    bits.flat_map(|(at, byte)| {
        (0..8)
            .filter(move |bit| byte >> bit & 1 != 0)
            .map(move |bit| at * 8 + bit)
    })
}
