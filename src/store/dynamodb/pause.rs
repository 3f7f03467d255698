//! Pauses between the tries of a change that other writers cancel.

use crate::pause;

/// The longest pause before the second try, ms. The pauses before later tries are longer.
const LONGEST: u64 = 20;

/// Waits before a try, but not before the first one, whose number is zero.
pub(super) async fn before(attempt: u32) {
    if attempt > 0 {
        pause::random(0..=LONGEST * u64::from(attempt)).await;
    }
}
