//! Frames that are missing.

use jaegerling_core::frame::{Arrival, Losses};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::line::{self, Header};
use crate::{DATAGRAM, HELLO, with_one};

proptest! {
    /// However the numbers of frames go, and wherever hellos are among them.
    #[test]
    fn losses_are_those_that_were_made(
        sessions in vec(vec((0..200_000_u32, 0..4_u32, any::<bool>()), 0..8), 1..4),
    ) {
        let mut losses = Losses::new();
        let (mut heard, mut lost) = (0, 0);
        for (session, runs) in sessions.iter().enumerate() {
            let mut sequence = 0_u32;
            // Some are lost, then some are heard, perhaps a hello first.
            for (missing, more, hello) in runs {
                let hello = *hello || *missing > i16::MAX as u32;
                sequence += missing;
                lost += u64::from(*missing);
                let whole = [hello].into_iter().chain((0..*more).map(|_| false));
                for hello in whole {
                    follow(&mut losses, session as u16, sequence, hello);
                    sequence += 1;
                    heard += 1;
                }
            }
            follow(&mut losses, session as u16, sequence + 2, true);
            (heard, lost) = (heard + 1, lost + 2);
        }
        prop_assert_eq!(losses.frames, heard);
        prop_assert_eq!(losses.missing + losses.before, lost);
        prop_assert_eq!((losses.sessions, losses.again), (sessions.len() as u64, 0));
    }
}

#[test]
fn whoever_joins_in_the_middle_counts_from_there() {
    let mut losses = Losses::new();
    let next = |missing| Arrival::Next { missing };
    // The upper half of its number is not known yet.
    assert_eq!(follow(&mut losses, 5, 70_000, false), Arrival::NewSession);
    assert_eq!((losses.before, losses.missing), (70_000 - 65_536, 0));
    assert_eq!(follow(&mut losses, 5, 70_002, false), next(1));
    assert_eq!(follow(&mut losses, 5, 70_005, true), next(2));
    assert_eq!((losses.before, losses.missing), (70_000, 3));
    // It is now.
    assert_eq!(follow(&mut losses, 5, 140_006, true), next(70_000));
    assert_eq!((losses.before, losses.missing), (70_000, 70_003));
    assert_eq!((losses.frames, losses.sessions, losses.again), (4, 1, 0));
}

#[test]
fn a_device_that_starts_again_is_another_session() {
    let mut losses = Losses::new();
    follow(&mut losses, 5, 0, true);
    follow(&mut losses, 5, 1, false);
    assert_eq!(follow(&mut losses, 6, 2, false), Arrival::NewSession);
    assert_eq!((losses.before, losses.missing), (0, 2));
    // One that has forgotten its number says so in its hello.
    assert_eq!(follow(&mut losses, 6, 1, true), Arrival::NewSession);
    assert_eq!((losses.sessions, losses.missing), (3, 3));
    // A datagram that goes back was here before.
    follow(&mut losses, 6, 9, false);
    assert_eq!(follow(&mut losses, 6, 9, false), Arrival::Again);
    assert_eq!(follow(&mut losses, 6, 8, false), Arrival::Again);
    assert_eq!(
        follow(&mut losses, 6, 10, false),
        Arrival::Next { missing: 0 }
    );
    assert_eq!((losses.again, losses.missing), (2, 3 + 7));
}

/// Follows a frame of which nothing matters but its number.
fn follow(losses: &mut Losses, session: u16, sequence: u32, is_hello: bool) -> Arrival {
    let header = Header {
        sent_at: 0,
        session,
        sequence: sequence as u16,
        kind: if is_hello { HELLO } else { DATAGRAM },
        recorded_in: None,
    };
    let numbers = [&sequence.to_le_bytes()[..], &[0; 52]].concat();
    let hello = [&numbers[..], b"\x18\x01s\0"].concat();
    let payload = if is_hello { &hello } else { &numbers };
    with_one(&line::frame(header, payload), |frame| losses.follow(&frame))
}
