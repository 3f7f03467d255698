//! The change of a bucket's stamps.

use crate::model::{BucketStamps, BucketState, EntityId, LimitName};

/// The change of a bucket's stamps by a write. Stamps that it does not name stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StampChange {
    /// `Some(true)` disables the bucket, `Some(false)` removes the stamp.
    pub disabled: Option<bool>,
    /// `Some(Some(until))` bypasses the bucket until then (epoch ms), `Some(None)` removes the
    /// stamp.
    pub bypass: Option<Option<i64>>,
    /// The limits that become soft until a time (epoch ms), or are enforced again (`None`).
    pub soft: Vec<(LimitName, Option<i64>)>,
    /// The new answer to the question if the parent is charged too.
    pub cascade: Option<CascadeChange>,
    /// The stamps as they were read, if the write requires that the stamps it changes are still the
    /// same. A stamp that was not read must not be live.
    pub seen: Option<Box<BucketStamps>>,
}

/// The change of the attribute that says if the parent's bucket is charged too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CascadeChange {
    /// `true` if the parent's bucket is charged too.
    pub cascade: bool,
    /// The parent that the bucket must name; `None` if it must name none.
    pub parent: Option<EntityId>,
}

impl CascadeChange {
    /// Returns a change on condition that the bucket names this parent.
    pub fn new(cascade: bool, parent: Option<EntityId>) -> Self {
        Self { cascade, parent }
    }
}

impl StampChange {
    /// Returns the change that gives the bucket this access: at most one of the stamps for
    /// `disabled` and `bypass` stays.
    pub fn access(disabled: bool, bypassed_until: Option<i64>) -> Self {
        Self {
            disabled: Some(disabled),
            bypass: Some(bypassed_until),
            ..Self::default()
        }
    }

    /// Returns `true` if nothing changes.
    pub fn is_empty(&self) -> bool {
        self.disabled.is_none()
            && self.bypass.is_none()
            && self.soft.is_empty()
            && self.cascade.is_none()
    }

    /// Returns `true` if the conditions of the change hold at `now` (epoch ms).
    pub fn holds(&self, state: &BucketState, now: i64) -> bool {
        let none = BucketStamps::default();
        let stamps = state.stamps.as_deref().unwrap_or(&none);
        let same = |seen: Option<i64>, found: Option<i64>| match seen {
            Some(_) => seen == found,
            None => found.is_none_or(|until| until <= now),
        };
        let unchanged = self.seen.as_deref().is_none_or(|seen| {
            (self.bypass.is_none() || same(seen.bypassed_until, stamps.bypassed_until))
                && self
                    .soft
                    .iter()
                    .all(|(name, _)| same(seen.soft_stamp(name), stamps.soft_stamp(name)))
        });
        unchanged
            && self
                .cascade
                .as_ref()
                .is_none_or(|change| change.parent == state.parent)
    }

    /// Changes the bucket.
    pub(super) fn apply(&self, state: &mut BucketState) {
        let mut stamps = state.stamps.take().unwrap_or_default();
        if let Some(disabled) = self.disabled {
            stamps.disabled = disabled;
        }
        if let Some(until) = self.bypass {
            stamps.bypassed_until = until;
        }
        for (name, until) in &self.soft {
            stamps.soft_until.retain(|(known, _)| known != name);
            stamps
                .soft_until
                .extend(until.map(|until| (name.clone(), until)));
        }
        state.stamps = (!stamps.is_empty()).then_some(stamps);
        if let Some(change) = &self.cascade {
            state.cascade = change.cascade;
        }
    }
}
