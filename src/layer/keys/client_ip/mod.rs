//! Keys from the client's address behind proxies.

mod forwarded;
mod node;
mod proxies;

use std::{fmt, net::IpAddr};

use http::{HeaderName, header::FORWARDED};

use super::{InvalidNetwork, Key, KeyExtractor, MissingKey, form::only, peer};
use crate::layer::{RequestHead, terms::header_name};

pub use proxies::TrustedProxies;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Extracts the client's IP address, from one source that you name.
///
/// There is no default source, and nothing is guessed: a header that your proxies do not set
/// themselves contains any text that the client sends. So each header is read together with the
/// [`TrustedProxies`] that set it.
///
/// ```
/// use tollgate::layer::keys::{ClientIp, Networks, TrustedProxies};
///
/// // A load balancer in the same network, which appends to X-Forwarded-For.
/// let client = ClientIp::x_forwarded_for(Networks::new(["10.0.0.0/16"])?);
/// // The same if its addresses are not known, but no client can bypass it.
/// let client = ClientIp::x_forwarded_for(TrustedProxies::hops(1));
/// // A provider's header, accepted only from the provider's networks.
/// let client = ClientIp::cf_connecting_ip(Networks::new(["173.245.48.0/20", "103.21.244.0/22"])?);
/// # Ok::<(), tollgate::layer::keys::InvalidNetwork>(())
/// ```
///
/// # Who the client is
///
/// If the proxies are given by their networks:
///
/// - A peer that is not one of the proxies is the client. Its headers are ignored.
/// - Otherwise the addresses in the header are read from right to left, because the nearest proxy
///   writes on the right. The first one that is not a trusted proxy is the client. Everything to
///   the left of it is only claimed by the client, and is ignored.
/// - In a header with one address (`CF-Connecting-IP`, …), that address is the client.
/// - The key is missing if no client is found: the header is missing, it holds only proxies, or an
///   entry that is not an address (`unknown`, `_hidden`, an empty entry) comes first. It is also
///   missing if a header for one address occurs twice or holds a list.
///
/// With [`TrustedProxies::hops`], the client is that many entries from the right. The key is
/// missing if there are fewer entries, or if that entry is not an address.
///
/// Several lines of a header are one list. Ports are ignored. If the peer address is needed but
/// unknown, the server is misconfigured: 500.
///
/// # How much of the address counts
///
/// All 32 bits of an IPv4 address, and the first 64 bits of an IPv6 address (a subscriber has at
/// least such a network). [`ipv4_prefix`](Self::ipv4_prefix) and [`ipv6_prefix`](Self::ipv6_prefix)
/// change that. An address that stands for an IPv4 address counts as that: see
/// [`EntityId::from_ip`](crate::EntityId::from_ip).
#[derive(Clone, Debug)]
pub struct ClientIp {
    source: AddressSource,
    ipv4_bits: u8,
    ipv6_bits: u8,
}

#[derive(Clone, Debug)]
enum AddressSource {
    Peer,
    XForwardedFor(TrustedProxies),
    Forwarded(TrustedProxies),
    Single {
        name: HeaderName,
        with_port: bool,
        proxies: TrustedProxies,
    },
}

impl ClientIp {
    fn new(source: AddressSource) -> Self {
        Self {
            source,
            ipv4_bits: 32,
            ipv6_bits: 64,
        }
    }

    fn single(name: HeaderName, proxies: impl Into<TrustedProxies>) -> Self {
        Self::new(AddressSource::Single {
            name,
            with_port: false,
            proxies: proxies.into(),
        })
    }

    /// Uses the address of the connection's peer, like [`peer_ip`](super::peer_ip), for servers
    /// without a proxy.
    pub fn peer() -> Self {
        Self::new(AddressSource::Peer)
    }

    /// Reads `X-Forwarded-For`. Each proxy appends the address from which it got the request.
    pub fn x_forwarded_for(proxies: impl Into<TrustedProxies>) -> Self {
        Self::new(AddressSource::XForwardedFor(proxies.into()))
    }

    /// Reads the `for` of each element of `Forwarded` (RFC 7239).
    pub fn forwarded(proxies: impl Into<TrustedProxies>) -> Self {
        Self::new(AddressSource::Forwarded(proxies.into()))
    }

