//! From a bucket's state and a batch of charges to the one conditional write that is exact.
//!
//! The state may be stale: others may have spent, refilled or given back since. So no line relies
//! on the tokens that the state shows. A line that stays below the cap *adds*, under the condition
//! that it does stay below; one that reaches the cap *sets*, under the condition that it does
//! reach it. Whichever row was chosen from a stale state, the store either does exactly what a
//! bucket with perfect knowledge would have done, or refuses and returns the item.

mod line;
mod shards;

use std::time::Duration;

use smallvec::SmallVec;

pub use self::shards::{Seen, draw, statuses_of_shards};

use super::{
    BucketState, Create, Expiry, Guard, Level, Limit, LimitName, LimitState, LimitStatus, Limits, Line, Lineage, MILLI,
    NewLimit, Now, Owner, Parameters, Rate, RefillLock, StampGuard, TokenChange, Update, Validity, WriteId,
    whole_tokens,
};

/// A refill older than this is taken along although the tokens would do without it, so that the
/// item's time and expiry stay fresh for everybody who reads it.
const REFILL_AT_LEAST_EVERY: i64 = 1000;

/// A bucket that is not used for this many times its longest time to fill counts as gone.
const EXPIRE_AFTER_FILLS: i64 = 7;

/// What a batch does to one limit of a bucket. Millitokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The limit.
    pub limit: LimitName,
    /// Granted to new requests: only what the bucket holds. Not negative.
    pub spend: i64,
    /// Taken by settled leases that used more than they were granted: may drive it negative. Not
    /// negative itself.
    pub take: i64,
    /// Given back by settled leases: never above the capacity. Not negative.
    pub give: i64,
    /// Counted as consumed only, for requests and leases that a bypassed bucket has admitted.
    pub count: i64,
}

impl Change {
    fn debit(&self) -> i64 {
        self.spend.saturating_add(self.take)
    }

    fn is_none(&self) -> bool {
        self.spend == 0 && self.take == 0 && self.give == 0 && self.count == 0
    }
}

/// What a batch does to the limits of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    changes: SmallVec<[Change; 2]>,
    grants: bool,
}

impl Changes {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it changes nothing at all.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(Change::is_none)
    }

    /// Whether requests are granted something, be it nothing of every limit.
    pub fn grants(&self) -> bool {
        self.grants
    }

    /// Whether settled leases take more of some limit.
    pub fn takes(&self) -> bool {
        self.changes.iter().any(|change| change.take > 0)
    }

    /// The change of the limit `name`.
    pub fn get(&self, name: &LimitName) -> Option<&Change> {
        self.changes.iter().find(|change| change.limit == *name)
    }

    /// The change of the limit `name`, to add to.
    pub fn entry(&mut self, name: &LimitName) -> &mut Change {
        let index = match self.changes.iter().position(|change| change.limit == *name) {
            Some(index) => index,
            None => {
                self.changes.push(Change { limit: name.clone(), spend: 0, take: 0, give: 0, count: 0 });
                self.changes.len() - 1
            }
        };
        &mut self.changes[index]
    }

    /// Grants `amount` of the limit `name`.
    pub fn spend(&mut self, name: &LimitName, amount: i64) {
        self.grants = true;
        let change = self.entry(name);
        change.spend = change.spend.saturating_add(amount.max(0));
    }

    /// Grants `amount` of the limit `name` in a bypassed bucket: it is only counted.
    pub fn admit(&mut self, name: &LimitName, amount: i64) {
        self.grants = true;
        self.count(name, amount.max(0));
    }

    /// Counts `amount` of the limit `name` as consumed, or less where it is negative.
    pub fn count(&mut self, name: &LimitName, amount: i64) {
        let change = self.entry(name);
        change.count = change.count.saturating_add(amount);
    }

    /// Settles a difference: positive takes more, negative gives back.
    pub fn settle(&mut self, name: &LimitName, difference: i64) {
        let change = self.entry(name);
        if difference >= 0 {
            change.take = change.take.saturating_add(difference);
        } else {
            change.give = change.give.saturating_sub(difference);
        }
    }

    /// The changes, limit by limit.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    /// The same, without what is given back.
    #[must_use]
    pub fn without_gives(&self) -> Self {
        let mut changes = self.clone();
        changes.changes.iter_mut().for_each(|change| change.give = 0);
        changes
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Changes) {
        self.grants |= other.grants;
        for change in other.iter() {
            let entry = self.entry(&change.limit);
            entry.spend = entry.spend.saturating_add(change.spend);
            entry.take = entry.take.saturating_add(change.take);
            entry.give = entry.give.saturating_add(change.give);
            entry.count = entry.count.saturating_add(change.count);
        }
    }
}

