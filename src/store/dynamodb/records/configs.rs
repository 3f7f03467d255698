//! Stores and deletes configs, together with the lists of scopes that have limits.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, TransactWriteItem, Update},
};

use super::{
    super::{
        attributes::{ENTITY_CONFIG_RESOURCES, INDEX_KEYS, PK, RESOURCES, SK, system_key},
        expression::{number, text},
        failure::{store_error, transaction_failed},
        retry::{MOST_CONFIG_TRIES, before_change},
    },
    batch::{Item, unbuildable},
    client_version,
    config_item::{self, key, resource_word, write, write_flag},
    transaction,
};
use crate::{
    model::{ConfigFlag, ConfigScope, StoredConfig},
    store::StoreError,
};

/// Replaces the config of a scope. Attributes that others have stored beside the limits stay.
pub(super) async fn put(
    client: &Client,
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
    config: &StoredConfig,
) -> Result<(), StoreError> {
    client_version::require_for(client, table, &[config]).await?;
    let write = |known: Option<&Item>| {
        let mut actions = vec![write(table, namespace, scope, config, known)?];
        actions.extend(listing(table, namespace, scope, known.is_some())?);
        Ok(Some(actions))
    };
    replace(client, table, namespace, scope, write).await
}

/// Stores or removes one flag of a config. Creates a config without limits if there is none.
pub(super) async fn put_flag(
    client: &Client,
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
    flag: ConfigFlag,
) -> Result<(), StoreError> {
    if let Some(feature) = client_version::Feature::of_flag(flag) {
        client_version::ratchet(client, table, feature).await?;
    }
    let removes = matches!(flag, ConfigFlag::Access(None) | ConfigFlag::Cascade(None));
    let write = |known: Option<&Item>| {
        if removes && known.is_none() {
            return Ok(None);
        }
        let exists = known.is_some();
        let mut actions = vec![write_flag(table, namespace, scope, flag, exists)?];
        if !removes {
            actions.extend(listing(table, namespace, scope, exists)?);
        }
        Ok(Some(actions))
    };
    replace(client, table, namespace, scope, write).await
}

/// Reads the config of a scope and does the `write` for it, again and again while others write at
/// the same time. Does nothing if `write` returns `None`.
async fn replace(
    client: &Client,
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
    write: impl Fn(Option<&Item>) -> Result<Option<Vec<TransactWriteItem>>, StoreError>,
) -> Result<(), StoreError> {
    for attempt in 0..MOST_CONFIG_TRIES {
        before_change(attempt).await;
        let known = get(client, table, namespace, scope).await?;
        let Some(actions) = write(known.as_ref())? else {
            return Ok(());
        };
        if transaction::send(client, actions).await? {
            return Ok(());
        }
    }
    Err(transaction::busy())
}

async fn get(
    client: &Client,
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
) -> Result<Option<Item>, StoreError> {
    let output = client
        .get_item()
        .table_name(table)
        .set_key(Some(key(namespace, scope)))
        .consistent_read(true)
        .send()
        .await
        .map_err(store_error)?;
    Ok(output.item)
}

/// Returns the write that adds the scope to its list.
fn listing(
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
    exists: bool,
) -> Result<Option<TransactWriteItem>, StoreError> {
    match scope {
        ConfigScope::System => Ok(None),
        ConfigScope::Resource(resource) => {
            let resources = vec![resource.to_string()];
            list_of_resources(table, namespace, "ADD", resources).map(Some)
        }
        _ if exists => Ok(None),
        _ => {
            let word = resource_word(scope);
            list_update(
                table,
                namespace,
                ENTITY_CONFIG_RESOURCES,
                "ADD #list :entry",
                word,
                number(1),
            )
            .map(Some)
        }
    }
}

/// Returns the write that adds resources to the list of those with limits for everybody, or deletes
/// them from it.
pub(super) fn list_of_resources(
    table: &str,
    namespace: &str,
    verb: &str,
    resources: Vec<String>,
) -> Result<TransactWriteItem, StoreError> {
    let change = format!("{verb} #list :entry");
    let resources = AttributeValue::Ss(resources);
    list_update(table, namespace, RESOURCES, &change, "resources", resources)
}

