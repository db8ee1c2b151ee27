//! Random programs, and what can happen to memory.

use jaegerling_core::{BUFFER_EXTRA, Packer, Process, ReferenceKind};

use crate::memory::{Chip, Device, HEADER, Image, NOW, SLOT_BYTES, SLOTS, WORDS, head, slot};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Does this and that until the reset: of the spans some are open, some have ended, some are in a
/// datagram, some were sent.
pub fn live(device: &Device, random: &mut Random) {
    let mut drain = device.take_drain().expect("the first who asks");
    let mut packer = Packer::lean(400, "s").expect("a limit that will do");
    let mut buffer = [0xa5; 400 + BUFFER_EXTRA];
    let mut open = vec![];
    for number in 0..4 + random.below(12) {
        NOW.set(NOW.get() + 1 + random.below(1_000) as u64);
        match random.below(12) {
            0 => {
                drain.pack(&mut packer, &mut buffer, &Process::new("s"));
                if random.one_in(2) {
                    drain.sent(&mut packer);
                }
            }
            1..4 if !open.is_empty() => drop(open.swap_remove(random.below(open.len()))),
            _ => {
                let mut span = device.root(&format!("number {number}"));
                for _ in 0..random.below(4) {
                    say(&mut span, random);
                }
                open.push(span);
            }
        }
    }
    open.into_iter().for_each(std::mem::forget);
}

type Span<'t> = jaegerling_core::Span<'t, &'t Device, WORDS>;

fn say(span: &mut Span<'_>, random: &mut Random) {
    NOW.set(NOW.get() + 1 + random.below(50) as u64);
    let text = "é🦀x".repeat(random.below(40));
    match random.below(8) {
        0 => span.tag("number", random.next() as i64),
        1 => span.tag("bytes", text.as_bytes()),
        2 => span.set_debug(),
        3 => span.log().field("event", text.as_str()),
        4 => span.set_name(&text),
        5 => {
            let context = span.context();
            span.reference(
                ReferenceKind::FollowsFrom,
                context.trace_id,
                context.span_id,
            );
        }
        _ => span.tag("text", text.as_str()),
    }
}

/// The memory of a device that was reset after some sessions.
pub fn reset_device(random: &mut Random) -> Image {
    let chip = Chip::cold();
    for _ in 0..1 + random.below(3) {
        chip.boot(|device, _| live(device, random));
    }
    chip.image()
}

/// Something happens to the slots.
pub fn mutate(image: &mut Image, random: &mut Random) {
    let at = HEADER + random.below(image.0.len() - HEADER);
    let [one, other] = [0; 2].map(|_| random.below(SLOTS));
    match random.below(10) {
        0 | 1 => image.0[at] ^= 1 << random.below(32),
        2 => image.0[at] = random.next() as u32,
        3 => image.0[at] = [0, 1, u32::MAX, image.0[HEADER + random.below(100)]][random.below(4)],
        4 => {
            let [a, b] = [one, other].map(|index| image.slot(index).to_vec());
            image.slot_mut(one).copy_from_slice(&b);
            image.slot_mut(other).copy_from_slice(&a);
        }
        5 => {
            let from = image.slot(one).to_vec();
            image.slot_mut(other).copy_from_slice(&from);
        }
        // A chain that goes where it likes: nowhere, back, beyond the ends, between two slots.
        6 => {
            let slots = random.below(2 * SLOTS + 4) as i64 - SLOTS as i64 - 2;
            let distance = slots.wrapping_mul(SLOT_BYTES as i64);
            let off = [0, 0, 0, 4, random.next() as i64][random.below(5)];
            image.set_chain(one, distance.wrapping_add(off) as u64);
        }
        // A circle, of one or two.
        7 => {
            let distance = (other as i64 - one as i64) * SLOT_BYTES as i64;
            image.set_chain(one, distance as u64);
            image.set_chain(other, distance.wrapping_neg() as u64);
            image.slot_mut(other)[slot::HEAD] = head::CHAINED;
        }
        8 => image.slot_mut(one)[slot::HEAD] = any_head(random),
        // Power was low for a moment: from somewhere on, all is as it likes.
        _ => {
            for word in image.0.iter_mut().skip(at).take(random.below(100)) {
                *word = random.next() as u32;
            }
        }
    }
}

fn any_head(random: &mut Random) -> u32 {
    let length = random.below(3 * WORDS) as u32 & head::LENGTH;
    let state = [
        head::OPEN,
        head::DONE,
        head::CHAINED,
        head::DONE | head::TAKEN,
    ];
    let odd = [0, 0, 0, 1 << random.below(32)];
    state[random.below(4)] | length | odd[random.below(4)]
}

/// Slots that nobody wrote; a part of their heads, links and entries is such that one might have.
pub fn invent(image: &mut Image, random: &mut Random) {
    for word in image.0.iter_mut().skip(HEADER) {
        *word = random.next() as u32;
    }
    if random.one_in(4) {
        return;
    }
    for index in 0..SLOTS {
        image.slot_mut(index)[slot::HEAD] = any_head(random);
        let to = random.below(SLOTS + 1) as i64 - index as i64;
        let distance = if random.one_in(2) {
            0
        } else {
            to * SLOT_BYTES as i64
        };
        image.set_chain(index, distance as u64);
        let flags = &mut image.slot_mut(index)[slot::FLAGS];
        if random.one_in(2) {
            *flags = *flags & !0xff | 1;
        }
        // A chain that leads to where it begins, or one that is not said to be there.
        if random.one_in(16) {
            *flags ^= slot::CHAINED;
        }
        // Entries of short keys and values behind the record's head.
        let mut at = slot::WORDS + 10;
        while at < slot::WORDS + WORDS {
            let (kind, key, value) = (random.below(26), random.below(9), random.below(20));
            image.slot_mut(index)[at] = (kind << 27 | key << 16 | value) as u32;
            let words = image.slot_mut(index).iter_mut().skip(at + 1);
            let ascii = words.take(key.div_ceil(4) + value.div_ceil(4));
            ascii.for_each(|word| *word &= 0x7f7f_7f7f);
            at += 1 + key.div_ceil(4) + value.div_ceil(4);
        }
    }
}
