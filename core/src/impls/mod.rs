//! What other crates bring, one file for each, named by the version: their types with core's traits,
//! or their traits with core's types, and no logic. Nothing else in core names this.

#[cfg(feature = "critical-section")]
pub(crate) mod critical_section_v1;
#[cfg(feature = "embedded-io-async")]
mod embedded_io_async_v0_7;
#[cfg(feature = "embedded-io")]
mod embedded_io_v0_7;
#[cfg(feature = "heapless")]
mod heapless_v0_9;
#[cfg(feature = "spin")]
pub(crate) mod spin_v0_12;
