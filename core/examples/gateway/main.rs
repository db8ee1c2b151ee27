//! A gateway without `std`: frames from a device on one side, datagrams to Jaeger on the other.
//!
//! ```sh
//! cargo run -p jaegerling-core --features alloc --example gateway
//! ```
//!
//! ```text
//!  device ── UART, radio ──► Gateway::receive ──► UTC ──► UdpSocket::send ──► IP stack ──► Jaeger
//! ```
//!
//! `gateway.rs` is what to copy: a device's frames are found and counted, its times become UTC, and
//! its spans go on as a datagram of their own, with a tag that says over which gateway they came. Its
//! own program gives it the bytes that arrive, the time (SNTP knows), and a socket. It uses `core` and
//! `alloc` alone.
//!
//! Here, a device that has no clock but its uptime is switched on twice, its link loses a byte now and
//! then, and the network is down for a while.
#![no_std]

extern crate alloc;
// For `main`, and to print.
extern crate std;

mod device;
mod gateway;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::error::Error;

use device::{Device, LONGEST_DATAGRAM, Traces, Uptime};
use gateway::{Gateway, UdpSocket};
use jaegerling_core::decode::{TagValue, decode};
use jaegerling_core::{SeededIds, SingleContext};

/// When the program begins, in microseconds since 1970.
const BEGIN: i64 = 1_790_000_000_000_000;

/// Jaeger, and the network on the way to it.
#[derive(Default)]
struct Network {
    is_down: bool,
    /// When each span has started, by its number.
    spans: BTreeMap<i64, i64>,
}

impl UdpSocket for Network {
    fn send(&mut self, datagram: &[u8]) -> bool {
        if self.is_down {
            return false;
        }
        let batch = decode(datagram).expect("what the gateway sends can be read");
        let came_over = batch.process.tags.iter().find(|tag| tag.key == "gateway");
        assert_eq!(
            came_over.expect("its tag").value,
            TagValue::String("hall".into())
        );
        for span in batch.spans.iter() {
            for tag in span.tags.iter() {
                if let TagValue::Long(number) = tag.value {
                    self.spans.insert(number, span.start_time);
                }
            }
        }
        true
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut gateway = Gateway::new("hall", LONGEST_DATAGRAM, Network::default());
    let mut recorded = BTreeMap::new();
    let mut frames = 0;
    for boot in 0..2 {
        let booted_at = BEGIN + boot * 60_000_000;
        let tracer = Traces::new(Uptime::default(), SeededIds::new(), SingleContext::new());
        let mut device = Device::new(&tracer, boot as u32).ok_or("it is on already")?;
        for turn in 0..50 {
            let now = booted_at + (turn + 1) * 200_000;
            device.set_time((now - booted_at) as u64);
            // The network is down for two seconds.
            gateway.socket().is_down = boot == 1 && (20..30).contains(&turn);
            let number = boot * 50 + turn;
            recorded.insert(number, now);
            for mut frame in device.send(number, turn == 49) {
                // Each 20th frame is damaged.
                if frames % 20 == 19 {
                    frame.remove(20);
                }
                frames += 1;
                // A delay of 1 to 15 ms, in two pieces.
                let delay = 1_000 + turn * 37 % 14 * 1_000;
                let (first, second) = frame.split_at(frame.len() / 2);
                gateway.receive(now + delay, first);
                gateway.receive(now + delay, second);
            }
        }
    }

    let (losses, bad, account) = gateway.account();
    std::println!("{frames} frames: {losses:?}, {bad:?}, {account:?}");
    let lost = losses.missing + losses.before;
    assert_eq!(losses.frames + lost, frames);
    assert_eq!((lost, bad.total()), (frames / 20, frames / 20));
    assert_eq!((account.dropped, account.refused), (0, 0));
    let arrived = &gateway.socket().spans;
    assert_eq!(arrived.len() as u64 + lost, 100);
    // In UTC, from what the device's uptime and the frames' delays say.
    for (number, start) in arrived {
        let late = start - recorded[number];
        assert!(
            (0..15_000).contains(&late),
            "span {number} is late by {late} µs"
        );
    }
    Ok(())
}
