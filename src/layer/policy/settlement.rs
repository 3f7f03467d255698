//! The settlement: the cost of a request when its real use is known.

use std::ops::RangeBounds;

use http::{HeaderMap, HeaderValue, header::TRAILER};

use super::{InvalidPolicy, PolicyBuilder, PolicyLimits};
#[cfg(feature = "usage-body")]
use crate::layer::usage::{Paths, Usage};
use crate::{
    layer::{
        Outcome, ResponseHead, Settle, TopUp,
        settle::{OutcomeRule, Source},
    },
    model::LimitName,
};

/// The default for the most that rules settle a request to, in full buckets. In the worst case, a wrong value blocks a
/// key for that many times the time in which its bucket fills.
const MOST_FULL_BUCKETS: u64 = 100;

/// The rules that settle the lease when the response is known.
pub(crate) struct SettlementRules {
    /// The rules that need only the head.
    pub(crate) head: Vec<(LimitName, Settle)>,
    /// The rules that need the body or its trailers.
    pub(crate) body: Vec<(LimitName, Settle)>,
    /// The places in the body that state the use.
    #[cfg(feature = "usage-body")]
    pub(crate) usage: Option<Paths>,
    /// The most that rules settle a request to, in tokens, as far as the policy sets it.
    at_most: Vec<(LimitName, u64)>,
    pub(crate) top_up: Option<TopUp>,
    pub(crate) outcomes: Vec<OutcomeRule>,
    pub(crate) on_error: Outcome,
    pub(crate) on_panic: Outcome,
    /// `true` if handlers get a handle of the lease.
    pub(crate) shares_lease: bool,
}

impl Default for SettlementRules {
    fn default() -> Self {
        Self {
            head: Vec::new(),
            body: Vec::new(),
            #[cfg(feature = "usage-body")]
            usage: None,
            at_most: Vec::new(),
            top_up: None,
            outcomes: Vec::new(),
            on_error: Outcome::Keep,
            on_panic: Outcome::Keep,
            shares_lease: true,
        }
    }
}

impl SettlementRules {
    /// Returns the most that rules settle a request to, in tokens of the limit.
    pub(crate) fn most(&self, limit: &LimitName, capacity: Option<u64>) -> u64 {
        let said = self.at_most.iter().rev().find(|(name, _)| name == limit).map(|(_, most)| *most);
        said.or_else(|| Some(capacity?.saturating_mul(MOST_FULL_BUCKETS))).unwrap_or(u64::MAX)
    }

    /// Returns the limits that have rules, each once.
    pub(super) fn limits(&self) -> impl Iterator<Item = &LimitName> {
        let limits = self.head.iter().chain(&self.body).map(|(limit, _)| limit).enumerate();
        limits
            .filter(|(index, limit)| !self.head.iter().chain(&self.body).take(*index).any(|(other, _)| other == *limit))
            .map(|(_, limit)| limit)
    }

    /// Returns the limits whose rules all need only the head, each once.
    pub(crate) fn only_in_head(&self) -> impl Iterator<Item = &LimitName> {
        let limits = self.head.iter().map(|(limit, _)| limit).enumerate();
        let only = limits.filter(|(index, limit)| {
            let elsewhere = self.head.iter().take(*index).chain(&self.body);
            !elsewhere.into_iter().any(|(other, _)| other == *limit)
        });
        only.map(|(_, limit)| limit)
    }

    /// Returns `true` if rules remove headers or trailers, which they also do if a response has no lease.
    pub(crate) fn strips(&self) -> bool {
        self.head.iter().chain(&self.body).any(|(_, rule)| rule.strip)
    }

    pub(crate) fn strip_headers(&self, headers: &mut HeaderMap) {
        for (_, rule) in &self.head {
            if let (true, Source::Headers(names)) = (rule.strip, &rule.source) {
                names.iter().for_each(|name| drop(headers.remove(name)));
            }
        }
        if !self.body.is_empty() && headers.contains_key(TRAILER) {
            self.strip_announced(headers);
        }
    }

