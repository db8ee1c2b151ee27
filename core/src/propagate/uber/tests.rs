use super::*;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

fn context(trace_id: u128, span_id: u64, parent_id: u64, flags: Flags) -> SpanContext {
    SpanContext {
        trace_id: TraceId::new(trace_id).expect("a trace id"),
        span_id: SpanId::new(span_id).expect("a span id"),
        parent_id: SpanId::new(parent_id),
        flags,
    }
}

#[track_caller]
fn reads(text: &str, trace_id: u128, span_id: u64, parent_id: u64, flags: Flags) {
    assert_eq!(
        parse(text),
        Ok(context(trace_id, span_id, parent_id, flags))
    );
}

#[track_caller]
fn refuses(text: &str, error: ParseError, says: &str) {
    assert_eq!(parse(text), Err(error));
    assert_eq!(error.to_string(), says);
}

#[track_caller]
fn writes(context: SpanContext, text: &str) {
    assert_eq!(encode(&context, &mut [0xa5; MAX]), text);
    assert_eq!(Uber(context).to_string(), text);
    assert_eq!(text.parse(), Ok(Uber(context)));
}

#[test]
fn ids_are_read_with_and_without_leading_zeros() {
    reads("1:2:3:1", 1, 2, 3, Flags::SAMPLED);
    reads(
        "00000000000000000000000000000001:0000000000000002:0000000000000003:01",
        1,
        2,
        3,
        Flags::SAMPLED,
    );
    reads(
        "ffffffffffffffffffffffffffffffff:ffffffffffffffff:ffffffffffffffff:0",
        u128::MAX,
        u64::MAX,
        u64::MAX,
        Flags::NONE,
    );
    // 17 digits: more than half.
    reads("10000000000000000:1:0:0", 1 << 64, 1, 0, Flags::NONE);
}

#[test]
fn case_does_not_matter() {
    reads("aBcDeF:FeD:0:1", 0xabcdef, 0xfed, 0, Flags::SAMPLED);
}

#[test]
fn percent_encoded_colons_are_colons() {
    reads("1%3A2%3a3:1", 1, 2, 3, Flags::SAMPLED);
    reads("1%3A2%3A%3A1", 1, 2, 0, Flags::SAMPLED);
}

#[test]
fn no_parent_is_0_or_nothing() {
    reads("1:2:0:1", 1, 2, 0, Flags::SAMPLED);
    reads("1:2::1", 1, 2, 0, Flags::SAMPLED);
    reads("1:2:0000000000000000:1", 1, 2, 0, Flags::SAMPLED);
}

#[test]
fn flags_are_hexadecimal_and_those_without_meaning_are_dropped() {
    reads("1:2:0:0", 1, 2, 0, Flags::NONE);
    reads("1:2:0:2", 1, 2, 0, Flags::DEBUG);
    reads("1:2:0:03", 1, 2, 0, Flags::DEBUG);
    reads("1:2:0:d", 1, 2, 0, Flags::SAMPLED);
    reads("1:2:0:fc", 1, 2, 0, Flags::NONE);
}

