//! The state of a bucket in memory. The parts that buckets have in common are shared. The parts
//! that few buckets have are boxed.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{
    levels::{Levels, LimitLevel},
    schema::{LimitSchema, Schema, Schemas},
};
use crate::model::{
    BucketState, Level, Limit, LimitName, LimitState, LimitStatus, Limits, Period, Renewal, plan,
};

/// An amount that is requested from one limit, and the receiver of the level after a grant.
pub(crate) trait Spend {
    /// Returns the requested amount, millitokens.
    fn amount(&self) -> i64;

    /// Receives the millitokens that are left, and the end of the quota's period that was charged:
    /// epoch ms, 0 for a token bucket.
    fn leave(&mut self, left: i64, period: i64);
}

/// Returns `true` if the limit at `index` refuses nothing. Asked only if the bucket is short.
#[cold]
fn is_soft(limits: &Limits, index: usize) -> bool {
    limits.get(index).is_some_and(Limit::is_soft)
}

#[derive(Clone, Debug)]
pub(super) struct CompactState {
    /// The time of the last refill of all limits: epoch ms.
    refilled_at: i64,
    schema: Arc<Schema>,
    levels: Levels,
}

impl CompactState {
    /// Returns a full bucket.
    pub(super) fn new(limits: &Limits, schemas: &Schemas, now: i64) -> Self {
        let schema = schemas.schema(Some(limits), limits.iter().map(LimitSchema::from).collect());
        let levels = Levels::new(schema.known().iter().map(|known| full(known, now)), None);
        Self {
            refilled_at: now,
            schema,
            levels,
        }
    }

    /// Refills the bucket. A clock that runs backward changes nothing, so the refill time never
    /// moves back.
    #[inline]
    pub(super) fn refill(&mut self, now: i64) {
        if now > self.refilled_at {
            self.refill_all(now);
        } else if self.levels.rest().is_some() {
            self.renew_all(now);
        }
    }

    /// Renews the quotas whose period has ended. An operation may end a session at the time of the
    /// last refill.
    #[cold]
    fn renew_all(&mut self, now: i64) {
        self.keep();
        // An operation is later than every refill, so its time may be ahead of the clock.
        let now = now.max(self.refilled_at);
        let ceilings = self.ceilings(now);
        let levels = self.schema.known().iter().zip(self.levels.iter_mut());
        for ((known, held), ceiling) in levels.zip(ceilings) {
            if known.renewal.is_some() {
                known.refill(held, 0, now, ceiling);
            }
        }
    }

    fn refill_all(&mut self, now: i64) {
        let age = now.saturating_sub(self.refilled_at);
        self.refilled_at = now;
        if self.levels.rest().is_some() {
            return self.refill_each(age, now);
        }
        for (known, held) in self.schema.known().iter().zip(self.levels.iter_mut()) {
            known.refill(held, age, now, None);
        }
    }

    /// Refills each limit as [`refill_all`](Self::refill_all) does, up to its own ceiling.
    #[cold]
    fn refill_each(&mut self, age: i64, now: i64) {
        self.keep();
        let ceilings = self.ceilings(now);
        let levels = self.schema.known().iter().zip(self.levels.iter_mut());
        for ((known, held), ceiling) in levels.zip(ceilings) {
            known.refill(held, age, now, ceiling);
        }
    }

    /// Removes the expiry that an operation has set. Requests in place do not renew it, and the
    /// bucket is evicted when it is full.
    fn keep(&mut self) {
        if let Some(rest) = self.levels.rest_mut() {
            rest.expires_at = None;
        }
    }

    /// Returns `true` if one of `limits` is missing or has other parameters.
    #[inline]
    pub(super) fn differs(&self, limits: &Limits) -> bool {
        !self.schema.begins_with(limits) && self.schema.differs(limits)
    }

    /// Returns `true` if the bucket has limits of these names.
    pub(super) fn has_all(&self, limits: &Limits) -> bool {
        let has = |limit: &Limit| self.schema.position(limit.name()).is_some();
        limits.iter().all(has)
    }

