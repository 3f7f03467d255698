//! Fixed mappings from HTTP values, which are often not valid names, to names.
//!
//! All processes must use the same mappings, so they are part of the wire format.

use std::{
    fmt::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{EntityId, Resource};

/// The prefixes of mapped keys. A raw id with one of these prefixes is encoded too, so that no
/// client can imitate another kind of key.
const MAPPED: [&str; 6] = ["ip:", "ip6:", "k:", "e:", LONG, PAIR];

const PAIR: &str = "pair:";

/// The prefix of the hash of an id that is too long. Secrets have another prefix, so an id with the
/// bytes of a secret is not that secret's entity.
const LONG: &str = "h:";

/// The error for an empty key, which no mapping can turn into a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is empty")]
#[non_exhaustive]
pub struct UnusableKey;

impl EntityId {
    /// Returns the entity id for an id from a request. A valid name stays as it is; any other id is
    /// encoded.
    ///
    /// An id with other characters becomes `e:` and the base64url of its bytes. If the result is
    /// longer than 256 bytes, the id becomes `h:` and 128 bits of its SHA-256. An id that begins
    /// like a mapped key is encoded in the same way.
    ///
    /// ```
    /// use tollgate::EntityId;
    ///
    /// assert_eq!(EntityId::from_untrusted("user-1")?, "user-1");
    /// assert_eq!(EntityId::from_untrusted("auth0|5f")?, "e:YXV0aDB8NWY");
    /// assert_eq!(EntityId::from_untrusted("ip:203.0.113.7")?, "e:aXA6MjAzLjAuMTEzLjc");
    /// assert!(EntityId::from_untrusted("").is_err());
    /// # Ok::<(), tollgate::model::UnusableKey>(())
    /// ```
    ///
    /// # Errors
    /// [`UnusableKey`] if the id is empty.
    pub fn from_untrusted(id: impl AsRef<[u8]>) -> Result<Self, UnusableKey> {
        let bytes = id.as_ref();
        if bytes.is_empty() {
            return Err(UnusableKey);
        }
        if let Some(name) = plain(bytes).and_then(|text| Self::new(text).ok()) {
            return Ok(name);
        }
        Ok(Self::new(encoded(bytes))
            .unwrap_or_else(|_| Self::from_valid(format!("{LONG}{}", digest(bytes)))))
    }

    /// Returns the entity id for a secret (an API key, a bearer token): `k:` and 128 bits of its
    /// SHA-256.
    ///
    /// ```
    /// use tollgate::EntityId;
    ///
    /// assert_eq!(EntityId::from_secret("abc")?, "k:ungWv48Bz-pBQUDeXa4iIw");
    /// # Ok::<(), tollgate::model::UnusableKey>(())
    /// ```
    ///
    /// # Errors
    /// [`UnusableKey`] if the secret is empty.
    pub fn from_secret(secret: impl AsRef<[u8]>) -> Result<Self, UnusableKey> {
        let bytes = secret.as_ref();
        if bytes.is_empty() {
            return Err(UnusableKey);
        }
        Self::new(format!("k:{}", digest(bytes))).map_err(|_| UnusableKey)
    }

    /// Returns the entity id for a client's address: `ip:203.0.113.7`, or the first 64 bits of an
    /// IPv6 address, `ip6:2001:db8:1:2`. An IPv6 address that represents an IPv4 address counts as
    /// that IPv4 address: `::ffff:a.b.c.d`, `64:ff9b::a.b.c.d` (NAT64) and `::a.b.c.d`. Otherwise,
    /// all clients behind one translator would be one entity.
    ///
    /// ```
    /// use tollgate::EntityId;
    ///
    /// assert_eq!(EntityId::from_ip("::ffff:203.0.113.7".parse()?), "ip:203.0.113.7");
    /// assert_eq!(EntityId::from_ip("64:ff9b::203.0.113.7".parse()?), "ip:203.0.113.7");
    /// assert_eq!(EntityId::from_ip("2001:db8:1:2::5".parse()?), "ip6:2001:db8:1:2");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn from_ip(address: IpAddr) -> Self {
        match canonical(address) {
            IpAddr::V4(_) => Self::from_ip_prefix(address, 32),
            IpAddr::V6(_) => Self::from_ip_prefix(address, 64),
        }
    }

    /// Returns the entity id for the network of a client's address: its first `bits` bits. 32 bits
    /// of an IPv4 address and 64 bits of an IPv6 address give the same id as
    /// [`from_ip`](Self::from_ip). Other ids end with the number of bits. A number that is too
    /// large counts as all bits.
    ///
    /// ```
    /// use tollgate::EntityId;
    ///
    /// assert_eq!(EntityId::from_ip_prefix("203.0.113.7".parse()?, 24), "ip:203.0.113.0-24");
    /// assert_eq!(EntityId::from_ip_prefix("2001:db8:1:2::5".parse()?, 48), "ip6:2001:db8:1-48");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn from_ip_prefix(address: IpAddr, bits: u8) -> Self {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = write_network(&mut text, address, bits);
        Self::from_valid(text)
    }

    /// Returns the entity id for a secret, from 128 bits of the secret's hash.
    pub(crate) fn from_digest(digest: [u8; 16]) -> Self {
        Self::from_valid(format!("k:{}", URL_SAFE_NO_PAD.encode(digest)))
    }

    /// Returns the entity id for a pair of ids: `pair:`, the length of the first id, and both ids.
    /// No other pair has the same id. A result of more than 256 bytes is replaced by a hash.
    ///
    /// ```
    /// use tollgate::EntityId;
    ///
    /// let (user, model) = (EntityId::new("alice")?, EntityId::new("gpt-4")?);
    /// assert_eq!(EntityId::from_pair(&user, &model), "pair:5:alice:gpt-4");
    /// # Ok::<(), tollgate::model::InvalidName>(())
    /// ```
    pub fn from_pair(first: &Self, second: &Self) -> Self {
        let text = pair(first.as_str(), second.as_str());
        Self::new(&text).unwrap_or_else(|_| Self::from_valid(pair_digest(&text)))
    }
}

