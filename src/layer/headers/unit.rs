//! The units that limits count.

/// A unit that a limit counts: a quota unit of the IETF draft's registry, or another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuotaUnit {
    /// `requests`. Clients assume it if a field names no unit, so it is not written.
    Requests,
    /// `content-bytes`: bytes of content that the server processes.
    ContentBytes,
    /// `concurrent-requests`: requests at the same time.
    ConcurrentRequests,
    /// A unit that the registry does not have, such as `tokens`: 1 to 64 ASCII letters, digits and
    /// `-`, `_`, `.`, `:`, `/`.
    Other(String),
}

impl QuotaUnit {
    /// Creates the unit `name`.
    pub fn other(name: impl Into<String>) -> Self {
        Self::Other(name.into())
    }

    /// Returns the name of the unit in a field.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Requests => "requests",
            Self::ContentBytes => "content-bytes",
            Self::ConcurrentRequests => "concurrent-requests",
            Self::Other(name) => name,
        }
    }

    /// Returns `true` if a field can hold the name without escapes.
    pub(crate) fn is_valid(&self) -> bool {
        let name = self.as_str();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        (1..=64).contains(&name.len()) && name.bytes().all(allowed)
    }
}
