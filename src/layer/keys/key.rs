//! What an extractor found, before it is a name.

use std::net::IpAddr;

use crate::{
    error::Invalid,
    model::{EntityId, InvalidName, Resource},
};

/// What an extractor found. How it becomes a name depends on what it is: two processes always
/// agree on that, and no kind of key can pose as another.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Checked { entity: Result<EntityId, InvalidName>, resource: Result<Resource, InvalidName> },
    Untrusted(Box<[u8]>),
    Secret(Box<[u8]>),
    Address(IpAddr),
    Path(Box<str>),
}

/// Says what kind it is, and never what it holds: it may be a secret.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            Kind::Checked { .. } => "Key::name",
            Kind::Untrusted(_) => "Key::untrusted",
            Kind::Secret(_) => "Key::secret",
            Kind::Address(_) => "Key::ip",
            Kind::Path(_) => "Key::path",
        })
    }
}

impl Key {
    /// A name that the server chose: it is taken as it is, and must be a valid one.
    pub fn name(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        Self(Kind::Checked { entity: EntityId::new(name), resource: Resource::new(name) })
    }

    /// An id that the request brought: taken as it is where it is a name, else encoded.
    pub fn untrusted(id: impl AsRef<[u8]>) -> Self {
        Self(Kind::Untrusted(id.as_ref().into()))
    }

    /// A secret: hashed, and never stored or logged in clear.
    pub fn secret(secret: impl AsRef<[u8]>) -> Self {
        Self(Kind::Secret(secret.as_ref().into()))
    }

    /// A client's address.
    pub fn ip(address: IpAddr) -> Self {
        Self(Kind::Address(address))
    }

    /// A route's path.
    pub fn path(path: impl AsRef<str>) -> Self {
        Self(Kind::Path(path.as_ref().into()))
    }

    /// The client's address, where it is one.
    pub(in crate::layer) fn address(&self) -> Option<IpAddr> {
        match self.0 {
            Kind::Address(address) => Some(address),
            _ => None,
        }
    }

    /// The key as an entity id.
    ///
    /// # Errors
    /// [`Invalid`] where it is empty, or a [`name`](Self::name) that is none.
    pub fn into_entity(self) -> Result<EntityId, Invalid> {
        Ok(match self.0 {
            Kind::Checked { entity, .. } => entity?,
            Kind::Untrusted(id) => EntityId::from_untrusted(id)?,
            Kind::Secret(secret) => EntityId::from_secret(secret)?,
            Kind::Address(address) => EntityId::from_ip(address),
            Kind::Path(path) => EntityId::from_untrusted(Resource::from_path(&path).as_str())?,
        })
    }

    /// The key as a resource.
    ///
    /// # Errors
    /// As [`into_entity`](Self::into_entity).
    pub fn into_resource(self) -> Result<Resource, Invalid> {
        Ok(match self.0 {
            Kind::Checked { resource, .. } => resource?,
            Kind::Untrusted(name) => Resource::from_untrusted(name)?,
            Kind::Secret(secret) => Resource::new(EntityId::from_secret(secret)?.as_str())?,
            Kind::Address(address) => Resource::new(EntityId::from_ip(address).as_str())?,
            Kind::Path(path) => Resource::from_path(&path),
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
            Key::path("/users/{id}"),
        ];
        for key in keys {
            assert!(key.clone().into_entity().is_ok(), "{key:?}");
            assert!(key.clone().into_resource().is_ok(), "{key:?}");
        }
        assert!(Key::name("two words").into_entity().is_err());
        assert!(Key::untrusted("").into_entity().is_err());
    }
}
