//! Parts of the SDK's errors: the status and the code of an answer, and the causes.

use std::error::Error as StdError;

const REQUEST_TIMEOUT: u16 = 408;
pub(super) const TOO_MANY_REQUESTS: u16 = 429;

/// The error codes with which DynamoDB refuses a call for now and does nothing.
pub(super) const BUSY: [&str; 7] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
];

/// Returns `true` if a call that is answered with `status` was refused. A server that fails, or
/// that has waited too long for the request, may still have carried it out.
pub(super) fn refuses(status: u16) -> bool {
    (400..500).contains(&status) && status != REQUEST_TIMEOUT
}

/// Returns the error and its causes.
pub(super) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}
