//! Stable codes of mistakes in the set-up of a server. The guide's page on troubleshooting has an
//! entry for each.

use super::{Error, Invalid, StackError, Unavailable};
use crate::store::StoreErrorKind;

pub(crate) const NO_PEER_ADDRESS: &str = "TG001";
#[cfg(feature = "axum")]
pub(crate) const NO_MATCHED_PATH: &str = "TG002";
#[cfg(feature = "axum")]
pub(crate) const NO_PATH_PARAMETER: &str = "TG003";
#[cfg(feature = "axum")]
pub(crate) const PATH_CHANGED: &str = "TG004";
pub(crate) const NO_EXTENSION: &str = "TG005";
#[cfg(feature = "axum")]
pub(crate) const NO_LAYER: &str = "TG006";
pub(crate) const NO_LIMITS: &str = "TG007";
pub(crate) const UNKNOWN_LIMIT: &str = "TG008";
pub(crate) const NO_NAME: &str = "TG009";
pub(crate) const OWN_EXTRACTOR: &str = "TG010";
pub(crate) const WRONG_CALL: &str = "TG011";
pub(crate) const NOT_UNDERSTOOD: &str = "TG012";
pub(crate) const NO_RUNTIME: &str = "TG013";

pub(crate) const NO_TABLE: &str = "TG101";
pub(crate) const NO_NAMESPACE: &str = "TG102";
pub(crate) const OTHER_SCHEMA: &str = "TG103";
pub(crate) const CLIENT_TOO_OLD: &str = "TG104";
pub(crate) const NO_VERSION: &str = "TG105";
pub(crate) const CALL_FAILED: &str = "TG106";
pub(crate) const NO_REGION: &str = "TG107";
pub(crate) const NO_ANSWER: &str = "TG108";
pub(crate) const NOT_READY: &str = "TG109";
pub(crate) const NOT_OURS: &str = "TG110";
pub(crate) const NOT_PROVISIONED: &str = "TG111";

impl Error {
    /// Returns the stable code of a mistake in the set-up, for example `TG001`. The guide's page on
    /// troubleshooting has an entry for each. Returns `None` for errors that occur in a correct
    /// service too.
    ///
    /// ```
    /// use tollgate::error::{Error, Invalid};
    ///
    /// assert_eq!(Error::from(Invalid::NoLimits).code(), Some("TG007"));
    /// ```
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Invalid(invalid) => Some(match invalid {
                Invalid::NoLimits => NO_LIMITS,
                Invalid::UnknownLimit(_) => UNKNOWN_LIMIT,
                Invalid::Name(_) | Invalid::Key(_) => NO_NAME,
                Invalid::NotUnderstood(_) => NOT_UNDERSTOOD,
                Invalid::NoRuntime => NO_RUNTIME,
                _ => WRONG_CALL,
            }),
            Self::Stack(stack) => Some(stack.code()),
            Self::Entity(_) | Self::Namespace(_) | Self::Settle(_) => Some(WRONG_CALL),
            Self::Unavailable(Unavailable::Store(error))
                if error.kind() == StoreErrorKind::NotOurs =>
            {
                Some(NOT_OURS)
            }
            Self::FanOut(incomplete) => incomplete.error.code(),
            Self::Denied(_)
            | Self::QueueFull(_)
            | Self::ExceedsCapacity(_)
            | Self::Disabled(_)
            | Self::Unavailable(_) => None,
        }
    }
}

impl StackError {
    /// Returns the stable code. The guide's page on troubleshooting has an entry for each.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => NO_TABLE,
            Self::NamespaceNotFound { .. } => NO_NAMESPACE,
            Self::IncompatibleSchema { .. } => OTHER_SCHEMA,
            Self::ClientTooOld { .. } => CLIENT_TOO_OLD,
            Self::InvalidVersion { .. } => NO_VERSION,
            Self::Call { .. } => CALL_FAILED,
            Self::NoRegion => NO_REGION,
            Self::Deadline { .. } => NO_ANSWER,
            Self::NotReady { .. } => NOT_READY,
            Self::NotOurs { .. } => NOT_OURS,
            Self::Provision { .. } => NOT_PROVISIONED,
        }
    }
}