/// The level of one limit at `now` as far as `state` tells, after what `changes` settle and grant.
///
/// Given back before it is capped, taken after: the order in which the write does it.
pub fn projected(state: &BucketState, limit: &LimitState, changes: &Changes, now: i64) -> Level {
    let change = changes.get(&limit.name);
    let give = change.map_or(0, |change| change.give);
    let gone = change.map_or(0, Change::debit);
    let credited = Level { tokens: limit.level.tokens.saturating_add(give), ..limit.level };
    let level = limit.rate.refill(credited, state.age(now));
    Level { tokens: level.tokens.saturating_sub(gone), ..level }
}

/// Whether `amount` more of the limit would be granted at `now`, as far as `state` tells.
pub fn fits(state: &BucketState, limit: &LimitState, changes: &Changes, amount: i64, now: i64) -> bool {
    amount <= 0 || state.is_soft(&limit.name, now) || projected(state, limit, changes, now).tokens >= amount
}

/// Where every one of `limits` stands in view of a request for `amounts` (millitokens, in the
/// order of `limits`). A limit that the bucket does not have yet counts as full.
pub fn statuses(
    state: Option<&BucketState>,
    limits: &[Limit],
    amounts: &[i64],
    changes: &Changes,
    now: i64,
) -> Vec<LimitStatus> {
    let state = state.filter(|state| !state.is_expired(now));
    let requested = amounts.iter().copied().chain(std::iter::repeat(0));
    limits
        .iter()
        .zip(requested)
        .map(|(limit, amount)| {
            let known = state.and_then(|state| Some((state, state.limit(limit.name())?)));
            let (rate, level) = match known {
                Some((state, known)) => (rate_with(state, known, limit), projected(state, known, changes, now)),
                None => {
                    let rate = Parameters::from(limit).whole();
                    (rate, Level { tokens: rate.capacity(), remainder: 0 })
                }
            };
            // Refills still to come count from the time that the state shows, if that lies ahead.
            let ahead = state.map_or(0, |state| state.refilled_at.saturating_sub(now).max(0));
            status(limit, rate, level, amount, ahead)
        })
        .collect()
}

/// The status of one limit: `level` is that of now, `amount` is asked for (millitokens), refills
/// begin in `ahead` ms.
pub fn status(limit: &Limit, rate: Rate, level: Level, amount: i64, ahead: i64) -> LimitStatus {
    let level = Level { tokens: level.tokens.min(rate.capacity()), ..level };
    let wait = |amount: i64| {
        let wait = if amount <= 0 { Some(0) } else { rate.wait(level, amount) };
        wait.map(|wait| if wait == 0 { 0 } else { wait.saturating_add(ahead) })
    };
    let millis = |wait: i64| Duration::from_millis(u64::try_from(wait).unwrap_or(0));
    LimitStatus {
        owner: Owner::Entity,
        limit: limit.clone(),
        available: whole_tokens(level.tokens),
        requested: u64::try_from(amount.max(0) / MILLI).unwrap_or(0),
        retry_after: wait(amount).map(millis),
        reset_after: millis(wait(rate.capacity()).unwrap_or(i64::MAX)),
    }
}

/// The rate that a limit has with the parameters of `limit`.
fn rate_with(state: &BucketState, known: &LimitState, limit: &Limit) -> Rate {
    Parameters::from(limit).shard(state.shard, state.shard_count).unwrap_or(known.rate)
}

/// Whether the bucket has other parameters than `wanted`, or lacks one of them.
pub fn differs(state: &BucketState, wanted: &[Limit]) -> bool {
    wanted.iter().any(|limit| match state.limit(limit.name()) {
        Some(known) => known.parameters != Parameters::from(limit),
        None => true,
    })
}