#[test]
fn errors_say_what_is_wrong() {
    use ParseError::*;
    let not_hex = |part, found| NotHex { part, found };
    refuses("", Empty(Part::TraceId), "the trace id is empty");
    refuses("1", Missing(Part::SpanId), "the span id is missing");
    refuses("1:", Empty(Part::SpanId), "the span id is empty");
    refuses("1:2", Missing(Part::ParentId), "the parent id is missing");
    refuses("1:2:", Missing(Part::Flags), "the flags part is missing");
    refuses("1:2:3:", Empty(Part::Flags), "the flags part is empty");
    refuses("1:2:3:1:", TooManyParts, "there are more than four parts");
    refuses("1:2:3:1:5", TooManyParts, "there are more than four parts");
    refuses("0:2:3:1", Zero(Part::TraceId), "the trace id is 0");
    refuses("1:00:3:1", Zero(Part::SpanId), "the span id is 0");
    refuses(
        "000000000000000000000000000000001:2:3:1",
        TooLong(Part::TraceId),
        "the trace id has more than 32 digits",
    );
    refuses(
        "1:00000000000000002:3:1",
        TooLong(Part::SpanId),
        "the span id has more than 16 digits",
    );
    refuses(
        "1:2:00000000000000003:1",
        TooLong(Part::ParentId),
        "the parent id has more than 16 digits",
    );
    refuses(
        "1:2:3:001",
        TooLong(Part::Flags),
        "the flags part has more than 2 digits",
    );
    refuses(
        "1:2g:3:1",
        not_hex(Part::SpanId, 'g'),
        "the span id contains 'g', which is no hex digit",
    );
    refuses(
        " 1:2:3:1",
        not_hex(Part::TraceId, ' '),
        "the trace id contains ' ', which is no hex digit",
    );
    refuses(
        "+1:2:3:1",
        not_hex(Part::TraceId, '+'),
        "the trace id contains '+', which is no hex digit",
    );
    refuses(
        "1:2:-3:1",
        not_hex(Part::ParentId, '-'),
        "the parent id contains '-', which is no hex digit",
    );
    refuses(
        "1%2:3:1",
        not_hex(Part::TraceId, '%'),
        "the trace id contains '%', which is no hex digit",
    );
    refuses(
        "1%",
        not_hex(Part::TraceId, '%'),
        "the trace id contains '%', which is no hex digit",
    );
    refuses(
        "1:2:3:\u{1b}",
        not_hex(Part::Flags, '\u{1b}'),
        "the flags part contains '\\u{1b}', which is no hex digit",
    );
    refuses(
        "1:2:3:é",
        not_hex(Part::Flags, 'é'),
        r"the flags part contains '\u{e9}', which is no hex digit",
    );
}

#[test]
fn a_long_text_is_refused_whatever_is_in_it() {
    assert_eq!(
        parse(&"1".repeat(1_000_000)),
        Err(ParseError::TooLong(Part::TraceId))
    );
    assert_eq!(
        parse(&"1:".repeat(1_000_000)),
        Err(ParseError::TooManyParts)
    );
}

#[test]
fn it_is_written_as_jaeger_writes_it() {
    writes(
        context(0x4bf92f3577b34da6, 0xf067aa0ba902b7, 0, Flags::SAMPLED),
        "4bf92f3577b34da6:00f067aa0ba902b7:0:1",
    );
    writes(
        context(1 << 64, 0xA, 0xB, Flags::DEBUG),
        "00000000000000010000000000000000:000000000000000a:000000000000000b:3",
    );
    writes(
        context(u128::MAX, u64::MAX, u64::MAX, Flags::NONE),
        "ffffffffffffffffffffffffffffffff:ffffffffffffffff:ffffffffffffffff:0",
    );
}

#[test]
fn the_longest_text_fills_the_buffer() {
    let longest = context(u128::MAX, u64::MAX, u64::MAX, Flags::DEBUG);
    assert_eq!(encode(&longest, &mut [0; MAX]).len(), MAX);
}

#[test]
fn it_prints_with_a_width() {
    let text = format!("{:>40}|", Uber(context(1, 2, 0, Flags::NONE)));
    assert_eq!(text, "   0000000000000001:0000000000000002:0:0|");
}

/// Numbers that look random, and now and then have only few bits.
fn numbers() -> impl FnMut() -> u64 {
    let mut state = 0_u64;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27) >> (state >> 58)
    }
}

#[test]
fn what_was_written_is_read_back() {
    let mut number = numbers();
    for round in 0..20_000_u32 {
        let trace_id = u128::from(number()) << 64 | u128::from(number()) | 1;
        let flags = Flags::from_bits(round);
        let context = context(trace_id, number() | 1, number(), flags);
        let text = Uber(context).to_string();
        assert_eq!(parse(&text), Ok(context), "{text}");
        assert_eq!(parse(&text.to_uppercase()), Ok(context), "{text}");
        assert_eq!(parse(&text.replace(':', "%3A")), Ok(context), "{text}");
    }
}

#[test]
fn short_texts_of_all_kinds_are_read_or_refused() {
    let letters = ["0", "1", "f", "g", ":", "%3A", "%", "é"];
    let mut texts = vec![String::new()];
    for _ in 0..5 {
        let longer: Vec<_> = texts
            .iter()
            .flat_map(|text| letters.map(|letter| format!("{text}{letter}")))
            .collect();
        for text in &longer {
            if let Ok(context) = parse(text) {
                assert_eq!(parse(&Uber(context).to_string()), Ok(context), "{text}");
            }
        }
        texts = longer;
    }
}
