//! Many large rings, each with one thread that claims in it, and one drainer of all: what an
//! application with threads has. A device has one small ring, which any context claims in: that is
//! the one in a [`Tracer`](crate::Tracer).

mod drain;
mod ring;

pub use drain::{Drain, Outcome, Seen};
pub use ring::LaneRing;
