//! The configuration of the SDK.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{retry::RetryConfig, timeout::TimeoutConfig};
use tollgate::store::dynamodb::config_loader;

use crate::failure::Failure;

/// The attempts of each call to DynamoDB. If they do not help, Lambda tries the event again.
const ATTEMPTS: u32 = 4;

/// The longest pause before the second attempt. Pauses double.
const BACKOFF: Duration = Duration::from_millis(100);

/// The longest time for an attempt of a call.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Loads the configuration that all events of a process share.
pub(crate) async fn load() -> Result<SdkConfig, Failure> {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT);
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(BACKOFF);
    let config = config_loader()
        .retry_config(retries)
        .timeout_config(timeouts.build())
        .load()
        .await;
    if config.region().is_none() {
        return Err(Failure::new("NoRegion", "AWS_REGION is not set"));
    }
    Ok(config)
}