    /// Reads the header `name`, which holds one address. The proxies must overwrite the value that
    /// a client sends.
    ///
    /// # Panics
    /// Panics if `name` is a string that is not a valid header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn header<N>(name: N, proxies: impl Into<TrustedProxies>) -> Self
    where
        N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::single(header_name(name), proxies)
    }

    /// Reads `CF-Connecting-IP`, which Cloudflare sets.
    pub fn cf_connecting_ip(proxies: impl Into<TrustedProxies>) -> Self {
        Self::single(HeaderName::from_static("cf-connecting-ip"), proxies)
    }

    /// Reads `CloudFront-Viewer-Address`, which Amazon CloudFront sets: an address and a port.
    pub fn cloudfront_viewer_address(proxies: impl Into<TrustedProxies>) -> Self {
        let name = HeaderName::from_static("cloudfront-viewer-address");
        Self::new(AddressSource::Single {
            name,
            with_port: true,
            proxies: proxies.into(),
        })
    }

    /// Reads `Fly-Client-IP`, which Fly.io sets.
    pub fn fly_client_ip(proxies: impl Into<TrustedProxies>) -> Self {
        Self::single(HeaderName::from_static("fly-client-ip"), proxies)
    }

    /// Reads `True-Client-IP`, which Akamai and Cloudflare Enterprise set.
    pub fn true_client_ip(proxies: impl Into<TrustedProxies>) -> Self {
        Self::single(HeaderName::from_static("true-client-ip"), proxies)
    }

    /// Reads `X-Real-IP`, which nginx sets if it is configured to.
    pub fn x_real_ip(proxies: impl Into<TrustedProxies>) -> Self {
        Self::single(HeaderName::from_static("x-real-ip"), proxies)
    }

    /// Sets how many bits of an IPv4 address count. Default: all 32.
    ///
    /// # Errors
    /// [`InvalidNetwork::Prefix`] for 0 and for more than 32.
    pub fn ipv4_prefix(self, bits: u8) -> Result<Self, InvalidNetwork> {
        Ok(Self {
            ipv4_bits: prefix(bits, 32)?,
            ..self
        })
    }

    /// Sets how many bits of an IPv6 address count. Default: 64. Providers give whole sites a /56
    /// or a /48.
    ///
    /// # Errors
    /// [`InvalidNetwork::Prefix`] for 0 and for more than 128.
    pub fn ipv6_prefix(self, bits: u8) -> Result<Self, InvalidNetwork> {
        Ok(Self {
            ipv6_bits: prefix(bits, 128)?,
            ..self
        })
    }

    /// Returns the client's whole address, for closures. An IPv6 address that stands for an IPv4
    /// address is returned as IPv4.
    ///
    /// # Errors
    /// [`MissingKey`], as [described](Self#who-the-client-is).
    pub fn address(&self, head: &RequestHead<'_>) -> Result<IpAddr, MissingKey> {
        match &self.source {
            AddressSource::Peer => peer::address(head),
            AddressSource::XForwardedFor(proxies) => {
                let lines = head.headers.get_all(&X_FORWARDED_FOR).iter().rev();
                let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
                proxies.client(head, &X_FORWARDED_FOR, entries.map(node::address))
            }
            AddressSource::Forwarded(proxies) => {
                let lines = head.headers.get_all(FORWARDED).iter().rev();
                let entries = lines.flat_map(|line| forwarded::elements(line.as_bytes()));
                proxies.client(
                    head,
                    &FORWARDED,
                    entries.map(|element| node::address(forwarded::node(element)?)),
                )
            }
            AddressSource::Single {
                name,
                with_port,
                proxies,
            } => {
                let read = if *with_port {
                    node::address_and_port
                } else {
                    node::address
                };
                let value = only(head.headers.get_all(name).iter());
                proxies.single(head, name, value.and_then(|value| read(value.as_bytes())))
            }
        }
    }
}

fn prefix(bits: u8, most: u8) -> Result<u8, InvalidNetwork> {
    // With 0 bits, all clients would have the same key.
    if bits == 0 || bits > most {
        Err(InvalidNetwork::Prefix { bits, most })
    } else {
        Ok(bits)
    }
}

impl KeyExtractor for ClientIp {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let address = self.address(head)?;
        Ok(Key::ip_prefix(
            address,
            if address.is_ipv4() {
                self.ipv4_bits
            } else {
                self.ipv6_bits
            },
        ))
    }
}
