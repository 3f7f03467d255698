//! The client's address behind proxies.

mod forwarded;
mod node;
mod proxies;

use std::{fmt, net::IpAddr};

use http::{HeaderName, header::FORWARDED};

use super::{InvalidNetwork, Key, KeyExtractor, MissingKey, form::only, peer};
use crate::layer::{RequestHead, header_name::header_name};

pub use proxies::TrustedProxies;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's IP address, from one source that you name.
///
/// There is no default and no guess: a header that your proxies do not set themselves is whatever
/// the client wants. So a header comes with the [`TrustedProxies`] that set it.
///
/// ```
/// use tollgate::layer::keys::{ClientIp, Networks, TrustedProxies};
///
/// // A load balancer in the same network, which appends to X-Forwarded-For.
/// let client = ClientIp::x_forwarded_for(Networks::new(["10.0.0.0/16"])?);
/// // The same where its addresses are not known, but nobody comes past it.
/// let client = ClientIp::x_forwarded_for(TrustedProxies::hops(1));
/// // A provider's header, from the provider's networks alone.
/// let client = ClientIp::cf_connecting_ip(Networks::new(["173.245.48.0/20", "103.21.244.0/22"])?);
/// # Ok::<(), tollgate::layer::keys::InvalidNetwork>(())
/// ```
///
/// # Who the client is
///
/// Where proxies are named by their networks:
///
/// - A peer that is not one of them is the client itself; what its headers say is not looked at.
/// - Else the header's addresses are gone through from the right, where the nearest proxy wrote.
///   The first that is no trusted proxy is the client. What stands left of it is what the client
///   claims, and is not looked at.
/// - A header with one address (`CF-Connecting-IP`, …) is the client's.
/// - The key is missing where that leads nowhere: the header is not there, only proxies are in it,
///   or something comes first that is no address (`unknown`, `_hidden`, an empty entry). It is
///   missing too where a header for one address comes twice, or holds a list.
///
/// With [`TrustedProxies::hops`] the client is that many entries from the right, and the key is
/// missing where there are fewer, or it is no address.
///
/// Several lines of a header are one list. Ports do not count. Without a peer address, where one
/// is needed, the server is set up wrongly: 500.
///
/// # How much of the address counts
///
/// All 32 bits of an IPv4 address, 64 bits of an IPv6 address (what one subscriber has, at least):
/// [`ipv4_prefix`](Self::ipv4_prefix) and [`ipv6_prefix`](Self::ipv6_prefix) change that. An
/// IPv4-mapped address counts as IPv4.
#[derive(Clone, Debug)]
pub struct ClientIp {
    source: Source,
    ipv4_bits: u8,
    ipv6_bits: u8,
}

#[derive(Clone, Debug)]
enum Source {
    Peer,
    XForwardedFor(TrustedProxies),
    Forwarded(TrustedProxies),
    Single { name: HeaderName, with_port: bool, proxies: TrustedProxies },
}

impl ClientIp {
    fn new(source: Source) -> Self {
        Self { source, ipv4_bits: 32, ipv6_bits: 64 }
    }

    fn single(name: HeaderName, proxies: impl Into<TrustedProxies>) -> Self {
        Self::new(Source::Single { name, with_port: false, proxies: proxies.into() })
    }

    /// The connection's other end, as [`peer_ip`](super::peer_ip): for servers without a proxy.
    pub fn peer() -> Self {
        Self::new(Source::Peer)
    }

    /// `X-Forwarded-For`, which every proxy appends the address to that it got the request from.
    pub fn x_forwarded_for(proxies: impl Into<TrustedProxies>) -> Self {
        Self::new(Source::XForwardedFor(proxies.into()))
    }

    /// `Forwarded` (RFC 7239): the `for` of its elements.
    pub fn forwarded(proxies: impl Into<TrustedProxies>) -> Self {
        Self::new(Source::Forwarded(proxies.into()))
    }

