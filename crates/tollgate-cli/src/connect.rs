//! Opens a stack. Nothing is created or written.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    types::{ScalarAttributeType, TableDescription},
};
use tollgate::{
    Error, RateLimiter,
    error::{StackError, Unavailable},
    limiter::RateLimiterBuilder,
    model::NamespaceName,
    store::{
        StoreErrorKind,
        dynamodb::{DynamoDbStore, JoinOnly, Stack},
    },
};

use crate::{failure::Failure, options::Options, place::place, sdk_config::load};

/// The longest time for each step of a command. People wait for it, and no request does.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Opens a namespace of a stack. One round trip.
pub(crate) async fn namespace(
    options: &Options,
    namespace: &NamespaceName,
) -> Result<RateLimiter, Failure> {
    let stack = options.stack()?;
    let config = load(options, DEADLINE).await?;
    let opened = RateLimiter::open()
        .stack(stack.clone())
        .namespace(namespace.clone())
        .aws_config(config.clone())
        .provision(JoinOnly::new())
        .settings(settings())
        .deadline(DEADLINE)
        .await;
    match opened {
        Ok(limiter) => Ok(limiter),
        Err(Error::Stack(StackError::NotFound { table })) => Err(no_stack(&table, &config).await),
        Err(Error::Stack(StackError::NamespaceNotFound { table, namespace })) => {
            let stack = Stack::new(Client::new(&config), stack).with_call_deadline(DEADLINE);
            Err(Failure::Refused(match stack.version_record().await {
                Ok(None) => unfinished(&table),
                _ => format!(
                    "there is no namespace {namespace} in stack {table}: `tollgate namespace register {namespace}` makes one"
                ),
            }))
        }
        Err(error) => Err(with_place(error, &config)),
    }
}

/// Opens a stack without any of its namespaces. One round trip.
pub(crate) async fn stack(options: &Options) -> Result<RateLimiter, Failure> {
    let unopened = unopened(options).await?;
    let (limiter, config) = (unopened.registry()?, &unopened.config);
    match limiter.ping().await {
        Ok(_) => Ok(limiter),
        Err(Error::Unavailable(Unavailable::Store(error)))
            if error.kind() == StoreErrorKind::Missing =>
        {
            Err(no_stack(unopened.stack.table(), config).await)
        }
        Err(Error::Unavailable(Unavailable::Deadline)) => Err(Failure::Aws(format!(
            "no answer within {} s: DynamoDB was asked {}",
            DEADLINE.as_secs(),
            place(config)
        ))),
        // A table with other keys refuses the key of the version record.
        Err(error)
            if is_rejected(&error) && has_other_keys(unopened.stack.table(), config).await =>
        {
            Err(Failure::Refused(format!(
                "table {} was not created by tollgate or zae-limiter: it has other keys ({error})",
                unopened.stack.table()
            )))
        }
        Err(error) => Err(with_place(error, config)),
    }
}

fn is_rejected(error: &Error) -> bool {
    matches!(error, Error::Unavailable(Unavailable::Store(error)) if error.kind() == StoreErrorKind::Rejected)
}

/// Returns true if the table has other keys than a stack's table, or keys of another type.
async fn has_other_keys(table: &str, config: &SdkConfig) -> bool {
    let Some(described) = describe(table, config).await else {
        return false;
    };
    let keys = described.key_schema().iter();
    let is_text = |name: &&str| {
        let mut attributes = described.attribute_definitions().iter();
        attributes.any(|attribute| {
            attribute.attribute_name() == *name
                && *attribute.attribute_type() == ScalarAttributeType::S
        })
    };
    !keys
        .map(|key| key.attribute_name())
        .filter(is_text)
        .eq(["PK", "SK"])
}

/// Returns the failure of a call, with the place that was asked.
fn with_place(error: Error, config: &SdkConfig) -> Failure {
    // The library tells the place if nothing was reached.
    let is_told =
        matches!(&error, Error::Stack(StackError::Call { error, .. }) if error.place().is_some());
    let hint = (!is_told).then(|| format!("DynamoDB was asked {}", place(config)));
    Failure::from(error).with_hint(hint)
}

