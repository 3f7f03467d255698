//! The flags of the stored configs that were read for the stamps of a bucket.

use crate::{
    limiter::{resolver::Resolution, terms::KnownFlags},
    model::{BucketStamps, BucketState, DisabledLevel, LimitName, Limits, StampChange},
};

/// The flags of the stored configs that apply to a bucket, from a strong read.
#[derive(Clone, Debug)]
pub(super) struct FreshFlags {
    pub(super) disabled: Option<DisabledLevel>,
    pub(super) bypassed: bool,
    pub(super) soft: Vec<LimitName>,
    /// The end of stamps that rely on this read: epoch ms.
    end: i64,
    pub(super) read_at: i64,
}

/// The last read of the configs for the stamps of a bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct StampCheck {
    /// The time of the last read, even if it failed: epoch ms.
    pub(super) checked_at: i64,
    /// The flags that were read and are not written yet.
    pub(super) fresh: Option<FreshFlags>,
}

impl FreshFlags {
    pub(super) fn new(resolution: &Resolution, end: i64, read_at: i64) -> Self {
        Self {
            disabled: resolution.disabled,
            bypassed: resolution.bypassed,
            soft: resolution.soft_limits(),
            end,
            read_at,
        }
    }

    /// Returns the stamps of a new bucket.
    pub(super) fn stamps(&self) -> BucketStamps {
        let soft = self.soft.iter();
        BucketStamps {
            bypassed_until: self.bypassed.then_some(self.end),
            soft_until: soft.map(|name| (name.clone(), self.end)).collect(),
            ..BucketStamps::default()
        }
    }

    /// Returns the change of a bucket's stamps, on condition that they are still as `state` shows
    /// them; `None` if they are right. A stamp that holds for longer stays.
    pub(super) fn change(&self, state: &BucketState, now: i64) -> Option<StampChange> {
        let none = BucketStamps::default();
        let seen = state.stamps.as_deref().unwrap_or(&none);
        let is_live = |until: Option<i64>| until.is_some_and(|until| until > now);
        let wanted = |is_wanted: bool, seen: Option<i64>| match (is_wanted, seen) {
            (true, seen) if !is_live(seen) => Some(Some(self.end)),
            (false, Some(_)) => Some(None),
            _ => None,
        };
        let mut change = StampChange {
            // A bucket that is disabled keeps that stamp: the call that removes it writes to all
            // buckets.
            bypass: wanted(self.bypassed && !seen.disabled, seen.bypassed_until),
            seen: Some(Box::new(seen.clone())),
            ..StampChange::default()
        };
        let stamped = seen.soft_until.iter().map(|(name, _)| name);
        let mut names: Vec<_> = self.soft.iter().chain(stamped).collect();
        names.sort();
        names.dedup();
        for name in names {
            if let Some(until) = wanted(self.soft.contains(name), seen.soft_stamp(name)) {
                change.soft.push((name.clone(), until));
            }
        }
        (!change.is_empty()).then_some(change)
    }
}

/// Returns `true` if a request with `limits` knows of a flag for which the bucket has no stamp.
pub(super) fn misses_a_stamp(
    state: &BucketState,
    flags: KnownFlags,
    limits: &Limits,
    now: i64,
) -> bool {
    let is_disabled = || state.stamps.as_ref().is_some_and(|stamps| stamps.disabled);
    let bypass = flags.bypassed && !state.is_bypassed(now) && !is_disabled();
    let missing = || {
        let mut limits = limits.iter().filter(|limit| limit.is_soft());
        limits.any(|limit| !state.is_soft(limit.name(), now))
    };
    bypass || (flags.soft && missing())
}
