//! The amounts that the rules have found in a body so far.

use http::HeaderMap;
use smallvec::SmallVec;

use crate::{
    layer::{ResponseHead, Settle, lease::lease_slot::LeaseSlot, terms::in_bounds},
    limiter::PartIndex,
    model::LimitName,
    telemetry,
};

type BodyRules = [(LimitName, Settle)];

/// The reason why a value in a body is not an amount: a label for metrics, and a text for the log.
pub(super) type Ignored = (&'static str, &'static str);

/// The source of the values, for the log.
pub(super) const BODY: &str = "the body";

/// The amounts that the rules have found in a body so far.
pub(super) struct Findings {
    /// The base of each rule, to which its values are added or with which they are compared: what
    /// was used of its limit when the body began, unless the rule sets another base.
    bases: SmallVec<[u64; 1]>,
    /// The value that each rule has found.
    found: SmallVec<[Option<u64>; 1]>,
    /// `true` if a value that is not an amount was found and reported.
    wrong: bool,
}

impl Findings {
    pub(super) fn new(
        rules: &BodyRules,
        lease: Option<&LeaseSlot>,
        part: PartIndex,
        head: &ResponseHead<'_>,
    ) -> Self {
        let consumed = |limit: &LimitName| {
            lease
                .and_then(|lease| lease.consumed(part, limit.as_str()))
                .unwrap_or(0)
        };
        Self {
            bases: rules
                .iter()
                .map(|(limit, rule)| rule.base(limit, head, consumed(limit)))
                .collect(),
            found: SmallVec::from_elem(None, rules.len()),
            wrong: false,
        }
    }

    /// Asks each rule for a value. A rule that finds nothing, or something absurd, keeps its
    /// earlier value.
    pub(super) fn ask(&mut self, rules: &BodyRules, find: impl Fn(&Settle, u64) -> Option<u64>) {
        for (((limit, rule), base), found) in rules.iter().zip(&self.bases).zip(&mut self.found) {
            match find(rule, *base).map(in_bounds) {
                Some(Ok(counted)) => *found = Some(counted),
                Some(Err(bad)) if !std::mem::replace(&mut self.wrong, true) => {
                    telemetry::settle_value_ignored(limit, BODY, bad.label(), bad.reason());
                }
                None | Some(Err(_)) => {}
            }
        }
    }

    /// Takes the values that the rules find in the trailers.
    pub(super) fn read(&mut self, rules: &BodyRules, trailers: &HeaderMap) {
        for ((limit, rule), found) in rules.iter().zip(&mut self.found) {
            match rule.source.in_trailers(limit, trailers) {
                Ok(amount) => *found = amount.or(*found),
                Err(_) => self.wrong = true,
            }
        }
    }

    /// Records that a value was found that is not an amount. Returns `true` if it is to be
    /// reported: only the first one of each body is.
    pub(super) fn goes_wrong(&mut self) -> bool {
        !std::mem::replace(&mut self.wrong, true)
    }

    /// Returns `true` if one of the rules that `which` selects has found something.
    #[cfg(feature = "usage-body")]
    pub(super) fn any(&self, rules: &BodyRules, which: impl Fn(&Settle) -> bool) -> bool {
        rules
            .iter()
            .zip(&self.found)
            .any(|((_, rule), found)| which(rule) && found.is_some())
    }

    /// Settles the limits. While the body streams, the largest amount of a limit counts. When it is
    /// over, the amount of the last rule that has one counts.
    pub(super) fn apply(&self, rules: &BodyRules, lease: &LeaseSlot, part: PartIndex, over: bool) {
        for limit in each(rules) {
            let of_limit = rules
                .iter()
                .zip(&self.found)
                .zip(&self.bases)
                .filter(|(((other, _), _), _)| other == limit);
            let mut amounts = of_limit
                .filter_map(|(((_, rule), found), base)| Some(rule.applied((*found)?, *base)));
            if let Some(used) = if over {
                amounts.next_back()
            } else {
                amounts.max()
            } {
                lease.found(part, limit, used);
            }
        }
    }

    /// Counts, when the body is over, the limits for which no amount was found.
    pub(super) fn count_missing(&self, rules: &BodyRules, lease: &LeaseSlot, part: PartIndex) {
        if !self.wrong {
            each(rules)
                .filter(|limit| lease.is_untold(part, limit))
                .for_each(telemetry::settle_value_missing);
        }
    }
}

/// Returns the limits of the rules, each once.
fn each(rules: &BodyRules) -> impl Iterator<Item = &LimitName> {
    let is_first = move |index: usize, limit: &LimitName| {
        !rules
            .iter()
            .take(index)
            .any(|(earlier, _)| earlier == limit)
    };
    let limits = rules
        .iter()
        .enumerate()
        .filter(move |(index, (limit, _))| is_first(*index, limit));
    limits.map(|(_, (limit, _))| limit)
}
