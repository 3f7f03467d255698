//! The namespace of a manifest.

use aws_sdk_dynamodb::Client;
use tollgate::model::NamespaceName;
use tollgate_ops::{
    OpsError,
    limits::{LimitsError, Target},
};

use crate::{connect, context::Context, failure::Failure, sdk_config};

/// Opens a namespace. Creates nothing. One round trip.
pub(super) async fn open(context: &Context, namespace: &NamespaceName) -> Result<Target, Failure> {
    let limiter = context.open_namespace(namespace).await?;
    let config = sdk_config::load(&context.options, connect::DEADLINE).await?;
    Target::new(limiter, Client::new(&config)).map_err(failure)
}

/// Returns the failure of an operation on limits.
pub(super) fn failure(error: LimitsError) -> Failure {
    match error {
        LimitsError::Library(error) => Failure::Library(error),
        // The file cannot be applied, as one with faults.
        error @ LimitsError::TooMany => Failure::Usage(error.to_string()),
        LimitsError::Ops(error @ OpsError::Aws { .. }) => Failure::Aws(error.to_string()),
        LimitsError::Midway { ref source, .. } => match **source {
            LimitsError::Library(_) | LimitsError::Ops(OpsError::Aws { .. }) => {
                let text = error.to_string();
                let LimitsError::Midway { source, .. } = error else {
                    return Failure::Refused(text);
                };
                // The text is that of the whole, and the exit code that of the reason.
                match failure(*source).code() {
                    3 => Failure::Aws(text),
                    4 => Failure::NoStack(text),
                    _ => Failure::Refused(text),
                }
            }
            _ => Failure::Refused(error.to_string()),
        },
        error => Failure::Refused(error.to_string()),
    }
}
