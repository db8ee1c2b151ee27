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
use alloc::vec::Vec;
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
    let mut link = Link::default();
    // When each span was recorded, in UTC.
    let mut recorded = BTreeMap::new();
    let mut overtaken: Option<Vec<u8>> = None;
    for boot in 0..2 {
        let booted_at = BEGIN + i64::from(boot) * 60_000_000;
        let tracer = Traces::new(Uptime::default(), SeededIds::new(), SingleContext::new());
        let mut device = Device::new(&tracer, boot).ok_or("it is on already")?;
        for turn in 1..=50 {
            let now = booted_at + turn * 200_000;
            device.set_time((now - booted_at) as u64);
            // The network is down for two seconds.
            gateway.socket().is_down = boot == 1 && (20..30).contains(&turn);
            let mut frames = device.send();
            if let Some(datagram) = overtaken.take() {
                frames.push(device.recover(&datagram, boot - 1));
            }
            device.record(recorded.len() as i64);
            recorded.insert(recorded.len() as i64, now);
            link.carry(&frames, now, &mut gateway);
        }
        match boot {
            0 => overtaken = device.unsent(),
            _ => {
                let mut frames = device.send();
                frames.extend(device.close());
                link.carry(&frames, booted_at + 10_100_000, &mut gateway);
            }
        }
    }

    let (losses, bad, account) = gateway.account();
    std::println!("{losses:?}\n{bad:?}\n{account:?}");
    assert_eq!(losses.frames + losses.missing, link.frames);
    assert_eq!((losses.missing, bad.total()), (link.damaged, link.damaged));
    assert_eq!((account.dropped, account.refused), (0, 0));
    let arrived = &gateway.socket().spans;
    assert_eq!(arrived.len() as u64 + losses.missing, 100);
    assert!(arrived.contains_key(&49), "what the reset has overtaken");
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

/// A link that takes its time, and damages each 20th frame.
#[derive(Default)]
struct Link {
    frames: u64,
    damaged: u64,
}

impl Link {
    fn carry(&mut self, frames: &[Vec<u8>], now: i64, gateway: &mut Gateway<Network>) {
        for frame in frames {
            let mut frame = frame.clone();
            self.frames += 1;
            if self.frames % 20 == 0 {
                frame.remove(20);
                self.damaged += 1;
            }
            // In two pieces, and 1 to 14 ms late.
            let delay = 1_000 * (1 + self.frames as i64 * 37 % 14);
            let (first, second) = frame.split_at(frame.len() / 2);
            gateway.receive(now + delay, first);
            gateway.receive(now + delay, second);
        }
    }
}
