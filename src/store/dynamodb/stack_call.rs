//! Calls that concern a whole table: their time, and their errors.

use aws_sdk_dynamodb::error::{BuildError, SdkError};

use super::stack::Stack;
use crate::{
    error::StackError,
    store::{StoreError, StoreErrorKind},
};

/// Returns the answer to a call, or an error after the stack's call timeout.
pub(super) async fn in_time<T, E>(
    stack: &Stack,
    action: &'static str,
    call: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<Result<T, SdkError<E>>, StackError> {
    let deadline = stack.call_deadline();
    let late = |_| StackError::Deadline {
        table: stack.table().to_owned(),
        action,
        deadline,
    };
    tokio::time::timeout(deadline, call).await.map_err(late)
}

pub(super) fn build_failed(error: BuildError, action: &'static str) -> StackError {
    StackError::Call {
        action,
        error: StoreError::new(StoreErrorKind::Rejected, error.to_string()),
    }
}

pub(super) fn call_failed(action: &'static str) -> impl FnOnce(StoreError) -> StackError {
    move |error| StackError::Call { action, error }
}
