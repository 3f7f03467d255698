//! Opens a stack. Nothing is created or written.

use std::time::Duration;

use aws_config::{
    Region, SdkConfig, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
};
use aws_sdk_dynamodb::{Client, config::SharedCredentialsProvider};
use tollgate::{
    Error, RateLimiter,
    error::{StackError, Unavailable},
    limiter::RateLimiterBuilder,
    store::{
        StoreErrorKind,
        dynamodb::{DynamoDbStore, JoinOnly, config_loader},
    },
};

use crate::{failure::Failure, options::Options};

/// The longest time for each step of a command. People wait for it, and no request does.
const DEADLINE: Duration = Duration::from_secs(10);

/// Opens a namespace of a stack. Two round trips.
pub(crate) async fn namespace(options: &Options) -> Result<RateLimiter, Failure> {
    let (stack, namespace) = (options.stack()?, options.namespace()?);
    let config = load(options).await?;
    let opened = RateLimiter::open()
        .stack(stack)
        .namespace(namespace)
        .aws_config(config.clone())
        .provision(JoinOnly::new())
        .settings(settings())
        .deadline(DEADLINE)
        .await;
    opened.map_err(|error| match error {
        Error::Stack(StackError::NotFound { table }) => no_stack(&table, &config),
        Error::Stack(StackError::NamespaceNotFound { table, namespace }) => {
            Failure::Refused(format!(
                "there is no namespace {namespace} in stack {table}: `tollgate namespace register {namespace}` makes one"
            ))
        }
        error => error.into(),
    })
}

/// Opens a stack without any of its namespaces. One round trip.
pub(crate) async fn stack(options: &Options) -> Result<RateLimiter, Failure> {
    let stack = options.stack()?;
    let config = load(options).await?;
    if config.region().is_none() {
        return Err(Error::from(StackError::NoRegion).into());
    }
    // The namespace of the table's own records, which no tenant has.
    let store = DynamoDbStore::new(&Client::new(&config), stack.as_str(), "_");
    let limiter = settings().build(store).map_err(Error::from)?;
    match limiter.ping().await {
        Ok(_) => Ok(limiter),
        Err(Error::Unavailable(Unavailable::Store(error)))
            if error.kind() == StoreErrorKind::Missing =>
        {
            Err(no_stack(stack.as_str(), &config))
        }
        Err(Error::Unavailable(Unavailable::Deadline)) => Err(Failure::Aws(format!(
            "no answer within {} s: DynamoDB was asked {}",
            DEADLINE.as_secs(),
            place(&config)
        ))),
        Err(Error::Unavailable(error)) => Err(Failure::Aws(format!(
            "{error}; DynamoDB was asked {}",
            place(&config)
        ))),
        Err(error) => Err(error.into()),
    }
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
            None => {
                format!("table {name} has no version record: it is no stack, or was not finished")
            }
        }));
    }
    let compatible = status.compatibility();
    compatible
        .map_err(|problem| Failure::Refused(format!("stack {name} cannot be used: {problem}")))?;
    Ok(limiter)
}

fn settings() -> RateLimiterBuilder {
    RateLimiter::builder()
        .deadline(DEADLINE)
        .store_deadline(DEADLINE)
        .call_deadline(DEADLINE)
        .without_breaker()
}

/// Loads the configuration of the AWS SDK.
pub(crate) async fn load(options: &Options) -> Result<SdkConfig, Failure> {
    let mut loader = config_loader();
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &options.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    let late = |_| {
        Failure::Aws(format!(
            "the AWS configuration was not loaded within {} s: set a region by --region or AWS_REGION",
            DEADLINE.as_secs()
        ))
    };
    let config = tokio::time::timeout(DEADLINE, loader.load())
        .await
        .map_err(late)?;
    Ok(match &options.profile {
        Some(profile) => with_profile(config, profile),
        None => config,
    })
}

/// Returns the configuration with the credentials of a profile. As with the AWS command, a profile
/// that is named counts more than credentials in the environment.
fn with_profile(config: SdkConfig, profile: &str) -> SdkConfig {
    let mut provider = ProviderConfig::without_region().with_region(config.region().cloned());
    if let Some(client) = config.http_client() {
        provider = provider.with_http_client(client);
    }
    let credentials = ProfileFileCredentialsProvider::builder()
        .configure(&provider)
        .profile_name(profile)
        .build();
    let credentials = SharedCredentialsProvider::new(credentials);
    let config = config.into_builder().credentials_provider(credentials);
    config.build()
}

fn no_stack(table: &str, config: &SdkConfig) -> Failure {
    Failure::NoStack(format!(
        "there is no stack {table} {}: nothing was created; --name or TOLLGATE_STACK name another one",
        place(config)
    ))
}

fn place(config: &SdkConfig) -> String {
    match (config.endpoint_url(), config.region()) {
        (Some(endpoint), _) => format!("at {endpoint}"),
        (None, Some(region)) => format!("in region {region}"),
        (None, None) => "in no region".to_owned(),
    }
}
