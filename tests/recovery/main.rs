//! What survives a reset: all that was whole, as it was, and nothing else, whatever stands in the
//! memory.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(target_pointer_width = "64")]

mod memory;
mod mutate;

use std::collections::BTreeSet;

use jaegerling_core::{
    BUFFER_EXTRA, Found, KeepOldest, Packer, Process, Retained, RetainedSlots, SeededIds,
    SingleContext, Slot, Time, Tracer,
};
use memory::{
    Chip, Device, HEADER, Hand, Image, NOW, SLOT, SLOT_BYTES, SLOTS, Told, WORDS, head, recovered,
    send, slot,
};
use mutate::{Random, invent, live, mutate, reset_device};

fn later(micros: u64) {
    NOW.set(NOW.get() + micros);
}

fn found(session: u32, finished: u32, unfinished: u32, broken: u32) -> [u32; 4] {
    [session, finished, unfinished, broken]
}

fn of(found: Found) -> [u32; 4] {
    let Found {
        session,
        finished,
        unfinished,
        broken,
        ..
    } = found;
    [session, finished, unfinished, broken]
}

/// Name, whether it had not ended, and how long it took.
fn told(spans: &[Told]) -> Vec<(&str, bool, i64)> {
    let told = spans.iter();
    told.map(|span| (&*span.name, span.unfinished, span.duration))
        .collect()
}

#[test]
fn ended_spans_come_out_whole_and_open_ones_up_to_the_last_that_is_known_of_them() {
    assert_eq!(
        size_of::<Slot<24>>(),
        4 * (slot::CHAIN + 2),
        "as the tests have it"
    );
    let chip = Chip::cold();
    let long = "a long text, on and on".repeat(8);
    chip.boot(|device, cold| {
        assert_eq!(of(cold), found(0, 0, 0, 0));
        let mut ended = device.root("ended");
        ended.tag("text", long.as_str());
        later(50);
        ended.end();
        let bare = device.root("nothing was said of it");
        later(10);
        let mut open = device.root("open");
        later(300);
        open.log().field("event", "the last that is known");
        later(20);
        open.tag("text", long.as_str());
        let mut said = device.root("its end was said");
        said.set_start(Time::UnixNanos(5_000_000));
        said.set_end(Time::UnixNanos(7_000_000));
        // In a datagram of which nobody heard any more.
        let mut drain = device.take_drain().unwrap();
        let mut packer = Packer::new(1_000, "s").unwrap();
        let mut buffer = [0xa5; 1_000 + BUFFER_EXTRA];
        let packed = drain.pack(&mut packer, &mut buffer, &Process::new("s"));
        assert_eq!(packed.unwrap().spans, 1);
        [bare, open, said].into_iter().for_each(std::mem::forget);
        later(1_000);
    });
    chip.boot(|device, warm| {
        assert_eq!(of(warm), found(1, 1, 3, 0));
        let mut drain = device.take_drain().unwrap();
        // What is recorded now comes after.
        device.root("new").end();
        let spans = send(&mut drain);
        assert_eq!(
            told(&spans),
            [
                ("ended", false, 50),
                ("nothing was said of it", true, 1),
                ("open", true, 300),
                ("its end was said", true, 2_000),
                ("new", false, 1),
            ]
        );
        for span in spans {
            let has_text = matches!(&*span.name, "ended" | "open");
            assert_eq!(span.all.contains(&long), has_text, "{}", span.all);
            assert_eq!(span.session, u32::from(span.name == "new"));
            let value = if span.unfinished { 1 } else { 0 };
            assert_eq!(span.all.matches("\"unfinished\"").count(), value);
        }
    });
    // They were sent: nothing is left but what came after.
    chip.boot(|_, warm| assert_eq!(of(warm), found(2, 0, 0, 0)));
}

