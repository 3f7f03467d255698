//! Names that are checked once and then carried as types.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Sealed;

/// The kind of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameKind {
    /// An [`EntityId`].
    EntityId,
    /// A [`Resource`].
    Resource,
    /// A [`LimitName`].
    LimitName,
    /// A [`StackName`].
    StackName,
    /// A [`NamespaceName`].
    NamespaceName,
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EntityId => "entity id",
            Self::Resource => "resource",
            Self::LimitName => "limit name",
            Self::StackName => "stack name",
            Self::NamespaceName => "namespace name",
        })
    }
}

/// The problem of an invalid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// The name is empty.
    #[error("is empty")]
    Empty,
    /// The name is longer than its kind allows.
    #[error("has {length} bytes, at most {most} are allowed")]
    TooLong {
        /// The number of bytes of the refused name.
        length: usize,
        /// The maximum number of bytes.
        most: usize,
    },
    /// The name has a character that its kind does not allow, or does not allow as the first one.
    #[error("has a character that is not allowed at byte {at}")]
    Character {
        /// Byte offset of the character.
        at: usize,
    },
    /// The name is reserved for internal use.
    #[error("is reserved")]
    Reserved,
}

/// The error for a text that is not a valid name of its kind.
///
/// The error does not contain the text, which may be a secret that must not reach a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {kind} {problem}")]
#[non_exhaustive]
pub struct InvalidName {
    /// The expected kind of name.
    pub kind: NameKind,
    /// The problem of the text.
    pub problem: NameProblem,
}

/// A name of kind `N`, or a text that may be one: `&str`, `String` or `&String`.
///
/// A text is checked only if nothing is cached under it. The trait is sealed: this crate relies on
/// both methods giving the same text.
pub trait IntoName<N>: Sealed {
    /// Returns the text.
    fn as_text(&self) -> &str;

    /// Converts the value to the name, which has exactly the same text.
    ///
    /// # Errors
    /// [`InvalidName`] if the text is not a valid name.
    fn into_name(self) -> Result<N, InvalidName>;
}

impl Sealed for &str {}

impl Sealed for String {}

impl Sealed for &String {}

fn check(
    kind: NameKind,
    text: &str,
    most: usize,
    first: fn(u8) -> bool,
    rest: fn(u8) -> bool,
) -> Result<(), InvalidName> {
    let refuse = |problem| Err(InvalidName { kind, problem });
    let bytes = text.as_bytes();
    let Some((head, tail)) = bytes.split_first() else {
        return refuse(NameProblem::Empty);
    };
    if bytes.len() > most {
        return refuse(NameProblem::TooLong {
            length: bytes.len(),
            most,
        });
    }
    if !first(*head) {
        return refuse(NameProblem::Character { at: 0 });
    }
    match tail.iter().position(|byte| !rest(*byte)) {
        Some(at) => refuse(NameProblem::Character { at: at + 1 }),
        None => Ok(()),
    }
}

fn letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
}

fn letter_or_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $most:expr, $first:expr, $rest:expr $(, reserved $reserved:expr)?) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        // Short names are stored inline: they need no allocation, and a comparison reads no other
        // memory.
        pub struct $name(SmolStr);

        impl $name {
            /// The maximum number of bytes of the name.
            pub const MAX_LENGTH: usize = $most;

            /// Checks `text`.
            ///
            /// # Errors
            /// [`InvalidName`] with the problem and its position.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let text = text.as_ref();
                Self::validate(text)?;
                Ok(Self(text.into()))
            }

            /// Returns the name as text.
            #[inline]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// Returns the name for a text that a mapping has made, so it is known to be valid.
            #[allow(dead_code, reason = "only some kinds have mappings")]
            pub(crate) fn from_valid(text: String) -> Self {
                debug_assert!(Self::validate(&text).is_ok());
                Self(text.into())
            }

            fn validate(text: &str) -> Result<(), InvalidName> {
                check(NameKind::$name, text, $most, $first, $rest)?;
                $(if text == $reserved {
                    return Err(InvalidName { kind: NameKind::$name, problem: NameProblem::Reserved });
                })?
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;

            fn try_from(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<&String> for $name {
            type Error = InvalidName;

            fn try_from(text: &String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::validate(&text)?;
                Ok(Self(text.into()))
            }
        }

        impl Sealed for $name {}

        impl Sealed for &$name {}

        impl IntoName<$name> for $name {
            #[inline]
            fn as_text(&self) -> &str {
                &self.0
            }

            fn into_name(self) -> Result<$name, InvalidName> {
                Ok(self)
            }
        }

        impl IntoName<$name> for &$name {
            #[inline]
            fn as_text(&self) -> &str {
                &self.0
            }

            fn into_name(self) -> Result<$name, InvalidName> {
                Ok(self.clone())
            }
        }

        impl IntoName<$name> for &str {
            #[inline]
            fn as_text(&self) -> &str {
                self
            }

            fn into_name(self) -> Result<$name, InvalidName> {
                $name::new(self)
            }
        }

        impl IntoName<$name> for String {
            #[inline]
            fn as_text(&self) -> &str {
                self
            }

            fn into_name(self) -> Result<$name, InvalidName> {
                self.try_into()
            }
        }

        impl IntoName<$name> for &String {
            #[inline]
            fn as_text(&self) -> &str {
                self
            }

            fn into_name(self) -> Result<$name, InvalidName> {
                $name::new(self)
            }
        }

        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, text: &str) -> bool {
                self.as_str() == text
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, text: &&str) -> bool {
                self.as_str() == *text
            }
        }
    };
}

