//! The settlement: the cost of a request when its real use is known.

use http::{HeaderMap, HeaderValue, header::TRAILER};

use super::{InvalidPolicy, PolicyLimits};
#[cfg(feature = "usage-body")]
use crate::layer::{
    settle::Source,
    usage::{Paths, Usage},
};
use crate::{
    layer::{
        Outcome, Settle, TopUp,
        settle::{OutcomeRule, SourcePlace},
    },
    model::LimitName,
};

/// The default for the maximum use that a rule may find, in full buckets. In the worst case, a
/// wrong value blocks a key for that many times the time in which its bucket fills.
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
    /// The maximum use that a rule may find, in tokens, for the limits for which the policy sets
    /// it.
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
    /// Returns `true` if no rule looks at responses: what was charged is what was used.
    pub(super) fn is_plain(&self) -> bool {
        self.head.is_empty() && self.body.is_empty() && self.outcomes.is_empty()
    }

    /// Returns the maximum use that a rule may find, in tokens of the limit.
    pub(crate) fn most(&self, limit: &LimitName, capacity: Option<u64>) -> u64 {
        let said = self
            .at_most
            .iter()
            .rev()
            .find(|(name, _)| name == limit)
            .map(|(_, most)| *most);
        said.or_else(|| Some(capacity?.saturating_mul(MOST_FULL_BUCKETS)))
            .unwrap_or(u64::MAX)
    }

    /// Returns the limits that have rules, each once.
    pub(super) fn limits(&self) -> impl Iterator<Item = &LimitName> {
        let limits = self
            .head
            .iter()
            .chain(&self.body)
            .map(|(limit, _)| limit)
            .enumerate();
        limits
            .filter(|(index, limit)| {
                !self
                    .head
                    .iter()
                    .chain(&self.body)
                    .take(*index)
                    .any(|(other, _)| other == *limit)
            })
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

    /// Returns `true` if rules remove headers or trailers, which they also do if a response has no
    /// lease.
    pub(crate) fn strips(&self) -> bool {
        self.head
            .iter()
            .chain(&self.body)
            .any(|(_, rule)| rule.strip)
    }

    pub(crate) fn strip_headers(&self, headers: &mut HeaderMap) {
        for (_, rule) in self.head.iter().filter(|(_, rule)| rule.strip) {
            rule.source.strip_from(headers);
        }
        if !self.body.is_empty() && headers.contains_key(TRAILER) {
            self.strip_announced(headers);
        }
    }

    /// Removes the trailers that are stripped from the list of trailers in the head.
    fn strip_announced(&self, headers: &mut HeaderMap) {
        let stripped = self
            .body
            .iter()
            .filter(|(_, rule)| rule.strip)
            .flat_map(|(_, rule)| rule.source.names());
        let stripped: Vec<_> = stripped.map(|name| name.as_str().as_bytes()).collect();
        let announced = headers
            .get_all(TRAILER)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let announced: Vec<_> = announced
            .map(|name| name.trim_ascii())
            .filter(|name| !name.is_empty())
            .collect();
        let is_kept = |name: &&[u8]| {
            !stripped
                .iter()
                .any(|stripped| stripped.eq_ignore_ascii_case(name))
        };
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
        for (_, rule) in self.body.iter().filter(|(_, rule)| rule.strip) {
            rule.source.strip_from(trailers);
        }
    }
}

/// The settings of a builder, not yet checked.
#[derive(Clone, Debug, Default)]
pub(super) struct SettlementDraft {
    pub(super) settle: Vec<(String, Settle)>,
    pub(super) at_most: Vec<(String, u64)>,
    pub(super) top_up: Option<TopUp>,
    pub(super) outcomes: Vec<OutcomeRule>,
    pub(super) on_error: Option<Outcome>,
    pub(super) on_panic: Option<Outcome>,
    pub(super) without_handle: bool,
}

impl SettlementDraft {
    /// Checks the settings. `also` are the limits of the resources that the policy charges in
    /// addition: an outcome can name them too.
    pub(super) fn check(
        self,
        limits: &PolicyLimits,
        also: &[&PolicyLimits],
    ) -> Result<SettlementRules, InvalidPolicy> {
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
            let into = match rule.source.place() {
                SourcePlace::Head => &mut rules.head,
                SourcePlace::Body | SourcePlace::Trailers => &mut rules.body,
            };
            into.push((limits.known(name)?, rule));
        }
        for (name, most) in self.at_most {
            rules.at_most.push((limits.known(name)?, most));
        }
        let of_failures = [&rules.on_error, &rules.on_panic]
            .into_iter()
            .flat_map(Outcome::names);
        for name in rules
            .outcomes
            .iter()
            .flat_map(OutcomeRule::names)
            .chain(of_failures)
        {
            limits.known_among(also, name.clone())?;
        }
        #[cfg(feature = "usage-body")]
        {
            let usages = rules
                .body
                .iter_mut()
                .filter_map(|(_, rule)| match &mut rule.source {
                    Source::Usage(usage) => Some(usage),
                    _ => None,
                });
            rules.usage = Usage::paths(usages);
        }
        Ok(rules)
    }
}