/// Whether limits that both have are the same in both.
pub fn same_parameters(one: &BucketState, other: &BucketState) -> bool {
    let same = |limit: &LimitState| one.limit(&limit.name).is_none_or(|known| known.parameters == limit.parameters);
    other.limits.iter().all(same)
}

/// `limits` with the parameters that the bucket has; `None` where these are theirs, or make no limit.
pub fn limits_of(state: &BucketState, limits: &[Limit]) -> Option<Limits> {
    let known = |limit: &Limit| state.limit(limit.name()).map(|known| known.parameters);
    if limits.iter().all(|limit| known(limit).is_none_or(|parameters| parameters == Parameters::from(limit))) {
        return None;
    }
    let own = |limit: &Limit| match known(limit) {
        Some(parameters) => parameters.limit(limit.name()),
        None => Some(limit.clone()),
    };
    Limits::new(limits.iter().map(own).collect::<Option<Vec<_>>>()?).ok()
}

/// The limits that a write brings a bucket to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// The limits. Others that the bucket has stay as they are.
    pub limits: &'a [Limit],
    /// Whether they are the entity's own, so that the bucket never counts as gone; `None` where
    /// that is not known, and the bucket's expiry goes on as it is.
    pub own: Option<bool>,
    /// The entity's parent, where it is known to have one.
    pub lineage: Option<&'a Lineage>,
    /// Whether many processes write to the bucket: where it is full, tokens are rather lost than
    /// that every write has to wait for the one before it.
    pub crowd: bool,
}

impl<'a> From<&'a [Limit]> for Wanted<'a> {
    fn from(limits: &'a [Limit]) -> Self {
        Self { limits, own: None, lineage: None, crowd: false }
    }
}

impl<'a, const N: usize> From<&'a [Limit; N]> for Wanted<'a> {
    fn from(limits: &'a [Limit; N]) -> Self {
        Self { limits, own: None, lineage: None, crowd: false }
    }
}

impl<'a> From<&'a Limits> for Wanted<'a> {
    fn from(limits: &'a Limits) -> Self {
        Self { limits, own: None, lineage: None, crowd: false }
    }
}

impl<'a> From<&'a Vec<Limit>> for Wanted<'a> {
    fn from(limits: &'a Vec<Limit>) -> Self {
        Self { limits, own: None, lineage: None, crowd: false }
    }
}

/// The update that does `changes` to the bucket, and brings it to `wanted`.
///
/// One plain write where nothing else is due; else a refill of all limits under the lock of the
/// bucket's refill time. Changes of limits that neither the bucket nor `wanted` has are left out.
///
/// A refill time that a wrong clock has left far ahead would starve the bucket: it is taken as now, by a
/// process that knows how far its own clock may be off.
pub fn update<'a>(
    state: &BucketState,
    changes: &Changes,
    wanted: impl Into<Wanted<'a>>,
    now: impl Into<Now>,
    id: WriteId,
) -> Update {
    let (wanted, now) = (wanted.into(), now.into());
    if now.is_far_before(state.refilled_at) {
        let honest = BucketState { refilled_at: now.at, ..state.clone() };
        let lock = RefillLock { seen: state.refilled_at, to: now.at };
        return update_under(&honest, changes, wanted, now.at, id, Some(lock));
    }
    update_under(state, changes, wanted, now.at, id, None)
}

/// The update; with a refill under `lock` where there is one.
fn update_under(
    state: &BucketState,
    changes: &Changes,
    wanted: Wanted<'_>,
    now: i64,
    id: WriteId,
    lock: Option<RefillLock>,
) -> Update {
    let mut update = Update {
        id,
        now,
        lock,
        lines: SmallVec::new(),
        added: SmallVec::new(),
        pressure: None,
        expiry: Expiry::Keep,
        lineage: wanted.lineage.filter(|_| lacks_parent(state)).cloned(),
        guard: Guard::None,
        stamps: StampGuard::default(),
        shard_count: Some(state.shard_count),
    };
    let stamps = state.stamps.as_deref();
    if stamps.is_some_and(|stamps| stamps.not_understood.is_some()) {
        // What a refill would bring is not known: leases are settled, and nothing else is done.
        update.lines = line::settling(state, changes);
        return update;
    }
    let outdated = stamps.is_some_and(|stamps| stamps.is_outdated(now));
    match plain_lines(state, changes, now, wanted.crowd) {
        Some(lines)
            if lock.is_none()
                && state.age(now) < REFILL_AT_LEAST_EVERY
                && !differs(state, wanted.limits)
                && update.lineage.is_none()
                && !outdated =>
        {
            update.lines = lines;
        }
        _ => refill(&mut update, state, changes, wanted),
    }
    update.stamps = stamp_guard(state, changes, update.lock.is_some(), now);
    update.pressure = pressure(state, update.lock.is_some(), now);
    update
}

