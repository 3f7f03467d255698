//! Key extractors. Extractors find the entity that a request comes from, and the resource that it
//! uses.
//!
//! | extractor | key | answer if it is missing |
//! |---|---|---|
//! | [`fixed`] | a constant | never missing |
//! | [`header`] | a header's value, a plain id | 400 |
//! | [`hashed_header`] | a header's value, hashed: for API keys | 401 |
//! | [`bearer_token`] | the token of `Authorization: Bearer`, hashed | 401 |
//! | [`cookie`], [`hashed_cookie`] | a cookie's value, a plain id or hashed | 400, 401 |
//! | [`query_parameter`], [`hashed_query_parameter`] | a query parameter's value, decoded; a plain id or hashed | 400, 401 |
//! | [`path_parameter`] | the part of the path that `{id}` matches, decoded (feature `axum`) | 500; 400 if no route matches |
//! | [`matched_path`] | the route's path, `/users/{id}` as `users/:id` (feature `axum`) | 500; 400 if no route matches |
//! | [`method`] | the method | never missing |
//! | [`uri_host`], [`host_header`] | the host in the URI, the host in the `Host` header | 400 |
//! | [`extension`] | a key from an extension that earlier middleware has added to the request | 500 |
//! | [`peer_ip`] | the address of the connection's peer | 500 |
//! | [`ClientIp`] | the client's address behind proxies, from the one source that you name | 400; 500 without a peer address |
//! | a closure | the key that it returns | as its error says |
//!
//! Extractors can be combined: see [`a.and(b)`](KeyExtractor::and), [`a.or(b)`](KeyExtractor::or),
//! and [`a.hmac(&secret)`](KeyExtractor::hmac), which hashes keys with a secret of yours.
//!
//! An empty value counts as missing. So does a value that occurs twice, because it is not certain
//! which one the service uses. [`OnMissingKey`](super::OnMissingKey) decides what happens to a
//! request without a key. The cases with 500 are misconfigurations of the server. Those requests
//! are answered with 500, even if `OnMissingKey` says otherwise.
//!
//! ```
//! use tollgate::layer::{Key, MissingKey, RequestHead};
//!
//! // The subdomain is the tenant.
//! let tenant = |head: &RequestHead<'_>| {
//!     let host = head.uri.host().ok_or_else(|| MissingKey::absent("host"))?;
//!     Ok(Key::untrusted(host.split('.').next().unwrap_or(host)))
//! };
//! # tollgate::layer::Policy::builder().entity(tenant);
//! ```

pub(super) mod address;
mod and;
mod client_ip;
mod cookie;
mod extension;
mod fixed;
mod form;
mod header;
mod hmac;
mod host;
mod key;
mod method;
pub(super) mod missing;
mod networks;
mod or;
pub(super) mod peer;
mod query_parameter;
mod traits;

#[cfg(feature = "axum")]
mod matched_path;
#[cfg(feature = "axum")]
mod path_parameter;

pub use and::And;
pub use client_ip::{ClientIp, TrustedProxies};
pub use cookie::{Cookie, cookie, hashed_cookie};
pub use extension::{Extension, extension};
pub use fixed::{Fixed, fixed};
pub use header::{Header, bearer_token, hashed_header, header};
pub use hmac::{Hmac, HmacSecret, WeakSecret};
pub use host::{Host, host_header, uri_host};
pub use key::Key;
pub use method::{Method, method};
pub use missing::MissingKey;
pub use networks::{InvalidNetwork, Networks};
pub use or::Or;
pub use peer::{PeerAddr, PeerIp, peer_ip};
pub use query_parameter::{QueryParameter, hashed_query_parameter, query_parameter};
pub use traits::{KeyExtractor, from_fn};

#[cfg(feature = "axum")]
pub use matched_path::{MatchedPath, matched_path};
#[cfg(feature = "axum")]
pub use path_parameter::{PathParameter, path_parameter};
