//! A mistake in the server's setup that a request has run into.

use std::fmt;

use crate::{
    error::{Error, code},
    layer::keys::missing::SetupMistake,
};

/// A mistake in the server's setup that a request has run into. The text shows its code and what is
/// wrong.
#[derive(Clone, Copy, Debug)]
pub struct Misconfiguration<'a>(Cause<'a>);

#[derive(Clone, Copy, Debug)]
enum Cause<'a> {
    Key(&'a SetupMistake),
    Call(&'a Error),
}

impl Misconfiguration<'_> {
    /// Returns the stable code, for example `TG001`. The guide's page on troubleshooting has an
    /// entry for each code.
    pub fn code(self) -> &'static str {
        match self.0 {
            Cause::Key(mistake) => mistake.code,
            Cause::Call(error) => error.code().unwrap_or(code::WRONG_CALL),
        }
    }

    /// Returns the text for answers: what is wrong in debug builds, and only that something is
    /// wrong in other builds.
    pub(crate) fn for_clients(self) -> String {
        if cfg!(debug_assertions) {
            self.to_string()
        } else {
            "The server's rate limit is set up wrongly.".to_owned()
        }
    }
}

impl fmt::Display for Misconfiguration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cause::Key(mistake) => mistake.fmt(f),
            Cause::Call(error) => write!(f, "{}: {error}", self.code()),
        }
    }
}

impl<'a> From<&'a SetupMistake> for Misconfiguration<'a> {
    fn from(mistake: &'a SetupMistake) -> Self {
        Self(Cause::Key(mistake))
    }
}

impl<'a> From<&'a Error> for Misconfiguration<'a> {
    fn from(error: &'a Error) -> Self {
        Self(Cause::Call(error))
    }
}
