//! Standard output, for pictures; and standard error, for what is said beside them.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use jaegerling::waterfall::Waterfall;

/// Standard output.
pub(crate) struct Screen {
    color: bool,
    /// Whoever read it has gone, as `head` does: no reason to complain, but one to end.
    pub(crate) is_closed: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let choice = AutoStream::choice(&io::stdout());
        Self {
            color: choice != ColorChoice::Never,
            is_closed: false,
        }
    }

    pub(crate) fn draw(&mut self, picture: Waterfall<'_>) -> Result<(), String> {
        if self.is_closed {
            return Ok(());
        }
        let picture = picture.width(width()).color(self.color);
        let mut to = io::BufWriter::new(anstream::stdout().lock());
        match writeln!(to, "{picture}").and_then(|()| to.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.is_closed = true,
            Err(error) => return Err(format!("cannot write to standard output: {error}")),
            Ok(()) => {}
        }
        Ok(())
    }
}

/// The terminal's width; without one what `COLUMNS` says, or 80.
fn width() -> usize {
    let terminal = io::stdout()
        .is_terminal()
        .then(terminal_size::terminal_size);
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    match terminal.flatten() {
        Some((terminal_size::Width(columns), _)) if columns > 0 => columns.into(),
        _ => columns().unwrap_or(80),
    }
}

/// Says something beside the pictures. If nobody can hear it, that is no reason to end.
pub(crate) fn tell(what: impl Display) {
    let _ = write!(io::stderr().lock(), "{what}");
}

/// A flag that the first Ctrl-C or SIGTERM sets. The second one ends the program on the spot.
pub(crate) fn stop_on_signal() -> Result<Arc<AtomicBool>, String> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|error| format!("cannot handle signals: {error}"))?;
    Ok(stop)
}

/// A number with its noun.
pub(crate) fn count(n: u64, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}
