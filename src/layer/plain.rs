//! A granted request that has nothing to settle: it costs one token of one limit, and no rule or handler changes that.

use http::Response;

use super::{
    Outcome, Policy, ResponseBody,
    answer::Form,
    future::{Running, settled},
    held::Holder,
};
use crate::limiter::Single;

/// The charge of a request whose policy [settles plainly](super::policy::Plain::settlement). If it is dropped, the
/// charge stays.
pub(super) struct PlainCharge {
    single: Single,
    policy: Policy,
    form: Form,
}

impl PlainCharge {
    pub(super) fn new(single: Single, policy: Policy, form: Form) -> Self {
        Self { single, policy, form }
    }

    /// Reports the limit in the response of the inner service.
    #[inline]
    pub(super) fn settled<B: http_body::Body>(self, mut response: Response<B>) -> Response<ResponseBody<B>> {
        // A handler's error and the refusal of an inner layer are marked in the extensions. A response that is not a
        // success may have a `Retry-After` that this layer has to replace. `settled` handles both cases.
        if !response.extensions().is_empty() || !response.status().is_success() {
            return self.settled_as_any(response);
        }
        if let Some(fields) = &self.policy.rules.plain.report {
            fields.report(response.headers_mut(), self.single.left());
        }
        response.map(|body| ResponseBody::inner(body, None))
    }

    /// Does what the policy says if the inner service fails.
    #[cold]
    pub(super) fn failed(&self) {
        self.end_by(&self.policy.rules.settlement.on_error);
    }

    /// Does what the policy says if the inner service panics.
    #[cold]
    pub(super) fn panicked(&self) {
        self.end_by(&self.policy.rules.settlement.on_panic);
    }

    fn end_by(&self, outcome: &Outcome) {
        let limit = || self.single.limit().map(|limit| limit.name().as_str());
        let given_back = match outcome {
            Outcome::Keep => false,
            Outcome::Refund => true,
            Outcome::RefundLimits(limits) => limits.iter().any(|name| Some(name.as_str()) == limit()),
        };
        if given_back {
            self.single.give_back();
        }
    }

    #[cold]
    fn settled_as_any<B: http_body::Body>(self, response: Response<B>) -> Response<ResponseBody<B>> {
        let Self { single, policy, form } = self;
        settled(response, Running { lease: Holder::new(single.into_lease(), policy), form, kept: None })
    }
}
