//! What the rules have found in a body so far.

use smallvec::SmallVec;

use crate::{
    layer::{
        ResponseHead, Settle,
        held::Held,
        settle::{BadAmount, in_bounds},
    },
    model::LimitName,
    telemetry,
};

type Rules = [(LimitName, Settle)];

/// Where values come from, for the log.
pub(super) const BODY: &str = "the body";

/// What the rules have found in a body so far.
pub(super) struct Findings {
    /// What values are added to, or compared with, of each rule: what was used of its limit when the body
    /// began, unless it says otherwise.
    bases: SmallVec<[u64; 1]>,
    /// What each rule has found.
    found: SmallVec<[Option<u64>; 1]>,
    /// Something was there that gives no amount, and that was told.
    wrong: bool,
}

impl Findings {
    pub(super) fn new(rules: &Rules, lease: Option<&Held>, head: &ResponseHead<'_>) -> Self {
        let consumed = |limit: &LimitName| lease.and_then(|lease| lease.consumed(limit.as_str())).unwrap_or(0);
        Self {
            bases: rules.iter().map(|(limit, rule)| rule.base(limit, head, consumed(limit))).collect(),
            found: SmallVec::from_elem(None, rules.len()),
            wrong: false,
        }
    }

    /// Asks each rule, by its base. One that finds nothing keeps what it has
    /// found, and so does one that finds something absurd.
    pub(super) fn ask(&mut self, rules: &Rules, find: impl Fn(&Settle, u64) -> Option<u64>) {
        for (((limit, rule), base), found) in rules.iter().zip(&self.bases).zip(&mut self.found) {
            match find(rule, *base).map(in_bounds) {
                Some(Ok(counted)) => *found = Some(counted),
                Some(Err(bad)) if !self.wrong => {
                    self.wrong = true;
                    telemetry::settle_value_ignored(limit, BODY, bad.label(), &bad.to_string());
                }
                None | Some(Err(_)) => {}
            }
        }
    }

    /// Takes what each rule reads in the trailers.
    pub(super) fn read(
        &mut self,
        rules: &Rules,
        read: impl Fn(&LimitName, &Settle) -> Option<Result<Option<u64>, BadAmount>>,
    ) {
        for ((limit, rule), found) in rules.iter().zip(&mut self.found) {
            match read(limit, rule) {
                None => {}
                Some(Ok(amount)) => *found = amount,
                Some(Err(_)) => self.wrong = true,
            }
        }
    }

    /// Something that gives no amount was told.
    pub(super) fn went_wrong(&mut self) {
        self.wrong = true;
    }

    /// Returns `true` if one of the rules that `which` says yes to has found something.
    #[cfg(feature = "usage-body")]
    pub(super) fn any(&self, rules: &Rules, which: impl Fn(&Settle) -> bool) -> bool {
        rules.iter().zip(&self.found).any(|((_, rule), found)| which(rule) && found.is_some())
    }

    /// Tells the lease. While the body goes on, the largest amount of a limit counts; when it is
    /// over, the last of its rules that has one.
    pub(super) fn apply(&self, rules: &Rules, lease: &Held, over: bool) {
        for limit in each(rules) {
            let of_limit = rules.iter().zip(&self.found).zip(&self.bases).filter(|(((other, _), _), _)| other == limit);
            let mut amounts = of_limit.filter_map(|(((_, rule), found), base)| Some(rule.applied((*found)?, *base)));
            if let Some(used) = if over { amounts.next_back() } else { amounts.max() } {
                lease.found(limit, used);
            }
        }
    }

    /// Counts the limits of which nobody has told, when the body is over.
    pub(super) fn count_missing(&self, rules: &Rules, lease: &Held) {
        if !self.wrong {
            each(rules).filter(|limit| lease.is_untold(limit)).for_each(telemetry::settle_value_missing);
        }
    }
}

/// The limits of the rules, each once.
fn each(rules: &Rules) -> impl Iterator<Item = &LimitName> {
    let is_first =
        move |index: usize, limit: &LimitName| !rules.iter().take(index).any(|(earlier, _)| earlier == limit);
    let limits = rules.iter().enumerate().filter(move |(index, (limit, _))| is_first(*index, limit));
    limits.map(|(_, (limit, _))| limit)
}
