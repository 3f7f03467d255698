//! A URL as the target.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::RETRY_AFTER, uri::Authority,
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::Instant;

use super::{connector, keys::Keys, rate_limit_headers};
use crate::{
    reply::Reply,
    target::{Call, Target},
};

/// The part of a header's value that becomes the key of the call.
const KEY: &str = "{key}";

/// Requests to a URL behind a rate limit, over HTTP/1.1 with connections that are kept.
///
/// | answer | outcome |
/// |---|---|
/// | 200 to 399 | granted |
/// | 429 | denied, with its `Retry-After` |
/// | 503 | unavailable |
/// | others, and none | error |
///
/// The body is read to its end, and the latency ends with it.
///
/// With `https://`, the certificate of the server is checked by those that the system trusts.
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    method: Method,
    headers: HeaderMap,
    /// Headers with a part that becomes the key.
    keyed: Vec<(HeaderName, String)>,
    keys: Option<Keys>,
    body: Bytes,
}

/// The reason why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The URL is none that can be requested.
    #[error(
        "the URL {0} cannot be requested: it must begin with http:// or https:// and name a host, \
         without a user, and with a port up to 65535 if it has one"
    )]
    Url(String),
    /// The certificates that the system trusts cannot be read.
    #[error(
        "no certificates to check the server by: {0}; install those of your system, or name a file by SSL_CERT_FILE"
    )]
    Certificates(String),
    /// A header cannot be sent.
    #[error("the header {0:?} cannot be sent: a name, and a value without control characters")]
    Header(String),
}

impl HttpTarget {
    /// Returns GET requests to a URL.
    ///
    /// # Errors
    /// [`InvalidRequest::Url`] if it is none, or of another scheme than `http` and `https`;
    /// [`InvalidRequest::Certificates`] if the system trusts no certificates, for `https`.
    pub fn new(url: &str) -> Result<Self, InvalidRequest> {
        let invalid = || InvalidRequest::Url(url.to_owned());
        let url: Uri = url.parse().map_err(|_| invalid())?;
        let is_secure = match url.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(invalid()),
        };
        if !url.authority().is_some_and(is_host) {
            return Err(invalid());
        }
        let connector = connector::connector(is_secure)
            .map_err(|error| InvalidRequest::Certificates(error.to_string()))?;
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            url,
            method: Method::GET,
            headers: HeaderMap::new(),
            keyed: Vec::new(),
            keys: None,
            body: Bytes::new(),
        })
    }

    /// Sets the method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Adds a header. In its value, `{key}` stands for a key of [`keys`](Self::keys).
    ///
    /// # Errors
    /// [`InvalidRequest::Header`] if the name is none, or the value has control characters.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidRequest> {
        let invalid = || InvalidRequest::Header(format!("{name}: {value}"));
        let parsed: HeaderName = name.parse().map_err(|_| invalid())?;
        let valued: HeaderValue = value.parse().map_err(|_| invalid())?;
        if value.contains(KEY) {
            self.keyed.push((parsed, value.to_owned()));
        } else {
            self.headers.append(parsed, valued);
        }
        Ok(self)
    }

    /// Sets the keys of the calls.
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    fn request(&self) -> Option<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        if !self.keyed.is_empty() {
            let key = self.keys.as_ref().map(Keys::pick).unwrap_or_default();
            for (name, value) in &self.keyed {
                let value = value.replace(KEY, &key).parse().ok()?;
                request.headers_mut().append(name, value);
            }
        }
        Some(request)
    }
}

impl Target for HttpTarget {
    async fn call(&self, _: Call) -> Reply {
        let Some(request) = self.request() else {
            return Reply::error("the key cannot be sent in a header");
        };
        match self.client.request(request).await {
            Ok(response) => read(response).await,
            Err(error) if error.is_connect() => Reply::error(match connector::refusal(&error) {
                Some(refusal) => format!("no secure connection: {refusal}"),
                None => "no connection".to_owned(),
            }),
            Err(error) => Reply::error(cause(&error)),
        }
    }
}

/// Returns true for a host, alone or with a port. Users and passwords would not be sent.
fn is_host(authority: &Authority) -> bool {
    let host = authority.host();
    match authority.as_str().strip_prefix(host) {
        _ if host.is_empty() => false,
        Some("") => true,
        Some(_) => authority.port_u16().is_some(),
        None => false,
    }
}

/// Reads an answer to its end.
async fn read(response: Response<Incoming>) -> Reply {
    let (head, mut body) = response.into_parts();
    let (mut bytes, mut first_byte) = (0, None);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Reply::error("the body ended early");
        };
        if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
            first_byte.get_or_insert_with(Instant::now);
            bytes += data.len() as u64;
        }
    }
    let mut reply = reply(head.status, &head.headers)
        .bytes(bytes)
        .remaining(rate_limit_headers::remaining(&head.headers));
    if let Some(at) = first_byte {
        reply = reply.first_byte_at(at);
    }
    reply
}

fn reply(status: StatusCode, headers: &HeaderMap) -> Reply {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Reply::denied(retry_after(headers)),
        StatusCode::SERVICE_UNAVAILABLE => Reply::unavailable("status 503"),
        status if status.is_success() || status.is_redirection() => Reply::granted(),
        status => Reply::error(format!("status {}", status.as_u16())),
    }
}

/// Returns the seconds of `Retry-After`. A date, which is the other form, is right to a second only
/// if both clocks are, and is left out.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// Returns the last cause of an error, without addresses, which would make each error another one.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
