//! The table in the engine, through the same calls as in AWS.

use std::error::Error;

use tollgate::{RateLimiter, model::StackName, store::dynamodb::CreateTable};
use tollgate_ops::follow::AggregatorState;

use super::client::{CALL, Clients};
use crate::failure::Failure;

/// A table, the number of its items, and the state of its aggregator.
#[derive(Debug)]
pub(crate) struct TableCount {
    pub(crate) name: String,
    pub(crate) items: Option<u64>,
    pub(crate) aggregator: Option<AggregatorState>,
}

/// Creates the table and its namespace `default`, as far as they are missing.
pub(crate) async fn create(endpoint: &str, stack: &StackName) -> Result<(), Failure> {
    let opened = RateLimiter::open()
        .stack(stack.clone())
        .namespace("default")
        .client(Clients::new(endpoint).dynamodb)
        .provision(CreateTable::new())
        .deadline(CALL)
        .await;
    let limiter = opened.map_err(|error| {
        let cause = root_cause(&error);
        Failure::Refused(format!(
            "the table {stack} cannot be made at {endpoint}: {cause}"
        ))
    })?;
    limiter.shutdown().await;
    Ok(())
}

/// Returns all tables with the number of their items. Three round trips for a table.
pub(crate) async fn count(endpoint: &str) -> Result<Vec<TableCount>, Failure> {
    let client = Clients::new(endpoint).dynamodb;
    let failed = |error: &dyn Error| {
        let cause = root_cause(error);
        Failure::Aws(format!(
            "the local table at {endpoint} does not answer: {cause}"
        ))
    };
    let mut pages = client.list_tables().into_paginator().items().send();
    let mut tables = Vec::new();
    while let Some(name) = pages.next().await {
        let name = name.map_err(|error| failed(&error))?;
        let described = client.describe_table().table_name(&name).send().await;
        let described = described.map_err(|error| failed(&error))?;
        let items = described.table.and_then(|table| table.item_count);
        let items = items.and_then(|items| u64::try_from(items).ok());
        // Tables of other programs have none, or other keys.
        let aggregator = AggregatorState::read(&client, &name).await.ok().flatten();
        tables.push(TableCount {
            name,
            items,
            aggregator,
        });
    }
    Ok(tables)
}

/// Returns the innermost cause: the SDK's own errors do not say more.
pub(super) fn root_cause(error: &dyn Error) -> &dyn Error {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}
