//! Settings of the settlement.

use std::ops::RangeBounds;

use super::PolicyBuilder;
use crate::{
    layer::{Outcome, ResponseHead, Settle, TopUp, settle::OutcomeRule},
    model::{IntoName, LimitName},
};

/// Settings of the settlement.
impl PolicyBuilder {
    /// Adds a rule that finds the real use of the limit `name` in the response. If the limits are
    /// stored ones and lack `name`, the rule has no effect.
    ///
    /// A rule does not limit requests that run at the same time: until it finds something, a
    /// request is charged only its cost at the start. If nothing sets that cost, it is 1. Then as
    /// many requests run at the same time as the bucket has tokens, even if each of them uses much
    /// more. So [`build`](Self::build) warns (`settled limit without a cost`) about a limit that
    /// has a rule, but no [`cost`](Self::cost), no [`estimate`](Self::estimate) and no
    /// [`learn`](Self::learn).
    ///
    /// If a limit has several rules, the last one that finds something counts. While a body
    /// streams, the largest amount that a rule has found so far counts.
    pub fn settle(mut self, name: impl IntoName<LimitName>, rule: Settle) -> Self {
        self.settlement
            .settle
            .push((name.as_text().to_owned(), rule));
        self
    }

    /// Sets the maximum use that a rule may find, in tokens of the limit `name`. If a rule finds
    /// more, its value is ignored, like a value that is not a number: the amount that was known
    /// before is kept. The event is logged (`settle value ignored`) and counted as `too_large`.
    /// Default: 100 times what a full bucket holds.
    ///
    /// Without a bound, one wrong number from an upstream blocks a key for years. There is no bound
    /// for what a handler sets with its [`LeaseHandle`](crate::layer::LeaseHandle).
    pub fn settle_at_most(mut self, name: impl IntoName<LimitName>, tokens: u64) -> Self {
        self.settlement
            .at_most
            .push((name.as_text().to_owned(), tokens));
        self
    }

    /// Acquires more tokens while a body streams, if it uses more than the request was charged.
    /// Without this rule, the difference becomes debt.
    pub fn top_up(mut self, rule: TopUp) -> Self {
        self.settlement.top_up = Some(rule);
        self
    }

    /// Sets what happens to the cost of requests whose response has one of these statuses, such as
    /// `400..=499`. Without a rule, the cost is kept.
    ///
    /// The rules, including those of [`on_response`](Self::on_response), are tried in the order in
    /// which they were added. The first one that applies to the response decides, and takes
    /// precedence over settle rules.
    pub fn on_status(mut self, statuses: impl RangeBounds<u16>, outcome: Outcome) -> Self {
        self.settlement
            .outcomes
            .push(OutcomeRule::status(statuses, outcome));
        self
    }

    /// Sets what happens to the cost of requests, by the head of their response. If the closure
    /// returns `None`, the next rule is tried.
    pub fn on_response(
        mut self,
        judge: impl Fn(&ResponseHead<'_>) -> Option<Outcome> + Send + Sync + 'static,
    ) -> Self {
        self.settlement.outcomes.push(OutcomeRule::closure(judge));
        self
    }

    /// Sets what happens to the cost of requests for which the inner service returns an error
    /// instead of a response. Default: [`Outcome::Keep`], as for any status.
    ///
    /// With a refund, a client that can provoke the error uses the service for free. A client can
    /// provoke it if the inner service forwards the request's body, as a proxy does: the client
    /// announces more than it sends, or sends an invalid chunk, and by then the upstream has done
    /// its work. Refund only if the body was read before the acquire. Or let a handler that knows
    /// that nothing was used give the cost back:
    /// [`LeaseHandle::release`](crate::layer::LeaseHandle::release).
    pub fn on_error(mut self, outcome: Outcome) -> Self {
        self.settlement.on_error = Some(outcome);
        self
    }

    /// Sets what happens to the cost of requests whose handler panics. The panic is passed on.
    /// Default: [`Outcome::Keep`], as for a 5xx: a request that provokes a panic once can do it
    /// again.
    pub fn on_panic(mut self, outcome: Outcome) -> Self {
        self.settlement.on_panic = Some(outcome);
        self
    }

    /// Refunds the cost of requests whose response is a 5xx. Off by default: refunds for errors
    /// invite retry storms. Short for [`on_status`](Self::on_status).
    ///
    /// This setting has the risk that [`on_error`](Self::on_error) describes, if a client that
    /// breaks off its request can cause a 5xx: a proxy's 502, for example.
    pub fn refund_server_errors(self) -> Self {
        self.on_status(500..=599, Outcome::Refund)
    }

    /// Keeps the lease in the layer: handlers get no [`LeaseHandle`](crate::layer::LeaseHandle) and
    /// no [`RateLimitStatus`](crate::layer::RateLimitStatus). Unless a rule needs the body, the
    /// lease is committed as soon as the response's head is ready, even if the handler keeps the
    /// request's extensions. The handle of an outer layer stays in the extensions.
    pub fn without_handle(mut self) -> Self {
        self.settlement.without_handle = true;
        self
    }
}