#[test]
fn spans_that_were_not_sent_before_the_next_reset_stay_with_their_session() {
    let chip = Chip::cold();
    for session in 0..4 {
        chip.boot(|device, warm| {
            assert_eq!(of(warm), found(session, session, session, 0));
            device.root(&format!("ended in {session}")).end();
            std::mem::forget(device.root(&format!("open in {session}")));
        });
    }
    chip.boot(|device, warm| {
        assert_eq!(of(warm), found(4, 4, 4, 0));
        device.root("ended in 4").end();
        let mut drain = device.take_drain().unwrap();
        assert_eq!(drain.session(), 0);
        let spans = send(&mut drain);
        let expected = (0..5).flat_map(|session| {
            let open = (session < 4).then(|| format!("open in {session}"));
            [Some(format!("ended in {session}")), open]
        });
        let names = spans.iter().map(|span| span.name.clone());
        assert!(names.eq(expected.flatten()), "the oldest first");
        for span in spans {
            assert!(span.name.ends_with(&span.session.to_string()), "{span:?}");
        }
        assert_eq!(drain.session(), 4);
    });
}

#[test]
fn ids_differ_from_session_to_session() {
    let chip = Chip::cold();
    let ids = |chip: &Chip| {
        let ids = |device: &Device| (0..3).map(|_| device.root("r").context()).collect();
        chip.boot(|device, _| -> Vec<_> { ids(device) })
    };
    let mut all: Vec<_> = (0..3).flat_map(|_| ids(&chip)).collect();
    let count = all.len();
    all.sort_by_key(|context| (context.trace_id, context.span_id));
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn a_span_that_no_one_sends_survives_any_number_of_resets() {
    let chip = Chip::cold();
    chip.boot(|device, _| device.root("waits").end());
    for session in 1..400 {
        chip.boot(|_, warm| assert_eq!(of(warm), found(session, 1, 0, 0)));
    }
    let (_, spans, _) = recovered(&chip.image());
    assert_eq!(told(&spans), [("waits", false, 1)]);
}

#[test]
fn memory_of_another_layout_is_a_cold_start() {
    let chip = Chip::cold();
    chip.boot(|device, _| device.root("waits").end());
    let image = chip.image();
    for at in 0..HEADER {
        for bit in 0..32 {
            let mut image = image.clone();
            image.0[at] ^= 1 << bit;
            // That is what a reset leaves when the next session is written, and its checksum not.
            if (at, bit) == (2, 0) {
                let (warm, spans, _) = recovered(&image);
                assert_eq!((of(warm), spans.len()), (found(2, 1, 0, 0), 1));
                continue;
            }
            let (cold, spans, _) = recovered(&image);
            assert_eq!((of(cold), spans), (found(0, 0, 0, 0), vec![]));
        }
    }
    // One slot less, in the same place.
    let smaller = Box::into_raw(Box::new(Retained::<{ SLOTS - 1 }, WORDS>::new()));
    for (at, word) in image
        .0
        .iter()
        .enumerate()
        .take(size_of_val(&image.0[SLOT..]) / 4)
    {
        // SAFETY: within the memory.
        let to = unsafe { smaller.cast::<u32>().add(at) };
        // SAFETY: nobody else has it yet.
        unsafe { to.write_volatile(*word) };
    }
    type Smaller = Tracer<
        Hand,
        SeededIds,
        SingleContext,
        KeepOldest,
        RetainedSlots<{ SLOTS - 1 }, WORDS>,
        WORDS,
    >;
    let device = Smaller::retained(Hand, SeededIds::new(), SingleContext::new());
    // SAFETY: it came from a box that is never freed.
    let smaller = unsafe { &*smaller };
    // SAFETY: no other device has it.
    let cold = unsafe { device.init_retained(smaller, 7) }.unwrap();
    assert_eq!(of(cold), found(0, 0, 0, 0));
}

#[test]
fn random_memory_is_a_cold_start() {
    let mut random = Random(1);
    let mut image = Chip::cold().image();
    for _ in 0..20_000 {
        let chunks = image.0.chunks_mut(2);
        chunks.for_each(|pair| {
            let number = random.next();
            pair.iter_mut()
                .zip([number as u32, (number >> 32) as u32])
                .for_each(|(to, from)| *to = from);
        });
        Chip::with(&image).boot(|device, cold| {
            assert_eq!(of(cold), found(0, 0, 0, 0));
            assert!(device.root("r").is_recording());
        });
    }
}

#[test]
fn what_is_no_text_from_its_first_byte_on_is_no_name() {
    let chip = Chip::cold();
    chip.boot(|device, _| device.root("12345678").end());
    let mut image = chip.image();
    // Behind the record's head and the header of the name.
    let name = slot::WORDS + 10 + 1;
    image.slot_mut(0)[name..name + 2].fill(0x8080_8080);
    let (named, told, _) = recovered(&image);
    assert_eq!((of(named), told.len()), (found(1, 0, 0, 1), 0));
}

#[test]
fn an_entry_of_which_only_the_header_is_there_is_no_end_of_a_record() {
    let chip = Chip::cold();
    chip.boot(|device, _| device.root("name").end());
    let mut image = chip.image();
    // The length that the head tells, without the name's only word.
    image.slot_mut(0)[slot::HEAD] -= 1;
    let (named, told, _) = recovered(&image);
    assert_eq!((of(named), told.len()), (found(1, 0, 0, 1), 0));
}

#[test]
fn spans_keep_their_session_if_a_reset_comes_in_the_middle_of_recovery() {
    let chip = Chip::cold();
    chip.boot(|device, _| (0..SLOTS).for_each(|_| device.root("n").end()));
    let mut half = chip.image();
    let chip = Chip::with(&half);
    let after = chip.boot(|_, _| chip.image());
    // The header is as it was.
    for at in 0..SLOTS / 2 {
        half.slot_mut(at).copy_from_slice(after.slot(at));
    }
    let (_, told, _) = recovered(&half);
    assert_eq!(told.len(), SLOTS);
    assert!(told.iter().all(|told| told.session == 0));
}

#[test]
fn slots_that_nobody_wrote_end_as_whole_spans_or_free() {
    let mut random = Random(2);
    let chip = Chip::cold();
    chip.boot(|_, _| ());
    let mut image = chip.image();
    let (mut whole, mut broken) = (0, 0);
    for _ in 0..30_000 {
        invent(&mut image, &mut random);
        let (found, spans, _) = recovered(&image);
        assert_eq!(found.session, 1);
        whole += spans.len();
        broken += found.broken;
    }
    // So that it is not the first look that refuses all of them.
    assert!(whole > 500 && broken > 10_000, "{whole}, {broken}");
}

#[test]
fn whatever_happens_to_a_memory_a_span_that_was_not_touched_is_what_was_recorded() {
    let (mut whole, mut touched_ones) = (0, 0);
    for seed in 0..2_500 {
        let mut random = Random(seed << 32);
        let original = reset_device(&mut random);
        let (expected, spans, _) = recovered(&original);
        assert_eq!(
            expected.broken, 0,
            "of a memory that nothing has happened to"
        );
        let recorded: BTreeSet<_> = spans.into_iter().collect();
        for _ in 0..20 {
            let mut image = original.clone();
            for _ in 0..1 + random.below(3) {
                mutate(&mut image, &mut random);
            }
            let touched = |index: &usize| original.slot(*index) != image.slot(*index);
            let (found, spans, after) = recovered(&image);
            assert_eq!(found.session, expected.session);
            for span in spans {
                whole += 1;
                if !recorded.contains(&span) {
                    let mut chains = after.chains_of(span.span_id);
                    let is_touched = chains.any(|chain| chain.iter().any(touched));
                    assert!(is_touched, "{span:?} of seed {seed} was not recorded");
                    touched_ones += 1;
                }
            }
        }
    }
    assert!(
        whole > 100_000 && touched_ones > 1_000,
        "{whole}, {touched_ones}"
    );
}

/// A reset in the middle of the recovery: some slots are recovered already, the others are not.
#[test]
fn a_reset_while_memory_is_recovered_loses_nothing() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let before = reset_device(&mut random);
        let (expected, spans, after) = recovered(&before);
        let without_session = |spans: Vec<Told>| {
            let spans = spans.into_iter().map(|span| Told { session: 0, ..span });
            spans.collect::<BTreeSet<_>>()
        };
        let spans = without_session(spans);
        for slots in 0..=SLOTS {
            let mut half = before.clone();
            (0..slots).for_each(|index| half.slot_mut(index).copy_from_slice(after.slot(index)));
            // Some are marked as parts of sound chains by then, and none may keep that.
            for index in (0..SLOTS).filter(|_| random.one_in(3)) {
                let head = &mut half.slot_mut(index)[slot::HEAD];
                *head |= if *head == head::CHAINED {
                    head::SOUND
                } else {
                    0
                };
            }
            let (found, again, _) = recovered(&half);
            assert_eq!(of(found), of(expected), "{slots} slots of {seed}");
            assert_eq!(without_session(again), spans);
        }
    }
}

