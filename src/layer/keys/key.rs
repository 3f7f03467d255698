//! What an extractor found, before it is a name.

use std::net::IpAddr;

use super::{HmacSecret, address::Network};
use crate::{
    error::Invalid,
    model::{EntityId, InvalidName, Resource, canonical},
};

/// What an extractor found. How it becomes a name depends on what it is: two processes always
/// agree on that, and no kind of key can pose as another.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// Boxed, so that the others are small: every request has one.
    Checked(Box<Checked>),
    Untrusted(Box<[u8]>),
    Secret(Box<[u8]>),
    /// A secret's hash.
    Digest([u8; 16]),
    Address(Network),
    Path(Box<str>),
    Pair(Box<(Key, Key)>),
}

/// A name as an entity's and as a resource's.
#[derive(Clone, PartialEq, Eq)]
struct Checked {
    entity: Result<EntityId, InvalidName>,
    resource: Result<Resource, InvalidName>,
}

/// An entity id that the server knows, as a resource too: encoded if it is no resource's name.
impl From<EntityId> for Key {
    fn from(id: EntityId) -> Self {
        let resource =
            Resource::new(id.as_str()).or_else(|error| Resource::from_untrusted(id.as_str()).map_err(|_| error));
        Self(Kind::Checked(Box::new(Checked { entity: Ok(id), resource })))
    }
}

impl From<&EntityId> for Key {
    fn from(id: &EntityId) -> Self {
        id.clone().into()
    }
}

/// A resource that the server knows, as an entity id too: encoded if it is none.
impl From<Resource> for Key {
    fn from(resource: Resource) -> Self {
        let entity = EntityId::new(resource.as_str())
            .or_else(|error| EntityId::from_untrusted(resource.as_str()).map_err(|_| error));
        Self(Kind::Checked(Box::new(Checked { entity, resource: Ok(resource) })))
    }
}

impl From<&Resource> for Key {
    fn from(resource: &Resource) -> Self {
        resource.clone().into()
    }
}

/// Says what kind it is, and never what it holds: it may be a secret.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            Kind::Checked(_) => "Key::name",
            Kind::Untrusted(_) => "Key::untrusted",
            Kind::Secret(_) | Kind::Digest(_) => "Key::secret",
            Kind::Address(_) => "Key::ip",
            Kind::Path(_) => "Key::path",
            Kind::Pair(_) => "Key::pair",
        })
    }
}

impl Key {
    /// A name that the server chose: it is taken as it is, and must be a valid one.
    pub fn name(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        Self(Kind::Checked(Box::new(Checked { entity: EntityId::new(name), resource: Resource::new(name) })))
    }

    /// An id that the request brought: taken as it is where it is a name, else encoded.
    pub fn untrusted(id: impl AsRef<[u8]>) -> Self {
        Self(Kind::Untrusted(id.as_ref().into()))
    }

    /// A secret: hashed, and never stored or logged in clear.
    pub fn secret(secret: impl AsRef<[u8]>) -> Self {
        Self(Kind::Secret(secret.as_ref().into()))
    }

    /// A client's address: all of an IPv4 address, 64 bits of an IPv6 address.
    pub fn ip(address: IpAddr) -> Self {
        Self(Kind::Address(Network::usual(canonical(address))))
    }

    /// The network of a client's address: its first `bits` bits.
    pub fn ip_prefix(address: IpAddr, bits: u8) -> Self {
        Self(Kind::Address(Network { address, bits }))
    }

    /// A route's path.
    pub fn path(path: impl AsRef<str>) -> Self {
        Self(Kind::Path(path.as_ref().into()))
    }

    /// Two keys together. No other two keys make the same.
    pub fn pair(first: Self, second: Self) -> Self {
        Self(Kind::Pair(Box::new((first, second))))
    }

    /// Returns `true` if there is nothing in it: it is a key that is missing.
    pub(super) fn is_empty(&self) -> bool {
        match &self.0 {
            Kind::Untrusted(bytes) | Kind::Secret(bytes) => bytes.is_empty(),
            Kind::Pair(pair) => pair.0.is_empty() || pair.1.is_empty(),
            Kind::Checked(_) | Kind::Digest(_) | Kind::Address(_) | Kind::Path(_) => false,
        }
    }

