//! The proxies whose headers are trusted.

use std::net::IpAddr;

use http::HeaderName;

use super::peer;
use crate::layer::{MissingKey, RequestHead, keys::Networks};

/// The proxies in front of the server, whose headers are trusted. [`ClientIp`](super::ClientIp)
/// describes how the client is found.
#[derive(Clone, Debug)]
pub struct TrustedProxies(Trust);

#[derive(Clone, Debug)]
enum Trust {
    Networks(Networks),
    Hops(usize),
}

impl From<Networks> for TrustedProxies {
    fn from(networks: Networks) -> Self {
        Self::networks(networks)
    }
}

impl TrustedProxies {
    /// Trusts the proxies in these networks. No client may have an address in them: it would be
    /// taken for a proxy, and get no key.
    pub fn networks(networks: Networks) -> Self {
        Self(Trust::Networks(networks))
    }

    /// Trusts exactly `count` proxies in front of the server. Use it only if no client can bypass
    /// them, because the peer's address is not checked. If `count` is one too high, clients can
    /// choose their own address. With 0, the peer is the client.
    pub fn hops(count: usize) -> Self {
        Self(Trust::Hops(count))
    }

    /// Returns the client from the entries of a list, the nearest proxy's entry first. An entry is
    /// `None` if it is not an address. If the proxies are given by their networks, the search ends
    /// at such an entry: nothing after it is reliable.
    pub(super) fn client(
        &self,
        head: &RequestHead<'_>,
        header: &HeaderName,
        mut entries: impl Iterator<Item = Option<IpAddr>>,
    ) -> Result<IpAddr, MissingKey> {
        let client = match &self.0 {
            Trust::Hops(0) => return peer::address(head),
            Trust::Hops(count) => entries.nth(count - 1).flatten(),
            Trust::Networks(trusted) => {
                let peer = peer::address(head)?;
                if !trusted.contains(peer) {
                    return Ok(peer);
                }
                entries
                    .find(|entry| !entry.is_some_and(|address| trusted.contains(address)))
                    .flatten()
            }
        };
        client.ok_or_else(|| missing(header))
    }

    /// Returns the client from a header that holds one address.
    pub(super) fn single(
        &self,
        head: &RequestHead<'_>,
        header: &HeaderName,
        address: Option<IpAddr>,
    ) -> Result<IpAddr, MissingKey> {
        match &self.0 {
            Trust::Hops(0) => return peer::address(head),
            Trust::Hops(_) => {}
            Trust::Networks(trusted) => {
                let peer = peer::address(head)?;
                if !trusted.contains(peer) {
                    return Ok(peer);
                }
            }
        }
        address.ok_or_else(|| missing(header))
    }
}

fn missing(header: &HeaderName) -> MissingKey {
    MissingKey::absent(format!("client address in header: {header}"))
}
