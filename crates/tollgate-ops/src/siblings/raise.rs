//! Writes the number of shards to shards that have missed a split.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, operation::update_item::UpdateItemError};

use super::split::ForeignSplit;
use crate::{
    attributes::{PK, SHARD_COUNT, SK, STATE, number, number_of, text},
    error::OpsError,
    reads,
    record::Item,
};

/// Writes the number of shards of a split to the shards that state fewer. Returns their number.
///
/// Their tokens stay as they are. From then on, they refill by their new share. A shard with a quota
/// that does not say for how many shards it was granted is left out: the clients correct it, because
/// they know what was granted. Nothing is written if the first shard states another number than the
/// split: the bucket was deleted and made again since then, or split again.
///
/// Costs one read unit for each shard, and one write unit for each that is corrected.
///
/// # Errors
/// [`OpsError::Aws`] if a call fails. The same call finishes the rest.
pub async fn raise(client: &Client, table: &str, split: &ForeignSplit) -> Result<u64, OpsError> {
    let bucket = &split.bucket;
    let key = |shard: u32| {
        let hash = format!(
            "{}/BUCKET#{}#{}#{shard}",
            bucket.namespace, bucket.entity, bucket.resource
        );
        (hash, STATE.to_owned())
    };
    let keys = (0..split.count).map(key).collect();
    let mut shards = reads::batch(client, table, keys).await?;
    let first = shards.remove(&key(0));
    let stated = first.and_then(|item| number_of(&item, SHARD_COUNT));
    if stated != Some(i64::from(split.count)) {
        return Ok(0);
    }
    let mut raised = 0;
    for ((hash, range), item) in shards {
        if !may_raise(&item, split.count) {
            continue;
        }
        let update = client
            .update_item()
            .table_name(table)
            .set_key(Some(HashMap::from([
                (PK.to_owned(), text(hash)),
                (SK.to_owned(), text(range)),
            ])))
            .update_expression("SET #count = :count")
            .condition_expression("#count < :count")
            .expression_attribute_names("#count", SHARD_COUNT)
            .expression_attribute_values(":count", number(i64::from(split.count)));
        match update.send().await {
            Ok(_) => raised += 1,
            // The shard is gone, or somebody else was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {}
            Err(error) => return Err(OpsError::aws("UpdateItem", error)),
        }
    }
    Ok(raised)
}

/// Returns true if a shard states fewer shards, and nothing keeps it from stating more.
fn may_raise(item: &Item, count: u32) -> bool {
    let lags = number_of(item, SHARD_COUNT).is_some_and(|stated| stated < i64::from(count));
    let limits = item
        .keys()
        .filter_map(|name| name.strip_prefix("b_")?.strip_suffix("_ra"));
    // Nothing refills a quota.
    let mut quotas = limits.filter(|limit| number_of(item, &format!("b_{limit}_ra")) == Some(0));
    lags && quotas.all(|limit| item.contains_key(&format!("b_{limit}_gc")))
}
