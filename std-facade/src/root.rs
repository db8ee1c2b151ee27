//! What both sides of a tracer share, in the process that made it and in its children.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use jaegerling_core::Flags;

use crate::TracesIn;
use crate::fork::PerProcess;
use crate::global;
use crate::hub::Hub;
use crate::lane;
use crate::settings::Settings;
use crate::udp::Sender;
use crate::unrecorded;

pub(crate) struct Root {
    pub(crate) number: u64,
    /// What a span says that found no room.
    pub(crate) refused: NonZeroUsize,
    pub(crate) settings: Arc<Settings>,
    hub: PerProcess<Arc<Hub>>,
    input: OnceLock<Weak<TracesIn>>,
    input_gone: AtomicBool,
    output_gone: AtomicBool,
    /// The sender that drains, if it is ours: a child starts its own.
    pub(crate) sender: OnceLock<Weak<Sender>>,
}

impl Root {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            number: settings.number,
            refused: unrecorded::word(settings.number, Flags::SAMPLED),
            settings: Arc::new(settings),
            hub: PerProcess::new(),
            input: OnceLock::new(),
            input_gone: AtomicBool::new(false),
            output_gone: AtomicBool::new(false),
            sender: OnceLock::new(),
        }
    }

    /// Makes the input known to the children of refused spans.
    pub(crate) fn publish(&self, input: &Arc<TracesIn>) {
        let input = self.input.get_or_init(|| Arc::downgrade(input));
        global::publish(self.number, input.clone());
    }

    /// The tracer in this process.
    #[inline]
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        match self.hub.get() {
            Some(hub) => hub,
            None => self.first_use(),
        }
    }

    /// In the process that made the tracer, or after a fork in a child.
    #[cold]
    fn first_use(&self) -> &Arc<Hub> {
        let hub = self
            .hub
            .get_or_make(|| Arc::new(Hub::new(self.settings.clone())));
        if let Some(input) = self.input.get().filter(|_| !self.input_is_gone()) {
            global::publish(self.number, input.clone());
        }
        if self.output_gone.load(Ordering::SeqCst) {
            hub.set_output_gone();
        }
        if let Some(sender) = self.sender.get().and_then(Weak::upgrade) {
            sender.start();
        }
        hub
    }

    pub(crate) fn input_is_gone(&self) -> bool {
        self.input_gone.load(Ordering::SeqCst)
    }

    pub(crate) fn drop_input(&self) {
        self.input_gone.store(true, Ordering::SeqCst);
        global::unpublish(self.number);
        if let Some(hub) = self.hub.get() {
            hub.bell.ring();
        }
        self.close_if_both_are_gone();
    }

    pub(crate) fn drop_output(&self) {
        self.output_gone.store(true, Ordering::SeqCst);
        if let Some(hub) = self.hub.get() {
            hub.set_output_gone();
            hub.bell.forget_sleeper();
        }
        self.close_if_both_are_gone();
    }

    fn close_if_both_are_gone(&self) {
        let gone = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        if gone(&self.input_gone) && gone(&self.output_gone) {
            if let Some(hub) = self.hub.get() {
                hub.close();
            }
            lane::tidy_thread();
        }
    }
}