    /// Refills the bucket, and changes the parameters to those of `limits`. A quota whose period
    /// has ended begins the next one with its new amount.
    pub(super) fn bring_to(&mut self, limits: &Limits, schemas: &Schemas, now: i64) {
        let is_over = |held: &LimitLevel| held.ends_at <= now;
        let over: SmallVec<[bool; 2]> = self.levels.iter().map(is_over).collect();
        self.refill(now);
        let mut known: SmallVec<[LimitSchema; 1]> = SmallVec::new();
        let mut levels: SmallVec<[LimitLevel; 2]> = SmallVec::new();
        let own = |index: usize| self.levels.get(index).copied().unwrap_or_default();
        for limit in limits.iter() {
            let wanted = LimitSchema::from(limit);
            let held = match self.schema.position(limit.name()) {
                Some(index) if self.schema.known()[index].is(limit) => {
                    known.push(self.schema.known()[index].clone());
                    levels.push(own(index));
                    continue;
                }
                Some(index) => {
                    let LimitLevel {
                        level,
                        consumed,
                        ends_at,
                    } = own(index);
                    let new = full(&wanted, self.refilled_at);
                    let same = self.schema.known()[index].renewal == wanted.renewal;
                    let ends_at = match &wanted.renewal {
                        // The period stays.
                        Some(_) if same => ends_at,
                        // The tokens stay until the first session ends.
                        Some(session @ Renewal::Session(_)) => session.end_after(self.refilled_at),
                        _ => new.ends_at,
                    };
                    let anew = same && wanted.renewal.is_some() && over.get(index) == Some(&true);
                    let tokens = if anew {
                        new.level.tokens
                    } else {
                        let added = if same { self.topped_up(index) } else { 0 };
                        level.tokens.min(new.level.tokens.saturating_add(added))
                    };
                    LimitLevel {
                        level: Level {
                            tokens,
                            remainder: 0,
                        },
                        consumed,
                        ends_at,
                    }
                }
                None => full(&wanted, self.refilled_at),
            };
            known.push(wanted);
            levels.push(held);
        }
        for (other, held) in self.schema.known().iter().zip(self.levels.iter()) {
            if limits.index(other.name.as_str()).is_none() {
                known.push(other.clone());
                levels.push(*held);
            }
        }
        self.schema = schemas.schema(Some(limits), known);
        self.levels = Levels::new(levels, self.levels.take_rest());
    }

    /// Takes `amount` for a request with one limit, which must not be a quota, as
    /// [`take`](Self::take). Returns the millitokens that are left.
    #[inline]
    pub(super) fn take_one(&mut self, limits: &Limits, amount: i64) -> Option<i64> {
        let place = LimitIndexes::of(&self.schema, limits).at(limits, 0)?;
        let held = self.levels.get_mut(place)?;
        if amount > 0 && held.level.tokens < amount && !is_soft(limits, 0) {
            return None;
        }
        held.level.tokens = held.level.tokens.saturating_sub(amount);
        held.consumed = held.consumed.saturating_add(amount);
        Some(held.level.tokens)
    }

    /// Takes all `spends` (in the order of `limits`) or none. The bucket must be refilled first.
    /// Returns `true` if they were taken.
    #[inline]
    pub(super) fn take(&mut self, limits: &Limits, spends: &mut [impl Spend]) -> bool {
        let places = LimitIndexes::of(&self.schema, limits);
        for (index, spend) in spends.iter().enumerate() {
            let held = places
                .at(limits, index)
                .and_then(|place| self.levels.get(place));
            if spend.amount() > 0
                && held.is_none_or(|held| held.level.tokens < spend.amount())
                && !is_soft(limits, index)
            {
                return false;
            }
        }
        for (index, spend) in spends.iter_mut().enumerate() {
            let Some(place) = places.at(limits, index) else {
                continue;
            };
            let resets = self.resets(place);
            if let (Some(known), Some(held)) =
                (self.schema.known().get(place), self.levels.get_mut(place))
            {
                if spend.amount() > 0 {
                    known.open(held, self.refilled_at);
                }
                held.level.tokens = held.level.tokens.saturating_sub(spend.amount());
                held.consumed = held.consumed.saturating_add(spend.amount());
                spend.leave(held.level.tokens, known.period_id(held, resets));
            }
        }
        true
    }

