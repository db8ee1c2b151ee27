//! What came and what did not: the last words of the bridge.

use std::fmt::{self, Display, Formatter};

use jaegerling_core::frame::{Bad, Losses};

use super::Crossing;
use super::devices::Lost;
use super::way_out::Passed;
use crate::bad::BadDatagrams;
use crate::screen::count;

pub(super) struct Account<'a> {
    losses: &'a Losses,
    bad: Bad,
    lost: Lost,
    refused: u64,
    to: &'a str,
    unreadable: &'a BadDatagrams,
    spans: Passed,
}

impl Crossing {
    pub(super) fn account(&self) -> Account<'_> {
        Account {
            losses: self.devices.losses(),
            bad: self.decoder.bad(),
            lost: self.devices.lost(),
            refused: self.way_out.refused(),
            to: &self.way_out.to,
            unreadable: &self.unreadable,
            spans: self.way_out.spans,
        }
    }
}

impl Display for Account<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Losses {
            frames,
            missing,
            before,
            again,
            sessions,
            ..
        } = *self.losses;
        writeln!(
            f,
            "{}, {} bad, {missing} missing; {}; {} passed on",
            count(frames, "frame"),
            self.bad.total(),
            count(sessions, "session"),
            count(self.spans.passed_on, "span"),
        )?;
        let lost = self.lost;
        let by_device = lost.by_device.total();
        writeln!(
            f,
            "  lost on the link: {}; lost on the device: {}",
            count(lost.by_link, "span"),
            count(by_device, "span"),
        )?;
        line(
            f,
            lost.untold,
            "frame",
            "missing since the device has told of its spans",
        )?;
        self.device(f)?;
        self.bad(f)?;
        line(f, before, "frame", "sent before this bridge listened")?;
        line(f, again, "frame", "came more than once")?;
        self.passage(f)
    }
}

impl Account<'_> {
    fn device(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let dropped = self.lost.by_device;
        line(
            f,
            dropped.ring_full,
            "span",
            "found no room in the device's ring",
        )?;
        line(f, dropped.evicted, "span", "made room in it for newer ones")?;
        line(
            f,
            dropped.too_large,
            "span",
            "did not fit a datagram of the device",
        )?;
        line(f, dropped.failed, "span", "could not be sent by the device")
    }

    fn bad(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bad = self.bad;
        for (frames, why) in [
            (bad.bad_crc, "damaged"),
            (bad.bad_stuffing, "lacked bytes"),
            (bad.too_short, "too short"),
            (bad.too_long, "longer than a datagram that Jaeger takes"),
            (bad.unknown_version, "of another version of the format"),
            (bad.unknown_kind, "of an unknown kind"),
            (bad.bad_hello, "with a hello that cannot be read"),
        ] {
            line(f, frames, "bad frame", why)?;
        }
        for (datagrams, kind) in self.unreadable.kinds() {
            line(f, datagrams, "datagram", &format!("cannot be read: {kind}"))?;
        }
        Ok(())
    }

    fn passage(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Passed {
            cut,
            too_large,
            failed,
            undrawn,
            ..
        } = self.spans;
        line(
            f,
            cut,
            "span",
            "cut: a datagram had no room for all tags and logs",
        )?;
        line(f, too_large, "span", "did not fit a datagram")?;
        line(f, failed, "span", "could not be sent to Jaeger")?;
        line(f, undrawn, "span", "came too fast to be drawn")?;
        let refused = format!("refused: nobody listened at {}", self.to);
        line(f, self.refused, "datagram", &refused)
    }
}

/// A line, if there is something to tell.
fn line(f: &mut Formatter<'_>, n: u64, what: &str, of_them: &str) -> fmt::Result {
    match n {
        0 => Ok(()),
        n => writeln!(f, "  {} {of_them}", count(n, what)),
    }
}