    /// The header `name`, which holds one address. The proxies must overwrite what clients send.
    ///
    /// # Panics
    /// If `name` is a text that is no header name. A [`HeaderName`] never panics.
    #[track_caller]
    pub fn header<N>(name: N, proxies: impl Into<TrustedProxies>) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
    {
        Self::single(header_name(name), proxies)
    }

    /// `CF-Connecting-IP`: Cloudflare.
    pub fn cf_connecting_ip(proxies: impl Into<TrustedProxies>) -> Self {
        Self::single(HeaderName::from_static("cf-connecting-ip"), proxies)
    }

    /// `CloudFront-Viewer-Address`: Amazon CloudFront. An address and a port.
    pub fn cloudfront_viewer_address(proxies: impl Into<TrustedProxies>) -> Self {
        let name = HeaderName::from_static("cloudfront-viewer-address");
        Self::new(Source::Single { name, with_port: true, proxies: proxies.into() })
    }

    /// `Fly-Client-IP`: Fly.io.
    pub fn fly_client_ip(proxies: impl Into<TrustedProxies>) -> Self {
        Self::single(HeaderName::from_static("fly-client-ip"), proxies)
    }

    /// `True-Client-IP`: Akamai, and Cloudflare Enterprise.
    pub fn true_client_ip(proxies: impl Into<TrustedProxies>) -> Self {
        Self::single(HeaderName::from_static("true-client-ip"), proxies)
    }

    /// `X-Real-IP`: nginx, where it is configured so.
    pub fn x_real_ip(proxies: impl Into<TrustedProxies>) -> Self {
        Self::single(HeaderName::from_static("x-real-ip"), proxies)
    }

    /// How many bits of an IPv4 address count. Default: all 32.
    ///
    /// # Errors
    /// [`InvalidNetwork::Prefix`] for 0 and more than 32.
    pub fn ipv4_prefix(self, bits: u8) -> Result<Self, InvalidNetwork> {
        Ok(Self { ipv4_bits: prefix(bits, 32)?, ..self })
    }

    /// How many bits of an IPv6 address count. Default: 64. Providers give whole sites 56 or 48.
    ///
    /// # Errors
    /// [`InvalidNetwork::Prefix`] for 0 and more than 128.
    pub fn ipv6_prefix(self, bits: u8) -> Result<Self, InvalidNetwork> {
        Ok(Self { ipv6_bits: prefix(bits, 128)?, ..self })
    }

    /// The client's whole address, an IPv4-mapped one as IPv4. For closures.
    ///
    /// # Errors
    /// [`MissingKey`], as [described](Self#who-the-client-is).
    pub fn address(&self, head: &RequestHead<'_>) -> Result<IpAddr, MissingKey> {
        match &self.source {
            Source::Peer => peer::address(head),
            Source::XForwardedFor(proxies) => {
                let lines = head.headers.get_all(&X_FORWARDED_FOR).iter().rev();
                let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
                proxies.client(head, &X_FORWARDED_FOR, entries.map(node::address))
            }
            Source::Forwarded(proxies) => {
                let lines = head.headers.get_all(FORWARDED).iter().rev();
                let entries = lines.flat_map(|line| forwarded::elements(line.as_bytes()));
                proxies.client(head, &FORWARDED, entries.map(|element| node::address(forwarded::node(element)?)))
            }
            Source::Single { name, with_port, proxies } => {
                let read = if *with_port { node::address_and_port } else { node::address };
                let value = only(head.headers.get_all(name).iter());
                proxies.single(head, name, value.and_then(|value| read(value.as_bytes())))
            }
        }
    }
}

fn prefix(bits: u8, most: u8) -> Result<u8, InvalidNetwork> {
    // With 0 all clients would be one.
    if bits == 0 || bits > most { Err(InvalidNetwork::Prefix { bits, most }) } else { Ok(bits) }
}

impl KeyExtractor for ClientIp {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let address = self.address(head)?;
        Ok(Key::ip_prefix(address, if address.is_ipv4() { self.ipv4_bits } else { self.ipv6_bits }))
    }
}
