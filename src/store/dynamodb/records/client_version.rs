//! Raises the client version that a table requires, before something is stored that older clients
//! would misread.

use std::fmt;

use aws_sdk_dynamodb::{Client, error::SdkError, types::AttributeValue};

use super::super::{
    attributes::{Item, PK, REGISTRY_KEY, SK, VERSION},
    expression::text,
    failure::store_error,
    retry::{MOST_VERSION_TRIES, before_change},
    version::{self, CLIENT_MIN_VERSION},
};
use crate::{
    model::{Access, ConfigFlag, Limit, StoredConfig, VersionRecord},
    store::{StoreError, StoreErrorKind},
};

/// A kind of stored data that older clients would misread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    Sessions,
    CascadePolicy,
    Bypass,
    SoftLimits,
    TopUps,
    Moves,
}

impl Feature {
    /// Returns the first version of the Python client that knows the feature.
    fn version(self) -> &'static str {
        match self {
            Self::Sessions => "0.15.0",
            Self::CascadePolicy => "0.16.0",
            Self::Bypass | Self::SoftLimits | Self::TopUps | Self::Moves => "0.17.0",
        }
    }

    /// Returns the feature's name for an error: a plural.
    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::CascadePolicy => "cascade rules of configs",
            Self::Bypass => "bypasses",
            Self::SoftLimits => "soft limits",
            Self::TopUps => "quotas to which tokens are added",
            Self::Moves => "entities that get another parent",
        }
    }

    /// Returns the feature of a flag that is stored.
    pub(super) fn of_flag(flag: ConfigFlag) -> Option<Self> {
        match flag {
            ConfigFlag::Access(Some(Access::Bypassed)) => Some(Self::Bypass),
            ConfigFlag::Cascade(Some(_)) => Some(Self::CascadePolicy),
            _ => None,
        }
    }

    /// Refuses a table whose functions are too old for the feature.
    fn check_functions(self, record: &VersionRecord) -> Result<(), StoreError> {
        let required = self.version();
        match record.functions_before(required).map_err(refused)? {
            None => Ok(()),
            Some(found) => Err(refused(format!(
                "the table's functions are of version {found}, and {} need {required}",
                self.name()
            ))),
        }
    }

    fn all_of(config: &StoredConfig) -> impl Iterator<Item = Self> {
        let has_sessions = |limit: &Limit| {
            limit
                .renewal()
                .is_some_and(|renewal| renewal.calendar().is_none())
        };
        let sessions = config.limits.iter().any(has_sessions);
        let flags = [
            ConfigFlag::Access(config.access),
            ConfigFlag::Cascade(config.cascade),
        ];
        let soft = config.limits.iter().any(Limit::is_soft);
        let of_limits = [
            sessions.then_some(Self::Sessions),
            soft.then_some(Self::SoftLimits),
        ];
        of_limits
            .into_iter()
            .flatten()
            .chain(flags.into_iter().filter_map(Self::of_flag))
    }
}

/// Makes sure that all clients of the table understand `configs`. One read for each feature that
/// older clients do not know, and a write if older clients were admitted.
///
/// # Errors
/// [`Rejected`](StoreErrorKind::Rejected) if the table has functions of an older version.
pub(super) async fn require_for(
    client: &Client,
    table: &str,
    configs: &[&StoredConfig],
) -> Result<(), StoreError> {
    let mut required = Vec::new();
    for feature in configs.iter().copied().flat_map(Feature::all_of) {
        if !required.contains(&feature) {
            ratchet(client, table, feature).await?;
            required.push(feature);
        }
    }
    Ok(())
}

/// Checks that the table's functions understand `configs`, and writes nothing. One read if they have
/// features that older functions do not know.
///
/// # Errors
/// [`Rejected`](StoreErrorKind::Rejected) if the table has functions of an older version.
pub(in crate::store::dynamodb) async fn check_functions(
    client: &Client,
    table: &str,
    configs: &[&StoredConfig],
) -> Result<(), StoreError> {
    let features = configs.iter().copied().flat_map(Feature::all_of);
    let features: Vec<_> = features.collect();
    if features.is_empty() {
        return Ok(());
    }
    let Some(item) = read(client, table).await? else {
        return Ok(());
    };
    let record = version::decode(&item);
    let mut features = features.into_iter();
    features.try_for_each(|feature| feature.check_functions(&record))
}

/// Makes sure that all clients of the table know the feature, before it is stored. One read, and a
/// write if older clients were admitted.
///
/// # Errors
/// [`Rejected`](StoreErrorKind::Rejected) if the table has functions of an older version.
pub(super) async fn ratchet(
    client: &Client,
    table: &str,
    feature: Feature,
) -> Result<(), StoreError> {
    let required = feature.version();
    for attempt in 0..MOST_VERSION_TRIES {
        before_change(attempt).await;
        // Without a record, no client checks its version.
        let Some(item) = read(client, table).await? else {
            return Ok(());
        };
        let record = version::decode(&item);
        feature.check_functions(&record)?;
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

/// Reads the version record, consistently.
async fn read(client: &Client, table: &str) -> Result<Option<Item>, StoreError> {
    let output = client
        .get_item()
        .table_name(table)
        .key(PK, text(REGISTRY_KEY))
        .key(SK, text(VERSION))
        .consistent_read(true)
        .send()
        .await
        .map_err(store_error)?;
    Ok(output.item)
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