    /// Takes all `spends` (in the order of `limits`) or none, and may leave debts of up to `debts`.
    /// The bucket must be refilled first. Returns the time at which the debt is refilled: epoch ms,
    /// 0 if there is none. `None` if nothing was taken.
    pub(super) fn reserve(
        &mut self,
        limits: &Limits,
        spends: &mut [impl Spend],
        debts: &[i64],
    ) -> Option<i64> {
        let places = LimitIndexes::of(&self.schema, limits);
        for (index, spend) in spends.iter().enumerate() {
            let held = places
                .at(limits, index)
                .and_then(|place| self.levels.get(place));
            let debt = debts.get(index).copied().unwrap_or(0);
            if spend.amount() > 0
                && held.is_none_or(|held| held.level.tokens.saturating_add(debt) < spend.amount())
                && !is_soft(limits, index)
            {
                return None;
            }
        }
        let mut starts_at = 0;
        for (index, spend) in spends.iter_mut().enumerate() {
            let Some(place) = places.at(limits, index) else {
                continue;
            };
            let resets = self.resets(place);
            let (Some(known), Some(held)) =
                (self.schema.known().get(place), self.levels.get_mut(place))
            else {
                continue;
            };
            if spend.amount() > 0 {
                known.open(held, self.refilled_at);
            }
            held.level.tokens = held.level.tokens.saturating_sub(spend.amount());
            held.consumed = held.consumed.saturating_add(spend.amount());
            spend.leave(held.level.tokens, known.period_id(held, resets));
            let owes = spend.amount() > 0 && held.level.tokens < 0 && !is_soft(limits, index);
            if let Some(wait) = known.wait(held, 0, self.refilled_at).filter(|_| owes) {
                starts_at = starts_at.max(self.refilled_at.saturating_add(wait));
            }
        }
        Some(starts_at)
    }

    /// Counts all `spends` (in the order of `limits`) as consumed, and takes nothing. The bucket
    /// must be refilled first.
    pub(super) fn count(&mut self, limits: &Limits, spends: &mut [impl Spend]) {
        let places = LimitIndexes::of(&self.schema, limits);
        for (index, spend) in spends.iter_mut().enumerate() {
            let Some(place) = places.at(limits, index) else {
                continue;
            };
            let resets = self.resets(place);
            if let (Some(known), Some(held)) =
                (self.schema.known().get(place), self.levels.get_mut(place))
            {
                held.consumed = held.consumed.saturating_add(spend.amount());
                spend.leave(held.level.tokens, known.period_id(held, resets));
            }
        }
    }

    /// Counts differences (millitokens, in the order of `limits`) as consumed.
    pub(super) fn count_differences(&mut self, limits: &Limits, differences: &[i64]) {
        let places = LimitIndexes::of(&self.schema, limits);
        for (index, difference) in differences.iter().enumerate() {
            let place = places.at(limits, index);
            if let Some(held) = place.and_then(|place| self.levels.get_mut(place)) {
                held.consumed = held.consumed.saturating_add(*difference);
            }
        }
    }

    /// Settles differences (millitokens, in the order of `limits`). The bucket must be refilled
    /// first. A quota gets nothing back unless its period is that in `periods`.
    pub(super) fn settle(&mut self, limits: &Limits, differences: &[i64], periods: &[i64]) {
        let places = LimitIndexes::of(&self.schema, limits);
        for (index, (difference, period)) in differences.iter().zip(periods).enumerate() {
            let Some(place) = places.at(limits, index) else {
                continue;
            };
            let (resets, ceiling) = (self.resets(place), self.ceiling(place, self.refilled_at));
            let (Some(known), Some(held)) =
                (self.schema.known().get(place), self.levels.get_mut(place))
            else {
                continue;
            };
            if *difference > 0 {
                known.open(held, self.refilled_at);
            } else if known.renewal.is_some() && known.period_id(held, resets) != *period {
                continue;
            }
            // A give-back stops at the capacity, so that no tokens are minted.
            let tokens = held.level.tokens.saturating_sub(*difference);
            held.level.tokens = if *difference < 0 {
                let capacity = known.numbers_at(self.refilled_at).capacity();
                tokens.min(ceiling.unwrap_or(capacity))
            } else {
                tokens
            };
            held.consumed = held.consumed.saturating_add(*difference);
        }
    }

