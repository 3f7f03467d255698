//! Raises the client version that a table requires, before something is stored that older clients
//! would misread.

use std::fmt;

use aws_sdk_dynamodb::{Client, error::SdkError, types::AttributeValue};

use super::super::{
    attributes::{PK, REGISTRY_KEY, SK, VERSION},
    expression::text,
    failure::store_error,
    retry::{MOST_VERSION_TRIES, before_change},
    version::{self, CLIENT_MIN_VERSION},
};
use crate::{
    model::{Limit, StoredConfig},
    store::{StoreError, StoreErrorKind},
};

/// The first version of the Python client that knows sessions.
const SESSIONS: &str = "0.15.0";

/// The first version of the Python client that knows quotas to which tokens were added.
const TOP_UP: &str = "0.17.0";

/// The first version of the Python client that knows entities that got another parent.
const MOVES: &str = "0.17.0";

/// Makes sure that all clients of the table understand `config`. One read if it has sessions, and a
/// write if older clients were admitted.
///
/// # Errors
/// [`Rejected`](StoreErrorKind::Rejected) if the table has functions of an older version.
pub(super) async fn require_for(
    client: &Client,
    table: &str,
    config: &StoredConfig,
) -> Result<(), StoreError> {
    let has_sessions = |limit: &Limit| {
        limit
            .renewal()
            .is_some_and(|renewal| renewal.calendar().is_none())
    };
    if config.limits.iter().any(has_sessions) {
        require(client, table, SESSIONS, "sessions need").await
    } else {
        Ok(())
    }
}

/// Makes sure that all clients of the table understand quotas to which tokens were added. One read,
/// and a write if older clients were admitted.
///
/// # Errors
/// [`Rejected`](StoreErrorKind::Rejected) if the table has functions of an older version.
pub(super) async fn require_for_top_up(client: &Client, table: &str) -> Result<(), StoreError> {
    require(client, table, TOP_UP, "topping up a quota needs").await
}

/// Makes sure that all clients of the table understand entities that got another parent. One read,
/// and a write if older clients were admitted.
///
/// # Errors
/// [`Rejected`](StoreErrorKind::Rejected) if the table has functions of an older version.
pub(super) async fn require_for_moves(client: &Client, table: &str) -> Result<(), StoreError> {
    require(
        client,
        table,
        MOVES,
        "moving an entity to another parent needs",
    )
    .await
}

async fn require(
    client: &Client,
    table: &str,
    required: &'static str,
    needs: &'static str,
) -> Result<(), StoreError> {
    for attempt in 0..MOST_VERSION_TRIES {
        before_change(attempt).await;
        let read = client
            .get_item()
            .table_name(table)
            .key(PK, text(REGISTRY_KEY))
            .key(SK, text(VERSION))
            .consistent_read(true)
            .send()
            .await
            .map_err(store_error)?;
        // Without a record, no client checks its version.
        let Some(item) = read.item else {
            return Ok(());
        };
        let record = version::decode(&item);
        if let Some(found) = record.functions_before(required).map_err(refused)? {
            return Err(refused(format!(
                "the table's functions are of version {found}, and {needs} {required}"
            )));
        }
        if !record.admits_older_than(required).map_err(refused)? {
            return Ok(());
        }
        let known = item.get(CLIENT_MIN_VERSION);
        if raise(client, table, required, known).await? {
            return Ok(());
        }
    }
    Err(StoreError::new(
        StoreErrorKind::Busy,
        "too many concurrent writes of the version record",
    ))
}

fn refused(problem: impl fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Rejected, problem.to_string())
}

/// Writes the version, unless the record has changed since it was read. Returns `true` if it was
/// written.
async fn raise(
    client: &Client,
    table: &str,
    required: &str,
    known: Option<&AttributeValue>,
) -> Result<bool, StoreError> {
    let update = client
        .update_item()
        .table_name(table)
        .key(PK, text(REGISTRY_KEY))
        .key(SK, text(VERSION))
        .update_expression("SET #version = :required")
        .expression_attribute_names("#version", CLIENT_MIN_VERSION)
        .expression_attribute_values(":required", text(required));
    let update = match known {
        Some(known) => update
            .condition_expression("#version = :known")
            .expression_attribute_values(":known", known.clone()),
        None => {
            update.condition_expression("attribute_exists(PK) AND attribute_not_exists(#version)")
        }
    };
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
