//! Metrics, events and spans of the crate.

#[cfg(feature = "metrics")]
mod catalogue;
#[cfg(feature = "metrics")]
mod decisions;
mod documented;
#[cfg(feature = "metrics")]
mod memory;
#[cfg(feature = "metrics")]
mod observability;
#[cfg(feature = "metrics")]
mod outage;
#[cfg(feature = "metrics")]
mod prefetch;
#[cfg(feature = "metrics")]
mod scrape;
#[cfg(feature = "metrics")]
mod settlements;
mod spans;
#[cfg(feature = "metrics")]
mod store;
