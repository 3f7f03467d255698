//! Moves of entities to another parent.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    types::{AttributeValue, ReturnValue},
};

use super::{
    super::{
        attributes::{GENERATION, INDEX_KEYS, PARENT_ID, children_key},
        encode,
        expression::{number, text},
        failure::store_error,
    },
    batch::corrupt,
    entities,
};
use crate::{
    model::{BucketKey, Entity, EntityId, ParentLink},
    store::StoreError,
};

/// Gives an entity another parent, and a new generation. Returns the entity before and after.
pub(super) async fn move_entity(
    client: &Client,
    table: &str,
    namespace: &str,
    entity: &EntityId,
    parent: Option<&EntityId>,
) -> Result<Option<(Entity, Entity)>, StoreError> {
    let (index_hash, index_range) = INDEX_KEYS[0];
    let next = "#generation = if_not_exists(#generation, :none) + :one";
    let update = client
        .update_item()
        .table_name(table)
        .set_key(Some(entities::key(namespace, entity)))
        .condition_expression("attribute_exists(PK)")
        .expression_attribute_names("#parent", PARENT_ID)
        .expression_attribute_names("#generation", GENERATION)
        .expression_attribute_values(":none", number(0))
        .expression_attribute_values(":one", number(1))
        .return_values(ReturnValue::AllOld);
    let update = match parent {
        Some(parent) => update
            .update_expression(format!(
                "SET #parent = :parent, {index_hash} = :hash, {index_range} = :range, {next}"
            ))
            .expression_attribute_values(":parent", text(parent.as_str()))
            .expression_attribute_values(":hash", text(children_key(namespace, parent)))
            .expression_attribute_values(":range", text(format!("CHILD#{entity}"))),
        None => update
            .update_expression(format!(
                "SET #parent = :parent, {next} REMOVE {index_hash}, {index_range}"
            ))
            .expression_attribute_values(":parent", AttributeValue::Null(true)),
    };
    let old = match update.send().await {
        Ok(output) => output.attributes.ok_or_else(|| corrupt(PARENT_ID))?,
        Err(SdkError::ServiceError(error))
            if error.err().is_conditional_check_failed_exception() =>
        {
            return Ok(None);
        }
        Err(error) => return Err(store_error(error)),
    };
    let before = entities::decode(&old)?;
    let mut after = before.clone();
    after.parent = parent.cloned();
    after.generation = Some(before.generation.unwrap_or(0).saturating_add(1));
    Ok(Some((before, after)))
}

/// Writes the link to the parent to a bucket. Returns `false` if there is no such bucket, or if it
/// has a newer link.
pub(super) async fn stamp(
    client: &Client,
    table: &str,
    namespace: &str,
    shard: &BucketKey,
    link: &ParentLink,
) -> Result<bool, StoreError> {
    let mut expression = encode::moved(link);
    let update = client
        .update_item()
        .table_name(table)
        .set_key(Some(encode::key(namespace, shard)))
        .update_expression(expression.update())
        .condition_expression(expression.condition())
        .set_expression_attribute_names(Some(expression.names()))
        .set_expression_attribute_values(Some(expression.values()));
    match update.send().await {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(error))
            if error.err().is_conditional_check_failed_exception() =>
        {
            Ok(false)
        }
        Err(error) => Err(store_error(error)),
    }
}
