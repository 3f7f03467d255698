//! Whose word counts.

use std::net::IpAddr;

use http::HeaderName;

use super::peer;
use crate::layer::{MissingKey, RequestHead, keys::Networks};

/// The proxies in front of the server, whose word counts. See [`ClientIp`](super::ClientIp) for
/// what follows.
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
    /// The proxies have addresses in these networks, and no client has: clients in them are taken
    /// for proxies, and get no key.
    pub fn networks(networks: Networks) -> Self {
        Self(Trust::Networks(networks))
    }

    /// Exactly so many proxies stand before the server, and nobody comes past them: who the peer
    /// is does not count. With one too many clients choose their own address; with 0 the peer is
    /// the client.
    pub fn hops(count: usize) -> Self {
        Self(Trust::Hops(count))
    }

    /// The client of a list in which every proxy wrote, the nearest one first. `None` for an entry
    /// that is no address: behind it nothing is sure.
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
                entries.find(|entry| !entry.is_some_and(|address| trusted.contains(address))).flatten()
            }
        };
        client.ok_or_else(|| missing(header))
    }

    /// The client of a header that holds one address.
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