    /// Removes the trailers that are stripped from the list of trailers in the head.
    fn strip_announced(&self, headers: &mut HeaderMap) {
        let stripped = self.body.iter().filter(|(_, rule)| rule.strip).filter_map(|(_, rule)| match &rule.source {
            Source::Trailers(names) => Some(names.iter()),
            _ => None,
        });
        let stripped: Vec<_> = stripped.flatten().map(|name| name.as_str().as_bytes()).collect();
        let announced = headers.get_all(TRAILER).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let announced: Vec<_> = announced.map(|name| name.trim_ascii()).filter(|name| !name.is_empty()).collect();
        let is_kept = |name: &&[u8]| !stripped.iter().any(|stripped| stripped.eq_ignore_ascii_case(name));
        let kept: Vec<_> = announced.iter().copied().filter(is_kept).collect();
        if kept.len() == announced.len() {
            return;
        }
        let kept = HeaderValue::from_bytes(&kept.join(&b", "[..])).ok();
        match kept.filter(|list| !list.is_empty()) {
            Some(list) => drop(headers.insert(TRAILER, list)),
            None => drop(headers.remove(TRAILER)),
        }
    }

    pub(crate) fn strip_trailers(&self, trailers: &mut HeaderMap) {
        for (_, rule) in &self.body {
            if let (true, Source::Trailers(names)) = (rule.strip, &rule.source) {
                names.iter().for_each(|name| drop(trailers.remove(name)));
            }
        }
    }
}

/// The settings of a builder, not yet checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    settle: Vec<(String, Settle)>,
    at_most: Vec<(String, u64)>,
    top_up: Option<TopUp>,
    outcomes: Vec<OutcomeRule>,
    on_error: Option<Outcome>,
    on_panic: Option<Outcome>,
    without_handle: bool,
}

impl Draft {
    pub(super) fn check(self, limits: &PolicyLimits) -> Result<SettlementRules, InvalidPolicy> {
        let mut rules = SettlementRules {
            top_up: self.top_up,
            outcomes: self.outcomes,
            on_error: self.on_error.unwrap_or(Outcome::Keep),
            on_panic: self.on_panic.unwrap_or(Outcome::Keep),
            shares_lease: !self.without_handle,
            ..SettlementRules::default()
        };
        for (name, rule) in self.settle {
            #[cfg(feature = "usage-body")]
            if let Source::Usage(usage) = &rule.source
                && let Some(pointer) = usage.invalid_pointer()
            {
                return Err(InvalidPolicy::Pointer(pointer.to_owned()));
            }
            let into = if rule.source.is_in_head() { &mut rules.head } else { &mut rules.body };
            into.push((limits.known(name)?, rule));
        }
        for (name, most) in self.at_most {
            rules.at_most.push((limits.known(name)?, most));
        }
        let of_failures = [&rules.on_error, &rules.on_panic].into_iter().flat_map(Outcome::names);
        for name in rules.outcomes.iter().flat_map(OutcomeRule::names).chain(of_failures) {
            limits.known(name.clone())?;
        }
        #[cfg(feature = "usage-body")]
        {
            let usages = rules.body.iter_mut().filter_map(|(_, rule)| match &mut rule.source {
                Source::Usage(usage) => Some(usage),
                _ => None,
            });
            rules.usage = Usage::paths(usages);
        }
        Ok(rules)
    }
}

/// Settings of the settlement.
impl PolicyBuilder {
    /// Adds a rule that finds the real use of the limit `name` in the response. If the limits are stored ones and lack
    /// `name`, the rule has no effect.
    ///
    /// A rule does not limit requests that run at the same time: until it finds something, a request is charged only
    /// its cost at the start. If nothing sets that cost, it is 1. Then as many requests run at the same time as the
    /// bucket has tokens, whatever they use. So [`build`](Self::build) warns (`settled limit without a cost`) about a
    /// limit that has a rule, but no [`cost`](Self::cost), no [`estimate`](Self::estimate) and no
    /// [`learn`](Self::learn).
    ///
    /// If a limit has several rules, the last one that finds something counts. While a body streams, the largest amount
    /// that a rule has found so far counts.
    pub fn settle(mut self, name: impl Into<String>, rule: Settle) -> Self {
        self.settlement.settle.push((name.into(), rule));
        self
    }

