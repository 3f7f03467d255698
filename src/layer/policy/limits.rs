//! Which limits hold.

use super::{InvalidPolicy, PolicyBuilder};
use crate::model::{Limit, LimitName, Limits};

/// Which limits hold for a policy's requests.
#[derive(Clone, Debug)]
pub(in crate::layer) enum PolicyLimits {
    /// Those that are stored in the table.
    Stored,
    /// Those that are stored, or where there are none these.
    StoredOr(Limits),
    /// These, whatever is stored.
    Exactly(Limits),
}

impl PolicyLimits {
    /// The name, if the limits may have it.
    pub(in crate::layer) fn known(&self, name: String) -> Result<LimitName, InvalidPolicy> {
        match self {
            Self::Exactly(limits) => match limits.index(&name) {
                Some(index) => Ok(limits[index].name().clone()),
                None => Err(InvalidPolicy::UnknownLimit(name)),
            },
            // What is stored may have it.
            Self::Stored | Self::StoredOr(_) => Ok(LimitName::new(name)?),
        }
    }

    /// Those that the policy brings along.
    pub(in crate::layer) fn own(&self) -> Option<&Limits> {
        match self {
            Self::Stored => None,
            Self::StoredOr(limits) | Self::Exactly(limits) => Some(limits),
        }
    }

    /// Those that hold whatever is stored.
    pub(in crate::layer) fn exactly(&self) -> Option<&Limits> {
        match self {
            Self::Exactly(limits) => Some(limits),
            Self::Stored | Self::StoredOr(_) => None,
        }
    }
}

/// What a builder was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    exactly: Vec<Limit>,
    default: Vec<Limit>,
}

impl Draft {
    pub(super) fn check(self) -> Result<PolicyLimits, InvalidPolicy> {
        Ok(match (self.exactly.is_empty(), self.default.is_empty()) {
            (false, _) => PolicyLimits::Exactly(Limits::new(self.exactly)?),
            (true, false) => PolicyLimits::StoredOr(Limits::new(self.default)?),
            (true, true) => PolicyLimits::Stored,
        })
    }
}

/// Limits.
impl PolicyBuilder {
    /// Adds a limit that holds whatever is stored. All limits of a policy are charged together,
    /// all or none.
    ///
    /// A policy without limits goes by those that are stored in the table. Where there are none,
    /// its requests are answered with 500.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.exactly.push(limit);
        self
    }

    /// Adds a limit for entities and resources that no stored level has limits for. It has no
    /// effect beside [`limit`](Self::limit).
    pub fn default_limit(mut self, limit: Limit) -> Self {
        self.limits.default.push(limit);
        self
    }
}
