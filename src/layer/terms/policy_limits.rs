//! The limits of a policy.

use super::InvalidPolicy;
use crate::model::{LimitName, Limits};

/// The limits that apply to a policy's requests.
#[derive(Clone, Debug)]
pub(crate) enum PolicyLimits {
    /// The limits that are stored in the table.
    Stored,
    /// The stored limits, or these if none are stored.
    StoredOr(Limits),
    /// These limits, whatever is stored.
    Exactly(Limits),
}

impl PolicyLimits {
    /// Checks that the policy can have a limit `name`, and returns the name. Stored limits may have
    /// any valid name.
    pub(crate) fn known(&self, name: String) -> Result<LimitName, InvalidPolicy> {
        match self {
            Self::Exactly(limits) => match limits.index(&name) {
                Some(index) => Ok(limits[index].name().clone()),
                None => Err(InvalidPolicy::UnknownLimit(name)),
            },
            // The stored limits may have the name.
            Self::Stored | Self::StoredOr(_) => Ok(LimitName::new(name)?),
        }
    }

    /// Checks that these limits or `others` can have a limit `name`, and returns the name.
    pub(crate) fn known_among(
        &self,
        others: &[&Self],
        name: String,
    ) -> Result<LimitName, InvalidPolicy> {
        let mut others = others.iter();
        match others.find_map(|limits| limits.known(name.clone()).ok()) {
            Some(name) => Ok(name),
            None => self.known(name),
        }
    }

    /// Returns the limits that are set in the policy.
    pub(crate) fn own(&self) -> Option<&Limits> {
        match self {
            Self::Stored => None,
            Self::StoredOr(limits) | Self::Exactly(limits) => Some(limits),
        }
    }

    /// Returns the limits that apply whatever is stored.
    pub(crate) fn exactly(&self) -> Option<&Limits> {
        match self {
            Self::Exactly(limits) => Some(limits),
            Self::Stored | Self::StoredOr(_) => None,
        }
    }
}
