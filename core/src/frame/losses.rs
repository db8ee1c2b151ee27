//! Which frames are missing.

use super::{Content, Frame};

/// Counts the frames of a link, and those that are missing among them.
///
/// Frames that are missing are known as soon as a later one is heard, and those at the end of a
/// session by its [`Close`](Content::Close). Of a session that began while somebody listened, and
/// was closed, `missing` is exact, however many they are: a hello has all bits of its number. As long
/// as none is heard, no more than 32,767 in a row.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Losses {
    /// Frames that were heard; a request is none, as it goes the other way.
    pub frames: u64,
    /// Frames that are missing between those that were heard, and before the first one of each
    /// session but the first.
    pub missing: u64,
    /// Frames before the very first that was heard: sent before anybody listened, or lost.
    pub before: u64,
    /// Frames that came again, or after a later one: a link does not do that, a replay may.
    pub again: u64,
    /// Sessions that were heard.
    pub sessions: u64,
    session: u16,
    /// The number that the session's next frame should have.
    next: u32,
    /// Whether the upper half of that was heard, and not only taken to be 0.
    is_whole: bool,
}

/// How a frame follows the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// In the same session; so many are missing in between.
    Next {
        /// Frames.
        missing: u32,
    },
    /// As the first of its session: the device has started again, or somebody has begun to listen.
    NewSession,
    /// It was here before, or a later one was.
    Again,
    /// It comes from a host.
    Request,
}

impl Losses {
    /// No frame was heard.
    pub const fn new() -> Self {
        Self {
            frames: 0,
            missing: 0,
            before: 0,
            again: 0,
            sessions: 0,
            session: 0,
            next: 0,
            is_whole: false,
        }
    }

    /// Counts the next frame of the link, and says how it follows the one before.
    pub fn follow(&mut self, frame: &Frame<'_>) -> Arrival {
        let whole = match &frame.content {
            Content::Request => return Arrival::Request,
            Content::Hello(hello) | Content::Close(hello) => Some(hello.sequence),
            _ => None,
        };
        self.frames += 1;
        if self.sessions == 0 || self.session != frame.session {
            return self.begin(frame, whole);
        }
        let missing = match whole {
            // A hello that goes back is of a device that has started again, and does not know that.
            Some(sequence) if (sequence.wrapping_sub(self.next) as i32) < 0 => {
                return self.begin(frame, whole);
            }
            Some(sequence) => sequence.wrapping_sub(self.next),
            None => frame.sequence.wrapping_sub(self.next as u16).into(),
        };
        if whole.is_none() && missing > i16::MAX as u32 {
            self.again += 1;
            return Arrival::Again;
        }
        self.next = self.next.wrapping_add(missing).wrapping_add(1);
        // The upper half of the very first number, which is only known now.
        let before = match self.sessions == 1 && whole.is_some() && !self.is_whole {
            true => missing >> 16 << 16,
            false => 0,
        };
        let missing = missing - before;
        self.before += u64::from(before);
        self.missing += u64::from(missing);
        self.is_whole |= whole.is_some();
        Arrival::Next { missing }
    }

    /// The first frame of a session that is heard.
    fn begin(&mut self, frame: &Frame<'_>, whole: Option<u32>) -> Arrival {
        let sequence = whole.unwrap_or(frame.sequence.into());
        match self.sessions {
            0 => self.before += u64::from(sequence),
            _ => self.missing += u64::from(sequence),
        }
        self.sessions += 1;
        self.session = frame.session;
        self.next = sequence.wrapping_add(1);
        self.is_whole = whole.is_some();
        Arrival::NewSession
    }
}
