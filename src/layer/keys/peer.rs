//! The other end of the connection.

use std::net::{IpAddr, SocketAddr};

use super::{Key, KeyExtractor, MissingKey};
use crate::{error::code, layer::RequestHead, model::canonical};

/// The address of the connection's other end, for servers without axum: put it into the request's
/// extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// See [`peer_ip`].
#[derive(Clone, Copy, Debug)]
pub struct PeerIp;

/// The IP address of the connection's other end; the first 64 bits of an IPv6 address. Behind a
/// proxy that is the proxy: see [`ClientIp`](super::ClientIp).
///
/// It is taken from axum's `ConnectInfo<SocketAddr>` (serve
/// `into_make_service_with_connect_info::<SocketAddr>()`), or from [`PeerAddr`].
pub fn peer_ip() -> PeerIp {
    PeerIp
}

impl KeyExtractor for PeerIp {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        address(head).map(Key::ip)
    }
}

/// Returns the peer's address, as IPv4 if it stands for an IPv4 address.
#[inline]
pub(in crate::layer) fn address(head: &RequestHead<'_>) -> Result<IpAddr, MissingKey> {
    let address = head.extensions.get::<PeerAddr>().map(|PeerAddr(address)| *address);
    #[cfg(feature = "axum")]
    let address = address.or_else(|| {
        let info = head.extensions.get::<axum::extract::ConnectInfo<SocketAddr>>();
        info.map(|axum::extract::ConnectInfo(address)| *address)
    });
    address.map(|address| canonical(address.ip())).ok_or_else(unknown)
}

#[cold]
fn unknown() -> MissingKey {
    MissingKey::mistake(
        code::NO_PEER_ADDRESS,
        "the request has no peer address: serve the router with \
         into_make_service_with_connect_info::<SocketAddr>(), or put a PeerAddr into the request's extensions",
    )
}
