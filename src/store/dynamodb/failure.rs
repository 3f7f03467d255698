//! Says how much is known about a call that failed.

use std::{error::Error as StdError, io};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    types::CancellationReason,
};

use crate::store::{StoreError, StoreErrorKind};

const REQUEST_TIMEOUT: u16 = 408;
const TOO_MANY_REQUESTS: u16 = 429;

/// Error codes with which DynamoDB refuses a call for now, having done nothing.
const BUSY: [&str; 7] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
];

/// Error codes of calls that change a table while it is being changed.
const CHANGING: [&str; 2] = ["LimitExceededException", "ResourceInUseException"];

/// The refusal of a transaction that was sent before, and may be carried out yet.
const IN_PROGRESS: &str = "TransactionInProgressException";

/// The refusal of a call for a table that does not exist.
const MISSING: &str = "ResourceNotFoundException";

/// Reasons for which every repeat of a cancelled transaction is cancelled too.
const LASTING_REASONS: [&str; 3] = ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"];

pub(super) fn store_error<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let kind = match &error {
        SdkError::ConstructionFailure(_) => lacks_credentials(&error).unwrap_or(StoreErrorKind::NotApplied),
        SdkError::DispatchFailure(_) => lacks_credentials(&error).unwrap_or(match never_connected(&error) {
            true => StoreErrorKind::NotApplied,
            false => StoreErrorKind::Unknown,
        }),
        // The status decides, for there are more codes than are known here.
        SdkError::ServiceError(service) if refuses(service.raw().status().as_u16()) => match service.err().code() {
            Some(code) if BUSY.contains(&code) && is_hot_key(service.raw().body().bytes()) => StoreErrorKind::HotKey,
            Some(code) if BUSY.contains(&code) => StoreErrorKind::Busy,
            Some(IN_PROGRESS) => StoreErrorKind::Unknown,
            Some(MISSING) => StoreErrorKind::Missing,
            Some(code) if CHANGING.contains(&code) => StoreErrorKind::NotApplied,
            _ if service.raw().status().as_u16() == TOO_MANY_REQUESTS => StoreErrorKind::NotApplied,
            _ => StoreErrorKind::Rejected,
        },
        _ => StoreErrorKind::Unknown,
    };
    let mut described = StoreError::new(kind, describe(&error));
    if let Some(permission) = error.message().and_then(missing_permission) {
        described = described.with_missing_permission(permission);
    }
    described.with_source(error)
}

/// Returns the error of a transaction that was cancelled for another reason than a condition.
pub(super) fn transaction_failed(reasons: &[CancellationReason]) -> StoreError {
    lasting_refusal(reasons)
        .unwrap_or_else(|| StoreError::new(StoreErrorKind::Busy, "the transaction met another one, or was throttled"))
}

/// Returns the error of a cancelled transaction if every repeat of it is cancelled too.
pub(super) fn lasting_refusal(reasons: &[CancellationReason]) -> Option<StoreError> {
    let reason = reasons.iter().find(|reason| reason.code().is_some_and(|code| LASTING_REASONS.contains(&code)))?;
    let (code, message) = (reason.code().unwrap_or_default(), reason.message().unwrap_or("without a message"));
    Some(StoreError::new(StoreErrorKind::Rejected, format!("the transaction was refused: {code}: {message}")))
}

/// Returns the action of `… is not authorized to perform: dynamodb:PutItem on resource: …`.
fn missing_permission(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    rest.split([' ', ',']).next().filter(|action| action.contains(':'))
}

/// The throttling reason of a partition key that is used more often than one partition takes, at the end of a word
/// that says of which table or index.
const HOT_KEY: &[u8] = b"KeyRangeThroughputExceeded";

/// Returns `true` if the body of a refusal says that the key is hot. Other reasons speak of the whole table, or of
/// the account.
fn is_hot_key(body: Option<&[u8]>) -> bool {
    body.is_some_and(|body| body.windows(HOT_KEY.len()).any(|part| part == HOT_KEY))
}

/// Returns `true` if a call that is answered with `status` was refused. A server that fails, or has waited too long for
/// the request, may have carried it out all the same.
fn refuses(status: u16) -> bool {
    (400..500).contains(&status) && status != REQUEST_TIMEOUT
}

/// Returns `true` if the request cannot have left: there was nobody to send it to.
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    causes(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Returns what it means that there are no credentials, if that is why nothing was sent: if they cannot be read for now,
/// they may come back.
fn lacks_credentials(error: &(dyn StdError + 'static)) -> Option<StoreErrorKind> {
    let error = causes(error).find_map(|error| error.downcast_ref::<CredentialsError>())?;
    Some(match error {
        CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_) => {
            StoreErrorKind::Rejected
        }
        _ => StoreErrorKind::NotApplied,
    })
}

/// Returns one line: the code and message of an answer, else all causes, because the SDK's own texts say little.
fn describe<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    if let SdkError::ServiceError(service) = error
        && let Some(code) = service.err().code()
    {
        return match service.err().message() {
            Some(message) => format!("{code}: {message}"),
            None => format!("{code} (HTTP {})", service.raw().status()),
        };
    }
    let mut text = String::new();
    for cause in causes(error) {
        let cause = cause.to_string();
        // One of them would print the whole request.
        let cause = cause.split_once(" to request `").map_or(cause.as_str(), |(before, _)| before);
        // Some of them repeat their own cause.
        if !text.contains(cause) {
            text += if text.is_empty() { "" } else { ": " };
            text += cause;
        }
    }
    text
}

/// The error and its causes.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_permission_is_read_from_the_message() {
        let of_a_role = "User: arn:aws:sts::111122223333:assumed-role/api/i-1 is not authorized to perform: \
                         dynamodb:UpdateItem on resource: arn:aws:dynamodb:eu-west-1:111122223333:table/limits because \
                         no identity-based policy allows the dynamodb:UpdateItem action";
        assert_eq!(missing_permission(of_a_role), Some("dynamodb:UpdateItem"));
        assert_eq!(missing_permission("x is not authorized to perform: kms:Decrypt"), Some("kms:Decrypt"));
        assert_eq!(missing_permission("The security token included in the request is invalid."), None);
        assert_eq!(missing_permission("not authorized to perform: "), None);
    }
}
