//! Transactions that are read for and sent again while others write at the same time.

use aws_sdk_dynamodb::{
    Client, operation::transact_write_items::TransactWriteItemsError, types::TransactWriteItem,
};

use super::super::failure::{lasting_refusal, store_error};
use crate::store::{StoreError, StoreErrorKind};

/// Sends a transaction. Returns `false` if something has changed since it was read, or is being
/// written by another transaction: then nothing is written.
pub(super) async fn send(
    client: &Client,
    actions: Vec<TransactWriteItem>,
) -> Result<bool, StoreError> {
    let sent = client
        .transact_write_items()
        .set_transact_items(Some(actions))
        .send()
        .await;
    let Err(error) = sent else {
        return Ok(true);
    };
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            lasting_refusal(cancelled.cancellation_reasons()).map_or(Ok(false), Err)
        }
        _ => Err(store_error(error)),
    }
}

/// Returns the error after the last repeat.
pub(super) fn busy() -> StoreError {
    StoreError::new(
        StoreErrorKind::Busy,
        "too many concurrent writes of the configs",
    )
}