fn list_update(
    table: &str,
    namespace: &str,
    list: &str,
    change: &str,
    attribute: &str,
    entry: AttributeValue,
) -> Result<TransactWriteItem, StoreError> {
    let (index_hash, index_range) = INDEX_KEYS[3];
    let hash = system_key(namespace);
    let update = Update::builder()
        .table_name(table)
        .key(PK, text(&hash))
        .key(SK, text(list))
        .update_expression(format!(
            "{change} SET {index_hash} = :namespace, {index_range} = :hash"
        ))
        .expression_attribute_names("#list", attribute)
        .expression_attribute_values(":entry", entry)
        .expression_attribute_values(":namespace", text(namespace))
        .expression_attribute_values(":hash", text(hash))
        .build()
        .map_err(unbuildable)?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// Deletes a config and its entry in the list. Returns `false` if there is no config. The days for
/// which the history is kept stay in the system's item.
pub(super) async fn delete(
    client: &Client,
    table: &str,
    namespace: &str,
    scope: &ConfigScope,
) -> Result<bool, StoreError> {
    if *scope == ConfigScope::System {
        return delete_of_system(client, table, namespace).await;
    }
    let delete = Delete::builder()
        .table_name(table)
        .set_key(Some(key(namespace, scope)))
        .condition_expression("attribute_exists(PK)")
        .build()
        .map_err(unbuildable)?;
    let mut actions = vec![TransactWriteItem::builder().delete(delete).build()];
    match scope {
        ConfigScope::Resource(resource) => {
            let resources = vec![resource.to_string()];
            actions.push(list_of_resources(table, namespace, "DELETE", resources)?);
        }
        _ => {
            let word = resource_word(scope);
            actions.push(list_update(
                table,
                namespace,
                ENTITY_CONFIG_RESOURCES,
                "ADD #list :entry",
                word,
                number(-1),
            )?);
        }
    }
    match client
        .transact_write_items()
        .set_transact_items(Some(actions))
        .send()
        .await
    {
        Ok(_) => {}
        Err(SdkError::ServiceError(error)) => match error.err() {
            TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                let reasons = cancelled.cancellation_reasons();
                if reasons
                    .iter()
                    .any(|reason| reason.code() == Some("ConditionalCheckFailed"))
                {
                    return Ok(false);
                }
                return Err(transaction_failed(reasons));
            }
            _ => return Err(store_error(SdkError::ServiceError(error))),
        },
        Err(error) => return Err(store_error(error)),
    }
    if matches!(
        scope,
        ConfigScope::Entity(_) | ConfigScope::EntityResource(..)
    ) {
        forget_if_unused(client, table, namespace, resource_word(scope)).await?;
    }
    Ok(true)
}

async fn delete_of_system(
    client: &Client,
    table: &str,
    namespace: &str,
) -> Result<bool, StoreError> {
    let scope = ConfigScope::System;
    for attempt in 0..MOST_CONFIG_TRIES {
        before_change(attempt).await;
        let Some(known) = get(client, table, namespace, &scope).await? else {
            return Ok(false);
        };
        if config_item::decode(&known)?.has_only_days() {
            return Ok(false);
        }
        let action = config_item::delete(table, namespace, &scope, &known)?;
        if transaction::send(client, vec![action]).await? {
            return Ok(true);
        }
    }
    Err(transaction::busy())
}

/// Removes a resource from the list if no entity has limits for it any more.
pub(super) async fn forget_if_unused(
    client: &Client,
    table: &str,
    namespace: &str,
    resource: &str,
) -> Result<(), StoreError> {
    let result = client
        .update_item()
        .table_name(table)
        .key(PK, text(system_key(namespace)))
        .key(SK, text(ENTITY_CONFIG_RESOURCES))
        .update_expression("REMOVE #list")
        .condition_expression("#list <= :none")
        .expression_attribute_names("#list", resource)
        .expression_attribute_values(":none", number(0))
        .send()
        .await;
    match result {
        Ok(_) => Ok(()),
        Err(SdkError::ServiceError(error))
            if error.err().is_conditional_check_failed_exception() =>
        {
            Ok(())
        }
        Err(error) => Err(store_error(error)),
    }
}
