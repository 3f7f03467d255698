//! Functions to count rare events: the series is looked up in the recorder each time. Without the
//! feature `metrics` they do nothing.

use std::time::Duration;

#[cfg(feature = "metrics")]
use super::meters;

/// Adds to a counter.
#[inline]
pub(super) fn count(name: &'static str, labels: &[(&'static str, &str)], more: u64) {
    #[cfg(feature = "metrics")]
    meters::with(|meters| meters.counter(name, labels).increment(more));
    #[cfg(not(feature = "metrics"))]
    let _ = (name, labels, more);
}

/// Sets a gauge.
#[inline]
pub(super) fn set(name: &'static str, value: f64) {
    #[cfg(feature = "metrics")]
    meters::with(|meters| meters.gauge(name, &[]).set(value));
    #[cfg(not(feature = "metrics"))]
    let _ = (name, value);
}

/// Adds a duration to a histogram.
#[inline]
pub(super) fn observe(name: &'static str, labels: &[(&'static str, &str)], time: Duration) {
    #[cfg(feature = "metrics")]
    meters::with(|meters| meters.histogram(name, labels).record(time.as_secs_f64()));
    #[cfg(not(feature = "metrics"))]
    let _ = (name, labels, time);
}
