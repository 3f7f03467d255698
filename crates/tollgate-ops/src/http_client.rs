//! The HTTP client of the requests that this crate signs itself.

use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_types::SdkConfig;

/// Returns a configuration that has an HTTP client: its own, else the one that `tollgate` uses. The
/// clients of the SDK also have one of their own if the configuration has none.
pub(crate) fn with_http_client(config: &SdkConfig) -> SdkConfig {
    if config.http_client().is_some() {
        return config.clone();
    }
    let client = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    config.clone().into_builder().http_client(client).build()
}