/// Returns the address, or the IPv4 address that it represents: an IPv4-mapped address, an address
/// with the well-known prefix of NAT64 (RFC 6052), or an IPv4-compatible address. `::` and `::1`
/// represent none.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            ipv4(high, low)
        }
        [0, 0, 0, 0, 0, 0, high, low] if high > 0xff => ipv4(high, low),
        _ => address,
    }
}

fn ipv4(high: u16, low: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

/// Writes the name of a network.
pub(crate) fn write_network(text: &mut impl Write, address: IpAddr, bits: u8) -> fmt::Result {
    match canonical(address) {
        IpAddr::V4(address) => {
            let bits = bits.min(32);
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            write!(text, "ip:{}", Ipv4Addr::from_bits(address.to_bits() & mask))?;
            if bits == 32 {
                Ok(())
            } else {
                write!(text, "-{bits}")
            }
        }
        IpAddr::V6(address) => {
            let bits = bits.min(128);
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            let groups = Ipv6Addr::from_bits(address.to_bits() & mask).segments();
            for (index, group) in groups
                .iter()
                .take(usize::from(bits).div_ceil(16).max(1))
                .enumerate()
            {
                write!(text, "{}{group:x}", if index == 0 { "ip6:" } else { ":" })?;
            }
            if bits == 64 {
                Ok(())
            } else {
                write!(text, "-{bits}")
            }
        }
    }
}

impl Resource {
    /// Returns the resource for a matched path: `/users/{id}` is `users/:id`, `/` is `root`.
    ///
    /// A path that is not a valid name is encoded (`e:` and base64url). A path of more than 64
    /// bytes keeps its beginning and ends with a hash.
    ///
    /// ```
    /// use tollgate::Resource;
    ///
    /// assert_eq!(Resource::from_path("/v1/users/{id}"), "v1/users/:id");
    /// assert_eq!(Resource::from_path("/files/{*rest}"), "files/:rest");
    /// assert_eq!(Resource::from_path("/"), "root");
    /// ```
    pub fn from_path(path: &str) -> Self {
        let path = path.strip_prefix('/').unwrap_or(path);
        if path.is_empty() {
            return Self::from_valid("root".into());
        }
        // `{id}` becomes `:id`, `{*rest}` becomes `:rest`.
        let text = path.replace("{*", ":").replace('{', ":").replace('}', "");
        Self::from_bytes(text.as_bytes())
    }

    /// Returns the resource for a text from a request, for example a model name. A valid name stays
    /// as it is.
    ///
    /// ```
    /// use tollgate::Resource;
    ///
    /// assert_eq!(Resource::from_untrusted("gpt-4")?, "gpt-4");
    /// assert_eq!(Resource::from_untrusted("4o")?, "e:NG8");
    /// # Ok::<(), tollgate::model::UnusableKey>(())
    /// ```
    ///
    /// # Errors
    /// [`UnusableKey`] if the text is empty.
    pub fn from_untrusted(resource: impl AsRef<[u8]>) -> Result<Self, UnusableKey> {
        match resource.as_ref() {
            [] => Err(UnusableKey),
            bytes => Ok(Self::from_bytes(bytes)),
        }
    }

    /// Returns the resource for a pair of resources, as [`EntityId::from_pair`] does. A result of
    /// more than 64 bytes is replaced by a hash.
    pub fn from_pair(first: &Self, second: &Self) -> Self {
        let text = pair(first.as_str(), second.as_str());
        Self::new(&text).unwrap_or_else(|_| Self::from_valid(pair_digest(&text)))
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        if let Some(name) = plain(bytes).and_then(|text| Self::new(text).ok()) {
            return name;
        }
        // If the text is only too long, its beginning stays readable. Otherwise the text is
        // encoded.
        let only_too_long = |text: &&str| {
            text.get(..Self::MAX_LENGTH)
                .is_some_and(|head| Self::new(head).is_ok())
        };
        let text = match plain(bytes).filter(only_too_long) {
            Some(text) => text.to_owned(),
            None => encoded(bytes),
        };
        if let Ok(name) = Self::new(&text) {
            return name;
        }
        let kept: String = text
            .chars()
            .take(Self::MAX_LENGTH - 1 - DIGEST_LENGTH)
            .collect();
        let shortened = format!("{kept}:{}", digest(bytes));
        Self::new(&shortened).unwrap_or_else(|_| Self::from_valid(format!("e:{}", digest(bytes))))
    }
}

/// Returns the text, if it does not begin like a mapped key.
fn plain(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!MAPPED.iter().any(|prefix| text.starts_with(prefix))).then_some(text)
}

