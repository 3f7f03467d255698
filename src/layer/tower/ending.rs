//! The work that is left when the inner service has answered.

use std::sync::Arc;

use http::{Request, Response};
use http_body::Body;

use crate::layer::{
    Policy, ResponseBody,
    lease::lease_slot::LeaseSlot,
    response::{answer::Form, handler_error::KeptHead},
    tower::body::Tail,
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
        if policy.rules.strip() {
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
    /// at the body, the lease stays open until the body ends. The layer's own answer may replace
    /// the response.
    pub(crate) fn settle<B: Body>(self, mut response: Response<B>) -> Response<ResponseBody<B>> {
        let tail = match self {
            Self::Nothing => None,
            Self::Strip(policy) => {
                policy.strip(&mut response);
                Tail::unlimited(policy, &response)
            }
            Self::Settle { lease, form, kept } => {
                // Most responses have no extensions. Only a response with extensions can contain an
                // error of the handler.
                if !response.extensions().is_empty()
                    && let Some(answer) =
                        lease
                            .policy()
                            .answer_handler(&lease, form, kept.as_deref(), &mut response)
                {
                    return answer.map(ResponseBody::answer);
                }
                // The extensions of the kept request may contain a `LeaseHandle`, which would count
                // as a handle that is still held.
                drop(kept);
                lease.policy().settle(&lease, &mut response);
                Tail::new(lease, &response)
            }
        };
        response.map(|body| ResponseBody::inner(body, tail))
    }

    /// Does what the policy says if the inner service fails.
    pub(crate) fn failed(&self) {
        if let Some(lease) = self.lease() {
            lease.failed();
        }
    }
}
