//! The key that an extractor found, before it becomes a name.

use std::net::IpAddr;

use super::{HmacSecret, address::Network};
use crate::{
    error::Invalid,
    model::{EntityId, InvalidName, Resource, canonical},
};

/// A key that an extractor found. Its kind determines how it becomes a name, in the same way in
/// every process. A value that a client sends never gets the name of a secret, an address or a
/// pair.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(KeyKind);

#[derive(Clone, PartialEq, Eq)]
enum KeyKind {
    /// The name is boxed to keep the enum small, because every request has one.
    Checked(Box<Checked>),
    Untrusted(Box<[u8]>),
    Secret(Box<[u8]>),
    /// The HMAC of a key.
    Digest([u8; 16]),
    Address(Network),
    Path(Box<str>),
    Pair(Box<(Key, Key)>),
}

/// A name, checked both as an entity id and as a resource.
#[derive(Clone, PartialEq, Eq)]
struct Checked {
    entity: Result<EntityId, InvalidName>,
    resource: Result<Resource, InvalidName>,
}

/// Creates a key from an entity id that the server knows. As a resource, the key is encoded if the
/// id is not a valid resource name.
impl From<EntityId> for Key {
    fn from(id: EntityId) -> Self {
        let resource = Resource::new(id.as_str())
            .or_else(|error| Resource::from_untrusted(id.as_str()).map_err(|_| error));
        Self(KeyKind::Checked(Box::new(Checked {
            entity: Ok(id),
            resource,
        })))
    }
}

impl From<&EntityId> for Key {
    fn from(id: &EntityId) -> Self {
        id.clone().into()
    }
}

/// Creates a key from a resource that the server knows. As an entity id, the key is encoded if the
/// resource is not a valid id.
impl From<Resource> for Key {
    fn from(resource: Resource) -> Self {
        let entity = EntityId::new(resource.as_str())
            .or_else(|error| EntityId::from_untrusted(resource.as_str()).map_err(|_| error));
        Self(KeyKind::Checked(Box::new(Checked {
            entity,
            resource: Ok(resource),
        })))
    }
}

impl From<&Resource> for Key {
    fn from(resource: &Resource) -> Self {
        resource.clone().into()
    }
}

/// Shows only the kind of the key, because its value may be a secret.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            KeyKind::Checked(_) => "Key::name",
            KeyKind::Untrusted(_) => "Key::untrusted",
            KeyKind::Secret(_) | KeyKind::Digest(_) => "Key::secret",
            KeyKind::Address(_) => "Key::ip",
            KeyKind::Path(_) => "Key::path",
            KeyKind::Pair(_) => "Key::pair",
        })
    }
}

impl Key {
    /// Creates a key from a name that the server chose. The name is used unchanged, and must be
    /// valid.
    pub fn name(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        Self(KeyKind::Checked(Box::new(Checked {
            entity: EntityId::new(name),
            resource: Resource::new(name),
        })))
    }

    /// Creates a key from an id that the request brought. A valid name is used unchanged, any other
    /// id is encoded.
    pub fn untrusted(id: impl AsRef<[u8]>) -> Self {
        Self(KeyKind::Untrusted(id.as_ref().into()))
    }

    /// Creates a key from a secret. The secret is hashed, and never stored or logged in plain text.
    pub fn secret(secret: impl AsRef<[u8]>) -> Self {
        Self(KeyKind::Secret(secret.as_ref().into()))
    }

    /// Creates a key from a client's address: all bits of an IPv4 address, the first 64 bits of an
    /// IPv6 address.
    pub fn ip(address: IpAddr) -> Self {
        Self(KeyKind::Address(Network::usual(canonical(address))))
    }

    /// Creates a key from the network of a client's address: its first `bits` bits.
    pub fn ip_prefix(address: IpAddr, bits: u8) -> Self {
        Self(KeyKind::Address(Network { address, bits }))
    }

    /// Creates a key from the path of a route.
    pub fn path(path: impl AsRef<str>) -> Self {
        Self(KeyKind::Path(path.as_ref().into()))
    }

    /// Combines two keys. Different pairs never make the same key.
    pub fn pair(first: Self, second: Self) -> Self {
        Self(KeyKind::Pair(Box::new((first, second))))
    }

    /// Returns `true` if the key is empty, which counts as missing.
    pub(super) fn is_empty(&self) -> bool {
        match &self.0 {
            KeyKind::Untrusted(bytes) | KeyKind::Secret(bytes) => bytes.is_empty(),
            KeyKind::Pair(pair) => pair.0.is_empty() || pair.1.is_empty(),
            KeyKind::Checked(_) | KeyKind::Digest(_) | KeyKind::Address(_) | KeyKind::Path(_) => {
                false
            }
        }
    }

