//! What is recorded, with the same content by each crate.

/// The name of each span.
pub const OPERATION: &str = "checkout";

/// Two tags of each span.
pub const TAGS: [(&str, &str); 2] = [("http.method", "GET"), ("peer.service", "inventory")];

/// A span, or a few, that a thread records at once. Unless said otherwise, with [`OPERATION`] and [`TAGS`] as
/// literals, in the way that the crate's documentation shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A root span.
    Root,
    /// The same, each after a serialising fence: nothing overlaps with the span before.
    Fenced,
    /// Name, keys and values are known at run time only.
    Strings,
    /// Begun in one function, returned to a second, and from there to a third; a tag in the first two.
    Moved,
    /// A child of a span that stays open.
    Child,
    /// A root, its child, its child, and its child: four spans.
    Chain,
    /// Eight more tags (four strings, two integers, a float, a bool) and a log of two fields. Text where the
    /// crate has no such type.
    Ten,
    /// A span that is switched off. For all that the compiler knows, somebody looks at it.
    Disabled,
    /// A child of a context, of another process, that is not sampled.
    Unsampled,
}

impl Shape {
    /// Each can be sent; the children's parent alone would be a span without tags.
    pub const SENT: [Self; 5] = [
        Self::Root,
        Self::Strings,
        Self::Moved,
        Self::Chain,
        Self::Ten,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root, two literal tags",
            Self::Fenced => "the same after a fence",
            Self::Strings => "strings known at run time",
            Self::Moved => "moved twice",
            Self::Child => "child",
            Self::Chain => "child of child of child",
            Self::Ten => "ten tags and a log",
            Self::Disabled => "disabled",
            Self::Unsampled => "parent not sampled",
        }
    }

    /// One that is sent, by its name.
    pub fn sent(name: &str) -> Option<Self> {
        Self::SENT.into_iter().find(|shape| shape.name() == name)
    }

    /// How many spans are made at once.
    pub fn spans(self) -> usize {
        match self {
            Self::Chain => 4,
            _ => 1,
        }
    }

    /// How many spans wait after it was recorded so often.
    pub fn waiting(self, times: usize) -> usize {
        match self {
            Self::Disabled | Self::Unsampled => 0,
            Self::Child => times + 1,
            _ => times * self.spans(),
        }
    }

    /// Tags and logs of each span.
    pub fn tags_and_logs(self) -> (usize, usize) {
        match self {
            Self::Ten => (10, 1),
            _ => (TAGS.len(), 0),
        }
    }
}

/// [`OPERATION`] and [`TAGS`], of which the compiler knows nothing.
pub fn at_run_time() -> (&'static str, [(&'static str, &'static str); 2]) {
    std::hint::black_box((OPERATION, TAGS))
}

/// Nothing after it begins before all that is before it has ended, stores included.
#[inline(always)]
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: x86-64 has it.
        unsafe { core::arch::x86_64::_mm_mfence() };
        // SAFETY: as above.
        unsafe { core::arch::x86_64::_mm_lfence() };
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

/// Does it so often; inlined, so that a span is compiled as in a loop of an application.
#[inline(always)]
pub fn repeat(times: usize, mut work: impl FnMut()) {
    for _ in 0..times {
        work();
    }
}
