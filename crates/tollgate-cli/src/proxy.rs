//! HTTP proxies, which the environment names.

use std::env;

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};

/// The variables that name a proxy. `NO_PROXY` lists the hosts that are reached without it.
const VARIABLES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Returns the first variable that names a proxy.
pub(crate) fn variable() -> Option<&'static str> {
    VARIABLES
        .into_iter()
        .find(|variable| env::var_os(variable).is_some_and(|value| !value.is_empty()))
}

/// Returns a client that asks through the proxies of the environment. The SDK's own client does not
/// read these variables.
pub(crate) fn client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        let connector = connector.tls_provider(Provider::Rustls(CryptoMode::Ring));
        connector.build()
    })
}
