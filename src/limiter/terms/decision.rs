//! The decision about a request.

use super::Refusal;
use crate::{error::Unavailable, model::LimitStatus};

/// The decision of a bucket about a request, with a grant of the type `G`.
#[derive(Debug)]
pub(in crate::limiter) enum Decision<G> {
    Granted(G),
    Denied(Vec<LimitStatus>),
    Refused(Refusal),
    /// There is no decision.
    Unavailable(Unavailable),
}

impl<G> Decision<G> {
    /// Replaces the grant.
    #[inline]
    pub(in crate::limiter) fn map<H>(self, grant: impl FnOnce(G) -> H) -> Decision<H> {
        self.and_then(|granted| Decision::Granted(grant(granted)))
    }

    /// Replaces the grant by another decision.
    #[inline]
    pub(in crate::limiter) fn and_then<H>(self, decide: impl FnOnce(G) -> Decision<H>) -> Decision<H> {
        match self {
            Self::Granted(granted) => decide(granted),
            Self::Denied(statuses) => Decision::Denied(statuses),
            Self::Refused(refusal) => Decision::Refused(refusal),
            Self::Unavailable(error) => Decision::Unavailable(error),
        }
    }
}
