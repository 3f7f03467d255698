//! An aggregator that has no checkpoint of its own, because somebody else holds its position.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::{Client, types::ReturnValuesOnConditionCheckFailure};

use super::lease::{AGGREGATOR, HELD_UNTIL, OWNER, millis, refused};
use crate::{
    attributes::{PK, REGISTRY_KEY, SK, number, number_of, text, text_of},
    error::OpsError,
    record::Item,
};

const NEWEST: &str = "counted";
const AT: &str = "counted_at";

/// The last batch that an aggregator without a checkpoint tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The time of the newest record, epoch seconds.
    pub newest: i64,
    /// The time at which it was counted, epoch seconds.
    pub at: i64,
}

impl Counted {
    /// Returns the age of the newest record when it was counted, seconds.
    pub fn lag(&self) -> i64 {
        (self.at - self.newest).max(0)
    }

    pub(super) fn decode(item: &Item) -> Option<Self> {
        Some(Self {
            newest: number_of(item, NEWEST)?,
            at: number_of(item, AT)?,
        })
    }
}

/// Takes or renews the lease of a table for an aggregator without a checkpoint, such as a function
/// that AWS Lambda calls. Until the lease ends, [`follow`](super::follow) refuses to work on the
/// table, and tells `owner`. Writes what was counted, if anything was: [`AggregatorState`] reads it.
/// One write unit.
///
/// [`AggregatorState`]: super::AggregatorState
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
    counted: Option<Counted>,
) -> Result<Option<String>, OpsError> {
    let now = SystemTime::now();
    let mut set = "SET #owner = :owner, #until = :until".to_owned();
    let mut update = client
        .update_item()
        .table_name(table)
        .key(PK, text(REGISTRY_KEY))
        .key(SK, text(AGGREGATOR))
        .condition_expression("attribute_not_exists(#until) OR #until <= :now OR #owner = :owner")
        .expression_attribute_names("#owner", OWNER)
        .expression_attribute_names("#until", HELD_UNTIL)
        .expression_attribute_values(":owner", text(owner))
        .expression_attribute_values(":until", number(millis(now + duration)))
        .expression_attribute_values(":now", number(millis(now)))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    if let Some(counted) = counted {
        set.push_str(", #newest = :newest, #at = :at");
        update = update
            .expression_attribute_names("#newest", NEWEST)
            .expression_attribute_names("#at", AT)
            .expression_attribute_values(":newest", number(counted.newest))
            .expression_attribute_values(":at", number(counted.at));
    }
    let answer = update.update_expression(set).send().await;
    Ok(match refused(answer)? {
        Ok(_) => None,
        Err(item) => Some(text_of(&item, OWNER).unwrap_or("?").to_owned()),
    })
}
