//! SDK clients for a loopback endpoint.

use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Returns a configuration for `endpoint` with fake credentials. The SDK's own retries are off, so
/// that a test sees every failure and counts every request once.
pub(crate) fn config(endpoint: String) -> Builder {
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(
            "test",
            "test",
            None,
            None,
            "tollgate-testkit",
        ))
        .endpoint_url(endpoint)
        .http_client(http_client)
        .retry_config(RetryConfig::disabled())
}
