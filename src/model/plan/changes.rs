//! The changes of a batch to the limits of a bucket.

use smallvec::SmallVec;

use crate::model::{LimitName, LimitState};

/// The largest debt that settled leases leave, millitokens: four times the largest capacity. Half of
/// what an `i64` holds is left for other processes that settle at the same time.
const MOST_OWED: i64 = 1 << 62;

/// The changes of a batch to one limit of a bucket. Millitokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The limit.
    pub limit: LimitName,
    /// The amount that is granted to new requests. Never negative.
    pub spend: i64,
    /// The lowest level that the spend may leave. 0, or negative for requests that wait until the
    /// debt is refilled.
    pub floor: i64,
    /// The amount that settled leases used beyond their grants. Never negative. This amount may
    /// make the level negative.
    pub take: i64,
    /// The amount that settled leases gave back. Never negative. This amount never raises the level
    /// above the capacity.
    pub give: i64,
    /// The [id](crate::model::Period::id) of the quota's period in which `give` was charged; 0 for a
    /// token bucket. In other periods, nothing is given back.
    pub give_in: i64,
    /// The amount that is only counted as consumed, for requests and leases that a bypassed bucket
    /// has admitted.
    pub count: i64,
}

impl Change {
    fn none(limit: LimitName) -> Self {
        Self {
            limit,
            spend: 0,
            floor: 0,
            take: 0,
            give: 0,
            give_in: 0,
            count: 0,
        }
    }

    /// Returns the amount that the bucket gets back: nothing if the quota is in another period.
    pub(crate) fn give_to(&self, known: &LimitState) -> i64 {
        match known.period() {
            Some(period) if period.id() != self.give_in => 0,
            _ => self.give,
        }
    }

    /// Adds an amount that is given back, and was charged in `period`.
    /// Of two periods the later one counts: the earlier one is over.
    fn add_give(&mut self, amount: i64, period: i64) {
        if amount == 0 || period < self.give_in {
            return;
        }
        if period > self.give_in {
            (self.give, self.give_in) = (0, period);
        }
        self.give = self.give.saturating_add(amount);
    }

    /// Returns the amount that leaves the bucket: spend and take.
    pub fn debit(&self) -> i64 {
        self.spend.saturating_add(self.take)
    }

    /// Returns the amount that leaves a bucket that holds `tokens`. The debt that settled leases
    /// leave is bounded: many large ones would exceed what an item can store.
    pub(super) fn debit_of(&self, tokens: i64) -> i64 {
        let most = tokens.saturating_add(MOST_OWED).max(0);
        self.spend.saturating_add(self.take.min(most))
    }

    pub(super) fn is_none(&self) -> bool {
        self.spend == 0 && self.take == 0 && self.give == 0 && self.count == 0
    }

    /// Adds a spend after the earlier ones. The spend requires a level of at least `amount - debt`.
    fn add_spend(&mut self, amount: i64, debt: i64) {
        if amount == 0 {
            return;
        }
        // The first spend requires only what it needs itself, because the bucket may be in debt
        // before it.
        let before = if self.spend == 0 {
            i64::MIN
        } else {
            self.spend.saturating_add(self.floor)
        };
        self.spend = self.spend.saturating_add(amount);
        // Invariant: if the bucket holds `spend + floor`, every spend of the batch finds the level
        // that it requires.
        let needed = before.max(self.spend.saturating_sub(debt));
        self.floor = needed.saturating_sub(self.spend).min(0);
    }
}

/// The changes of a batch to the limits of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerDelta {
    changes: SmallVec<[Change; 2]>,
    grants: bool,
}

impl LedgerDelta {
    /// Returns an empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns `true` if the batch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(Change::is_none)
    }

    /// Returns `true` if the batch grants a request, even one that asks for 0 of every limit.
    pub fn grants(&self) -> bool {
        self.grants
    }

    /// Returns `true` if settled leases take more of a limit.
    pub fn takes(&self) -> bool {
        self.changes.iter().any(|change| change.take > 0)
    }

    /// Returns the change of the limit `name`.
    pub fn get(&self, name: &LimitName) -> Option<&Change> {
        self.changes.iter().find(|change| change.limit == *name)
    }

    fn entry(&mut self, name: &LimitName) -> &mut Change {
        let index = match self.changes.iter().position(|change| change.limit == *name) {
            Some(index) => index,
            None => {
                self.changes.push(Change::none(name.clone()));
                self.changes.len() - 1
            }
        };
        &mut self.changes[index]
    }

    /// Grants `amount` of the limit `name`.
    pub fn spend(&mut self, name: &LimitName, amount: i64) {
        self.reserve(name, amount, 0);
    }

    /// Grants `amount` of the limit `name` after all earlier grants. Afterwards, the bucket may owe
    /// up to `debt`: the request waits until the debt is refilled.
    pub fn reserve(&mut self, name: &LimitName, amount: i64, debt: i64) {
        self.grants = true;
        self.entry(name).add_spend(amount.max(0), debt.max(0));
    }

    /// Grants `amount` of the limit `name` in a bypassed bucket: it is only counted.
    pub fn admit(&mut self, name: &LimitName, amount: i64) {
        self.grants = true;
        self.count(name, amount.max(0));
    }

    /// Counts `amount` of the limit `name` as consumed. A negative amount is subtracted.
    pub fn count(&mut self, name: &LimitName, amount: i64) {
        let change = self.entry(name);
        change.count = change.count.saturating_add(amount);
    }

    /// Settles a difference of a token bucket: a positive one takes more, a negative one gives
    /// back.
    pub fn settle(&mut self, name: &LimitName, difference: i64) {
        self.settle_in(name, difference, 0);
    }

    /// Settles a difference of a limit that was charged in `period`: the
    /// [id](crate::model::Period::id) of a quota's period, 0 for a token bucket. A quota gets tokens
    /// back only in that period.
    pub fn settle_in(&mut self, name: &LimitName, difference: i64, period: i64) {
        let change = self.entry(name);
        if difference >= 0 {
            change.take = change.take.saturating_add(difference);
        } else {
            change.add_give(difference.saturating_neg(), period);
        }
    }

    /// Returns the changes of all limits.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    /// Returns the same changes without the amounts that are given back.
    #[must_use]
    pub fn without_gives(&self) -> Self {
        let mut changes = self.clone();
        changes
            .changes
            .iter_mut()
            .for_each(|change| change.give = 0);
        changes
    }

    /// Returns the amounts that settled leases take, and the remaining changes.
    pub(crate) fn split_takes(&self) -> (Self, Self) {
        let (mut takes, mut rest) = (Self::new(), self.clone());
        for change in &mut rest.changes {
            takes.settle(&change.limit, std::mem::take(&mut change.take));
        }
        (takes, rest)
    }

    /// Adds the changes of `other` after the changes of this batch.
    pub fn merge(&mut self, other: &LedgerDelta) {
        self.grants |= other.grants;
        for change in other.iter() {
            let entry = self.entry(&change.limit);
            // The spends of `other` come after those of this batch, and require `spend + floor` of
            // the level that this batch leaves.
            entry.add_spend(change.spend, change.floor.saturating_neg());
            entry.take = entry.take.saturating_add(change.take);
            entry.add_give(change.give, change.give_in);
            entry.count = entry.count.saturating_add(change.count);
        }
    }
}