    /// Returns the ends of the periods of `limits`: epoch ms, 0 for a token bucket.
    pub(super) fn periods(&self, limits: &Limits) -> Vec<i64> {
        let places = LimitIndexes::of(&self.schema, limits);
        let id = |index| {
            let place = places.at(limits, index)?;
            let held = self.levels.get(place)?;
            let known = self.schema.known().get(place)?;
            Some(known.period_id(held, self.resets(place)))
        };
        (0..limits.len())
            .map(|index| id(index).unwrap_or(0))
            .collect()
    }

    /// Returns the number of times that an operator has reset a quota.
    #[inline]
    fn resets(&self, place: usize) -> i64 {
        self.operated(place).map_or(0, |period| period.resets)
    }

    /// Returns the millitokens that an operator has added to a quota for its current period.
    #[inline]
    fn topped_up(&self, place: usize) -> i64 {
        let ends_at = self.levels.get(place).map_or(0, |held| held.ends_at);
        let period = self.operated(place);
        period
            .filter(|period| period.ends_at == ends_at)
            .map_or(0, |period| period.topped_up)
    }

    /// Returns the most that a quota may hold at `now` (epoch ms), millitokens, if that is not its
    /// capacity: an operator has added something, or its share is that of another number of
    /// shards.
    #[inline]
    fn ceiling(&self, place: usize, now: i64) -> Option<i64> {
        let period = self.operated(place)?;
        let (known, held) = (self.schema.known().get(place)?, self.levels.get(place)?);
        let share = known.numbers_at(now).capacity();
        (period.ends_at == held.ends_at).then(|| period.ceiling(known.parameters_at(now), share))
    }

    /// Returns the [ceilings](Self::ceiling) of all limits.
    fn ceilings(&self, now: i64) -> SmallVec<[Option<i64>; 2]> {
        let places = 0..self.schema.known().len();
        places.map(|place| self.ceiling(place, now)).collect()
    }

    /// Returns the period of a quota as the last operation left it. `None` if there was none.
    #[inline]
    fn operated(&self, place: usize) -> Option<&Period> {
        let rest = self.levels.rest()?;
        rest.limit(&self.schema.known().get(place)?.name)?.period()
    }

    /// Returns the status of `limits` for a request that asks for `amounts`, right after a refill
    /// at `now`.
    #[cold]
    pub(super) fn statuses(
        &self,
        limits: &Limits,
        amounts: impl Iterator<Item = i64>,
        now: i64,
    ) -> Vec<LimitStatus> {
        let places = LimitIndexes::of(&self.schema, limits);
        // If the refill time is in the future, the refill begins at that time.
        let ahead = self.refilled_at.saturating_sub(now).max(0);
        let status = |(index, (limit, amount)): (usize, (_, i64))| {
            let place = places.at(limits, index)?;
            let (known, held) = (self.schema.known().get(place)?, self.levels.get(place)?);
            let ceiling = self.ceiling(place, now);
            Some(plan::status(
                limit,
                known.rule_with(ceiling, now, held.ends_at),
                held.level,
                amount,
                ahead,
                (now, known.shard),
            ))
        };
        limits
            .iter()
            .zip(amounts)
            .enumerate()
            .filter_map(status)
            .collect()
    }

    /// Returns the time at which the bucket is full if nobody takes tokens from now on: epoch ms.
    pub(super) fn full_at(&self) -> i64 {
        let wait = self
            .schema
            .known()
            .iter()
            .zip(self.levels.iter())
            .enumerate()
            .map(|(place, (known, held))| {
                if self.topped_up(place) > 0 {
                    // A new bucket would not have what was added for this period.
                    return known
                        .rule_at(self.refilled_at, held.ends_at)
                        .renewed_in()
                        .max(0);
                }
                known.full_in(held, self.refilled_at)
            });
        self.refilled_at.saturating_add(wait.max().unwrap_or(0))
    }

