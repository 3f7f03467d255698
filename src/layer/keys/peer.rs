//! Keys from the address of the connection's peer.

use std::net::{IpAddr, SocketAddr};

use super::{Key, KeyExtractor, MissingKey};
use crate::{error::code, layer::RequestHead, model::canonical};

/// The address of the connection's peer, for servers without axum. Put it into the request's
/// extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The extractor that [`peer_ip`] returns.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PeerIp;

/// Extracts the IP address of the connection's peer. Of an IPv6 address, the first 64 bits count.
/// Behind a proxy, the peer is the proxy: see [`ClientIp`](super::ClientIp).
///
/// The address is taken from [`PeerAddr`], or else from axum's `ConnectInfo<SocketAddr>` (serve
/// `into_make_service_with_connect_info::<SocketAddr>()`).
pub fn peer_ip() -> PeerIp {
    PeerIp
}

impl KeyExtractor for PeerIp {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        address(head).map(Key::ip)
    }
}

/// Returns the peer's address. An IPv6 address that stands for an IPv4 address is returned as IPv4.
#[inline]
pub(crate) fn address(head: &RequestHead<'_>) -> Result<IpAddr, MissingKey> {
    let address = head
        .extensions
        .get::<PeerAddr>()
        .map(|PeerAddr(address)| *address);
    #[cfg(feature = "axum")]
    let address = address.or_else(|| {
        let info = head
            .extensions
            .get::<axum::extract::ConnectInfo<SocketAddr>>();
        info.map(|axum::extract::ConnectInfo(address)| *address)
    });
    address
        .map(|address| canonical(address.ip()))
        .ok_or_else(unknown)
}

#[cold]
fn unknown() -> MissingKey {
    MissingKey::mistake(
        code::NO_PEER_ADDRESS,
        "the request has no peer address: serve the router with \
         into_make_service_with_connect_info::<SocketAddr>(), or put a PeerAddr into the request's extensions",
    )
}
