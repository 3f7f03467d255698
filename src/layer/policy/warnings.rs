//! Warnings before a limit is used up.

use std::{
    collections::HashMap,
    fmt,
    hash::BuildHasher,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use smallvec::SmallVec;

use super::{InvalidPolicy, PolicyLimits};
use crate::{
    limiter::Lease,
    model::{Denied, EntityId, LimitName, LimitStatus, Owner, Resource},
    telemetry,
};

/// The number of buckets' limits that a policy remembers. An entry has about 32 bytes.
const MOST_REMEMBERED: usize = 65_536;

/// The points of percent by which the use must fall below a threshold before a limit that refills
/// reaches it again. Without it, a bucket at the threshold would warn with most requests.
const FALLS: u64 = 10;

/// A limit that is used up to a threshold: [`PolicyBuilder::warn_at`].
///
/// [`PolicyBuilder::warn_at`]: crate::layer::PolicyBuilder::warn_at
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitWarning {
    /// The owner of the bucket: the entity of the request, or its parent.
    pub entity: EntityId,
    /// The resource.
    pub resource: Resource,
    /// The limit.
    pub limit: LimitName,
    /// The threshold that was reached, percent.
    pub threshold: u8,
    /// The tokens that are used: the amount minus what is available. More than the amount if there
    /// is a debt.
    pub used: u64,
    /// The tokens that a full bucket holds.
    pub amount: u64,
    /// The time until the bucket is full again if nobody takes tokens. For a quota, the time until
    /// its period ends.
    pub reset_after: Duration,
}

/// The function that is told of warnings.
type Hook = Arc<dyn Fn(&LimitWarning) + Send + Sync>;

/// The thresholds of one limit in percent, in ascending order.
type Thresholds = SmallVec<[u8; 4]>;

/// The rules for warnings, and the thresholds that were reached so far.
pub(crate) struct WarningRules {
    of_all: Thresholds,
    of_limits: Vec<(LimitName, Thresholds)>,
    hook: Option<Hook>,
    reached: Reached,
}

/// The highest thresholds that the limits of buckets have reached.
struct Reached {
    hasher: foldhash::fast::RandomState,
    /// By the hash of the bucket and the limit.
    limits: Mutex<HashMap<u64, ReachedThreshold>>,
    /// The number of entries, to be read without the lock.
    count: AtomicUsize,
}

#[derive(Clone, Copy)]
struct ReachedThreshold {
    /// The number of thresholds that were reached.
    count: usize,
    /// The end of the period of a quota: epoch ms. `i64::MAX` for a limit that refills.
    ends_at: i64,
}

impl WarningRules {
    /// Warns of the limits of a request that was granted.
    #[cold]
    pub(crate) fn see(&self, lease: &Lease) {
        let now = lease.now();
        for status in lease.each_status_of_all() {
            let entity = match status.owner {
                Owner::Parent => lease.parent(),
                _ => Some(lease.entity()),
            };
            let resource = status.resource.as_ref().unwrap_or(lease.resource());
            if let Some(entity) = entity {
                self.see_one(entity, resource, &status, now);
            }
        }
    }

    /// Warns of the limits of a request that was denied at `now` (epoch ms).
    #[cold]
    pub(crate) fn see_denied(&self, denied: &Denied, now: i64) {
        let own = |status: &&LimitStatus| status.owner == Owner::Entity;
        for status in denied.limits.iter().filter(own) {
            let resource = status.resource.as_ref().unwrap_or(&denied.resource);
            self.see_one(&denied.entity, resource, status, now);
        }
    }

    fn see_one(&self, entity: &EntityId, resource: &Resource, status: &LimitStatus, now: i64) {
        let thresholds = self.of(status.limit.name());
        if thresholds.is_empty() {
            return;
        }
        let amount = status.limit.capacity();
        let used = i128::from(amount) - i128::from(status.available);
        let used = u64::try_from(used).unwrap_or(0);
        let key = (entity.as_str(), resource.as_str(), status.limit.name());
        let key = self.reached.hasher.hash_one(key);
        let ends_at = status.limit.is_quota().then(|| {
            let left = i64::try_from(status.reset_after.as_millis()).unwrap_or(i64::MAX);
            now.saturating_add(left)
        });
        for threshold in self
            .reached
            .rise(key, thresholds, (used, amount), ends_at, now)
        {
            let warning = LimitWarning {
                entity: entity.clone(),
                resource: resource.clone(),
                limit: status.limit.name().clone(),
                threshold,
                used,
                amount,
                reset_after: status.reset_after,
            };
            telemetry::limit_nearly_used(&warning.resource, &warning.limit, threshold);
            if let Some(hook) = &self.hook {
                hook(&warning);
            }
        }
    }

    fn of(&self, limit: &LimitName) -> &[u8] {
        let own = self.of_limits.iter().find(|(name, _)| name == limit);
        own.map_or(&self.of_all, |(_, thresholds)| thresholds)
    }
}

impl Reached {
    /// Returns the thresholds that a limit has reached for the first time: in this period of a
    /// quota, or since the use of a limit that refills was lower.
    fn rise(
        &self,
        key: u64,
        thresholds: &[u8],
        (used, amount): (u64, u64),
        ends_at: Option<i64>,
        now: i64,
    ) -> Thresholds {
        let percent = u128::from(used) * 100;
        let above = |threshold: u64| percent >= u128::from(threshold) * u128::from(amount);
        let count = |falls: u64| {
            let is_above = |threshold: &&u8| above(u64::from(**threshold).saturating_sub(falls));
            thresholds.iter().take_while(is_above).count()
        };
        let reached = count(0);
        if reached == 0 && self.count.load(Ordering::Relaxed) == 0 {
            return Thresholds::new();
        }
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let before = limits.get(&key).filter(|before| now < before.ends_at);
        let before = before.map_or(0, |before| match ends_at {
            Some(_) => before.count,
            None => before.count.min(count(FALLS)),
        });
        let after = reached.max(before);
        if after == 0 {
            limits.remove(&key);
        } else {
            if limits.len() >= MOST_REMEMBERED && !limits.contains_key(&key) {
                make_room(&mut limits, now);
            }
            let ends_at = ends_at.unwrap_or(i64::MAX);
            let entry = ReachedThreshold {
                count: after,
                ends_at,
            };
            limits.insert(key, entry);
        }
        self.count.store(limits.len(), Ordering::Relaxed);
        thresholds.get(before..after).unwrap_or_default().into()
    }
}

/// Forgets the quotas whose period has ended. If there are none, forgets any entry: its limit may
/// warn twice.
fn make_room(limits: &mut HashMap<u64, ReachedThreshold>, now: i64) {
    limits.retain(|_, reached| now < reached.ends_at);
    if limits.len() >= MOST_REMEMBERED
        && let Some(any) = limits.keys().next().copied()
    {
        limits.remove(&any);
    }
}

impl fmt::Debug for WarningRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarningRules")
            .field("of_all", &self.of_all)
            .field("of_limits", &self.of_limits)
            .finish_non_exhaustive()
    }
}

