//! The bounds of repeated requests to the table, each with its reason.
//!
//! | event | repeated | then |
//! |---|---|---|
//! | the result of a transaction of several shards is unknown | with the same token, sent up to [`MOST_SENDS`] times | the result is unknown |
//! | other writers cancel a change of a namespace | tried up to [`MOST_NAMESPACE_TRIES`] times | `Busy` |
//! | another process has written a config in the meantime | tried up to [`MOST_CONFIG_TRIES`] times | `Busy` |
//! | another process has written the version record in the meantime | tried up to [`MOST_VERSION_TRIES`] times | `Busy` |
//! | a batch leaves items unprocessed | sent up to [`MOST_BATCH_SENDS`] times | `Busy` |

use crate::pause;

/// The number of times that a transaction is sent if its result is unknown.
pub(super) const MOST_SENDS: u32 = 4;

/// The number of times that a change of a namespace is tried if other writers cancel it.
pub(super) const MOST_NAMESPACE_TRIES: u32 = 5;

/// The number of times that a config is read again because another process has written it in the
/// meantime.
pub(super) const MOST_CONFIG_TRIES: u32 = 10;

/// The number of times that the version record is read again because another process has written
/// it in the meantime.
pub(super) const MOST_VERSION_TRIES: u32 = 3;

/// The number of times that a batch is sent before it counts as failed.
pub(super) const MOST_BATCH_SENDS: u32 = 12;

/// The longest pause before each resend of a transaction, multiplied by the number of sends so far:
/// ms. The transaction may still be in progress.
const RESEND_PAUSE: u64 = 10;

/// The longest pause before the second try of a change that other writers cancel, ms. It doubles
/// with every try, up to 64 times, so that many writers succeed even if a try takes long.
const CHANGE_PAUSE: u64 = 20;

/// The longest pause before a batch is sent again, ms. It doubles with every send, up to 128 times.
const BATCH_PAUSE: u64 = 10;

/// Waits before a transaction is sent again that was `sent` times.
pub(super) async fn before_resend(sent: u32) {
    pause::random(u64::from(sent)..=u64::from(sent) * RESEND_PAUSE).await;
}

/// Waits before a try of a change that other writers cancel, but not before the first one, whose
/// number is zero.
pub(super) async fn before_change(attempt: u32) {
    if attempt > 0 {
        pause::random(0..=CHANGE_PAUSE << (attempt - 1).min(6)).await;
    }
}

/// Waits before the rest of a batch is sent that was sent `sent` times.
pub(super) async fn before_batch(sent: u32) {
    let most = BATCH_PAUSE << sent.min(7);
    pause::random(most / 2..=most).await;
}
