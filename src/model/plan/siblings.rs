//! The facts about a bucket's other shards: who holds a new shard's share of the period, and which
//! sessions run.

use super::Siblings;
use crate::model::{BucketState, Limit, LimitName};

impl Siblings {
    /// Returns the facts for new quotas of the shard `slot`, by the images of all other shards.
    pub fn of(others: &[&BucketState], slot: u32, limits: &[Limit], now: i64) -> Self {
        let quotas = limits.iter().filter(|limit| limit.is_quota());
        let quotas = quotas.map(Limit::name);
        let covered = quotas.filter(|name| donor(others, name, slot, now).is_some());
        Self {
            raises_to: None,
            sessions: sessions(others, now),
            covered: covered.cloned().collect(),
        }
    }
}

/// Returns the sessions that run, with the times at which they began: epoch ms. Of several for a
/// limit, the one that began first.
pub fn sessions(shards: &[&BucketState], now: i64) -> Vec<(LimitName, i64)> {
    let mut sessions: Vec<(LimitName, i64)> = Vec::new();
    for known in shards.iter().flat_map(|shard| &shard.limits) {
        let period = known.period().filter(|period| period.ends_at > now);
        let Some(begun) = period.and_then(|period| period.session_start()) else {
            continue;
        };
        match sessions.iter_mut().find(|(name, _)| *name == known.name) {
            Some((_, first)) => *first = begun.min(*first),
            None => sessions.push((known.name.clone(), begun)),
        }
    }
    sessions
}

/// Returns the index of the shard that holds the share of shard `slot` in the current period: the
/// one that was granted for the most shards, and of these the lowest. `None` if nobody was granted
/// the share.
pub fn donor(shards: &[&BucketState], name: &LimitName, slot: u32, now: i64) -> Option<usize> {
    let covers = |(index, shard): (usize, &&BucketState)| {
        let known = shard.limit(name)?;
        let period = known.period()?;
        let granted = period.granted_count().unwrap_or(shard.shard_count);
        let current = period.ends_at > now && period.stored_tokens.is_none();
        let covers = slot % granted == shard.shard % granted;
        (current && covers).then_some((std::cmp::Reverse(granted), shard.shard, index))
    };
    let covering = shards.iter().enumerate().filter_map(covers);
    covering.min().map(|(_, _, index)| index)
}
