//! The mark of a refused request, for outer layers.

use std::sync::Arc;

use crate::layer::Policy;

/// Marks the answer to a refused request, so that outer layers give their own cost back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// The address of the rules whose limits refused the request; `None` if no limit was asked.
    by: Option<usize>,
}

impl Refused {
    /// The mark of a request for which no limit was asked.
    pub(super) const UNASKED: Self = Self { by: None };

    /// Returns the mark of a request that the limits of `policy` refused.
    pub(super) fn by(policy: &Policy) -> Self {
        Self {
            by: Some(address(policy)),
        }
    }

    /// Returns `true` if the limits of `policy` refused the request.
    pub(crate) fn is_by(self, policy: &Policy) -> bool {
        self.by == Some(address(policy))
    }
}

fn address(policy: &Policy) -> usize {
    Arc::as_ptr(&policy.rules).addr()
}