checked_name!(
    /// The id of an entity, which is limited: a user, an API key, a project.
    ///
    /// A letter or digit, then letters, digits and `_.:@-`; at most 256 bytes. An id from a request
    /// may contain anything: [`EntityId::from_untrusted`] and similar functions map it to a valid
    /// id.
    ///
    /// ```
    /// use tollgate::EntityId;
    ///
    /// assert_eq!(EntityId::new("user-1@example.com")?, "user-1@example.com");
    /// assert!(EntityId::new("two words").is_err());
    /// # Ok::<(), tollgate::model::InvalidName>(())
    /// ```
    EntityId, 256, letter_or_digit,
    |byte| byte.is_ascii_alphanumeric() || b"_.:@-".contains(&byte)
);

checked_name!(
    /// The name of a resource, which is used: `api`, `gpt-4`, `openai/gpt-4`.
    ///
    /// A letter, then letters, digits and `_./:-`; at most 64 bytes.
    ///
    /// ```
    /// use tollgate::Resource;
    ///
    /// assert_eq!(Resource::new("openai/gpt-4")?, "openai/gpt-4");
    /// assert!(Resource::new("4o").is_err());
    /// # Ok::<(), tollgate::model::InvalidName>(())
    /// ```
    Resource, 64, letter,
    |byte| byte.is_ascii_alphanumeric() || b"_./:-".contains(&byte)
);

checked_name!(
    /// The name of a limit: `rpm`, `tpm`.
    ///
    /// A letter, then letters, digits and `_.-`; at most 64 bytes. Not `wcu`, which the table
    /// reserves.
    ///
    /// ```
    /// use tollgate::LimitName;
    ///
    /// assert_eq!(LimitName::new("rpm")?, "rpm");
    /// assert!(LimitName::new("wcu").is_err());
    /// # Ok::<(), tollgate::model::InvalidName>(())
    /// ```
    LimitName, 64, letter,
    |byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte),
    reserved "wcu"
);

checked_name!(
    /// The name of a stack, which is also the name of its table.
    ///
    /// A letter, then letters, digits and `-`; at most 55 bytes.
    StackName, 55, letter,
    |byte| byte.is_ascii_alphanumeric() || byte == b'-'
);

checked_name!(
    /// The name of a namespace: a tenant inside one table.
    ///
    /// A letter, then letters, digits and `_.-`; at most 64 bytes.
    NamespaceName, 64, letter,
    |byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_name_says_what_is_wrong_and_where_but_not_the_text() {
        let error = EntityId::new("sk-secret#1").unwrap_err();
        assert_eq!(error.problem, NameProblem::Character { at: 9 });
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(Resource::new("").unwrap_err().problem, NameProblem::Empty);
        let long = "a".repeat(257);
        assert_eq!(
            EntityId::new(long).unwrap_err().problem,
            NameProblem::TooLong {
                length: 257,
                most: 256
            }
        );
        assert_eq!(
            LimitName::new("wcu").unwrap_err().problem,
            NameProblem::Reserved
        );
        assert_eq!(
            EntityId::new("é").unwrap_err().problem,
            NameProblem::Character { at: 0 }
        );
    }

    #[test]
    fn a_name_never_contains_a_hash_sign() {
        assert!(EntityId::new("a#b").is_err());
        assert!(Resource::new("a#b").is_err());
        assert!(LimitName::new("a#b").is_err());
        assert!(StackName::new("a#b").is_err());
        assert!(NamespaceName::new("a#b").is_err());
    }

    #[test]
    fn a_name_is_serialized_as_text_and_checked_on_the_way_back() {
        let name: LimitName = serde_json::from_str("\"rpm\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"rpm\"");
        assert!(serde_json::from_str::<LimitName>("\"r pm\"").is_err());
    }
}
