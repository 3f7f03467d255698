//! Connections to a URL, with or without TLS.

use std::{error::Error, io, sync::Arc};

use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Returns a connector. If it `is_secure`, it checks servers by the certificates that the system
/// trusts; otherwise these are not read.
///
/// # Errors
/// If the system trusts no certificates.
pub(super) fn connector(is_secure: bool) -> io::Result<HttpsConnector<HttpConnector>> {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.enforce_http(false);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let config = if is_secure {
        config.with_native_roots()?
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .wrap_connector(http))
}

/// Returns the error of TLS that kept a connection from being made, if it was one.
pub(super) fn refusal<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(refusal) = error.downcast_ref() {
        return Some(refusal);
    }
    // An I/O error is not the source of itself: its inner error is skipped by `source`.
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match inner {
        Some(inner) => refusal(inner),
        None => refusal(error.source()?),
    }
}