/// What was being done to a slot when the reset came is undone, or as good as done.
#[test]
fn a_reset_in_the_middle_of_a_claim_or_of_freeing_costs_no_other_span() {
    let chip = Chip::cold();
    chip.boot(|device, _| {
        let mut span = device.root("with a chain");
        span.tag("text", "x".repeat(208).as_str());
        span.end();
        device.root("beside").end();
    });
    let image = chip.image();
    let chain = image.chain(0);
    assert_eq!(chain, [0, 3, 2, 1]);
    let free = (4..SLOTS)
        .find(|index| image.slot(*index)[slot::HEAD] == 0)
        .unwrap();
    let survives = |image: &Image, expected: &[&str], broken: u32| {
        let (found, spans, _) = recovered(image);
        let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
        assert_eq!((&names[..], found.broken), (expected, broken));
    };
    survives(&image, &["with a chain", "beside"], 0);
    // A slot is claimed, and nothing is written yet; or for a chain that was not attached.
    for (state, broken) in [(head::OPEN, 1), (head::CHAINED, 0)] {
        let mut image = image.clone();
        image.slot_mut(free)[slot::HEAD] = state;
        survives(&image, &["with a chain", "beside"], broken);
    }
    // A slot is linked to a span; that there is a chain is not said yet, or it is.
    let beside = (1..SLOTS)
        .find(|index| image.slot(*index)[slot::HEAD] & head::DONE != 0)
        .unwrap();
    for said in [false, true] {
        let mut image = image.clone();
        image.slot_mut(free)[slot::HEAD] = head::CHAINED;
        let distance = (free as u64).wrapping_sub(beside as u64);
        image.set_chain(beside, distance.wrapping_mul(SLOT_BYTES));
        if !said {
            image.slot_mut(beside)[slot::FLAGS] &= !slot::CHAINED;
        }
        survives(&image, &["with a chain", "beside"], 0);
    }
    // The first slots of a chain are free again, and those behind them not yet.
    for freed in 1..=chain.len() {
        let mut image = image.clone();
        for index in &chain[..freed] {
            image.set_chain(*index, 0);
            image.slot_mut(*index)[slot::HEAD] = 0;
        }
        survives(&image, &["beside"], 0);
    }
    // The link is gone, the slot not free yet.
    let mut image = image.clone();
    image.set_chain(0, 0);
    survives(&image, &["beside"], 1);
}

#[test]
fn a_device_goes_on_in_what_it_found() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let mut image = reset_device(&mut random);
        mutate(&mut image, &mut random);
        let chip = Chip::with(&image);
        for _ in 0..3 {
            chip.boot(|device, _| live(device, &mut random));
            let (found, _, _) = recovered(&chip.image());
            assert_eq!(found.broken, 0, "all that was broken is free");
        }
    }
}