fn encoded(bytes: &[u8]) -> String {
    format!("e:{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The number of characters of a [`digest`].
const DIGEST_LENGTH: usize = 22;

/// Returns 128 bits of the SHA-256 as 22 base64url characters.
fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    URL_SAFE_NO_PAD.encode(&hash[..16])
}

fn pair(first: &str, second: &str) -> String {
    format!("{PAIR}{}:{first}:{second}", first.len())
}

/// Returns the hash of a pair. The hash has no second colon, so it never equals a pair that is
/// written in full.
fn pair_digest(text: &str) -> String {
    format!("{PAIR}{}", digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_ids_are_hashed_and_stay_apart() {
        let one = EntityId::from_untrusted("a".repeat(300)).unwrap();
        let other = EntityId::from_untrusted("a".repeat(301)).unwrap();
        assert!(one.as_str().starts_with(LONG) && one.as_str().len() == 24);
        assert_ne!(one, other);
        // Secrets have another prefix, so the same bytes as a secret are another entity.
        assert_ne!(one, EntityId::from_secret("a".repeat(300)).unwrap());
        assert_ne!(
            one.as_str()[2..],
            EntityId::from_untrusted(one.as_str()).unwrap().as_str()[2..]
        );
    }

    #[test]
    fn long_paths_keep_their_beginning() {
        let path = format!("/v1/{}", "part/".repeat(30));
        let name = Resource::from_path(&path);
        assert!(name.as_str().starts_with("v1/part/part/"), "{name}");
        assert_eq!(name.as_str().len(), 64);
        assert_ne!(name, Resource::from_path(&format!("{path}x")));
    }

    #[test]
    fn paths_that_cannot_be_names_are_encoded() {
        assert_eq!(Resource::from_path("/{id}"), "e:Omlk");
        assert_eq!(Resource::from_path("/2024/a"), "e:MjAyNC9h");
    }

    #[test]
    fn networks_of_different_lengths_stay_apart() {
        let address: IpAddr = "2001:db8:1:2:3:4:5:6".parse().unwrap();
        let name = |bits| EntityId::from_ip_prefix(address, bits).to_string();
        assert_eq!(name(56), "ip6:2001:db8:1:0-56");
        assert_eq!(name(64), "ip6:2001:db8:1:2");
        assert_eq!(name(128), "ip6:2001:db8:1:2:3:4:5:6-128");
        assert_eq!(name(255), name(128));
        assert_eq!(name(0), "ip6:0-0");
        let all: std::collections::HashSet<_> = (0..=128).map(name).collect();
        assert_eq!(all.len(), 129);
    }

    #[test]
    fn addresses_that_stand_for_an_ipv4_address_become_it() {
        for text in [
            "::ffff:203.0.113.7",
            "64:ff9b::203.0.113.7",
            "::203.0.113.7",
            "203.0.113.7",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(EntityId::from_ip(address), "ip:203.0.113.7", "{text}");
            assert_eq!(
                EntityId::from_ip_prefix(address, 8),
                "ip:203.0.0.0-8",
                "{text}"
            );
            assert_eq!(
                EntityId::from_ip_prefix(address, 0),
                "ip:0.0.0.0-0",
                "{text}"
            );
        }
        for (text, name) in [
            ("::", "ip6:0:0:0:0"),
            ("::1", "ip6:0:0:0:0"),
            ("::0.1.2.3", "ip6:0:0:0:0"),
            ("64:ff9b:1::203.0.113.7", "ip6:64:ff9b:1:0"),
            ("::fffe:203.0.113.7", "ip6:0:0:0:0"),
            ("1::203.0.113.7", "ip6:1:0:0:0"),
        ] {
            assert_eq!(EntityId::from_ip(text.parse().unwrap()), name, "{text}");
        }
    }

    #[test]
    fn pairs_are_unambiguous() {
        let id = |text: &str| EntityId::new(text).unwrap();
        let pair = |first: &str, second: &str| EntityId::from_pair(&id(first), &id(second));
        assert_ne!(pair("a:b", "c"), pair("a", "b:c"));
        assert_ne!(pair("a", "b"), pair("b", "a"));
        assert_ne!(
            EntityId::from_pair(&pair("a", "b"), &id("c")),
            EntityId::from_pair(&id("a"), &pair("b", "c"))
        );
        let long = "x".repeat(256);
        assert_eq!(
            pair(&long, &long).as_str().len(),
            PAIR.len() + DIGEST_LENGTH
        );
        assert_ne!(pair(&long, &long), pair(&long, &long[1..]));
        let resource = |text: &str| Resource::new(text).unwrap();
        assert_eq!(
            Resource::from_pair(&resource("GET"), &resource("users/:id")),
            "pair:3:GET:users/:id"
        );
        let long = resource(&"x".repeat(64));
        assert_eq!(
            Resource::from_pair(&long, &long).as_str().len(),
            PAIR.len() + DIGEST_LENGTH
        );
    }

    proptest! {
        #[test]
        fn any_bytes_become_names(bytes in proptest::collection::vec(any::<u8>(), 1..400)) {
            let id = EntityId::from_untrusted(&bytes).unwrap();
            prop_assert!(EntityId::new(id.as_str()).is_ok());
            let secret = EntityId::from_secret(&bytes).unwrap();
            prop_assert!(EntityId::new(secret.as_str()).is_ok());
            let resource = Resource::from_untrusted(&bytes).unwrap();
            prop_assert!(Resource::new(resource.as_str()).is_ok(), "{}", resource);
        }

        #[test]
        fn any_path_becomes_a_resource(path in ".{0,120}") {
            prop_assert!(Resource::new(Resource::from_path(&path).as_str()).is_ok());
        }

        #[test]
        fn a_raw_id_never_poses_as_a_mapped_key(tail in "[a-z0-9.:]{0,20}", prefix in 0usize..MAPPED.len()) {
            let raw = format!("{}{tail}", MAPPED[prefix]);
            let id = EntityId::from_untrusted(&raw).unwrap();
            prop_assert!(id.as_str().starts_with("e:"));
            prop_assert_ne!(id.as_str(), raw.as_str());
        }
    }
}
