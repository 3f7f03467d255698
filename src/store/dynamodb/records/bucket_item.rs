//! Items of buckets, as they come from listings and from the table's stream.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    super::{
        attributes::{ENTITY_ID, PK, RESOURCE},
        decode,
    },
    batch::{corrupt, name, text_of},
};
use crate::{
    model::{BucketKey, BucketState, EntityId, Resource},
    store::StoreError,
};

/// Decodes the whole item of a bucket shard, as the table or an image of its stream holds it.
///
/// # Errors
/// [`StoreErrorKind::Corrupt`](crate::store::StoreErrorKind::Corrupt) if it is not the item of a
/// bucket.
pub fn decode_bucket(
    item: &HashMap<String, AttributeValue>,
) -> Result<(BucketKey, BucketState), StoreError> {
    // Entity and resource are attributes of the item; the shard is in the partition key.
    let shard = text_of(item, PK)
        .and_then(|key| key.rsplit('#').next()?.parse().ok())
        .ok_or_else(|| corrupt(PK))?;
    let key = BucketKey {
        entity: name(item, ENTITY_ID, EntityId::new)?,
        resource: name(item, RESOURCE, Resource::new)?,
        shard,
    };
    Ok((key, decode::bucket(item, shard)?))
}