    /// Returns the key hashed with `secret`. A key that is empty or not a valid name is returned
    /// unchanged.
    pub(super) fn hashed(self, secret: &HmacSecret) -> Self {
        let digest = match &self.0 {
            KeyKind::Untrusted(bytes) | KeyKind::Secret(bytes) => {
                Some(secret.of_bytes(bytes)).filter(|_| !bytes.is_empty())
            }
            KeyKind::Checked(name) => match (&name.entity, &name.resource) {
                (Ok(entity), _) => Some(secret.of_name(entity.as_str())),
                (Err(_), Ok(resource)) => Some(secret.of_name(resource.as_str())),
                (Err(_), Err(_)) => None,
            },
            _ => self
                .clone()
                .into_entity()
                .ok()
                .map(|name| secret.of_name(name.as_str())),
        };
        digest.map_or(self, |digest| Self(KeyKind::Digest(digest)))
    }

    /// Returns the client's network, if the key is a network.
    pub(crate) fn network(&self) -> Option<Network> {
        match self.0 {
            KeyKind::Address(network) => Some(network),
            _ => None,
        }
    }

    /// Returns the key as an entity id.
    ///
    /// # Errors
    /// [`Invalid`] if the key is empty, or a [`name`](Self::name) that is not a valid entity id.
    pub fn into_entity(self) -> Result<EntityId, Invalid> {
        Ok(match self.0 {
            KeyKind::Checked(name) => name.entity?,
            KeyKind::Untrusted(id) => EntityId::from_untrusted(id)?,
            KeyKind::Secret(secret) => EntityId::from_secret(secret)?,
            KeyKind::Digest(digest) => EntityId::from_digest(digest),
            KeyKind::Address(network) => network.entity(),
            KeyKind::Path(path) => EntityId::from_untrusted(Resource::from_path(&path).as_str())?,
            KeyKind::Pair(pair) => {
                EntityId::from_pair(&pair.0.into_entity()?, &pair.1.into_entity()?)
            }
        })
    }

    /// Returns the key as a resource.
    ///
    /// # Errors
    /// [`Invalid`] if the key is empty, or a [`name`](Self::name) that is not a valid resource.
    pub fn into_resource(self) -> Result<Resource, Invalid> {
        Ok(match self.0 {
            KeyKind::Checked(name) => name.resource?,
            KeyKind::Untrusted(name) => Resource::from_untrusted(name)?,
            KeyKind::Secret(secret) => Resource::new(EntityId::from_secret(secret)?.as_str())?,
            KeyKind::Digest(digest) => Resource::new(EntityId::from_digest(digest).as_str())?,
            KeyKind::Address(network) => Resource::new(network.entity().as_str())?,
            KeyKind::Path(path) => Resource::from_path(&path),
            KeyKind::Pair(pair) => {
                Resource::from_pair(&pair.0.into_resource()?, &pair.1.into_resource()?)
            }
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
            Key::pair(
                Key::secret("sk-123"),
                Key::pair(Key::name("a"), Key::path("/")),
            ),
        ];
        let secret = HmacSecret::new("0123456789abcdef").unwrap();
        for key in keys
            .clone()
            .into_iter()
            .chain(keys.map(|key| key.hashed(&secret)))
        {
            assert!(key.clone().into_entity().is_ok(), "{key:?}");
            assert!(key.clone().into_resource().is_ok(), "{key:?}");
        }
        assert!(Key::name("two words").into_entity().is_err());
        // Names that only an entity or only a resource can have.
        let (entity, resource) = (
            EntityId::new("4o@example").unwrap(),
            Resource::new("openai/gpt-4").unwrap(),
        );
        assert_eq!(Key::from(&entity).into_entity().unwrap(), entity);
        assert_eq!(Key::from(&resource).into_resource().unwrap(), resource);
        assert_eq!(
            Key::from(entity).into_resource().unwrap(),
            "e:NG9AZXhhbXBsZQ"
        );
        assert_eq!(
            Key::from(resource).into_entity().unwrap(),
            "e:b3BlbmFpL2dwdC00"
        );
        let hashed = EntityId::from_secret("sk-123").unwrap();
        assert_eq!(Key::from(&hashed).into_resource().unwrap(), hashed.as_str());
        assert!(Key::untrusted("").into_entity().is_err());
    }
}
