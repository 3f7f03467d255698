//! The decision about a request.

use super::BucketRefusal;
use crate::{error::Unavailable, model::LimitStatus};

/// The decision of a bucket about a request, with a grant of the type `G`.
#[derive(Debug)]
pub(crate) enum BucketDecision<G> {
    Granted(G),
    Denied(Vec<LimitStatus>),
    Refused(BucketRefusal),
    /// There is no decision.
    Unavailable(Unavailable),
}

impl<G> BucketDecision<G> {
    /// Replaces the grant.
    #[inline]
    pub(crate) fn map<H>(self, grant: impl FnOnce(G) -> H) -> BucketDecision<H> {
        self.and_then(|granted| BucketDecision::Granted(grant(granted)))
    }

    /// Replaces the grant by another decision.
    #[inline]
    pub(crate) fn and_then<H>(
        self,
        decide: impl FnOnce(G) -> BucketDecision<H>,
    ) -> BucketDecision<H> {
        match self {
            Self::Granted(granted) => decide(granted),
            Self::Denied(statuses) => BucketDecision::Denied(statuses),
            Self::Refused(refusal) => BucketDecision::Refused(refusal),
            Self::Unavailable(error) => BucketDecision::Unavailable(error),
        }
    }
}
