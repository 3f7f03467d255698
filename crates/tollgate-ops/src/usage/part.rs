//! The changes that one snapshot counts, and the write that counts them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    change::{Change, Counters},
    shard::ShardName,
    snapshot::{Mark, SnapshotName, SnapshotState},
    window::WindowLength,
};

/// The number of millitokens in a token.
const MILLI: i64 = 1000;

/// The attributes of a snapshot that a limit of the same name would overwrite.
const TAKEN: [&str; 12] = [
    "PK",
    "SK",
    "GSI2PK",
    "GSI2SK",
    "GSI4PK",
    "GSI4SK",
    "entity_id",
    "resource",
    "window",
    "window_start",
    "total_events",
    "ttl",
];

/// Returns true if a limit of this name cannot be counted, because a snapshot has an attribute of the
/// same name.
pub fn is_taken(limit: &str) -> bool {
    TAKEN.contains(&limit)
}

/// The changes of a batch by bucket shard, each shard's in the order of the stream and once
/// ([`in_order`]).
pub type Chains = BTreeMap<ShardName, Vec<Change>>;

/// Sorts each shard's changes, and removes those that came twice.
pub fn in_order(chains: &mut Chains) {
    for chain in chains.values_mut() {
        chain.sort_by(|one, other| one.sequence.cmp(&other.sequence));
        chain.dedup_by(|one, other| one.sequence == other.sequence);
    }
}

/// The changes of one bucket shard that a snapshot counts.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    shard: u32,
    /// Each change with the change before it, if the batch has that one.
    changes: Vec<(Option<&'a Change>, &'a Change)>,
}

/// The changes that each snapshot counts.
pub type Plan<'a> = BTreeMap<SnapshotName, Vec<Part<'a>>>;

/// Sorts changes into the snapshots of the given lengths.
pub fn plan<'a>(chains: &'a Chains, lengths: &BTreeSet<WindowLength>) -> Plan<'a> {
    let mut plan: Plan<'a> = BTreeMap::new();
    for (shard, chain) in chains {
        let mut before = None;
        for change in chain {
            for length in lengths {
                let name = SnapshotName::of(shard, length.at(change.time));
                let parts = plan.entry(name).or_default();
                let known = parts.last_mut().filter(|part| part.shard == shard.shard);
                match known {
                    Some(part) => part.changes.push((before, change)),
                    None => parts.push(Part {
                        shard: shard.shard,
                        changes: vec![(before, change)],
                    }),
                }
            }
            before = Some(change);
        }
    }
    plan
}

impl Part<'_> {
    /// Returns the number of the shard.
    pub fn shard(&self) -> u32 {
        self.shard
    }

    /// Returns true if the counters of the shard before the first change must be known: if the bucket
    /// was not created by it, and neither the snapshot nor the batch says what was counted before.
    pub fn needs_earlier(&self, state: &SnapshotState) -> bool {
        self.changes.first().is_some_and(|(before, first)| {
            before.is_none() && first.before.is_some() && !state.marks.contains_key(&self.shard)
        })
    }
}

/// The write that brings a snapshot up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Addition {
    /// The whole tokens to add, by limit.
    pub tokens: Counters,
    /// The number of changes to add.
    pub events: i64,
    /// The number of overdrafts to add, by limit.
    pub overdrawn: BTreeMap<String, i64>,
    /// The state after the write.
    pub state: SnapshotState,
}

/// Returns the write that counts `parts` in a snapshot with this state. Returns `None` if they are
/// counted already, or add nothing.
///
/// `earlier` has the last counted changes before the window, by shard.
pub fn addition(
    state: &SnapshotState,
    parts: &[Part<'_>],
    earlier: &BTreeMap<u32, Mark>,
) -> Option<Addition> {
    let mut sums = Counters::new();
    let mut addition = Addition {
        state: state.clone(),
        ..Addition::default()
    };
    for part in parts {
        let mark = state.marks.get(&part.shard);
        let mut last = mark.or_else(|| earlier.get(&part.shard)).cloned();
        for (before, change) in &part.changes {
            if mark.is_some_and(|mark| change.sequence <= mark.sequence) {
                continue;
            }
            if let Some(before) = before
                && last
                    .as_ref()
                    .is_none_or(|last| last.sequence < before.sequence)
            {
                last = Some(Mark::of(before));
            }
            let missed = last.as_ref().map(|last| last.missed(change));
            let mut counted = false;
            for (limit, tokens) in missed.into_iter().flatten().chain(change.own()) {
                if !is_taken(&limit) {
                    counted = true;
                    let sum = sums.entry(limit).or_default();
                    *sum = sum.saturating_add(tokens);
                }
            }
            addition.events += i64::from(counted);
            for limit in &change.overdrawn {
                *addition.overdrawn.entry(limit.clone()).or_default() += 1;
            }
            let mark = Mark::of(change);
            addition.state.marks.insert(part.shard, mark.clone());
            last = Some(mark);
        }
    }
    if addition.events == 0 {
        return None;
    }
    for (limit, sum) in sums {
        let rest = state.rest.get(&limit).copied().unwrap_or(0);
        let sum = sum.saturating_add(rest);
        addition
            .state
            .rest
            .insert(limit.clone(), sum.rem_euclid(MILLI));
        let tokens = sum.div_euclid(MILLI);
        let used = addition.state.used.entry(limit.clone()).or_default();
        *used = used.saturating_add(tokens);
        // A limit that took and gave back the same amount is listed too, with 0.
        addition.tokens.insert(limit, tokens);
    }
    addition.state.revision += 1;
    Some(addition)
}
