//! Spans written through the facade, sent by its own sender, read back from Jaeger.

mod delivery;
mod hostile;
mod identity;
mod times;
mod values;

use std::num::{NonZeroU64, NonZeroU128};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jaegerling::udp::{self, UdpSender};
use jaegerling::{Builder, TracesIn};

use crate::server::{Jaeger, fresh_id, jaeger};
use crate::trace::Trace;

/// A tracer with a service name of its own that sends to the Jaeger of this run.
struct Rig {
    jaeger: &'static Jaeger,
    service: String,
    tracer: Arc<TracesIn>,
    sender: UdpSender,
    /// A sender paces itself so that a stock Jaeger loses nothing of what it sends alone. Several at
    /// once are more than that, so one test sends at a time.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Rig {
    /// `None`: there is no Jaeger.
    fn start() -> Option<Self> {
        Self::configured(|builder| builder)
    }

    fn configured(configure: impl FnOnce(Builder) -> Builder) -> Option<Self> {
        let jaeger = jaeger()?;
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let service = format!("facade-{:032x}", fresh_id());
        let builder = configure(jaegerling::builder(service.as_str()));
        let (tracer, out) = builder.build().expect("a tracer");
        let sender = udp::spawn(out, jaeger.udp()).expect("a sender");
        Some(Self {
            jaeger,
            service,
            tracer,
            sender,
            _alone: alone,
        })
    }

    /// Sends what has ended and reads the trace back.
    #[track_caller]
    fn read(&self, trace_id: NonZeroU128, spans: usize) -> Trace {
        self.flush();
        self.jaeger.trace(trace_id.get(), spans)
    }

    /// The same for a trace that Jaeger must find nothing wrong with.
    #[track_caller]
    fn read_clean(&self, trace_id: NonZeroU128, spans: usize) -> Trace {
        let trace = self.read(trace_id, spans);
        assert_eq!(trace.spans().len(), spans);
        assert_eq!(trace.warnings(), [""; 0]);
        trace
    }

    #[track_caller]
    fn flush(&self) {
        let flushed = self.sender.flush(Duration::from_secs(10));
        flushed.expect("everything that ended was sent");
    }
}

fn trace_id() -> NonZeroU128 {
    NonZeroU128::new(fresh_id()).expect("not 0")
}

fn span_id(id: u64) -> NonZeroU64 {
    NonZeroU64::new(id).expect("not 0")
}
