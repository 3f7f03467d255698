//! Policies: the rules that the layer applies to the requests of a route.
//!
//! | question | module |
//! |---|---|
//! | who sends the request, and what does it use | `subject` |
//! | is it exempt | `exempt` |
//! | which limits apply | `limits` |
//! | which resources are charged in addition | `resource_charge` |
//! | what is it charged first | `cost` |
//! | how is it decided | `decision` |
//! | what did it really use | `settlement` |
//! | what is the client told | `answers` |
//! | is a limit nearly used up | `warnings` |

mod answers;
mod builder;
mod cost;
mod decision;
mod exempt;
mod limits;
mod resource_charge;
mod rules;
mod settlement;
mod subject;
mod warnings;

use std::{fmt, sync::Arc};

use http::{
    HeaderName,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::{
    InvalidPolicy,
    headers::SHADOW,
    keys::{ClientIp, KeyExtractor, fixed, peer_ip},
    terms::PolicyLimits,
};
use crate::model::{Limit, Limits};

pub use crate::limiter::OnUnavailable;
pub use builder::PolicyBuilder;
pub use resource_charge::ResourceCharge;
pub use subject::OnMissingKey;
pub use warnings::LimitWarning;

pub(super) use answers::AnswerRules;
pub(super) use cost::{CostRules, LEAST};
pub(super) use decision::DecisionRules;
pub(super) use resource_charge::ChargeRules;
pub(super) use rules::Rules;
pub(super) use settlement::SettlementRules;
pub(super) use subject::Subject;
pub(super) use warnings::WarningRules;

/// The rules that the layer applies to the requests of a route: keys, limits, cost, settle rules,
/// failure mode. Clones are cheap.
#[derive(Clone)]
pub struct Policy {
    pub(super) rules: Arc<Rules>,
}

impl Policy {
    /// Returns a builder for a policy.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// Creates a policy with one limit for each peer address: [`peer_ip`] is the entity, `http` the
    /// resource, and the cost is 1. An address has no parent.
    pub fn per_ip(limit: Limit) -> Self {
        Self::per_address(peer_ip(), true, limit)
    }

    /// Creates a policy with one limit for each client address behind proxies, like
    /// [`per_ip`](Self::per_ip). `client` names the source of the address, and the proxies to
    /// trust.
    ///
    /// ```
    /// use tollgate::{Limit, layer::{Policy, keys::{ClientIp, Networks}}};
    ///
    /// let client = ClientIp::x_forwarded_for(Networks::new(["10.0.0.0/16"])?);
    /// let policy = Policy::per_client_ip(client, Limit::per_second("rps", 10));
    /// # Ok::<(), tollgate::layer::keys::InvalidNetwork>(())
    /// ```
    pub fn per_client_ip(client: ClientIp, limit: Limit) -> Self {
        Self::per_address(client, false, limit)
    }

    fn per_address(address: impl KeyExtractor, is_peer: bool, limit: Limit) -> Self {
        let limits = PolicyLimits::Exactly(limit.into());
        let rules = Rules::new(
            Subject::new(Arc::new(address), Arc::new(fixed("http")), is_peer),
            limits.clone(),
            CostRules::default(),
            DecisionRules {
                without_parent: true,
                ..DecisionRules::default()
            },
            SettlementRules::default(),
            AnswerRules::new(&limits),
            Box::default(),
        );
        Self {
            rules: Arc::new(rules),
        }
    }

    /// Returns the headers that the policy may add to responses, for
    /// `Access-Control-Expose-Headers`. Headers that scripts in browsers can always read are left
    /// out. Headers of gRPC answers are left out too, because browsers do not send gRPC requests
    /// (gRPC-Web has them in the body). So are headers of [answers of your
    /// own](PolicyBuilder::answer).
    ///
    /// ```
    /// use tollgate::{Limit, layer::Policy};
    ///
    /// let exposed = Policy::per_ip(Limit::per_second("rps", 10)).exposed_headers();
    /// assert_eq!(exposed, ["retry-after", "www-authenticate", "ratelimit", "ratelimit-policy"]);
    /// ```
    pub fn exposed_headers(&self) -> Vec<HeaderName> {
        let shadow = self.rules.decision.reports_shadow.then_some(SHADOW);
        let dialects = self.rules.answers.dialects.names();
        let retries = self.rules.answers.dialects.retry_names();
        [RETRY_AFTER, WWW_AUTHENTICATE]
            .into_iter()
            .chain(retries)
            .chain(dialects)
            .chain(shadow)
            .collect()
    }

    /// Returns the limits that are set in the policy. `None` if it uses only stored ones.
    pub fn limits(&self) -> Option<&Limits> {
        self.rules.limits.own()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rules {
            subject,
            limits,
            cost,
            decision,
            ..
        } = &*self.rules;
        f.debug_struct("Policy")
            .field("limits", limits)
            .field("cost", &cost.fixed)
            .field("on_missing_key", &subject.on_missing_key)
            .field("on_unavailable", &decision.on_unavailable)
            .finish_non_exhaustive()
    }
}
