//! The access to a resource, as a config sets it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The access to a resource that a config sets for its scope.
///
/// The first of these levels that sets an access decides: the entity's config for the resource, the
/// entity's config for all resources, the resource's config. If none does, the access is
/// [`Enabled`](Self::Enabled).
///
/// With serde, the values are `true`, `"bypass"` and `false`, as in the Python client, because the
/// field is named `disabled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Access {
    /// Every acquire is refused with [`Error::Disabled`](crate::Error::Disabled).
    Disabled,
    /// Every acquire is granted and only counted: the buckets keep their tokens.
    Bypassed,
    /// The limits decide.
    Enabled,
}

/// The word of the table and of files for [`Access::Bypassed`].
pub(crate) const BYPASS: &str = "bypass";

impl Access {
    /// Returns the value of the attribute `disabled`: `None` for the text `bypass`.
    pub(crate) fn as_disabled(self) -> Option<bool> {
        match self {
            Self::Disabled => Some(true),
            Self::Bypassed => None,
            Self::Enabled => Some(false),
        }
    }
}

impl Serialize for Access {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_disabled() {
            Some(disabled) => serializer.serialize_bool(disabled),
            None => serializer.serialize_str(BYPASS),
        }
    }
}

impl<'de> Deserialize<'de> for Access {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AccessVisitor)
    }
}

struct AccessVisitor;

impl de::Visitor<'_> for AccessVisitor {
    type Value = Access;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or \"bypass\"")
    }

    fn visit_bool<E>(self, disabled: bool) -> Result<Access, E> {
        Ok(if disabled {
            Access::Disabled
        } else {
            Access::Enabled
        })
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Access, E> {
        if word == BYPASS {
            Ok(Access::Bypassed)
        } else {
            Err(E::invalid_value(de::Unexpected::Str(word), &self))
        }
    }
}

/// The level that disables a resource for an entity. The names and texts are those of the Python
/// client: a config of `ConfigScope::entity` is [`EntityDefault`](Self::EntityDefault), and not
/// [`Entity`](Self::Entity).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisabledLevel {
    /// The entity's config for the resource.
    Entity,
    /// The entity's config for all resources.
    EntityDefault,
    /// The resource's config.
    Resource,
    /// A stamp of the bucket. The config that set it was not read.
    Bucket,
}

impl fmt::Display for DisabledLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entity => "entity",
            Self::EntityDefault => "entity_default",
            Self::Resource => "resource",
            Self::Bucket => "bucket",
        })
    }
}

/// One flag of a config. `None` removes the flag, so that the next level decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigFlag {
    /// The access to the resource.
    Access(Option<Access>),
    /// If the parents of entities are charged too.
    Cascade(Option<bool>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_is_serialized_as_the_peer_writes_it() {
        for (access, json) in [
            (Access::Disabled, "true"),
            (Access::Bypassed, "\"bypass\""),
            (Access::Enabled, "false"),
        ] {
            assert_eq!(serde_json::to_string(&access).unwrap(), json);
            assert_eq!(serde_json::from_str::<Access>(json).unwrap(), access);
        }
        assert!(serde_json::from_str::<Access>("\"off\"").is_err());
    }
}
