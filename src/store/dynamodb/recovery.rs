//! Switches point-in-time recovery on.
#![allow(
    clippy::disallowed_methods,
    reason = "no owner yet: the time left until a deadline"
)]

use std::time::Duration;

use aws_sdk_dynamodb::{error::ProvideErrorMetadata, types::PointInTimeRecoverySpecification};
use tokio::time::Instant;

use super::{
    failure::store_error,
    stack::Stack,
    stack_call::{build_failed, call_failed, in_time},
};
use crate::error::StackError;

/// The error code for a table that is too new.
const TOO_EARLY: &str = "ContinuousBackupsUnavailableException";

/// Switches point-in-time recovery on. A new table is not ready for that at once: the call is
/// repeated until `latest`.
pub(super) async fn switch_on(stack: &Stack, latest: Instant) -> Result<(), StackError> {
    const ACTION: &str = "switching point-in-time recovery on";
    let specification = PointInTimeRecoverySpecification::builder()
        .point_in_time_recovery_enabled(true)
        .build()
        .map_err(|error| build_failed(error, ACTION))?;
    loop {
        let call = stack
            .client()
            .update_continuous_backups()
            .table_name(stack.table())
            .point_in_time_recovery_specification(specification.clone())
            .send();
        match in_time(stack, ACTION, call).await? {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Some(TOO_EARLY) && Instant::now() < latest => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(call_failed(ACTION)(store_error(error))),
        }
    }
}
