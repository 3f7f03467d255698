//! The action for a request if the store gives no decision.

use crate::{error::Unavailable, limiter::terms::LocalShare, model::StoredOnUnavailable};

/// The action for a request if the store gives no decision, because it is down or busy: of an
/// acquire ([`Acquire::on_unavailable`](crate::limiter::Acquire::on_unavailable)), or of a policy
/// of the layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnavailable {
    /// Passes or refuses the request, as the system's stored config said when it was last read. If
    /// nothing is stored, the request is refused.
    #[default]
    Stored,
    /// Refuses the request. The layer answers it with 503.
    Block,
    /// Passes the request on unlimited, with a lease that charges nothing. Through the layer, that
    /// is a [`LeaseHandle`](crate::layer::LeaseHandle).
    Allow,
    /// Lets this process decide alone, by its share of the limits, as
    /// [`Acquire::or_locally`](crate::limiter::Acquire::or_locally) describes. If a local decision
    /// is not possible, the request is refused: no limits are known, or the request asks for more
    /// than the share of a capacity.
    Local {
        /// The share of this process: [`LocalShare::one_of`] the number of processes.
        share: LocalShare,
    },
}

impl OnUnavailable {
    /// Returns `true` if a request passes that has no decision because of `error`. `stored` is the
    /// action in the stored config.
    pub(crate) fn allows(self, error: &Unavailable, stored: Option<StoredOnUnavailable>) -> bool {
        // Any other error does not go away by itself, so it would switch the limits off
        // permanently.
        error.is_outage()
            && match self {
                Self::Stored => stored == Some(StoredOnUnavailable::Allow),
                // With `Local` the error then says that a local decision was not possible either.
                Self::Block | Self::Local { .. } => false,
                Self::Allow => true,
            }
    }
}
