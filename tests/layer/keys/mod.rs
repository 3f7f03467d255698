//! Key extractors for entities and resources.

mod and_or;
mod client_ip;
mod closures;
mod cookie;
mod exempt;
mod forwarded;
mod header;
mod hmac;
mod host;
pub(crate) mod hostile;
mod method;
mod missing;
mod networks;
mod oracles;
mod path_parameter;
mod peers;
mod preflight;
mod query_parameter;
mod secrets;
mod setup;

use std::net::SocketAddr;

use axum::body::Body;
use http::Request;
use tollgate::{
    EntityId,
    layer::{KeyExtractor, MissingKey, RequestHead, keys::PeerAddr},
};

use crate::world::with_headers;

/// Returns the entity that a key extracts from a request.
fn entity(key: &impl KeyExtractor, request: &Request<Body>) -> Result<EntityId, MissingKey> {
    key.extract(&RequestHead::from(request))?
        .into_entity()
        .map_err(|error| MissingKey::absent(error.to_string()))
}

/// Returns a request for `uri`.
fn for_uri(uri: &str) -> Request<Body> {
    let mut request = with_headers(&[]);
    *request.uri_mut() = uri.parse().expect("a URI");
    request
}

/// Returns a request over a connection from `peer`.
fn from_peer(peer: &str, headers: &[(&'static str, &[u8])]) -> Request<Body> {
    let mut request = with_headers(headers);
    request.extensions_mut().insert(PeerAddr(SocketAddr::new(
        peer.parse().expect("an address"),
        4711,
    )));
    request
}
