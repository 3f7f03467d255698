//! Changes many configs, the lists of scopes that have limits, and the history in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::{
    Client,
    types::{Put, TransactWriteItem},
};

use super::{
    super::{
        attributes::{ENTITY_CONFIG_RESOURCES, INDEX_KEYS, PK, SK, system_key},
        expression::{Expression, text},
        retry::{MOST_CONFIG_TRIES, before_change},
    },
    audit,
    batch::{self, Item, text_of, unbuildable},
    client_version,
    config_item::{self, resource_word},
    configs::{forget_if_unused, list_of_resources},
    transaction,
};
use crate::{
    model::{AuditEvent, ConfigChange, ConfigScope},
    store::{StoreError, StoreErrorKind},
};

/// Makes the changes if all configs are as they were read. Returns `false`, and changes nothing, if
/// one is not. Attributes that others have stored beside the limits stay.
pub(super) async fn change(
    client: &Client,
    table: &str,
    namespace: &str,
    changes: &[ConfigChange],
    events: &[(AuditEvent, i64)],
) -> Result<bool, StoreError> {
    let stored = changes.iter().filter_map(|change| change.after.as_ref());
    let stored: Vec<_> = stored.collect();
    for attempt in 0..MOST_CONFIG_TRIES {
        before_change(attempt).await;
        let Some(known) = read(client, table, namespace, changes).await? else {
            return Ok(false);
        };
        let mut actions = configs(table, namespace, changes, &known)?;
        actions.extend(lists(table, namespace, changes, &known)?);
        for (event, expires_at) in events {
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(audit::item(namespace, event, *expires_at)?))
                .build()
                .map_err(unbuildable)?;
            actions.push(TransactWriteItem::builder().put(put).build());
        }
        if actions.is_empty() {
            return Ok(true);
        }
        // Only now: a change that is not made shuts no older client out.
        client_version::require_for(client, table, &stored).await?;
        if transaction::send(client, actions).await? {
            // The changes are made. A resource that stays in the list costs a read, and no more.
            forget_unused(client, table, namespace, changes).await.ok();
            return Ok(true);
        }
    }
    Err(transaction::busy())
}

/// Reads the items of the configs. Returns `None` if one is not as the change was planned for.
async fn read(
    client: &Client,
    table: &str,
    namespace: &str,
    changes: &[ConfigChange],
) -> Result<Option<Vec<Option<Item>>>, StoreError> {
    let keys = changes
        .iter()
        .map(|change| config_item::key(namespace, &change.scope));
    let keys: Vec<Item> = keys.collect();
    let items = batch::get(client, table, keys.clone(), true).await?;
    let mut found: HashMap<_, _> = items.into_iter().map(|item| (names(&item), item)).collect();
    let mut known = Vec::with_capacity(changes.len());
    for (key, change) in keys.iter().zip(changes) {
        let item = found.remove(&names(key));
        let stored = item.as_ref().map(config_item::decode).transpose()?;
        if !change.is_of(stored.as_ref()) {
            return Ok(None);
        }
        known.push(item);
    }
    Ok(Some(known))
}

fn names(item: &Item) -> (String, String) {
    let name = |attribute| text_of(item, attribute).unwrap_or_default().to_owned();
    (name(PK), name(SK))
}

fn configs(
    table: &str,
    namespace: &str,
    changes: &[ConfigChange],
    known: &[Option<Item>],
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let mut actions = Vec::with_capacity(2 * changes.len() + 2);
    for (change, known) in changes.iter().zip(known) {
        let (scope, known) = (&change.scope, known.as_ref());
        match (&change.after, known) {
            (Some(after), known) => {
                actions.push(config_item::replace(table, namespace, scope, after, known)?);
            }
            (None, Some(known)) if !change.is_nothing() => {
                actions.push(config_item::delete(table, namespace, scope, known)?);
            }
            (None, _) => {}
        }
    }
    Ok(actions)
}

/// Returns the writes of the two lists: resources with limits, and the number of configs of
/// entities for each resource.
fn lists(
    table: &str,
    namespace: &str,
    changes: &[ConfigChange],
    known: &[Option<Item>],
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let (mut added, mut deleted, mut counts) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (change, known) in changes.iter().zip(known) {
        match (&change.scope, known.is_some(), change.after.is_some()) {
            (ConfigScope::System, ..) | (_, false, false) => {}
            (ConfigScope::Resource(resource), _, true) => added.push(resource.to_string()),
            (ConfigScope::Resource(resource), true, false) => deleted.push(resource.to_string()),
            (_, true, true) => {}
            (scope, false, true) => *counts.entry(resource_word(scope)).or_insert(0) += 1,
            (scope, true, false) => *counts.entry(resource_word(scope)).or_insert(0) -= 1,
        }
    }
    if !added.is_empty() && !deleted.is_empty() {
        // One expression cannot do both to a list, and a transaction writes an item once.
        let problem = "configs of resources are stored and others deleted: one after the other";
        return Err(StoreError::new(StoreErrorKind::Rejected, problem));
    }
    let mut actions = Vec::new();
    for (verb, resources) in [("ADD", added), ("DELETE", deleted)] {
        if !resources.is_empty() {
            actions.push(list_of_resources(table, namespace, verb, resources)?);
        }
    }
    counts.retain(|_, count| *count != 0);
    if !counts.is_empty() {
        let mut expression = Expression::default();
        for (word, count) in counts {
            expression.add(word, count);
        }
        let (index_hash, index_range) = INDEX_KEYS[3];
        expression.set(index_hash, text(namespace));
        expression.set(index_range, text(system_key(namespace)));
        let key = HashMap::from([
            (PK.into(), text(system_key(namespace))),
            (SK.into(), text(ENTITY_CONFIG_RESOURCES)),
        ]);
        let action = expression.into_action(table, key).map_err(unbuildable)?;
        actions.push(action);
    }
    Ok(actions)
}

/// Removes resources from the list if no entity has limits for them any more.
async fn forget_unused(
    client: &Client,
    table: &str,
    namespace: &str,
    changes: &[ConfigChange],
) -> Result<(), StoreError> {
    let deleted = changes.iter().filter(|change| change.after.is_none());
    let of_entities = deleted.filter_map(|change| match &change.scope {
        ConfigScope::Entity(_) | ConfigScope::EntityResource(..) => {
            Some(resource_word(&change.scope))
        }
        _ => None,
    });
    for word in of_entities.collect::<BTreeSet<_>>() {
        forget_if_unused(client, table, namespace, word).await?;
    }
    Ok(())
}
