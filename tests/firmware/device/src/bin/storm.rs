//! An interrupt before every instruction, where a claim masks them. What it does is in
//! `storm/rounds.rs`.
#![no_std]
#![no_main]

#[path = "storm/rounds.rs"]
mod rounds;

/// Who may claim a slot at once: the core or its interrupts.
type Lock = jaegerling_core::InterruptsOff;
/// The one to give the tracer.
// SAFETY: one core, privileged; exceptions that cannot be masked have no handlers that trace.
const LOCK: Lock = unsafe { Lock::new() };
