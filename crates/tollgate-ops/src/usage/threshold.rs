//! Thresholds: how much of what a limit allows is used in a window.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    shard::ShardName,
    snapshot::{SnapshotName, SnapshotState},
    window::Window,
};
use crate::{attributes::number_of, record::Item};

/// The number of millitokens in a token.
const MILLI: i128 = 1000;

/// The names of a bucket, whatever its shards.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketName {
    /// The id of the namespace.
    pub namespace: String,
    /// The entity.
    pub entity: String,
    /// The resource.
    pub resource: String,
}

impl BucketName {
    /// Returns the bucket of a shard.
    pub fn of(shard: &ShardName) -> Self {
        Self {
            namespace: shard.namespace.clone(),
            entity: shard.entity.clone(),
            resource: shard.resource.clone(),
        }
    }

    /// Returns the bucket whose use is in a snapshot.
    pub(super) fn of_snapshot(name: &SnapshotName) -> Self {
        Self {
            namespace: name.namespace.clone(),
            entity: name.entity.clone(),
            resource: name.resource.clone(),
        }
    }
}

/// The terms of a bucket's limits, as they are in the bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms(BTreeMap<String, LimitTerms>);

/// The terms of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LimitTerms {
    /// Millitokens.
    capacity: i64,
    /// Millitokens.
    refill: i64,
    /// Milliseconds.
    period: i64,
}

impl Terms {
    /// Reads the terms in a bucket's item.
    pub fn of(item: &Item) -> Self {
        let named = item.keys().filter_map(|attribute| {
            let limit = attribute.strip_prefix("b_")?.strip_suffix("_cp")?;
            let number = |suffix| number_of(item, &format!("b_{limit}_{suffix}"));
            let terms = LimitTerms {
                capacity: number("cp")?,
                refill: number("ra").unwrap_or(0),
                period: number("rp").unwrap_or(0),
            };
            Some((limit.to_owned(), terms))
        });
        Self(named.collect())
    }

    /// Returns the whole tokens that a limit allows in a window at the most: a full bucket, and the
    /// refill of the window. Of a quota, which does not refill, its amount.
    pub fn allowed(&self, limit: &str, window: &Window) -> Option<i64> {
        let terms = self.0.get(limit)?;
        let millis = i128::from(window.end().saturating_sub(window.start)) * 1000;
        let refill = match terms.period {
            1.. => i128::from(terms.refill) * millis / i128::from(terms.period),
            _ => 0,
        };
        i64::try_from((i128::from(terms.capacity) + refill) / MILLI).ok()
    }
}

/// A threshold that the use of a limit in a window has reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crossing {
    /// The names, and the window.
    pub snapshot: SnapshotName,
    /// The limit.
    pub limit: String,
    /// The threshold, percent.
    pub threshold: u32,
    /// The tokens that are used in the window.
    pub used: i64,
    /// The tokens that the limit allows in the window: the bucket's capacity and the refill of the
    /// window, or the amount of a quota.
    pub allowed: i64,
}

/// Returns the thresholds that are reached and were not told before, and remembers them in the state.
pub(super) fn crossings(
    thresholds: &BTreeSet<u32>,
    terms: &Terms,
    name: &SnapshotName,
    state: &mut SnapshotState,
) -> Vec<Crossing> {
    let mut crossed = Vec::new();
    for (limit, used) in &state.used {
        let Some(allowed) = terms
            .allowed(limit, &name.window)
            .filter(|tokens| *tokens > 0)
        else {
            continue;
        };
        let told = state.told.get(limit).copied();
        let reached =
            |percent: &&u32| i128::from(*used) * 100 >= i128::from(allowed) * i128::from(**percent);
        let new = thresholds
            .iter()
            .filter(|percent| told.is_none_or(|told| told < **percent));
        for threshold in new.take_while(reached) {
            state.told.insert(limit.clone(), *threshold);
            crossed.push(Crossing {
                snapshot: name.clone(),
                limit: limit.clone(),
                threshold: *threshold,
                used: *used,
                allowed,
            });
        }
    }
    crossed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{attributes::number, usage::WindowLength};

    fn terms(limit: &str, numbers: [i64; 3]) -> Terms {
        let names = ["cp", "ra", "rp"].map(|suffix| format!("b_{limit}_{suffix}"));
        let item = names.into_iter().zip(numbers.map(number)).collect();
        Terms::of(&item)
    }

    #[test]
    fn a_window_allows_a_full_bucket_and_its_refill() {
        let hour = WindowLength::Hour.at(0);
        let allowed = |numbers| terms("rpm", numbers).allowed("rpm", &hour);
        assert_eq!(allowed([100_000, 60_000, 60_000]), Some(100 + 3600));
        // A quota.
        assert_eq!(allowed([500_000, 0, 60_000]), Some(500));
        assert_eq!(terms("rpm", [1, 1, 1]).allowed("tpm", &hour), None);
    }

    #[test]
    fn each_threshold_is_told_once_also_after_a_restart() {
        let terms = terms("q", [100_000, 0, 1]);
        let thresholds = BTreeSet::from([80, 95]);
        let name = SnapshotName {
            namespace: "ns".into(),
            entity: "user-1".into(),
            resource: "api".into(),
            window: WindowLength::Day.at(0),
        };
        let mut state = SnapshotState::default();
        let mut at = |used: i64| {
            state.used.insert("q".into(), used);
            let crossed = crossings(&thresholds, &terms, &name, &mut state);
            // The next aggregator reads what this one wrote.
            let item = Item::from([(super::super::OWN.to_owned(), state.encode())]);
            state = SnapshotState::decode(&item).unwrap();
            let percents = crossed.iter().map(|crossing| crossing.threshold);
            percents.collect::<Vec<_>>()
        };
        assert_eq!(at(79), [0_u32; 0]);
        assert_eq!(at(80), [80]);
        assert_eq!(at(94), [0_u32; 0]);
        assert_eq!(at(70), [0_u32; 0]);
        assert_eq!(at(200), [95]);
        assert_eq!(at(300), [0_u32; 0]);
        state = SnapshotState::default();
        state.used.insert("q".into(), 96);
        assert_eq!(crossings(&thresholds, &terms, &name, &mut state).len(), 2);
    }
}
