//! The limits of a policy, before they are checked.

use super::{InvalidPolicy, PolicyLimits};
use crate::model::{Limit, Limits};

/// The settings of a builder, not yet checked.
#[derive(Clone, Debug, Default)]
pub(super) struct LimitsDraft {
    pub(super) exactly: Vec<Limit>,
    pub(super) default: Vec<Limit>,
}

impl LimitsDraft {
    pub(super) fn check(self) -> Result<PolicyLimits, InvalidPolicy> {
        Ok(match (self.exactly.is_empty(), self.default.is_empty()) {
            (false, _) => PolicyLimits::Exactly(Limits::new(self.exactly)?),
            (true, false) => PolicyLimits::StoredOr(Limits::new(self.default)?),
            (true, true) => PolicyLimits::Stored,
        })
    }
}
