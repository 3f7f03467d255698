//! The configuration of the AWS SDK.

use std::time::Duration;

use aws_config::{
    Region, SdkConfig, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use tollgate::store::dynamodb::config_loader;

use crate::{failure::Failure, options::Options, place, proxy};

/// Loads the configuration that the options and the environment name, until `deadline` at the
/// latest.
pub(crate) async fn load(options: &Options, deadline: Duration) -> Result<SdkConfig, Failure> {
    place::check_endpoints(options)?;
    let mut loader = config_loader();
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if proxy::variable().is_some() {
        loader = loader.http_client(proxy::client());
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
            deadline.as_secs()
        ))
    };
    let config = tokio::time::timeout(deadline, loader.load())
        .await
        .map_err(late)?;
    place::check_region(&config)?;
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
