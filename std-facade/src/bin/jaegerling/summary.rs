//! What came and what did not: the last words of `listen`.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use jaegerling::waterfall::Visible;
use jaegerling_core::collect::{Losses, Sender, SeqLosses, Stats};

use crate::bad::BadDatagrams;
use crate::screen::count;

/// As many senders with losses are listed.
const MAX_LISTED: usize = 20;

pub(crate) struct Summary<'a> {
    pub(crate) packets: u64,
    /// Packets that a Jaeger would not have taken.
    pub(crate) oversized: u64,
    pub(crate) spans: Stats,
    pub(crate) losses: &'a SeqLosses,
    pub(crate) bad: &'a BadDatagrams,
    pub(crate) written: Option<Written>,
}

/// The file of `--out`, and how many traces are in it.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    pub(crate) traces: u64,
}

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = self.losses.total();
        writeln!(
            f,
            "{}, {}, {} lost, {}",
            count(self.packets, "packet"),
            count(self.spans.spans, "span"),
            count(total.lost, "packet"),
            count(self.bad.count(), "bad datagram"),
        )?;
        self.losses(f, total)?;
        for (n, kind) in self.bad.kinds() {
            writeln!(f, "  bad: {n} × {kind}")?;
        }
        if self.oversized > 0 {
            let packets = count(self.oversized, "packet");
            writeln!(
                f,
                "  {packets} of more than 65,000 bytes, which a Jaeger does not take"
            )?;
        }
        self.memory(f)
    }
}

impl Summary<'_> {
    fn losses(&self, f: &mut Formatter<'_>, total: Losses) -> fmt::Result {
        let mut senders: Vec<_> = self.losses.senders().collect();
        senders.retain(|(_, losses)| losses.lost > 0 || losses.dropped_spans > 0);
        senders.sort_by_key(|&(sender, losses)| (std::cmp::Reverse(losses.lost), sender));
        for (sender, losses) in senders.iter().take(MAX_LISTED) {
            let name = Name(sender);
            if losses.lost > 0 {
                let all = losses
                    .lost
                    .saturating_add(losses.received - losses.duplicates);
                writeln!(f, "  lost: {} of {all} of {name}", losses.lost)?;
            }
            if losses.dropped_spans > 0 {
                let dropped = count(losses.dropped_spans, "span");
                writeln!(f, "  dropped before sending: {dropped}, says {name}")?;
            }
        }
        if senders.len() > MAX_LISTED {
            writeln!(
                f,
                "  and {} more senders with losses",
                senders.len() - MAX_LISTED
            )?;
        }
        if total.duplicates > 0 {
            writeln!(
                f,
                "  {} came more than once",
                count(total.duplicates, "packet")
            )?;
        }
        if total.restarts > 0 {
            writeln!(
                f,
                "  {} of a sender's numbering",
                count(total.restarts, "restart")
            )?;
        }
        Ok(())
    }

    fn memory(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let stats = self.spans;
        if stats.duplicates > 0 {
            writeln!(
                f,
                "  {} came more than once",
                count(stats.duplicates, "span")
            )?;
        }
        if stats.refused_spans > 0 {
            let spans = count(stats.refused_spans, "span");
            writeln!(
                f,
                "  {spans} not kept: their trace is too large (--max-spans)"
            )?;
        }
        if stats.unseen_spans > 0 {
            let spans = count(stats.unseen_spans, "span");
            let traces = count(stats.unseen_traces, "trace");
            writeln!(
                f,
                "  {spans} of {traces} made room for others and were never drawn (--max-spans)"
            )?;
        }
        if let Some(Written { path, traces }) = &self.written {
            let traces = count(*traces, "trace");
            write!(f, "  {traces} written to {}", path.display())?;
            match stats.evicted_traces {
                0 => writeln!(f)?,
                gone => writeln!(f, "; {} had made room for them", count(gone, "older trace"))?,
            }
        }
        Ok(())
    }
}

/// A sender's name, fit for a terminal.
struct Name<'a>(&'a Sender);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Sender::Client(uuid) => write!(f, "client-uuid {}", Visible(uuid)),
            Sender::Source { source, service } => {
                write!(f, "{} at {}", Visible(service), Visible(source))
            }
        }
    }
}