/// The settings of a builder, not yet checked.
#[derive(Clone, Default)]
pub(super) struct WarningDraft {
    pub(super) of_all: Vec<u8>,
    pub(super) of_limits: Vec<(String, Vec<u8>)>,
    pub(super) hook: Option<Hook>,
}

impl WarningDraft {
    pub(super) fn check(
        self,
        limits: &PolicyLimits,
    ) -> Result<Option<Box<WarningRules>>, InvalidPolicy> {
        let of_all = checked(self.of_all)?;
        let of_limit = |(name, thresholds)| Ok((limits.known(name)?, checked(thresholds)?));
        // The thresholds that were set last are found first.
        let of_limits = self.of_limits.into_iter().rev().map(of_limit);
        let of_limits = of_limits.collect::<Result<Vec<_>, InvalidPolicy>>()?;
        if of_all.is_empty() && of_limits.iter().all(|(_, own)| own.is_empty()) {
            return Ok(None);
        }
        Ok(Some(Box::new(WarningRules {
            of_all,
            of_limits,
            hook: self.hook,
            reached: Reached {
                hasher: foldhash::fast::RandomState::default(),
                limits: Mutex::default(),
                count: AtomicUsize::new(0),
            },
        })))
    }
}

fn checked(thresholds: Vec<u8>) -> Result<Thresholds, InvalidPolicy> {
    let mut checked = Thresholds::new();
    for threshold in thresholds {
        if !(1..=100).contains(&threshold) {
            return Err(InvalidPolicy::Threshold(threshold));
        }
        checked.push(threshold);
    }
    checked.sort_unstable();
    checked.dedup();
    Ok(checked)
}
