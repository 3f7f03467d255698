//! What requests turn out to have cost.

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

/// The most that rules settle a request to, in full buckets, unless the policy says otherwise. A wrong value then locks
/// a key for that many times the time in which its bucket fills, at worst.
const MOST_FULL_BUCKETS: u64 = 100;

/// What becomes of the lease when the response is known.
pub(in crate::layer) struct SettlementRules {
    /// Those that the head is enough for.
    pub(in crate::layer) head: Vec<(LimitName, Settle)>,
    /// Those that look at the body.
    pub(in crate::layer) body: Vec<(LimitName, Settle)>,
    /// Where the body says what was used.
    #[cfg(feature = "usage-body")]
    pub(in crate::layer) usage: Option<Paths>,
    /// The most that rules settle a request to, in tokens, where the policy says it.
    at_most: Vec<(LimitName, u64)>,
    pub(in crate::layer) top_up: Option<TopUp>,
    pub(in crate::layer) outcomes: Vec<OutcomeRule>,
    pub(in crate::layer) on_error: Outcome,
    pub(in crate::layer) on_panic: Outcome,
    /// `true` if handlers get a handle of the lease.
    pub(in crate::layer) shares_lease: bool,
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
    /// Returns `true` if requests cost what they were charged, unless the inner service fails or panics.
    pub(super) fn is_plain(&self) -> bool {
        self.head.is_empty() && self.body.is_empty() && self.outcomes.is_empty() && !self.shares_lease
    }

    /// Returns the most that rules settle a request of the limit to, in tokens.
    pub(in crate::layer) fn most(&self, limit: &LimitName, capacity: Option<u64>) -> u64 {
        let said = self.at_most.iter().rev().find(|(name, _)| name == limit).map(|(_, most)| *most);
        said.or_else(|| Some(capacity?.saturating_mul(MOST_FULL_BUCKETS))).unwrap_or(u64::MAX)
    }

    /// The limits that rules settle, each once.
    pub(super) fn limits(&self) -> impl Iterator<Item = &LimitName> {
        let limits = self.head.iter().chain(&self.body).map(|(limit, _)| limit).enumerate();
        limits
            .filter(|(index, limit)| !self.head.iter().chain(&self.body).take(*index).any(|(other, _)| other == *limit))
            .map(|(_, limit)| limit)
    }

    /// The limits that the head alone tells of, each once.
    pub(in crate::layer) fn only_in_head(&self) -> impl Iterator<Item = &LimitName> {
        let limits = self.head.iter().map(|(limit, _)| limit).enumerate();
        let only = limits.filter(|(index, limit)| {
            let elsewhere = self.head.iter().take(*index).chain(&self.body);
            !elsewhere.into_iter().any(|(other, _)| other == *limit)
        });
        only.map(|(_, limit)| limit)
    }

    /// Returns `true` if responses without a lease have something to be taken out.
    pub(in crate::layer) fn strips(&self) -> bool {
        self.head.iter().chain(&self.body).any(|(_, rule)| rule.strip)
    }

    pub(in crate::layer) fn strip_headers(&self, headers: &mut HeaderMap) {
        for (_, rule) in &self.head {
            if let (true, Source::Headers(names)) = (rule.strip, &rule.source) {
                names.iter().for_each(|name| drop(headers.remove(name)));
            }
        }
        if !self.body.is_empty() && headers.contains_key(TRAILER) {
            self.strip_announced(headers);
        }
    }

    /// Takes the trailers that are taken out, out of the list of those to come.
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

    pub(in crate::layer) fn strip_trailers(&self, trailers: &mut HeaderMap) {
        for (_, rule) in &self.body {
            if let (true, Source::Trailers(names)) = (rule.strip, &rule.source) {
                names.iter().for_each(|name| drop(trailers.remove(name)));
            }
        }
    }
}

/// What a builder was told.
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

