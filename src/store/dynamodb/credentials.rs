//! Decides if credentials that could not be loaded may become available without a change by an
//! operator.

use std::{error::Error as StdError, io};

use aws_config::imds::client::error::{ImdsError, TokenError};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::{
    assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
};

use super::sdk_error::{BUSY, TOO_MANY_REQUESTS, causes, refuses};
use crate::store::StoreErrorKind;

/// The error code of STS for an identity provider that STS did not reach. The status of such an
/// answer is 400, like that of a wrong request.
const PROVIDER_NOT_REACHED: &str = "IDPCommunicationError";

/// The text of the provider of ECS and of EKS Pod Identity for an answer that is an error. The SDK
/// keeps the status nowhere else.
const CONTAINER_ANSWER: &str = "Non-success status from HTTP credential provider: StatusCode(";

/// Returns the kind of an error if nothing was sent because there are no credentials.
///
/// A provider that does not answer, or that answers with a server error, may work later. A provider
/// that refuses will refuse until somebody changes something, for example the trust policy of the
/// role.
pub(super) fn lacks_credentials(error: &(dyn StdError + 'static)) -> Option<StoreErrorKind> {
    let mut causes = causes(error)
        .skip_while(|cause| !cause.is::<CredentialsError>())
        .peekable();
    let first = causes.peek()?.downcast_ref::<CredentialsError>()?;
    let lasts = matches!(first, CredentialsError::CredentialsNotLoaded(_)) || causes.any(lasts);
    Some(if lasts {
        StoreErrorKind::Rejected
    } else {
        StoreErrorKind::NotApplied
    })
}

fn lasts(cause: &(dyn StdError + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<CredentialsError>() {
        return matches!(error, CredentialsError::InvalidConfiguration(_))
            || error.source().is_some_and(is_unreadable);
    }
    let statuses = [
        status_of::<AssumeRoleError>(cause, ProvideErrorMetadata::code),
        status_of::<AssumeRoleWithWebIdentityError>(cause, ProvideErrorMetadata::code),
        status_of::<TokenError>(cause, |_| None),
        cause
            .downcast_ref::<ImdsError>()
            .and_then(|error| match error {
                ImdsError::ErrorResponse(answer) => Some(answer.response().status().as_u16()),
                _ => None,
            }),
        status_of_container(&cause.to_string()),
    ];
    statuses
        .into_iter()
        .flatten()
        .any(|status| refuses(status) && status != TOO_MANY_REQUESTS)
}

/// Returns `true` if a file with credentials, for example a token of Kubernetes, is missing or must
/// not be read.
fn is_unreadable(cause: &(dyn StdError + 'static)) -> bool {
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(
        kind,
        Some(io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
    )
}

/// Returns the status of an answer with that error, unless its code says to try again.
fn status_of<E>(cause: &(dyn StdError + 'static), code: impl Fn(&E) -> Option<&str>) -> Option<u16>
where
    E: StdError + Send + Sync + 'static,
{
    let SdkError::ServiceError(answer) = cause.downcast_ref::<SdkError<E>>()? else {
        return None;
    };
    let code = code(answer.err());
    let passes = code.is_some_and(|code| code == PROVIDER_NOT_REACHED || BUSY.contains(&code));
    (!passes).then(|| answer.raw().status().as_u16())
}

fn status_of_container(text: &str) -> Option<u16> {
    text.strip_prefix(CONTAINER_ANSWER)?
        .strip_suffix(')')?
        .parse()
        .ok()
}
