//! The namespace of an event.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use tollgate::{
    Error, RateLimiter,
    error::StackError,
    limiter::RateLimiterBuilder,
    store::dynamodb::{DynamoDbStore, JoinOnly},
};
use tollgate_ops::limits::Target;

use super::error::ProvisionError;

/// The longest time for a step. People wait for it, and no request does.
const DEADLINE: Duration = Duration::from_secs(20);

/// Opens a namespace by its name. Creates nothing.
pub(super) async fn open(
    client: &Client,
    table: &str,
    name: &str,
) -> Result<Target, ProvisionError> {
    let opened = RateLimiter::open()
        .stack(table)
        .namespace(name)
        .client(client.clone())
        .provision(JoinOnly::new())
        .settings(settings())
        .deadline(DEADLINE)
        .await;
    let limiter = opened.map_err(|error| match error {
        Error::Stack(StackError::NotFound { table }) => {
            ProvisionError::Missing(format!("there is no table {table}"))
        }
        Error::Stack(StackError::NamespaceNotFound { table, namespace }) => {
            ProvisionError::Missing(format!(
                "there is no namespace {namespace} in table {table}: `tollgate namespace register {namespace}` makes one"
            ))
        }
        error => error.into(),
    })?;
    Ok(Target::new(limiter, client.clone())?)
}

/// Returns the name of the namespace with an id.
pub(super) async fn name_of(
    client: &Client,
    table: &str,
    id: &str,
) -> Result<String, ProvisionError> {
    // A namespace that no tenant has: only the table's own records are read.
    let store = DynamoDbStore::new(client, table, "_");
    let limiter = settings().build(store).map_err(Error::from)?;
    let mut listing = limiter.namespaces().list();
    while let Some(namespace) = listing.next().await {
        let namespace = namespace?;
        if namespace.id.as_str() == id {
            return Ok(namespace.name.to_string());
        }
    }
    Err(ProvisionError::Missing(format!(
        "there is no namespace with the id {id} in table {table}"
    )))
}

fn settings() -> RateLimiterBuilder {
    RateLimiter::builder()
        .deadline(DEADLINE)
        .store_deadline(DEADLINE)
        .call_deadline(DEADLINE)
        .without_breaker()
}