/// Settlement.
impl PolicyBuilder {
    /// Finds the real use of the limit `name` in the response. Stored limits that lack it are left
    /// alone.
    ///
    /// A rule bounds nothing at once: until it finds something, a request has been charged what it costs at first. If
    /// nothing says what that is, it is 1, and as many requests as the bucket has tokens run at the same time, whatever
    /// they use. So [`build`](Self::build) warns (`settled limit without a cost`) of a limit that has a rule, but neither
    /// a [`cost`](Self::cost) nor an [`estimate`](Self::estimate), nor [`learn`](Self::learn).
    ///
    /// Of several rules of one limit the last one that finds something holds. While a body goes on,
    /// the largest amount counts that a rule has found so far.
    pub fn settle(mut self, name: impl Into<String>, rule: Settle) -> Self {
        self.settlement.settle.push((name.into(), rule));
        self
    }

    /// Sets the most that rules settle a request of the limit `name` to, in tokens. A rule that finds more keeps what was
    /// known, as for a value that is no number: it is told (`settle value ignored`) and counted as `too_large`. Default:
    /// 100 times what a full bucket holds.
    ///
    /// Without a bound, one wrong number of an upstream locks a key for years. What a handler says through its
    /// [`LeaseHandle`](crate::layer::LeaseHandle) is not bounded.
    pub fn settle_at_most(mut self, name: impl Into<String>, tokens: u64) -> Self {
        self.settlement.at_most.push((name.into(), tokens));
        self
    }

    /// Asks for more while a body goes on that uses more than it was charged for. Without it, the
    /// difference becomes debt.
    pub fn top_up(mut self, rule: TopUp) -> Self {
        self.settlement.top_up = Some(rule);
        self
    }

    /// What becomes of the cost of requests whose response has one of these statuses, such as
    /// `400..=499`. Without a rule it is kept.
    ///
    /// Rules are asked in the order they were given, those of [`on_response`](Self::on_response)
    /// among them; the first that knows the response holds, and goes before what settle rules find.
    pub fn on_status(mut self, statuses: impl RangeBounds<u16>, outcome: Outcome) -> Self {
        self.settlement.outcomes.push(OutcomeRule::status(statuses, outcome));
        self
    }

    /// What becomes of the cost of requests by their response's head. `None` leaves it to the next
    /// rule.
    pub fn on_response(mut self, judge: impl Fn(&ResponseHead<'_>) -> Option<Outcome> + Send + Sync + 'static) -> Self {
        self.settlement.outcomes.push(OutcomeRule::closure(judge));
        self
    }

    /// Says what becomes of the cost of requests for which the inner service gives an error instead of a response.
    /// Default: [`Outcome::Keep`], as for any status.
    ///
    /// With a refund, whoever can provoke the error uses the service for nothing. A client can provoke it, if the inner
    /// service sends the request's body on, as a proxy does: it announces more than it sends, or sends a chunk that is
    /// none, and the upstream has done its work by then. Give back only if the body was read before the acquire, or let
    /// a handler that knows that nothing was used give it back: [`LeaseHandle::release`](crate::layer::LeaseHandle::release).
    pub fn on_error(mut self, outcome: Outcome) -> Self {
        self.settlement.on_error = Some(outcome);
        self
    }

    /// Says what becomes of the cost of requests whose handler panics. The panic goes on. Default: [`Outcome::Keep`],
    /// as for a 5xx: a panic that a request provokes once, it provokes again.
    pub fn on_panic(mut self, outcome: Outcome) -> Self {
        self.settlement.on_panic = Some(outcome);
        self
    }

    /// Gives the cost of requests back whose response is a 5xx. Off by default: a refund on
    /// errors invites retry storms. Short for [`on_status`](Self::on_status).
    ///
    /// It opens what [`on_error`](Self::on_error) says, if a 5xx can stand for a request that a client has broken off: a
    /// proxy's 502, say.
    pub fn refund_server_errors(self) -> Self {
        self.on_status(500..=599, Outcome::Refund)
    }

    /// Keeps the lease to the layer: handlers get no [`LeaseHandle`](crate::layer::LeaseHandle) of
    /// it, nor [`RateLimitStatus`](crate::layer::RateLimitStatus) from it. Unless a rule looks at the
    /// body, it is committed as soon as the response's head is ready. For limits that only count
    /// requests; it saves each of them the entry in its extensions. A handle that a layer further out
    /// has put there stays.
    pub fn without_handle(mut self) -> Self {
        self.settlement.without_handle = true;
        self
    }
}
