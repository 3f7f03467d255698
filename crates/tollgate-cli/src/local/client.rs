//! Clients of the engine.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, SharedCredentialsProvider},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// The longest time for a call, of a process that may be stopped.
pub(super) const CALL: Duration = Duration::from_secs(5);

/// Clients that read nothing of the environment, which may be set up for AWS.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) dynamodb: Client,
    pub(super) streams: aws_sdk_dynamodbstreams::Client,
}

impl Clients {
    /// Creates the clients of the engine at an endpoint.
    pub(super) fn new(endpoint: &str) -> Self {
        let http_client = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let credentials = Credentials::new("test", "test", None, None, "tollgate-local");
        let timeouts = TimeoutConfig::builder().operation_timeout(CALL).build();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .http_client(http_client)
            .timeout_config(timeouts)
            .build();
        Self {
            dynamodb: Client::new(&config),
            streams: aws_sdk_dynamodbstreams::Client::new(&config),
        }
    }
}