/// What the write requires of the bucket's stamps: that they mean what they meant when it was planned.
fn stamp_guard(state: &BucketState, changes: &Changes, locked: bool, now: i64) -> StampGuard {
    let stamps = state.stamps.as_deref();
    let valid_until = stamps.and_then(|stamps| stamps.valid_until);
    let soft = changes.iter().filter(|change| change.spend > 0 && state.is_soft(&change.limit, now));
    StampGuard {
        enabled: changes.grants(),
        bypassed: changes.grants().then(|| state.is_bypassed(now)),
        soft: soft.map(|change| change.limit.clone()).collect(),
        validity: match valid_until {
            Some(seen) if locked && seen <= now => Validity::Ends(seen),
            seen if locked => Validity::Seen(seen),
            _ if changes.grants() => Validity::Lasts,
            _ => Validity::Any,
        },
    }
}

/// The lines of a write that leaves the refill for later, where the bucket as it was seen allows that.
fn plain_lines(state: &BucketState, changes: &Changes, now: i64, crowd: bool) -> Option<SmallVec<[Line; 2]>> {
    let changed = state.limits.iter().filter_map(|known| Some((known, changes.get(&known.name)?)));
    let changed = changed.filter(|(_, change)| !change.is_none());
    changed
        .map(|(known, change)| {
            let line = line::plain(state, known, change, now, crowd);
            line.holds(known.level.tokens).then_some(line)
        })
        .collect()
}

fn refill(update: &mut Update, state: &BucketState, changes: &Changes, wanted: Wanted<'_>) {
    let Wanted { limits: wanted, own, .. } = wanted;
    let now = update.now;
    update.lock.get_or_insert(RefillLock {
        seen: state.refilled_at,
        // Never back, and always forward: two writes must not share a lock value.
        to: now.max(state.refilled_at.saturating_add(1)),
    });
    update.added = added_limits(state, changes, wanted);
    // A bucket of the entity's own limits has none. It never moves back: plain writes rely on the
    // expiry that they have seen.
    let expires = match own {
        // The first of several shards stays: without it, a new bucket would begin beside the others.
        _ if state.shard == 0 && state.shard_count > 1 => false,
        Some(own) => !own,
        None => state.expires_at.is_some(),
    };
    let gone = expires.then(|| {
        let gone = expires_at(state, changes, wanted, &update.added, now);
        state.expires_at.map_or(gone, |before| before.max(gone))
    });
    update.expiry = match gone {
        Some(seconds) => Expiry::At(seconds),
        None if state.expires_at.is_some() => Expiry::Never,
        None => Expiry::Keep,
    };
    let gone = gone.map(|seconds| seconds.saturating_mul(1000));
    let lines = state
        .limits
        .iter()
        .map(|known| line::refill(state, known, changes.get(&known.name), new_parameters(known, wanted), now, gone));
    update.lines = lines.collect();
}

/// The bucket that a first request finds: full, less what `changes` spend and take.
pub fn create<'a>(changes: &Changes, wanted: impl Into<Wanted<'a>>, now: i64, id: WriteId) -> Create {
    create_shard(changes, wanted, (0, 1), true, now, id)
}

/// A bucket's shard among several: full, less what `changes` spend and take; or empty, where others may
/// hold what it would be filled with.
pub fn create_shard<'a>(
    changes: &Changes,
    wanted: impl Into<Wanted<'a>>,
    (shard, shard_count): (u32, u32),
    full: bool,
    now: i64,
    id: WriteId,
) -> Create {
    let Wanted { limits: wanted, own, lineage, .. } = wanted.into();
    let new = |limit| {
        let mut new = new_limit(limit, changes, (shard, shard_count));
        if !full {
            new.level.tokens = new.level.tokens.min(0);
        }
        new
    };
    let limits: SmallVec<[NewLimit; 2]> = wanted.iter().map(new).collect();
    let expires_at = limits.iter().map(|new| gone_at(new.parameters.whole(), new.level.tokens, now)).max();
    let stays = own == Some(true) || (shard == 0 && shard_count > 1);
    Create { id, now, limits, expires_at: expires_at.filter(|_| !stays), shard_count, lineage: lineage.cloned() }
}

