//! Lists of networks.

use std::{net::IpAddr, sync::Arc};

use ipnet::{IpNet, Ipv4Net};

use crate::model::canonical;

/// A list of networks, to trust or to exempt. Clones share the list.
///
/// ```
/// use tollgate::layer::keys::Networks;
///
/// let office = Networks::new(["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"])?;
/// assert!(office.contains("203.0.113.9".parse()?));
/// assert!(Networks::new(["203.0.113.0/33"]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Networks(Arc<[IpNet]>);

/// The error for an invalid network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNetwork {
    /// The text is neither an address nor an address with a prefix length.
    #[error(
        "{0:?} is no network: a network is an address, or an address and its prefix length, as in 192.0.2.0/24"
    )]
    Cidr(String),
    /// The network holds all IPv6 addresses that stand for an IPv4 address. Such addresses count as
    /// IPv4, so the network would be all of IPv4.
    #[error(
        "{0:?} is all of IPv4, because its addresses count as IPv4 addresses: name the IPv4 network"
    )]
    AllOfIpv4(String),
    /// The prefix length is 0, or longer than an address.
    #[error("{bits} is no prefix length: 1 to {most} are")]
    Prefix {
        /// The prefix length that was given, in bits.
        bits: u8,
        /// The number of bits of an address.
        most: u8,
    },
}

impl Networks {
    /// Parses networks in CIDR notation (`192.0.2.0/24`). An address without a prefix length is a
    /// network of one address. Spaces around a network, and the bits after its prefix, are ignored.
    ///
    /// # Errors
    /// [`InvalidNetwork::Cidr`] for a text that is not a network, [`InvalidNetwork::AllOfIpv4`] for
    /// a network that would be all of IPv4.
    pub fn new(cidrs: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidNetwork> {
        let networks = cidrs.into_iter().map(|cidr| {
            let text = cidr.as_ref().trim();
            match network(text).ok_or_else(|| InvalidNetwork::Cidr(text.to_owned()))? {
                IpNet::V4(all) if all.prefix_len() == 0 && text.contains(':') => {
                    Err(InvalidNetwork::AllOfIpv4(text.to_owned()))
                }
                network => Ok(network),
            }
        });
        networks.collect::<Result<Arc<[_]>, _>>().map(Self)
    }

    /// Returns the loopback, link-local and private networks (RFC 1918, RFC 4193).
    pub fn private() -> Self {
        let private = [
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ];
        Self(private.into_iter().filter_map(network).collect())
    }

    /// Returns true if the address is in one of the networks. An address that stands for an IPv4
    /// address counts as that: see [`EntityId::from_ip`](crate::EntityId::from_ip).
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = match text.parse::<IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => text.parse().ok()?,
    };
    // An address that stands for an IPv4 address counts as that, so a network of such addresses is
    // an IPv4 network.
    if let IpNet::V6(v6) = network
        && let IpAddr::V4(address) = canonical(v6.addr().into())
        && let Some(bits) = v6.prefix_len().checked_sub(96)
    {
        return Ipv4Net::new(address, bits).ok().map(IpNet::V4);
    }
    Some(network)
}
