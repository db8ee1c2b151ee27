//! What other crates bring, one file for each, named by the version: their types with core's traits,
//! and no logic. Nothing else in core names this.

#[cfg(feature = "critical-section")]
pub(crate) mod critical_section_v1;
#[cfg(feature = "heapless")]
mod heapless_v0_9;
#[cfg(feature = "spin")]
pub(crate) mod spin_v0_12;
