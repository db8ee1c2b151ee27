//! The table, the answers that must hold, and the bars.

use crate::delivered::Delivered;
use crate::peer::{Fastrace, Nothing, Peer};
use crate::rounds::Spread;

/// Our own row's name.
const OURS: &str = "jaegerling";
/// Ours ÷ fastrace's root span on the calling thread must stay below.
const CALLING_BAR: f64 = 0.6;
/// Ours ÷ the best peer's CPU per delivered span must stay below.
const CPU_BAR: f64 = 0.2;

pub struct Row {
    pub name: &'static str,
    pub calling: Spread,
    pub delivered: Delivered,
}

pub fn print(rows: &[Row], clocks: &[(&str, f64)], spans: usize) {
    println!("A root span with two string tags; {spans} spans to a UDP sink in another process.\n");
    println!(
        "| crate | calling thread, ns per span: median (10–90 %) | process CPU, ns per delivered span | bytes per span | datagrams | lost |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for Row {
        name,
        calling,
        delivered,
    } in rows
    {
        let calling = format!(
            "{:.1} ({:.1}–{:.1})",
            calling.median, calling.low, calling.high
        );
        if *name == Nothing::NAME {
            let cpu = delivered.cpu.as_nanos() as f64 / spans as f64;
            println!("| {name} | {calling} | {cpu:.0} per span offered | | | |");
            continue;
        }
        println!(
            "| {name} | {calling} | {:.0} | {:.1} | {} | {} |",
            delivered.cpu_ns_per_span(),
            delivered.bytes_per_span(),
            delivered.arrived.datagrams,
            delivered.lost(),
        );
    }
    let clocks: Vec<String> = clocks
        .iter()
        .map(|(name, ns)| format!("{name} {ns:.1}"))
        .collect();
    println!("\nTwo clock reads, ns: {}.", clocks.join(", "));
}

/// A fast client that sends nothing, or something else, has not won.
pub fn check(rows: &[Row]) {
    for Row {
        name, delivered, ..
    } in rows.iter().filter(|row| row.name != Nothing::NAME)
    {
        let arrived = delivered.arrived;
        assert!(arrived.spans > 0, "{name}: nothing arrived");
        assert!(
            delivered.lost() >= 0,
            "{name}: more spans arrived than were made"
        );
        assert_eq!(
            arrived.tagged, arrived.spans,
            "{name}: every span has both tags"
        );
        assert_eq!(arrived.bad, 0, "{name}: every datagram is a batch");
        if *name == OURS {
            assert_eq!(delivered.lost(), 0, "{name}: nothing is lost");
        }
    }
}

pub fn bars(rows: &[Row]) {
    let find = |name: &str| rows.iter().find(|row| row.name == name);
    let (Some(ours), Some(fastrace)) = (find(OURS), find(Fastrace::NAME)) else {
        return;
    };
    let best = rows
        .iter()
        .filter(|row| row.name != OURS && row.name != Nothing::NAME)
        .min_by(|a, b| {
            a.delivered
                .cpu_ns_per_span()
                .total_cmp(&b.delivered.cpu_ns_per_span())
        })
        .unwrap_or(fastrace);
    bar(
        "calling thread, ours ÷ fastrace",
        ours.calling.median / fastrace.calling.median,
        CALLING_BAR,
    );
    bar(
        &format!(
            "CPU per delivered span, ours ÷ the best peer's ({})",
            best.name
        ),
        ours.delivered.cpu_ns_per_span() / best.delivered.cpu_ns_per_span(),
        CPU_BAR,
    );
}

fn bar(what: &str, ratio: f64, bar: f64) {
    let verdict = if ratio < bar { "met" } else { "MISSED" };
    println!("{what}: {ratio:.3}, bar < {bar}: {verdict}");
}
