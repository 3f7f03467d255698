//! Who a request comes from and what it uses: extractors of entity and resource.
//!
//! | extractor | key | where it is missing |
//! |---|---|---|
//! | [`fixed`] | always the same | never |
//! | [`header`] | a header's value, a plain id | 400 |
//! | [`hashed_header`] | a header's value, hashed: for API keys | 401 |
//! | [`bearer_token`] | the token of `Authorization: Bearer`, hashed | 401 |
//! | [`extension`] | from what earlier middleware has put into the request | 500 |
//! | [`peer_ip`] | the address of the connection's other end | 500 |
//! | [`matched_path`] | the route's path, `/users/{id}` as `users/:id` (feature `axum`) | 500 |
//! | a closure | what it returns | what it says |
//!
//! ```
//! use tollgate::layer::{Key, MissingKey, RequestHead};
//!
//! // Tenants by subdomain.
//! let tenant = |head: &RequestHead<'_>| {
//!     let host = head.uri.host().ok_or_else(|| MissingKey::absent("the host"))?;
//!     Ok(Key::untrusted(host.split('.').next().unwrap_or(host)))
//! };
//! # tollgate::layer::Policy::builder().entity(tenant);
//! ```

pub(super) mod address;
mod extension;
mod fixed;
mod header;
mod key;
pub(super) mod missing;
mod peer;
mod traits;

#[cfg(feature = "axum")]
mod matched_path;

pub use extension::{Extension, extension};
pub use fixed::{Fixed, fixed};
pub use header::{Header, bearer_token, hashed_header, header};
pub use key::Key;
pub use missing::MissingKey;
pub use peer::{PeerAddr, PeerIp, peer_ip};
pub use traits::KeyExtractor;

#[cfg(feature = "axum")]
pub use matched_path::{MatchedPath, matched_path};
