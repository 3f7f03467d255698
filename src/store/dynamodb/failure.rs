//! What a failed call says about the write.

use std::{error::Error as StdError, io};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::store::{StoreError, StoreErrorKind};

/// Error codes with which DynamoDB refuses a call for now, having done nothing.
const BUSY: [&str; 6] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Error codes after which the call may have been carried out all the same.
const UNKNOWN: [&str; 4] = ["InternalServerError", "InternalFailure", "ServiceUnavailable", "InternalServerException"];

pub(super) fn store_error<E, R>(error: SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let kind = match &error {
        SdkError::ConstructionFailure(_) => StoreErrorKind::NotApplied,
        SdkError::DispatchFailure(_) if never_connected(&error) => StoreErrorKind::NotApplied,
        SdkError::ServiceError(service) => match service.err().code() {
            Some(code) if BUSY.contains(&code) => StoreErrorKind::Busy,
            Some(code) if !UNKNOWN.contains(&code) => StoreErrorKind::NotApplied,
            _ => StoreErrorKind::Unknown,
        },
        _ => StoreErrorKind::Unknown,
    };
    let message = describe(&error);
    StoreError::new(kind, message).with_source(error)
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