    /// Returns the state as the [`Store`](crate::store::Store) trait defines it.
    pub(super) fn to_bucket(&self) -> BucketState {
        let mut bucket = match self.levels.rest() {
            Some(rest) => rest.clone(),
            None => BucketState::new(self.refilled_at),
        };
        let kept = std::mem::take(&mut bucket.limits);
        let kept = |name: &LimitName| {
            let kept = kept.iter().find(|kept| kept.name == *name);
            kept.and_then(LimitState::period)
        };
        bucket.refilled_at = self.refilled_at;
        // A bucket in memory is refilled by this process only.
        bucket.own_anchor = Some(self.refilled_at);
        let limits = self
            .schema
            .known()
            .iter()
            .zip(self.levels.iter())
            .map(|(known, held)| {
                let LimitSchema {
                    name,
                    parameters,
                    rule,
                    renewal,
                    timetable,
                    shard,
                } = known.clone();
                let LimitLevel {
                    level,
                    consumed,
                    ends_at,
                } = *held;
                let period = renewal.map(|renewal| {
                    let kept = kept(&name);
                    let same =
                        kept.filter(|kept| kept.renewal == renewal && kept.ends_at == ends_at);
                    same.cloned().unwrap_or_else(|| {
                        let mut period = Period::at(renewal, self.refilled_at).with_end(ends_at);
                        period.resets = kept.map_or(0, |kept| kept.resets);
                        period
                    })
                });
                let limit = LimitState {
                    name,
                    parameters,
                    rule,
                    level,
                    consumed,
                    period: period.map(Box::new),
                    scheduled: None,
                };
                limit.with_timetable(timetable, shard, self.refilled_at)
            });
        bucket.limits = limits.collect();
        bucket
    }

    pub(super) fn from_bucket(mut bucket: BucketState, schemas: &Schemas) -> Self {
        let mut known = SmallVec::new();
        let mut levels: SmallVec<[LimitLevel; 2]> = SmallVec::new();
        let limits = std::mem::take(&mut bucket.limits);
        // What a quota's period has besides its end is rare, and stays with the rest.
        let special = |known: &&LimitState| known.period().is_some_and(Period::is_special);
        bucket.limits = limits.iter().filter(special).cloned().collect();
        let shard = (bucket.shard, bucket.shard_count);
        for mut limit in limits {
            // The rule in the schema is that of the limit's own numbers.
            limit.forget_anchor();
            let LimitState {
                name,
                parameters,
                rule,
                level,
                consumed,
                period,
                scheduled,
            } = limit;
            let (renewal, ends_at) = match period {
                None => (None, 0),
                Some(period) => (Some(period.renewal), period.ends_at),
            };
            known.push(LimitSchema {
                name,
                parameters,
                rule,
                renewal,
                timetable: scheduled.map(|scheduled| scheduled.timetable),
                shard,
            });
            levels.push(LimitLevel {
                level,
                consumed,
                ends_at,
            });
        }
        let schema = schemas.schema(None, known);
        Self {
            refilled_at: bucket.refilled_at,
            schema,
            levels: Levels::new(levels, Some(Box::new(bucket))),
        }
    }
}

fn full(known: &LimitSchema, now: i64) -> LimitLevel {
    LimitLevel {
        level: Level {
            tokens: known.numbers_at(now).capacity(),
            remainder: 0,
        },
        consumed: 0,
        ends_at: match &known.renewal {
            // A session begins when something is taken.
            None | Some(Renewal::Session(_)) => 0,
            Some(calendar) => calendar.end_after(now),
        },
    }
}

/// Maps a request's limits to those of the bucket. Usually they are at the same index.
enum LimitIndexes<'a> {
    Same,
    ByName(&'a Schema),
}

impl<'a> LimitIndexes<'a> {
    #[inline]
    fn of(schema: &'a Schema, limits: &Limits) -> Self {
        if schema.begins_with(limits) {
            Self::Same
        } else {
            Self::ByName(schema)
        }
    }

    #[inline]
    fn at(&self, limits: &Limits, index: usize) -> Option<usize> {
        match self {
            Self::Same => Some(index),
            Self::ByName(schema) => schema.position(limits.get(index)?.name()),
        }
    }
}
