//! The table in the engine, through the same calls as in AWS.

use std::{error::Error, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, timeout::TimeoutConfig},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tollgate::{RateLimiter, model::StackName, store::dynamodb::CreateTable};

use crate::failure::Failure;

/// The longest time for a call, of a process that may be stopped.
const DEADLINE: Duration = Duration::from_secs(5);

/// A table, and the number of its items.
#[derive(Debug)]
pub(crate) struct TableCount {
    pub(crate) name: String,
    pub(crate) items: Option<u64>,
}

/// Creates the table and its namespace `default`, as far as they are missing.
pub(crate) async fn create(endpoint: &str, stack: &StackName) -> Result<(), Failure> {
    let opened = RateLimiter::open()
        .stack(stack.clone())
        .namespace("default")
        .client(client(endpoint))
        .provision(CreateTable::new())
        .deadline(DEADLINE)
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

/// Returns all tables with the number of their items. Two round trips for a table.
pub(crate) async fn count(endpoint: &str) -> Result<Vec<TableCount>, Failure> {
    let client = client(endpoint);
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
        tables.push(TableCount { name, items });
    }
    Ok(tables)
}

/// Returns the innermost cause: the SDK's own errors do not say more.
fn root_cause(error: &dyn Error) -> &dyn Error {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}

/// Returns a client that reads nothing of the environment, which may be set up for AWS.
fn client(endpoint: &str) -> Client {
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder().operation_timeout(DEADLINE);
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(
            "test",
            "test",
            None,
            None,
            "tollgate-local",
        ))
        .endpoint_url(endpoint)
        .http_client(http_client)
        .timeout_config(timeouts.build());
    Client::from_conf(config.build())
}
