//! What a limit counts.

/// What a limit counts: the quota units of the IETF draft's registry, and others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuotaUnit {
    /// `requests`: what clients take for granted where nothing is said, so it is not.
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
    /// The unit `name`.
    pub fn other(name: impl Into<String>) -> Self {
        Self::Other(name.into())
    }

    /// What it is called in a field.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Requests => "requests",
            Self::ContentBytes => "content-bytes",
            Self::ConcurrentRequests => "concurrent-requests",
            Self::Other(name) => name,
        }
    }

    /// Returns `true` if a field can hold it as it is.
    pub(in crate::layer) fn is_valid(&self) -> bool {
        let name = self.as_str();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        (1..=64).contains(&name.len()) && name.bytes().all(allowed)
    }
}