    /// The key hashed with `secret`. What is no name stays what it is.
    pub(super) fn hashed(self, secret: &HmacSecret) -> Self {
        let digest = match &self.0 {
            Kind::Untrusted(bytes) | Kind::Secret(bytes) => Some(secret.of_bytes(bytes)).filter(|_| !bytes.is_empty()),
            Kind::Checked(name) => match (&name.entity, &name.resource) {
                (Ok(entity), _) => Some(secret.of_name(entity.as_str())),
                (Err(_), Ok(resource)) => Some(secret.of_name(resource.as_str())),
                (Err(_), Err(_)) => None,
            },
            _ => self.clone().into_entity().ok().map(|name| secret.of_name(name.as_str())),
        };
        digest.map_or(self, |digest| Self(Kind::Digest(digest)))
    }

    /// The client's network, where it is one.
    pub(in crate::layer) fn network(&self) -> Option<Network> {
        match self.0 {
            Kind::Address(network) => Some(network),
            _ => None,
        }
    }

    /// The key as an entity id.
    ///
    /// # Errors
    /// [`Invalid`] where it is empty, or a [`name`](Self::name) that is none.
    pub fn into_entity(self) -> Result<EntityId, Invalid> {
        Ok(match self.0 {
            Kind::Checked(name) => name.entity?,
            Kind::Untrusted(id) => EntityId::from_untrusted(id)?,
            Kind::Secret(secret) => EntityId::from_secret(secret)?,
            Kind::Digest(digest) => EntityId::from_digest(digest),
            Kind::Address(network) => network.entity(),
            Kind::Path(path) => EntityId::from_untrusted(Resource::from_path(&path).as_str())?,
            Kind::Pair(pair) => EntityId::from_pair(&pair.0.into_entity()?, &pair.1.into_entity()?),
        })
    }

    /// The key as a resource.
    ///
    /// # Errors
    /// As [`into_entity`](Self::into_entity).
    pub fn into_resource(self) -> Result<Resource, Invalid> {
        Ok(match self.0 {
            Kind::Checked(name) => name.resource?,
            Kind::Untrusted(name) => Resource::from_untrusted(name)?,
            Kind::Secret(secret) => Resource::new(EntityId::from_secret(secret)?.as_str())?,
            Kind::Digest(digest) => Resource::new(EntityId::from_digest(digest).as_str())?,
            Kind::Address(network) => Resource::new(network.entity().as_str())?,
            Kind::Path(path) => Resource::from_path(&path),
            Kind::Pair(pair) => Resource::from_pair(&pair.0.into_resource()?, &pair.1.into_resource()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_key_becomes_both_kinds_of_name() {
        let keys = [
            Key::name("plain"),
            Key::untrusted("two words"),
            Key::secret("sk-123"),
            Key::ip("2001:db8::1".parse().unwrap()),
            Key::ip_prefix("2001:db8::1".parse().unwrap(), 128),
            Key::path("/users/{id}"),
            Key::pair(Key::secret("sk-123"), Key::pair(Key::name("a"), Key::path("/"))),
        ];
        let secret = HmacSecret::new("0123456789abcdef").unwrap();
        for key in keys.clone().into_iter().chain(keys.map(|key| key.hashed(&secret))) {
            assert!(key.clone().into_entity().is_ok(), "{key:?}");
            assert!(key.clone().into_resource().is_ok(), "{key:?}");
        }
        assert!(Key::name("two words").into_entity().is_err());
        // Names that one of the two cannot have.
        let (entity, resource) = (EntityId::new("4o@example").unwrap(), Resource::new("openai/gpt-4").unwrap());
        assert_eq!(Key::from(&entity).into_entity().unwrap(), entity);
        assert_eq!(Key::from(&resource).into_resource().unwrap(), resource);
        assert_eq!(Key::from(entity).into_resource().unwrap(), "e:NG9AZXhhbXBsZQ");
        assert_eq!(Key::from(resource).into_entity().unwrap(), "e:b3BlbmFpL2dwdC00");
        let hashed = EntityId::from_secret("sk-123").unwrap();
        assert_eq!(Key::from(&hashed).into_resource().unwrap(), hashed.as_str());
        assert!(Key::untrusted("").into_entity().is_err());
    }
}
