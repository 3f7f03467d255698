//! What a failed call says about the write.

use std::{error::Error as StdError, io};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::store::{StoreError, StoreErrorKind};

const REQUEST_TIMEOUT: u16 = 408;

/// Error codes with which DynamoDB refuses a call for now, having done nothing.
const BUSY: [&str; 5] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "TransactionConflictException",
];

/// The refusal of a transaction that was sent before, and may be carried out yet.
const IN_PROGRESS: &str = "TransactionInProgressException";

pub(super) fn store_error<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let kind = match &error {
        SdkError::ConstructionFailure(_) => StoreErrorKind::NotApplied,
        SdkError::DispatchFailure(_) if never_connected(&error) => StoreErrorKind::NotApplied,
        // The status decides, for there are more codes than are known here.
        SdkError::ServiceError(service) if refuses(service.raw().status().as_u16()) => match service.err().code() {
            Some(code) if BUSY.contains(&code) && is_hot_key(service.raw().body().bytes()) => StoreErrorKind::HotKey,
            Some(code) if BUSY.contains(&code) => StoreErrorKind::Busy,
            Some(IN_PROGRESS) => StoreErrorKind::Unknown,
            Some(MISSING) => StoreErrorKind::Missing,
            _ => StoreErrorKind::NotApplied,
        },
        _ => StoreErrorKind::Unknown,
    };
    let message = describe(&error);
    StoreError::new(kind, message).with_source(error)
}

/// The refusal of a call for a table that does not exist.
const MISSING: &str = "ResourceNotFoundException";

/// The throttling reason of a partition key that is used more often than one partition takes, at the end of a word
/// that says of which table or index.
const HOT_KEY: &[u8] = b"KeyRangeThroughputExceeded";

/// Returns `true` if the body of a refusal says that the key is hot. Other reasons speak of the whole table, or of
/// the account.
fn is_hot_key(body: Option<&[u8]>) -> bool {
    body.is_some_and(|body| body.windows(HOT_KEY.len()).any(|part| part == HOT_KEY))
}

/// Whether a call that is answered so was refused. A server that fails, or has waited too long for the
/// request, may have carried it out all the same.
fn refuses(status: u16) -> bool {
    (400..500).contains(&status) && status != REQUEST_TIMEOUT
}

/// Whether the request cannot have left: there was nobody to send it to.
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    causes(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The whole chain of causes in one line: the SDK's own messages say little.
fn describe(error: &(dyn StdError + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The error and its causes.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}