/// A stack of which nothing is known yet: it may not exist.
#[derive(Debug)]
pub(crate) struct Unopened {
    pub(crate) stack: Stack,
    config: SdkConfig,
}

impl Unopened {
    /// Returns the failure for a stack that does not exist.
    pub(crate) fn missing(&self) -> Failure {
        absent(self.stack.table(), &self.config)
    }

    /// Returns the failure for an error of the stack, with the place that was asked.
    pub(crate) fn failure(&self, error: StackError) -> Failure {
        match error {
            StackError::NotFound { .. } => self.missing(),
            StackError::Call { .. } | StackError::Deadline { .. } => Failure::Aws(format!(
                "{error}; DynamoDB was asked {}",
                place(&self.config)
            )),
            error => Error::from(error).into(),
        }
    }

    /// Returns a limiter of the table's own records, in a namespace that no tenant has. No round
    /// trip.
    pub(crate) fn registry(&self) -> Result<RateLimiter, Failure> {
        let store = DynamoDbStore::new(self.stack.client(), self.stack.table(), "_");
        Ok(settings().build(store).map_err(Error::from)?)
    }

    /// Returns the place of the stack, for people: `in region eu-west-1`.
    pub(crate) fn place(&self) -> String {
        place(&self.config)
    }

    /// Returns the configuration.
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Returns the region, if one is set.
    pub(crate) fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }
}

/// Loads the configuration for a stack, and asks nothing.
pub(crate) async fn unopened(options: &Options) -> Result<Unopened, Failure> {
    let name = options.stack()?;
    let config = load(options, DEADLINE).await?;
    if config.region().is_none() {
        return Err(Error::from(StackError::NoRegion).into());
    }
    let stack = Stack::new(Client::new(&config), name).with_call_deadline(DEADLINE);
    Ok(Unopened { stack, config })
}

/// Opens a stack for its namespaces: a table that this version can work with. Three round trips more
/// than [`stack`].
pub(crate) async fn registry(options: &Options) -> Result<RateLimiter, Failure> {
    let limiter = stack(options).await?;
    let status = limiter.status().await;
    let name = options.stack()?;
    if status.store.version.is_none() {
        return Err(Failure::Refused(match status.store.problem {
            Some(problem) => format!("the version of {name} is not known: {problem}"),
            None => unfinished(name.as_str()),
        }));
    }
    let compatible = status.compatibility();
    compatible
        .map_err(|problem| Failure::Refused(format!("stack {name} cannot be used: {problem}")))?;
    Ok(limiter)
}

/// Describes a table without a version record, and what finishes it.
pub(crate) fn unfinished(table: &str) -> String {
    format!(
        "table {table} has no version record: it was not finished. If CloudFormation has a stack {table}, \
         `tollgate deploy --name {table} --records-only` finishes it; otherwise `tollgate table create --name {table}`, \
         and then `tollgate namespace register default --name {table}`"
    )
}

fn settings() -> RateLimiterBuilder {
    RateLimiter::builder()
        .deadline(DEADLINE)
        .store_deadline(DEADLINE)
        .call_deadline(DEADLINE)
        .without_breaker()
}

/// Returns the description of a table, if it can be had.
async fn describe(table: &str, config: &SdkConfig) -> Option<TableDescription> {
    let description = Client::new(config).describe_table().table_name(table);
    let described = tokio::time::timeout(DEADLINE, description.send()).await;
    described.ok()?.ok()?.table
}

/// Returns the failure of a call that found no table: it may be on its way.
async fn no_stack(table: &str, config: &SdkConfig) -> Failure {
    let described = describe(table, config).await;
    if let Some(status) = described.and_then(|described| described.table_status) {
        return Failure::Aws(format!(
            "table {table} cannot be used now: its status is {status}; try again in a minute"
        ));
    }
    absent(table, config)
}

fn absent(table: &str, config: &SdkConfig) -> Failure {
    Failure::NoStack(format!(
        "there is no stack {table} {}: nothing was created; --name or TOLLGATE_STACK name another one",
        place(config)
    ))
}
