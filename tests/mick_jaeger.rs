//! `mick-jaeger` itself: one source, compiled against both crates, gives the same spans.
#![allow(missing_docs, clippy::unwrap_used)]

mod picture {
    include!("mick_jaeger/picture.rs");
}

/// No warning either, after the crate's name was changed. (Users write what clippy would not.)
#[deny(unused, deprecated)]
#[allow(clippy::all)]
mod theirs {
    use mick_jaeger as client;
    include!("mick_jaeger/program.rs");
}

#[deny(unused, deprecated)]
#[allow(clippy::all)]
mod ours {
    use jaegerling as client;
    include!("mick_jaeger/program.rs");
}

#[test]
fn the_same_program_gives_the_same_spans() {
    let theirs = picture::of(theirs::run, picture::Client::Theirs);
    let ours = picture::of(ours::run, picture::Client::Ours);
    for (name, span) in &theirs {
        assert_eq!(
            Some(span),
            ours.get(name),
            "span {name:?}, left theirs, right ours"
        );
    }
    assert_eq!(theirs.len(), ours.len());
}

/// What mick-jaeger's types do not promise, ours do.
#[test]
fn every_auto_trait_holds() {
    use std::panic::{RefUnwindSafe, UnwindSafe};
    fn safe<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    fn future<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>(_: &T) {}
    safe::<jaegerling::TracesOut>();
    safe::<jaegerling::Log<'static>>();
    let (_traces_in, mut traces_out) = jaegerling::init(jaegerling::Config {
        service_name: "traits".into(),
    });
    future(&traces_out.next());
}

#[test]
fn their_program_runs_and_its_spans_are_read() {
    let spans = picture::of(theirs::run, picture::Client::Theirs);
    assert_eq!(spans.len(), 94);
    for name in [
        "doc: bar",
        "ids: grandchild",
        "",
        "unwinding",
        "the end: child",
    ] {
        assert!(spans.contains_key(name), "{name:?} is missing");
    }
    // The comparison is one: what is random or takes time does not show, all else does.
    let again = picture::of(theirs::run, picture::Client::Theirs);
    assert_eq!(spans, again);
}
