//! What the programs share: the board that they run on, and the link over which spans leave it.
#![no_std]
#![warn(missing_docs)]

pub mod board;
pub mod link;
