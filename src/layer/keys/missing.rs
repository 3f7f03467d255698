//! Why there is no key.

use std::borrow::Cow;

use http::HeaderValue;

use crate::error::code;

/// Why an extractor found no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
// Boxed, because every request's key is handed on together with what may be missing.
pub struct MissingKey(Box<Reason>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    #[error("missing or invalid {0}")]
    Absent(Cow<'static, str>),
    #[error("missing or invalid {what}")]
    Credential { what: Cow<'static, str>, challenge: HeaderValue },
    #[error(transparent)]
    Setup(SetupMistake),
}

/// A mistake in the server's set-up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct SetupMistake {
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
}

impl MissingKey {
    /// The request lacks `what`: by default answered with 400 and "Missing or invalid `what`." So it needs no article:
    /// `header: x-api-key`.
    pub fn absent(what: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason::Absent(what.into())))
    }

    /// The request lacks the credential `what`: by default answered with 401, `challenge` as `WWW-Authenticate`, and
    /// the sentence of [`absent`](Self::absent).
    pub fn credential(what: impl Into<Cow<'static, str>>, challenge: HeaderValue) -> Self {
        Self(Box::new(Reason::Credential { what: what.into(), challenge }))
    }

    /// The server is set up wrongly: always answered with 500, and `message` is in the log, under the code `TG010`.
    pub fn setup(message: impl Into<Cow<'static, str>>) -> Self {
        Self::mistake(code::OWN_EXTRACTOR, message)
    }

    /// The server is set up wrongly, in a way that the guide tells under `code`.
    pub(in crate::layer) fn mistake(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason::Setup(SetupMistake { code, message: message.into() })))
    }

    /// What is missing where neither key is there. A mistake of the server stays one; of
    /// challenges the first is taken.
    pub(super) fn or(self, other: Self) -> Self {
        let what = |first, second| Cow::Owned(format!("{first} or {second}"));
        Self(Box::new(match (*self.0, *other.0) {
            (_, setup @ Reason::Setup(_)) | (setup @ Reason::Setup(_), _) => setup,
            (Reason::Absent(first), Reason::Absent(second)) => Reason::Absent(what(first, second)),
            (Reason::Credential { what: first, challenge }, Reason::Absent(second))
            | (Reason::Absent(first), Reason::Credential { what: second, challenge })
            | (Reason::Credential { what: first, challenge }, Reason::Credential { what: second, .. }) => {
                Reason::Credential { what: what(first, second), challenge }
            }
        }))
    }

    /// Returns `true` if the server is set up wrongly.
    pub(in crate::layer) fn is_setup(&self) -> bool {
        matches!(*self.0, Reason::Setup(_))
    }

    pub(crate) fn reason(&self) -> &Reason {
        &self.0
    }
}
