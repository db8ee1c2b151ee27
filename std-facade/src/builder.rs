//! Making a tracer.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use jaegerling_core::{Clock, IdSource, LimitTooSmall, MAX_DATAGRAM, MAX_SLOTS, Packer, Value};

use crate::clock::AnyClock;
use crate::global;
use crate::process::{OwnTags, ProcessTags};
use crate::root::Root;
use crate::settings::Settings;
use crate::{TracesIn, TracesOut, os};

/// Slots of a thread's lane, unless said otherwise: 8 MiB of address space, of which a thread
/// takes as much as it has spans at once.
const DEFAULT_CAPACITY: usize = 32_768;

/// The longest service name, in bytes.
const MAX_SERVICE_NAME: usize = 1_024;

/// What [`init`] is told. For all else there is [`builder`].
pub struct Config {
    /// The name of the service, as Jaeger shows it.
    pub service_name: String,
}

/// Makes a tracer: the side where spans begin, and the one where they come out.
///
/// An empty name becomes `unknown_service`, and one of more than 1,024 bytes is cut;
/// [`builder`] refuses both.
pub fn init(config: Config) -> (Arc<TracesIn>, TracesOut) {
    let mut name = config.service_name;
    if name.is_empty() {
        name.push_str("unknown_service");
    }
    while name.len() > MAX_SERVICE_NAME {
        name.pop();
    }
    let builder = builder(name);
    match Packer::new(builder.limit, &builder.service_name) {
        Ok(packer) => builder.make(packer),
        // 65,000 bytes hold a span beside a name of 1,024.
        Err(_) => unreachable!("the default limit holds a span"),
    }
}

/// Begins to make a tracer that is more than its service's name.
///
/// ```
/// let (traces_in, traces_out) = jaegerling::builder("checkout")
///     .process_tag("region", "eu-north-1")
///     .datagram_limit(9_216)
///     .build()?;
/// # drop((traces_in, traces_out));
/// # Ok::<(), jaegerling::BuildError>(())
/// ```
pub fn builder(service_name: impl Into<String>) -> Builder {
    Builder {
        service_name: service_name.into(),
        tags: ProcessTags::default(),
        capacity: DEFAULT_CAPACITY,
        limit: MAX_DATAGRAM,
        clock: AnyClock::System,
        ids: None,
        own_tags: OwnTags::ALL,
        loss_span: true,
    }
}

/// A tracer in the making: see [`builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    service_name: String,
    tags: ProcessTags,
    capacity: usize,
    limit: usize,
    clock: AnyClock,
    ids: Option<Box<dyn IdSource + Send + Sync>>,
    own_tags: OwnTags,
    loss_span: bool,
}

impl Builder {
    /// Adds a tag to the process.
    pub fn process_tag<'v>(mut self, key: impl Into<String>, value: impl Into<Value<'v>>) -> Self {
        self.tags.push(key, value);
        self
    }

    /// How many slots each thread that traces has, 256 bytes each: 1 to 65,536; 32,768 unless set.
    /// A span takes one, a long one takes more. Memory is taken as it is used.
    pub fn capacity(mut self, slots: usize) -> Self {
        self.capacity = slots;
        self
    }

    /// How long a datagram may be, in bytes: at most 65,000, which it is unless set.
    pub fn datagram_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// The clock that spans are measured with.
    ///
    /// [`Clock::unix_nanos`] is called by the side that drains, with its lock held: it must not
    /// ask this tracer for anything.
    pub fn clock(mut self, clock: impl Clock + Send + Sync + 'static) -> Self {
        self.clock = AnyClock::Custom(Box::new(clock));
        self
    }

    /// Where ids come from, for example [`SeededIds`](crate::SeededIds) for the same ones in each
    /// run. Random ones unless set.
    ///
    /// After a fork, a child goes on with a copy of the source: unless that looks at the process,
    /// the child gives the same ids as its parent. The side that drains takes the ids of the span
    /// that tells of a loss from it, with its lock held: it must not ask this tracer for anything.
    pub fn ids(mut self, ids: impl IdSource + Send + Sync + 'static) -> Self {
        self.ids = Some(Box::new(ids));
        self
    }

    /// Which process tags are added on top of those that are set.
    pub fn own_process_tags(mut self, own: OwnTags) -> Self {
        self.own_tags = own;
        self
    }

    /// Whether a loss is told by a span, [`LOSS_SPAN`](crate::LOSS_SPAN): yes, unless set. The
    /// counters tell of it in any case.
    pub fn loss_span(mut self, told: bool) -> Self {
        self.loss_span = told;
        self
    }

    /// Makes the tracer.
    ///
    /// # Errors
    ///
    /// [`BuildError`] says which setting cannot be.
    pub fn build(self) -> Result<(Arc<TracesIn>, TracesOut), BuildError> {
        if self.service_name.is_empty() {
            return Err(BuildError::NoServiceName);
        }
        if self.service_name.len() > MAX_SERVICE_NAME {
            return Err(BuildError::ServiceNameTooLong(self.service_name.len()));
        }
        if !(1..=MAX_SLOTS).contains(&self.capacity) {
            return Err(BuildError::Capacity(self.capacity));
        }
        if self.limit > MAX_DATAGRAM {
            return Err(BuildError::LimitTooLarge(self.limit));
        }
        let packer = Packer::new(self.limit, &self.service_name)?;
        Ok(self.make(packer))
    }

    fn make(self, packer: Packer) -> (Arc<TracesIn>, TracesOut) {
        os::watch_forks();
        let root = Arc::new(Root::new(Settings {
            number: global::next_number(),
            service_name: self.service_name,
            capacity: self.capacity,
            packer,
            clock: self.clock,
            ids: self.ids,
            own_tags: self.own_tags,
            loss_span: self.loss_span,
        }));
        let input = Arc::new(TracesIn { root: root.clone() });
        root.publish(&input);
        root.hub();
        (input, TracesOut::new(root, self.tags))
    }
}

/// What a tracer cannot be built with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The service has no name.
    NoServiceName,
    /// The service's name has so many bytes.
    ServiceNameTooLong(usize),
    /// So many slots for each thread.
    Capacity(usize),
    /// Jaeger takes no datagram of so many bytes.
    LimitTooLarge(usize),
    /// No span fits such a datagram.
    LimitTooSmall(LimitTooSmall),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServiceName => f.write_str("the service has no name: Jaeger would show none"),
            Self::ServiceNameTooLong(bytes) => {
                write!(
                    f,
                    "the service's name has {bytes} bytes: at most {MAX_SERVICE_NAME} are taken"
                )
            }
            Self::Capacity(slots) => {
                write!(
                    f,
                    "a capacity of {slots} slots: it must be 1 to {MAX_SLOTS}"
                )
            }
            Self::LimitTooLarge(bytes) => {
                write!(
                    f,
                    "datagrams of {bytes} bytes: Jaeger drops those longer than {MAX_DATAGRAM}"
                )
            }
            Self::LimitTooSmall(error) => error.fmt(f),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::LimitTooSmall(error) => Some(error),
            _ => None,
        }
    }
}

impl From<LimitTooSmall> for BuildError {
    fn from(error: LimitTooSmall) -> Self {
        Self::LimitTooSmall(error)
    }
}
