//! An aggregator that has no checkpoint of its own, because somebody else holds its position.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::{Client, types::ReturnValuesOnConditionCheckFailure};

use super::lease::{AGGREGATOR, HELD_UNTIL, OWNER, millis, refused};
use crate::{
    attributes::{PK, REGISTRY_KEY, SK, number, text, text_of},
    error::OpsError,
};

/// Takes or renews the lease of a table for an aggregator without a checkpoint, such as a function
/// that AWS Lambda calls. Until the lease ends, [`follow`](super::follow) refuses to work on the
/// table, and tells `owner`. One write unit.
///
/// Returns the name of the other aggregator if one has the lease. Both may go on: every change is
/// counted once.
///
/// # Errors
/// [`OpsError::Aws`] if the call fails.
pub async fn announce(
    client: &Client,
    table: &str,
    owner: &str,
    duration: Duration,
) -> Result<Option<String>, OpsError> {
    let now = SystemTime::now();
    let answer = client
        .update_item()
        .table_name(table)
        .key(PK, text(REGISTRY_KEY))
        .key(SK, text(AGGREGATOR))
        .update_expression("SET #owner = :owner, #until = :until")
        .condition_expression("attribute_not_exists(#until) OR #until <= :now OR #owner = :owner")
        .expression_attribute_names("#owner", OWNER)
        .expression_attribute_names("#until", HELD_UNTIL)
        .expression_attribute_values(":owner", text(owner))
        .expression_attribute_values(":until", number(millis(now + duration)))
        .expression_attribute_values(":now", number(millis(now)))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    Ok(match refused(answer)? {
        Ok(_) => None,
        Err(item) => Some(text_of(&item, OWNER).unwrap_or("?").to_owned()),
    })
}
