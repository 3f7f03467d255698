//! Clients for the table.

use std::{env, time::Duration};

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_types::service_config::ServiceConfigKey;

/// Loads the SDK's configuration from the environment: region, credentials, endpoint
/// (`AWS_ENDPOINT_URL_DYNAMODB`) and the rest, with an HTTPS client on `rustls` and `ring`.
///
/// Call this only to change the configuration before
/// [`RateLimiter::open`](crate::RateLimiter::open), which loads the configuration itself by
/// default.
pub async fn load_config() -> SdkConfig {
    load_config_from(&AwsOptions::default()).await
}

/// Returns the loader of [`load_config`], to set a region, a profile or an endpoint before it
/// loads. Pass the result to [`OpenOptions::aws_config`](crate::limiter::OpenOptions::aws_config).
///
/// ```no_run
/// # async fn open() -> Result<(), tollgate::Error> {
/// use tollgate::{RateLimiter, store::dynamodb::config_loader};
///
/// let config = config_loader().profile_name("operations").load().await;
/// let limiter = RateLimiter::open().aws_config(config).await?;
/// # Ok(())
/// # }
/// ```
pub fn config_loader() -> ConfigLoader {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http)
}

/// The parts of the SDK's configuration that do not come from the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct AwsOptions {
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) profile: Option<String>,
}

impl AwsOptions {
    /// Returns `true` if some part is set.
    pub(crate) fn is_set(&self) -> bool {
        self.region.is_some() || self.endpoint.is_some() || self.profile.is_some()
    }

    /// Returns the setting or the variable that names the endpoint and is empty. The SDK panics on
    /// an empty endpoint.
    pub(crate) fn empty_endpoint(&self) -> Option<&'static str> {
        if let Some(endpoint) = &self.endpoint {
            return endpoint.is_empty().then_some("endpoint_url");
        }
        let is_empty = |variable: &&str| env::var_os(variable).is_some_and(|url| url.is_empty());
        ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]
            .into_iter()
            .find(is_empty)
    }
}

/// Loads the configuration as [`load_config`] does, except for what `source` sets.
pub(crate) async fn load_config_from(source: &AwsOptions) -> SdkConfig {
    let mut loader = config_loader();
    if let Some(region) = &source.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &source.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(profile) = &source.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

/// Returns `true` if STS may be asked for the owner of the credentials: if DynamoDB's endpoint is
/// AWS itself, or if STS has an endpoint of its own.
pub(crate) fn asks_for_caller(config: &SdkConfig) -> bool {
    let everywhere = config.endpoint_url();
    // Returns the service's own endpoint, or the endpoint for all services.
    let endpoint = |service: &str| {
        let key = ServiceConfigKey::builder()
            .service_id(service)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        key.ok()
            .and_then(|key| config.service_config()?.load_config(key))
    };
    let own = endpoint("STS").is_some_and(|sts| everywhere != Some(sts.as_str()));
    own || (everywhere.is_none() && endpoint("DynamoDB").is_none())
}

/// Returns the same client with a timeout for one call, retries included. A timeout that the client
/// has stays.
pub(super) fn in_some_time(client: &Client, deadline: Duration) -> Client {
    let known = client
        .config()
        .timeout_config()
        .and_then(TimeoutConfig::operation_timeout);
    in_time(client, known.unwrap_or(deadline))
}

/// Returns the same client with a timeout for one call, retries included.
pub(super) fn in_time(client: &Client, deadline: Duration) -> Client {
    let config = client.config();
    let known = config.timeout_config();
    let timeouts = known.map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
    Client::from_conf(
        config
            .to_builder()
            .timeout_config(timeouts.operation_timeout(deadline).build())
            .build(),
    )
}

/// Returns the same client without retries, for writes that are not safe to repeat blindly.
pub(super) fn without_retries(client: &Client) -> Client {
    let config = client
        .config()
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}
