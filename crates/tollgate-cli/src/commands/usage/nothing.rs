//! The reason why there are no snapshots.

use tollgate::RateLimiter;

/// Returns who writes snapshots: the function, if the version record says that the stack has
/// functions; else the command.
pub(super) async fn writer(limiter: &RateLimiter) -> &'static str {
    let status = limiter.status().await;
    let record = status.store.version.as_ref();
    if record.is_some_and(|record| record.lambda_version.is_some()) {
        "the stack's function counts, some seconds after the use; `tollgate doctor` shows if it works"
    } else {
        "only an aggregator writes them: `tollgate aggregate`"
    }
}
