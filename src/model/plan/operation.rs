//! Plans a reset or a top-up of all shards of a bucket.

use std::collections::BTreeMap;

use super::{clamp, expiry};
use crate::model::{
    BucketState, BucketTtl, Expiry, Level, LimitChange, LimitName, LimitState, MILLI, Period,
    PeriodWrite, Renewal, ShardChange,
};

/// The operation that is planned.
#[derive(Clone, Copy, Debug)]
pub enum WantedOperation<'a> {
    /// Restores these limits, or all.
    Reset(Option<&'a [LimitName]>),
    /// Adds these whole tokens.
    TopUp(&'a BTreeMap<LimitName, i64>),
}

/// The changes of all shards, and the result of the operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationPlan {
    /// The change of each shard, in the order of the shards.
    pub changes: Vec<ShardChange>,
    /// The whole tokens that each limit gets.
    pub amounts: BTreeMap<LimitName, i64>,
    /// `true` if a quota gets more than its amount, which old clients would misread.
    pub tops_up_a_quota: bool,
}

/// Plans the operation on the bucket's `shards`, which all have the same shard count. `own` is as
/// in [`Desired::own`](super::Desired::own), and so is `ttl`. `now` is epoch ms.
///
/// # Errors
/// The name of a limit that no shard has.
pub fn operation(
    shards: &[BucketState],
    wanted: WantedOperation<'_>,
    (own, ttl): (Option<bool>, BucketTtl),
    now: i64,
) -> Result<OperationPlan, LimitName> {
    // A shard may not know yet that the bucket has more shards.
    let count = shards.iter().map(|state| state.shard_count).max();
    let raised = |state: &BucketState| {
        let mut raised = state.clone();
        // Numbers that cannot be divided stay as they are.
        let _ = raised.raise(count.unwrap_or(1));
        raised
    };
    let raised: Vec<BucketState> = shards.iter().map(raised).collect();
    let both = shards.iter().zip(&raised);
    let mut shards: Vec<Shard<'_>> = both
        .map(|(before, state)| Shard::new(state, before.shard_count, now))
        .collect();
    let mut amounts = BTreeMap::new();
    let mut tops_up_a_quota = false;
    match wanted {
        WantedOperation::Reset(names) => {
            for name in names_of(&shards, names) {
                let holders = shards.iter_mut().filter_map(|shard| shard.limit(&name));
                let restored: i128 = holders.map(LimitPlan::reset).sum();
                amounts.insert(name, clamp(restored.div_euclid(MILLI.into())));
            }
        }
        WantedOperation::TopUp(wanted) => {
            for (name, amount) in wanted {
                let holders = shards.iter_mut().filter_map(|shard| shard.limit(name));
                let mut holders: Vec<_> = holders.collect();
                if holders.is_empty() {
                    return Err(name.clone());
                }
                let (added, is_quota) = top_up(&mut holders, *amount);
                tops_up_a_quota |= is_quota;
                amounts.insert(name.clone(), added);
            }
        }
    }
    let changes = shards
        .into_iter()
        .map(|shard| shard.change((own, ttl), now));
    Ok(OperationPlan {
        changes: changes.collect(),
        amounts,
        tops_up_a_quota,
    })
}