    /// Sets the most that rules settle a request to, in tokens of the limit `name`. If a rule finds more, its value is
    /// ignored, like a value that is not a number: the amount that was known before is kept. This is logged
    /// (`settle value ignored`) and counted as `too_large`. Default: 100 times what a full bucket holds.
    ///
    /// Without a bound, one wrong number from an upstream blocks a key for years. There is no bound for what a handler
    /// sets with its [`LeaseHandle`](crate::layer::LeaseHandle).
    pub fn settle_at_most(mut self, name: impl Into<String>, tokens: u64) -> Self {
        self.settlement.at_most.push((name.into(), tokens));
        self
    }

    /// Acquires more tokens while a body streams, if it uses more than the request was charged. Without this rule, the
    /// difference becomes debt.
    pub fn top_up(mut self, rule: TopUp) -> Self {
        self.settlement.top_up = Some(rule);
        self
    }

    /// Sets what happens to the cost of requests whose response has one of these statuses, such as `400..=499`. Without
    /// a rule, the cost is kept.
    ///
    /// The rules, including those of [`on_response`](Self::on_response), are tried in the order in which they were
    /// added. The first one that applies to the response decides, and takes precedence over settle rules.
    pub fn on_status(mut self, statuses: impl RangeBounds<u16>, outcome: Outcome) -> Self {
        self.settlement.outcomes.push(OutcomeRule::status(statuses, outcome));
        self
    }

    /// Sets what happens to the cost of requests, by the head of their response. If the closure returns `None`, the
    /// next rule is tried.
    pub fn on_response(mut self, judge: impl Fn(&ResponseHead<'_>) -> Option<Outcome> + Send + Sync + 'static) -> Self {
        self.settlement.outcomes.push(OutcomeRule::closure(judge));
        self
    }

    /// Sets what happens to the cost of requests for which the inner service returns an error instead of a response.
    /// Default: [`Outcome::Keep`], as for any status.
    ///
    /// With a refund, whoever can provoke the error uses the service for free. A client can provoke it if the inner
    /// service forwards the request's body, as a proxy does: the client announces more than it sends, or sends an
    /// invalid chunk, and by then the upstream has done its work. Refund only if the body was read before the acquire.
    /// Or let a handler that knows that nothing was used give the cost back:
    /// [`LeaseHandle::release`](crate::layer::LeaseHandle::release).
    pub fn on_error(mut self, outcome: Outcome) -> Self {
        self.settlement.on_error = Some(outcome);
        self
    }

    /// Sets what happens to the cost of requests whose handler panics. The panic is passed on. Default:
    /// [`Outcome::Keep`], as for a 5xx: a request that provokes a panic once can do it again.
    pub fn on_panic(mut self, outcome: Outcome) -> Self {
        self.settlement.on_panic = Some(outcome);
        self
    }

    /// Refunds the cost of requests whose response is a 5xx. Off by default: refunds for errors invite retry storms.
    /// Short for [`on_status`](Self::on_status).
    ///
    /// It has the risk that [`on_error`](Self::on_error) describes, if a client that breaks off its request can cause a
    /// 5xx: a proxy's 502, for example.
    pub fn refund_server_errors(self) -> Self {
        self.on_status(500..=599, Outcome::Refund)
    }

    /// Keeps the lease in the layer: handlers get no [`LeaseHandle`](crate::layer::LeaseHandle) and no
    /// [`RateLimitStatus`](crate::layer::RateLimitStatus). Unless a rule needs the body, the lease is committed as soon
    /// as the response's head is ready, even if the handler keeps the request's extensions. The handle of an outer layer
    /// stays in the extensions.
    pub fn without_handle(mut self) -> Self {
        self.settlement.without_handle = true;
        self
    }
}
