//! The work that is left when the inner service has answered.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

use crate::layer::{
    Policy, request::lease_slot::LeaseSlot, response::answer::Form,
    response::handler_error::KeptHead, tower::body::Tail,
};

/// The work that is left when the inner service has answered.
#[derive(Default)]
pub(crate) enum Ending {
    /// Nothing is left.
    #[default]
    Nothing,
    /// There is no lease, but the response may have headers or trailers to strip.
    Strip(Policy),
    /// The lease is settled.
    Settle {
        lease: Arc<LeaseSlot>,
        form: Form,
        kept: Option<Box<KeptHead>>,
    },
}

/// The response after its head was settled.
pub(crate) enum Settled {
    /// The body is passed on. The body keeps the tail until it ends.
    Body(Option<Tail>),
    /// The layer's own answer replaces the response.
    Replaced(Box<Response<Bytes>>),
}

impl Ending {
    pub(crate) fn of<B>(lease: Arc<LeaseSlot>, request: &Request<B>) -> Self {
        let kept = lease.policy().keep(request);
        Self::Settle {
            lease,
            form: Form::from(request),
            kept,
        }
    }

    /// Returns the ending of a request that passes unlimited by `policy`.
    pub(crate) fn unlimited(policy: &Policy) -> Self {
        if policy.rules.settlement.strips() {
            Self::Strip(policy.clone())
        } else {
            Self::Nothing
        }
    }

    pub(crate) fn lease(&self) -> Option<&LeaseSlot> {
        match self {
            Self::Settle { lease, .. } => Some(lease),
            Self::Nothing | Self::Strip(_) => None,
        }
    }

    /// Settles the lease by the response's head. If a handle still holds the lease, or a rule looks
    /// at the body, the lease stays open until the body ends.
    pub(crate) fn settle<B: Body>(self, response: &mut Response<B>) -> Settled {
        match self {
            Self::Nothing => Settled::Body(None),
            Self::Strip(policy) => {
                policy.strip(response);
                Settled::Body(Tail::unlimited(policy, response))
            }
            Self::Settle { lease, form, kept } => {
                // Most responses have no extensions. Only a response with extensions can contain an
                // error of the handler.
                if !response.extensions().is_empty()
                    && let Some(answer) =
                        lease
                            .policy()
                            .answer_handler(&lease, form, kept.as_deref(), response)
                {
                    return Settled::Replaced(Box::new(answer));
                }
                // The extensions of the kept request may contain a `LeaseHandle`, which would count
                // as a handle that is still held.
                drop(kept);
                lease.policy().settle(&lease, response);
                Settled::Body(Tail::new(lease, response))
            }
        }
    }

    /// Does what the policy says if the inner service fails.
    pub(crate) fn failed(&self) {
        if let Some(lease) = self.lease() {
            lease.failed();
        }
    }
}