fn names_of(shards: &[Shard<'_>], names: Option<&[LimitName]>) -> Vec<LimitName> {
    if let Some(names) = names {
        return names.to_vec();
    }
    let known = shards.iter().flat_map(|shard| &shard.limits);
    let mut names: Vec<LimitName> = known.map(|limit| limit.known.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// Adds whole tokens to a limit, spread over the shards that have it. Returns the number of tokens
/// that were added, and `true` if the limit is a quota.
fn top_up(holders: &mut [&mut LimitPlan<'_>], amount: i64) -> (i64, bool) {
    let is_quota = holders.iter().any(|limit| limit.known.period.is_some());
    let portions = if is_quota {
        // A session of another shard goes on.
        let start = holders.iter().filter_map(|limit| limit.session_start());
        let start = start.max();
        for limit in holders.iter_mut() {
            limit.open(start);
        }
        let weights: Vec<_> = holders.iter().map(|limit| limit.slots()).collect();
        by_weight(amount, &weights)
    } else {
        let rooms: Vec<_> = holders.iter().map(|limit| limit.room()).collect();
        by_room(amount, &rooms)
    };
    for (limit, portion) in holders.iter_mut().zip(&portions) {
        limit.credit(portion.saturating_mul(MILLI));
    }
    (portions.iter().sum(), is_quota)
}

/// Splits `total` in proportion to the weights. The first one gets what is left over.
fn by_weight(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    let part = |weight: &i64| clamp(i128::from(total) * i128::from(*weight) / sum.max(1));
    let mut parts: Vec<i64> = weights.iter().map(part).collect();
    let rest = total.saturating_sub(parts.iter().sum());
    if let Some(first) = parts.first_mut() {
        *first = first.saturating_add(rest);
    }
    parts
}

/// Splits `total`, or as much of it as there is room for, in proportion to the room.
fn by_room(total: i64, rooms: &[i64]) -> Vec<i64> {
    let all: i128 = rooms.iter().map(|room| i128::from(*room)).sum();
    let total = i128::from(total).min(all);
    let part = |room: &i64| clamp(total * i128::from(*room) / all.max(1));
    let mut parts: Vec<i64> = rooms.iter().map(part).collect();
    let mut rest = clamp(total).saturating_sub(parts.iter().sum());
    for (part, room) in parts.iter_mut().zip(rooms) {
        let more = rest.min(room.saturating_sub(*part));
        *part = part.saturating_add(more);
        rest -= more;
    }
    parts
}

/// A shard whose limits are refilled and renewed, as a spend would do it.
struct Shard<'a> {
    state: &'a BucketState,
    /// The number of shards that the shard states.
    stated: u32,
    /// The new anchor: epoch ms.
    to: i64,
    limits: Vec<LimitPlan<'a>>,
}

impl<'a> Shard<'a> {
    fn new(state: &'a BucketState, stated: u32, now: i64) -> Self {
        let to = now.max(state.refilled_at.saturating_add(1));
        let plan = |known| LimitPlan::new(state, known, now, to);
        Self {
            state,
            stated,
            to,
            limits: state.limits.iter().map(plan).collect(),
        }
    }

    fn limit(&mut self, name: &LimitName) -> Option<&mut LimitPlan<'a>> {
        let mut limits = self.limits.iter_mut();
        limits.find(|limit| limit.known.name == *name)
    }

    fn change(self, (own, ttl): (Option<bool>, BucketTtl), now: i64) -> ShardChange {
        let Self {
            state,
            stated,
            to,
            limits,
        } = self;
        let gone = limits.iter().map(|limit| limit.gone_at(to, ttl)).max();
        let expiry = match gone.filter(|_| expiry::expires(state, own, ttl)) {
            Some(gone) => Expiry::At(state.expires_at.map_or(gone, |before| before.max(gone))),
            None if state.expires_at.is_some() => Expiry::Never,
            None => Expiry::Keep,
        };
        let pressure = state.pressure.map_or(0, |pressure| {
            let (rule, level) = (pressure.rule, pressure.level);
            rule.refill(level, state.age(now))
                .tokens
                .saturating_sub(level.tokens)
        });
        ShardChange {
            shard: state.shard,
            shard_count: stated,
            raised_to: (state.shard_count != stated).then_some(state.shard_count),
            seen: state.refilled_at,
            to,
            limits: limits
                .into_iter()
                .map(|limit| limit.change(stated))
                .collect(),
            pressure,
            expiry,
        }
    }
}

/// A limit of a shard, and what the operation makes of it.
struct LimitPlan<'a> {
    known: &'a LimitState,
    /// The time of the operation: epoch ms.
    now: i64,
    /// The anchor after the operation: epoch ms.
    to: i64,
    shard_count: u32,
    /// The level after the operation.
    level: Level,
    /// The level that the shard would have without the operation, millitokens.
    before: i64,
    /// The part of the limit's amount that the shard has, millitokens.
    share: i64,
    period: Option<PeriodWrite>,
}

impl<'a> LimitPlan<'a> {
    fn new(state: &BucketState, known: &'a LimitState, now: i64, to: i64) -> Self {
        let mut plan = Self {
            known,
            now,
            to,
            shard_count: state.shard_count,
            level: known.level,
            before: 0,
            share: known.numbers_at(to).capacity(),
            period: None,
        };
        match (known.period(), known.renewal()) {
            (Some(period), Some(Renewal::Calendar(_))) => {
                plan.period = Some(keep(period.clone()));
                if known.rule_at(to).is_renewed() {
                    plan.renew();
                } else {
                    plan.cut(period);
                }
            }
            (Some(period), _) => {
                plan.period = Some(keep(period.clone()));
                if period.ends_at > to {
                    plan.cut(period);
                }
            }
            // The refill counts up to `now`, even if the anchor moves further.
            (None, _) => plan.level = state.level_at(known, now),
        }
        // A session that has ended leaves nothing: the next charge finds the whole amount.
        let is_over = plan.session().is_some() && known.rule_at(now).is_renewed();
        plan.before = if is_over {
            plan.share
        } else {
            plan.level.tokens
        };
        plan
    }

    /// Cuts what a quota has above its amount.
    fn cut(&mut self, period: &Period) {
        let most = period.ceiling(self.known.parameters_at(self.to), self.share);
        self.level.tokens = self.level.tokens.min(most);
    }

    /// Begins the calendar's next period.
    fn renew(&mut self) {
        self.level = Level::new(self.share, 0);
        if let Some(write) = &mut self.period {
            let had = write.period.topped_up;
            let mut period = Period::at(write.period.renewal.clone(), self.to);
            period.resets = write.period.resets;
            write.period = period;
            write.grants = Some(self.shard_count);
            write.changes_top_up |= had > 0;
        }
    }

    /// Restores the whole amount. Returns the millitokens that the shard gets by it.
    fn reset(&mut self) -> i128 {
        let session = self.session();
        if session.is_none() {
            self.level = Level::new(self.share, 0);
            self.renew();
        }
        match (&mut self.period, session) {
            (None, _) => {}
            (Some(write), None) => {
                write.period.resets = write.period.resets.saturating_add(1);
                write.counts_reset = true;
            }
            // The session has ended. The next charge begins one, with the whole amount. Tokens that
            // were given here could be spent before that too.
            (Some(write), Some(length)) => {
                write.period.stored_tokens = None;
                write.period.ends_at = self.now;
                write.session = Some(self.now.saturating_sub(length));
            }
        }
        i128::from(self.share) - i128::from(self.before)
    }

    /// Returns the length of the limit's sessions, ms. `None` if it has none.
    fn session(&self) -> Option<i64> {
        match self.known.renewal()? {
            Renewal::Session(length) => Some(*length),
            Renewal::Calendar(_) => None,
        }
    }

    /// Returns `true` if another shard has begun the session, and the shard's tokens are not granted
    /// for it yet.
    fn is_owed(&self) -> bool {
        let period = self.period.as_ref().map(|write| &write.period);
        period.is_some_and(|period| period.stored_tokens.is_some())
    }

    /// Returns the start of the current session, if the limit has one: epoch ms.
    fn session_start(&self) -> Option<i64> {
        let ends_at = self.known.period()?.ends_at;
        let length = self.session()?;
        (ends_at > self.to).then(|| ends_at.saturating_sub(length))
    }

    /// Begins a session at `start` (epoch ms), or now, unless one runs.
    fn open(&mut self, start: Option<i64>) {
        let runs = self.session_start().is_some();
        let Some(length) = self.session() else {
            return;
        };
        if runs {
            self.join();
        } else if let Some(write) = &mut self.period {
            let start = start.unwrap_or(self.to);
            write.changes_top_up |= write.period.topped_up > 0;
            write.period.topped_up = 0;
            write.period.ends_at = start.saturating_add(length);
            write.session = Some(start);
            write.grants = Some(self.shard_count);
            self.level = Level::new(self.share, 0);
        }
    }

    /// Grants the tokens of a session that another shard has begun.
    fn join(&mut self) {
        let start = self.session_start().filter(|_| self.is_owed());
        if let Some(write) = self.period.as_mut().filter(|_| start.is_some()) {
            write.period.stored_tokens = None;
            write.session = start;
            write.grants = Some(write.period.granted_count().unwrap_or(self.shard_count));
        }
    }

    /// Returns the number of slots that the shard's tokens cover: more than one if the bucket got
    /// more shards since the tokens were granted.
    fn slots(&self) -> i64 {
        let period = self.period.as_ref().map(|write| &write.period);
        let granted = period.and_then(Period::granted_count);
        i64::from(self.shard_count / granted.unwrap_or(self.shard_count).max(1)).max(1)
    }

    /// Returns the whole tokens below the capacity.
    fn room(&self) -> i64 {
        self.share.saturating_sub(self.level.tokens).max(0) / MILLI
    }

    /// Adds millitokens. A quota may then have more than its amount.
    fn credit(&mut self, amount: i64) {
        if amount <= 0 {
            return;
        }
        self.level.tokens = self.level.tokens.saturating_add(amount);
        if let Some(write) = &mut self.period {
            write.period.topped_up = write.period.topped_up.saturating_add(amount);
            write.changes_top_up = true;
        }
    }

    fn gone_at(&self, to: i64, ttl: BucketTtl) -> i64 {
        let rule = match &self.period {
            None => self.known.numbers_at(to),
            Some(write) => {
                let known = self.known.clone();
                known.with_period(Some(write.period.clone())).rule_at(to)
            }
        };
        let course = self.known.course();
        expiry::gone_at(rule, course, self.level.tokens, ttl, to)
    }

    /// Returns the change of the limit in a shard that states this number of shards.
    fn change(mut self, stated: u32) -> LimitChange {
        // A shard that gets to know of more shards keeps what it was granted.
        if let Some(write) = self.period.as_mut().filter(|_| stated != self.shard_count) {
            write.grants = write.grants.or(write.period.granted_count());
        }
        // The store does not hold the tokens of a session yet that another shard has begun.
        let joins = self.known.is_owed() && !self.is_owed();
        let stored = self.known.stored_tokens().filter(|_| joins);
        let before = stored.unwrap_or(self.known.level.tokens);
        let tokens = i128::from(self.level.tokens) - i128::from(before);
        let remainder = Some(self.level.remainder);
        LimitChange {
            limit: self.known.name.clone(),
            tokens: clamp(tokens),
            remainder: remainder.filter(|remainder| *remainder != self.known.level.remainder),
            period: self.period,
        }
    }
}

/// Returns the write that leaves the period as it is.
fn keep(period: Period) -> PeriodWrite {
    PeriodWrite {
        period,
        grants: None,
        session: None,
        changes_top_up: false,
        counts_reset: false,
    }
}
