//! The time for which stamps of bypassed buckets and soft limits hold.
#![allow(
    clippy::disallowed_methods,
    reason = "stamps that were written together end at random times"
)]

use std::time::Duration;

/// The time for which a stamp holds before its config must be read again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StampTtl(pub(crate) Duration);

impl StampTtl {
    /// The shortest time that a limiter can be built with, the same as in the Python client.
    pub(crate) const LEAST: Duration = Duration::from_secs(10);

    /// Returns the end of a stamp whose config was read at `read_at` or later (epoch ms). The time
    /// is cut by up to a fifth, so that not all buckets renew their stamps at once.
    pub(crate) fn end(self, read_at: i64) -> i64 {
        let millis = self.0.mul_f64(0.8 + 0.2 * fastrand::f64()).as_millis();
        read_at.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

impl Default for StampTtl {
    fn default() -> Self {
        Self(Duration::from_secs(60))
    }
}
