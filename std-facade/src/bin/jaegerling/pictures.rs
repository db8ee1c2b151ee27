//! Traces, drawn as soon as no more of them comes.

use std::time::{Duration, Instant};

use jaegerling::waterfall::Waterfall;
use jaegerling_core::collect::{Collector, Stats, Trace};
use jaegerling_core::decode::Batch;

use crate::screen::Screen;

/// How traces are gathered until they are drawn.
#[derive(clap::Args)]
pub(crate) struct Gathering {
    /// Draw a trace once its last span is so old: 1s, 250ms, 2m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    idle: Duration,
    /// Keep at most so many spans in memory, at 2 KiB each on average; then the oldest traces go
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    max_spans: usize,
}

/// To wait for, when there is nothing to wait for in particular.
const TICK: Duration = Duration::from_secs(1);

pub(crate) struct Pictures {
    began: Instant,
    idle: Duration,
    collector: Collector,
    screen: Screen,
}

impl Pictures {
    pub(crate) fn new(gathering: &Gathering) -> Self {
        Self {
            began: Instant::now(),
            idle: gathering.idle,
            collector: Collector::new(gathering.max_spans),
            screen: Screen::new(),
        }
    }

    pub(crate) fn add(&mut self, batch: &Batch<'_>) {
        self.collector.add(batch, self.began.elapsed());
    }

    /// How long to wait for more: until a trace is to be drawn.
    pub(crate) fn patience(&self) -> Duration {
        let next = self.collector.next_finish(self.idle);
        next.map_or(TICK, |at| at.saturating_sub(self.began.elapsed()))
    }

    /// Draws the traces whose time has come.
    pub(crate) fn draw(&mut self) -> Result<(), String> {
        self.draw_idle(self.began.elapsed(), self.idle)
    }

    /// Draws all that is left.
    pub(crate) fn draw_rest(&mut self) -> Result<(), String> {
        self.draw_idle(Duration::MAX, Duration::ZERO)
    }

    /// Nobody looks any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.screen.is_closed
    }

    pub(crate) fn stats(&self) -> Stats {
        self.collector.stats()
    }

    pub(crate) fn traces(&self) -> impl ExactSizeIterator<Item = &Trace> {
        self.collector.traces()
    }

    fn draw_idle(&mut self, now: Duration, idle: Duration) -> Result<(), String> {
        while let Some(finished) = self.collector.poll_finished(now, idle) {
            let picture = Waterfall::new(finished.trace).late(finished.late_spans);
            self.screen.draw(picture)?;
        }
        Ok(())
    }
}
