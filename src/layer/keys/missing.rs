//! The reasons why a key is missing.

use std::borrow::Cow;

use http::HeaderValue;

use crate::error::code;

/// The reason why an extractor found no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
// Boxed to keep the `Result` of an extractor small: every request moves one.
pub struct MissingKey(Box<Reason>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    #[error("missing or invalid {0}")]
    Absent(Cow<'static, str>),
    #[error("missing or invalid {what}")]
    Credential {
        what: Cow<'static, str>,
        challenge: HeaderValue,
    },
    #[error(transparent)]
    Setup(SetupMistake),
}

/// A misconfiguration of the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct SetupMistake {
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
}

impl MissingKey {
    /// Creates the error for a request that lacks `what`. By default it is answered with 400 and
    /// "Missing or invalid `what`.", so `what` has no article: `header: x-api-key`.
    pub fn absent(what: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason::Absent(what.into())))
    }

    /// Creates the error for a request that lacks the credential `what`. By default it is answered
    /// with 401, with `challenge` as `WWW-Authenticate`, and with the sentence of
    /// [`absent`](Self::absent).
    pub fn credential(what: impl Into<Cow<'static, str>>, challenge: HeaderValue) -> Self {
        Self(Box::new(Reason::Credential {
            what: what.into(),
            challenge,
        }))
    }

    /// Creates the error for a misconfiguration of the server. Such a request is answered with 500,
    /// even if [`OnMissingKey`](crate::layer::OnMissingKey) says otherwise, and `message` is logged
    /// with the code `TG010`.
    pub fn setup(message: impl Into<Cow<'static, str>>) -> Self {
        Self::mistake(code::OWN_EXTRACTOR, message)
    }

    /// Returns the challenge for `WWW-Authenticate` if a credential is missing, for an
    /// [`Answer`](crate::layer::Answer) of your own. By default, a request without a credential is
    /// answered with 401, and any other request without a key with 400.
    ///
    /// ```
    /// use http::HeaderValue;
    /// use tollgate::layer::MissingKey;
    ///
    /// let missing = MissingKey::credential("header: authorization", HeaderValue::from_static("Bearer"));
    /// assert_eq!(missing.challenge(), Some(&HeaderValue::from_static("Bearer")));
    /// assert_eq!(MissingKey::absent("header: x-tenant").challenge(), None);
    /// ```
    pub fn challenge(&self) -> Option<&HeaderValue> {
        match &*self.0 {
            Reason::Credential { challenge, .. } => Some(challenge),
            Reason::Absent(_) | Reason::Setup(_) => None,
        }
    }

    /// Returns `true` if the server is misconfigured, so that no request has the key. Such a
    /// request is answered with 500.
    pub fn is_misconfiguration(&self) -> bool {
        matches!(&*self.0, Reason::Setup(_))
    }

    /// Creates the error for a misconfiguration of the server that the guide describes under
    /// `code`.
    pub(crate) fn mistake(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason::Setup(SetupMistake {
            code,
            message: message.into(),
        })))
    }

    /// Combines the reasons of two keys that are both missing. A misconfiguration takes precedence
    /// over any other reason, the first challenge over the second.
    pub(super) fn or(self, other: Self) -> Self {
        let what = |first, second| Cow::Owned(format!("{first} or {second}"));
        Self(Box::new(match (*self.0, *other.0) {
            (_, setup @ Reason::Setup(_)) | (setup @ Reason::Setup(_), _) => setup,
            (Reason::Absent(first), Reason::Absent(second)) => Reason::Absent(what(first, second)),
            (
                Reason::Credential {
                    what: first,
                    challenge,
                },
                Reason::Absent(second),
            )
            | (
                Reason::Absent(first),
                Reason::Credential {
                    what: second,
                    challenge,
                },
            )
            | (
                Reason::Credential {
                    what: first,
                    challenge,
                },
                Reason::Credential { what: second, .. },
            ) => Reason::Credential {
                what: what(first, second),
                challenge,
            },
        }))
    }

    /// Returns `true` if the server is misconfigured.
    pub(crate) fn is_setup(&self) -> bool {
        matches!(*self.0, Reason::Setup(_))
    }

    pub(crate) fn reason(&self) -> &Reason {
        &self.0
    }
}
