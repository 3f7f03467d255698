//! Decides how much is known about a call that failed.

use std::{error::Error as StdError, io};

use aws_sdk_dynamodb::{
    error::{ErrorMetadata, ProvideErrorMetadata, SdkError},
    types::CancellationReason,
};

use super::{
    credentials::lacks_credentials,
    sdk_error::{BUSY, TOO_MANY_REQUESTS, causes, refuses},
};
use crate::store::{StoreError, StoreErrorKind};

/// The error codes of calls that change a table while another change is in progress.
const CHANGING: [&str; 2] = ["LimitExceededException", "ResourceInUseException"];

/// The error code for a transaction that was sent before and may still be carried out.
const IN_PROGRESS: &str = "TransactionInProgressException";

/// The error code for a table that does not exist.
const MISSING: &str = "ResourceNotFoundException";

/// The cancellation reasons that also cancel every repeat of the transaction.
const LASTING_REASONS: [&str; 3] = [
    "ValidationError",
    "ItemCollectionSizeLimitExceeded",
    "AccessDenied",
];

pub(super) fn store_error<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let kind = match &error {
        SdkError::ConstructionFailure(_) => {
            lacks_credentials(&error).unwrap_or(StoreErrorKind::NotApplied)
        }
        SdkError::DispatchFailure(_) => {
            lacks_credentials(&error).unwrap_or(if never_connected(&error) {
                StoreErrorKind::NotApplied
            } else {
                StoreErrorKind::Unknown
            })
        }
        // The HTTP status decides, because DynamoDB has more error codes than this module knows.
        SdkError::ServiceError(service) if refuses(service.raw().status().as_u16()) => {
            match service.err().code() {
                Some(code) if BUSY.contains(&code) && is_hot_key(service.raw().body().bytes()) => {
                    StoreErrorKind::HotKey
                }
                Some(code) if BUSY.contains(&code) => StoreErrorKind::Busy,
                Some(IN_PROGRESS) => StoreErrorKind::Unknown,
                Some(MISSING) => StoreErrorKind::Missing,
                Some(code) if CHANGING.contains(&code) => StoreErrorKind::NotApplied,
                _ if service.raw().status().as_u16() == TOO_MANY_REQUESTS => {
                    StoreErrorKind::NotApplied
                }
                _ => StoreErrorKind::Rejected,
            }
        }
        _ => StoreErrorKind::Unknown,
    };
    let text = describe(&error);
    let permission = missing_permission(&text).map(str::to_owned);
    let mut described = StoreError::new(kind, text);
    if let Some(permission) = permission {
        described = described.with_missing_permission(permission);
    }
    described.with_source(error)
}

/// Returns the error of a transaction that was cancelled for a reason other than a failed
/// condition.
pub(super) fn transaction_failed(reasons: &[CancellationReason]) -> StoreError {
    lasting_refusal(reasons).unwrap_or_else(|| {
        StoreError::new(
            StoreErrorKind::Busy,
            "the transaction conflicted with another one, or was throttled",
        )
    })
}

/// Returns the error of a cancelled transaction if every repeat would be cancelled too.
pub(super) fn lasting_refusal(reasons: &[CancellationReason]) -> Option<StoreError> {
    let reason = reasons.iter().find(|reason| {
        reason
            .code()
            .is_some_and(|code| LASTING_REASONS.contains(&code))
    })?;
    let (code, message) = (
        reason.code().unwrap_or_default(),
        reason.message().unwrap_or("without a message"),
    );
    Some(StoreError::new(
        StoreErrorKind::Rejected,
        format!("the transaction was refused: {code}: {message}"),
    ))
}

/// Returns the action in `… is not authorized to perform: dynamodb:PutItem on resource: …`.
fn missing_permission(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    rest.split([' ', ','])
        .next()
        .filter(|action| action.contains(':'))
}

/// The ending of the throttling reason for a partition key that is used more often than one
/// partition allows. Its beginning names the table or the index.
const HOT_KEY: &[u8] = b"KeyRangeThroughputExceeded";

/// Returns `true` if the body of a refusal says that the key is hot. Other throttling reasons are
/// about the whole table or the account.
fn is_hot_key(body: Option<&[u8]>) -> bool {
    body.is_some_and(|body| body.windows(HOT_KEY.len()).any(|part| part == HOT_KEY))
}

/// Returns `true` if the request was certainly not sent, because the connection was refused.
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    causes(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Returns one line: the code and message of the answer, or all causes, because the SDK's own texts
/// say little.
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
        // The text of this error is `Debug` output.
        let message = cause
            .downcast_ref::<ErrorMetadata>()
            .and_then(ErrorMetadata::message);
        let cause = message.map_or_else(|| cause.to_string(), str::to_owned);
        // One of the SDK's errors prints the whole request.
        let cause = cause
            .split_once(" to request `")
            .map_or(cause.as_str(), |(before, _)| before);
        // Some errors repeat the text of their cause.
        if !text.contains(cause) {
            text += if text.is_empty() { "" } else { ": " };
            text += cause;
        }
    }
    text
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
        assert_eq!(
            missing_permission("x is not authorized to perform: kms:Decrypt"),
            Some("kms:Decrypt")
        );
        assert_eq!(
            missing_permission("The security token included in the request is invalid."),
            None
        );
        assert_eq!(missing_permission("not authorized to perform: "), None);
    }
}
