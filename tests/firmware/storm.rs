//! An interrupt that records before every instruction of recording and draining, by evidence of the
//! run itself: nothing is lost but what is counted, and every record is whole.
//!
//! The emulator counts time in instructions, so that a program goes the same way each time. From a
//! run without interrupts it tells which instructions a round consists of. The handler tells, from
//! the frame that the exception has stored, before which of them it came.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jaegerling_core::decode::{Span, TagValue, decode};

use crate::board::{Board, LM3S6965EVB, MICROBIT};
use crate::image::Image;
use crate::link::{DATAGRAM, frames};

#[test]
fn a_storm_of_interrupts_on_a_cortex_m3_leaves_every_record_whole() {
    // A tick of its timer is 80 ns.
    storm(
        &LM3S6965EVB,
        Pace {
            shift: 7,
            tick: 80.0,
        },
    );
}

#[test]
fn a_storm_of_interrupts_on_a_cortex_m0_leaves_every_record_whole() {
    // 62.5 ns.
    storm(
        &MICROBIT,
        Pace {
            shift: 7,
            tick: 62.5,
        },
    );
}

/// An instruction takes 2^`shift` nanoseconds, which is longer than a tick of the timer: so there
/// is a tick for each instruction.
#[derive(Clone, Copy)]
struct Pace {
    shift: u32,
    tick: f64,
}

impl Pace {
    fn ticks(self, instructions: usize) -> u32 {
        ((instructions << self.shift) as f64 / self.tick) as u32
    }
}

fn storm(board: &Board, pace: Pace) {
    let Some(mut image) = board.program("storm") else {
        return;
    };
    let round = quiet_round(board, &image, pace);
    let (open, masked) = by_mask(&image, &round);

    // A timer that comes again and again, and in each round a tick later.
    let mut came_before = BTreeSet::new();
    for instructions in [940, 1_370] {
        let period = pace.ticks(instructions);
        image.set("PERIOD", period);
        came_before.extend(run(board, &image, pace, 1..period));
    }
    // It disturbs the rounds so that some ways are hardly gone any more. What of an undisturbed
    // round it did not come before, it comes to once a round, as the first thing to disturb it. As
    // a round is not always as long as the one before, once may not be enough.
    image.set("PERIOD", u32::MAX >> 8);
    for margin in [80, 200, 400, 700] {
        let missed = |address| open.contains(&address) && !came_before.contains(&address);
        for part in parts(&round, missed) {
            let first = pace.ticks(part.start).saturating_sub(margin).max(1);
            let last = pace.ticks(part.end) + 2 * margin;
            came_before.extend(run(board, &image, pace, first..last));
        }
    }
    // The other way round: where interrupts are masked, none came.
    assert!(masked.is_disjoint(&came_before), "{}", board.name);
    let missed: Vec<String> = open
        .difference(&came_before)
        .map(|address| format!("{address:#x}"))
        .collect();
    println!(
        "{}: interrupted before each of {} instructions; masked are {}",
        board.name,
        open.len() - missed.len(),
        masked.len()
    );
    assert_eq!(
        missed, [""; 0],
        "{}: no interrupt came before these",
        board.name
    );
}

/// The addresses of the instructions of a round that nothing interrupts, in the order of execution.
fn quiet_round(board: &Board, image: &Image, pace: Pace) -> Vec<usize> {
    let (sent, executed) = board.trace(image, Some(pace.shift));
    check(&sent);
    let begin = image.symbol("work") & !1;
    let at = executed.iter().rposition(|address| *address == begin);
    let (before, round) = executed.split_at(at.expect("rounds"));
    // A call has four bytes.
    let back = before.last().expect("a call") + 4;
    let round = round.iter().copied();
    round.take_while(|address| *address != back).collect()
}

/// The instructions that are executed with interrupts let through at least once, and those that
/// never are: an interrupt cannot come before them.
fn by_mask(image: &Image, round: &[usize]) -> (BTreeSet<usize>, BTreeSet<usize>) {
    const CPSID_I: u16 = 0xb672;
    const CPSIE_I: u16 = 0xb662;
    let [mut open, mut masked] = [BTreeSet::new(), BTreeSet::new()];
    let mut is_masked = false;
    for &address in round {
        if is_masked { &mut masked } else { &mut open }.insert(address);
        // `msr PRIMASK, <register>`; what it restores is that interrupts are let through, as no
        // lock is taken within another.
        let restores =
            image.halfword(address) & 0xfff0 == 0xf380 && image.halfword(address + 2) == 0x8810;
        match image.halfword(address) {
            CPSID_I => is_masked = true,
            CPSIE_I => is_masked = false,
            _ if restores => is_masked = false,
            _ => {}
        }
    }
    let masked = masked.difference(&open).copied().collect();
    (open, masked)
}

/// Where in a round such addresses are, those that lie close to each other together. Of an address
/// that is executed more than once, the first time.
fn parts(round: &[usize], wanted: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut seen = BTreeSet::new();
    let mut parts: Vec<Range<usize>> = Vec::new();
    for (at, &address) in round.iter().enumerate() {
        if !wanted(address) || !seen.insert(address) {
            continue;
        }
        match parts.last_mut() {
            Some(part) if at < part.end + 200 => part.end = at + 1,
            _ => parts.push(at..at + 1),
        }
    }
    parts
}

/// One run, a round for each delay after which the interrupt comes: the addresses that it came
/// before.
fn run(board: &Board, image: &Image, pace: Pace, delays: Range<u32>) -> BTreeSet<usize> {
    let mut image = image.clone();
    image.set("DELAY", delays.start);
    image.set("ROUNDS", delays.end - delays.start);
    check(&board.run(&image, pace.shift, &[]))
}

/// Checks the counts, and every record that came out.
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