/// Whether a bucket says nothing of the entity's parent: it was made before the entity.
fn lacks_parent(state: &BucketState) -> bool {
    state.parent.is_none() && !state.stamped
}

/// The parameters that the limit is brought to, where they are others.
fn new_parameters(known: &LimitState, wanted: &[Limit]) -> Option<Parameters> {
    let wanted = wanted.iter().find(|limit| *limit.name() == known.name);
    wanted.map(Parameters::from).filter(|wanted| *wanted != known.parameters)
}

fn added_limits(state: &BucketState, changes: &Changes, wanted: &[Limit]) -> SmallVec<[NewLimit; 0]> {
    let missing = wanted.iter().filter(|limit| state.limit(limit.name()).is_none());
    missing.map(|limit| new_limit(limit, changes, (state.shard, state.shard_count))).collect()
}

fn new_limit(limit: &Limit, changes: &Changes, (shard, shard_count): (u32, u32)) -> NewLimit {
    let parameters = Parameters::from(limit);
    // A count that makes no rate: nothing to begin with.
    let capacity = parameters.shard(shard, shard_count).map_or(0, Rate::capacity);
    let change = changes.get(limit.name());
    let gone = change.map_or(0, Change::debit);
    let give = change.map_or(0, |change| change.give);
    NewLimit {
        limit: limit.name().clone(),
        parameters,
        level: Level { tokens: capacity.saturating_sub(gone), remainder: 0 },
        consumed: gone.saturating_sub(give),
    }
}

/// Charges a write to the limit that measures writes. It never denies, so it has no conditions.
fn pressure(state: &BucketState, refill: bool, now: i64) -> Option<TokenChange> {
    let (rate, level) = state.pressure?;
    if !refill {
        return Some(TokenChange::Add(-MILLI));
    }
    let raw = rate.accrue(state.age(now), level.remainder).raw;
    if i128::from(level.tokens) + raw >= i128::from(rate.capacity()) {
        return Some(TokenChange::Set(rate.capacity().saturating_sub(MILLI)));
    }
    Some(TokenChange::Add(clamp(raw).saturating_sub(MILLI)))
}

/// When the bucket counts as gone if nobody uses it from now on: epoch seconds. All limits count
/// with the parameters that they will have.
fn expires_at(state: &BucketState, changes: &Changes, wanted: &[Limit], added: &[NewLimit], now: i64) -> i64 {
    // Refills still to come count from the time that the state shows, if that lies ahead.
    let from = now.max(state.refilled_at.saturating_add(1));
    let known = state.limits.iter().map(|known| {
        let (rate, tokens) = line::after(state, known, changes.get(&known.name), new_parameters(known, wanted), now);
        gone_at(rate, tokens, from)
    });
    let added = added.iter().map(|new| gone_at(new.parameters.whole(), new.level.tokens, from));
    known.chain(added).max().unwrap_or(now.div_euclid(1000))
}

/// When a limit has not been used for long: a multiple of its time to fill, and not before it is
/// full, however deep its debt, because a bucket that is gone comes back full.
fn gone_at(rate: Rate, tokens: i64, now: i64) -> i64 {
    let fill = rate.time_to_fill();
    let idle = now.div_euclid(1000).saturating_add(seconds_up(fill.saturating_mul(EXPIRE_AFTER_FILLS)));
    let until_full = rate.wait(Level { tokens, remainder: 0 }, rate.capacity()).unwrap_or(0);
    // Plain spends leave the expiry as it is, for at most one time to fill.
    let full = seconds_up(now.saturating_add(until_full).saturating_add(fill));
    idle.max(full)
}

/// Milliseconds as seconds, rounded up.
fn seconds_up(millis: i64) -> i64 {
    millis.div_euclid(1000).saturating_add(i64::from(millis.rem_euclid(1000) > 0))
}

/// The nearest `i64`.
fn clamp(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}
