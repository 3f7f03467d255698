//! Random pauses before something is repeated.
#![allow(clippy::disallowed_methods, reason = "all random pauses are made here")]

use std::{ops::RangeInclusive, time::Duration};

/// Waits for a random time, so that tasks or processes that were in each other's way do not meet
/// again: as many ms as `millis` contains.
pub(crate) async fn random(millis: RangeInclusive<u64>) {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(millis))).await;
}
