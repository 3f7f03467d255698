//! Random pauses between the tries of a change that other writers cancel.
#![allow(
    clippy::disallowed_methods,
    reason = "the pauses of repeated calls are random"
)]

use std::time::Duration;

/// The longest pause before the second try. Those before later tries are longer.
const LONGEST: Duration = Duration::from_millis(20);

/// Waits before a try, but not before the first one, whose number is zero. The time is random, so
/// that writers that have cancelled each other do not meet again.
pub(super) async fn before(attempt: u32) {
    if attempt > 0 {
        tokio::time::sleep((LONGEST * attempt).mul_f64(fastrand::f64())).await;
    }
}
