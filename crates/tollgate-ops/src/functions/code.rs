//! The code of a function.

use aws_types::SdkConfig;

use super::{
    call::Call,
    event_source::{LAMBDA, plain},
};
use crate::error::OpsError;

/// Returns the hash of the code that a function has; `None` if there is no such function.
///
/// # Errors
/// [`OpsError::Aws`].
pub(super) async fn code_hash(
    config: &SdkConfig,
    function: &str,
) -> Result<Option<String>, OpsError> {
    const READ: &str = "GetFunctionConfiguration";
    let function = plain(READ, function)?;
    let call = Call {
        service: LAMBDA,
        operation: READ,
        method: "GET",
        path: format!("/2015-03-31/functions/{function}/configuration"),
        headers: Vec::new(),
        body: Vec::new(),
    };
    match call.send(config).await {
        Ok(answer) => Ok(answer["CodeSha256"].as_str().map(str::to_owned)),
        Err(unanswered) if unanswered.code.as_deref() == Some("ResourceNotFoundException") => {
            Ok(None)
        }
        Err(unanswered) => Err(unanswered.into()),
    }
}
