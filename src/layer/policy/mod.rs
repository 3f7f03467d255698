//! What the layer does with the requests of a route.
//!
//! | question | rules |
//! |---|---|
//! | who asks, and for what | `subject` |
//! | who passes unlimited | `exempt` |
//! | which limits hold | `limits` |
//! | what it costs at first | `cost` |
//! | how it is decided | `decision` |
//! | what it cost in the end | `settlement` |
//! | what the client is told | `answers` |

mod answers;
mod builder;
mod cost;
mod decision;
mod exempt;
mod invalid;
mod limits;
mod rules;
mod settlement;
mod subject;

use std::{fmt, sync::Arc};

use http::{
    HeaderName,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::{
    keys::{ClientIp, KeyExtractor, fixed, peer_ip},
    shadow::SHADOW,
};
use crate::model::{Limit, Limits};

pub use builder::PolicyBuilder;
pub use decision::OnUnavailable;
pub use invalid::InvalidPolicy;
pub use subject::OnMissingKey;

pub(super) use answers::AnswerRules;
pub(super) use cost::{CostRules, LEAST};
pub(super) use decision::DecisionRules;
pub(super) use limits::PolicyLimits;
pub(super) use rules::Rules;
pub(super) use settlement::SettlementRules;
pub(super) use subject::Subject;

/// What the layer does with the requests of a route: keys, limits, cost, settle rules, failure
/// mode. Clones are cheap.
#[derive(Clone)]
pub struct Policy {
    pub(super) rules: Arc<Rules>,
}

impl Policy {
    /// Begins a policy.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// One limit for every peer address: [`peer_ip`] as entity, `http` as resource, cost 1. An
    /// address has no parent.
    pub fn per_ip(limit: Limit) -> Self {
        Self::per_address(peer_ip(), true, limit)
    }

    /// One limit for every client address behind proxies, as [`per_ip`](Self::per_ip): `client`
    /// says where the address is found, and whose word counts.
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
            DecisionRules { without_parent: true, ..DecisionRules::default() },
            SettlementRules::default(),
            AnswerRules::new(&limits),
        );
        Self { rules: Arc::new(rules) }
    }

    /// The headers that responses may have because of the policy, but for those that scripts in
    /// browsers may read anyway: for `Access-Control-Expose-Headers`. Those of gRPC answers, which
    /// browsers do not ask for (gRPC-Web has them in the body), are not among them; nor are those that [answers of your
    /// own](PolicyBuilder::answer) add.
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
        [RETRY_AFTER, WWW_AUTHENTICATE].into_iter().chain(retries).chain(dialects).chain(shadow).collect()
    }

    /// The limits that the policy brings along; `None` where it goes by stored ones alone.
    pub fn limits(&self) -> Option<&Limits> {
        self.rules.limits.own()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rules { subject, limits, cost, decision, .. } = &*self.rules;
        f.debug_struct("Policy")
            .field("limits", limits)
            .field("cost", &cost.fixed)
            .field("on_missing_key", &subject.on_missing_key)
            .field("on_unavailable", &decision.on_unavailable)
            .finish_non_exhaustive()
    }
}
