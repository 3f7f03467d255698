//! Who a request comes from and what it uses: extractors of entity and resource.
//!
//! | extractor | key | where it is missing |
//! |---|---|---|
//! | [`fixed`] | always the same | never |
//! | [`header`] | a header's value, a plain id | 400 |
//! | [`hashed_header`] | a header's value, hashed: for API keys | 401 |
//! | [`bearer_token`] | the token of `Authorization: Bearer`, hashed | 401 |
//! | [`cookie`], [`hashed_cookie`] | a cookie's value, a plain id or hashed | 400, 401 |
//! | [`query_parameter`], [`hashed_query_parameter`] | a query parameter's value, decoded; a plain id or hashed | 400, 401 |
//! | [`path_parameter`] | what stands for `{id}` in the path, decoded (feature `axum`) | 500; 400 if no route matches |
//! | [`matched_path`] | the route's path, `/users/{id}` as `users/:id` (feature `axum`) | 500; 400 if no route matches |
//! | [`method`] | the method | never |
//! | [`uri_host`], [`host_header`] | the host, as one or the other says | 400 |
//! | [`extension`] | from what earlier middleware has put into the request | 500 |
//! | [`peer_ip`] | the address of the connection's other end | 500 |
//! | [`ClientIp`] | the client's address behind proxies, from the one source that you name | 400, without a peer address 500 |
//! | a closure | what it returns | what it says |
//!
//! They go together: [`a.and(b)`](KeyExtractor::and), [`a.or(b)`](KeyExtractor::or), and
//! [`a.hmac(&secret)`](KeyExtractor::hmac) for hashes with a secret of yours.
//!
//! A value that is empty is missing, and so is one that is there twice: nobody knows which of them
//! the service goes by. What happens to requests without a key is up to
//! [`OnMissingKey`](super::OnMissingKey); what is answered with 500 is the server's own mistake,
//! and always is.
//!
//! ```
//! use tollgate::layer::{Key, MissingKey, RequestHead};
//!
//! // Tenants by subdomain.
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
