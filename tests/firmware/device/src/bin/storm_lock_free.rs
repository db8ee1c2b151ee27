//! An interrupt before every instruction, where a claim masks nothing. What it does is in
//! `storm/rounds.rs`.
#![no_std]
#![no_main]

#[path = "storm/rounds.rs"]
mod rounds;

/// Who may claim a slot at once: anybody.
type Lock = jaegerling_core::LockFree;
/// The one to give the tracer.
const LOCK: Lock = jaegerling_core::LockFree;
