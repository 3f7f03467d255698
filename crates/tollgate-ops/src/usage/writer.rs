//! Brings the snapshots in the table up to date.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use aws_sdk_dynamodb::Client;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    part::{Chains, Plan, addition, plan},
    request::{self, Outcome},
    shard::ShardName,
    snapshot::{Mark, SnapshotName, SnapshotState},
    threshold::{BucketName, Crossing, Terms, crossings},
    window::WindowLength,
};
use crate::{error::OpsError, reads};

/// The number of writes at the same time.
const CONCURRENT: usize = 32;

/// The number of snapshots, and of bucket shards, whose state is kept in memory.
const KEPT: usize = 20_000;

/// The number of attempts to write a snapshot that changes meanwhile.
const ATTEMPTS: u32 = 10;

/// Brings snapshots up to date. Keeps the state of the last ones in memory, so that a snapshot costs
/// one write for each batch, and no read.
#[derive(Debug)]
pub struct SnapshotWriter {
    client: Client,
    table: Arc<str>,
    lengths: BTreeSet<WindowLength>,
    retention_days: u32,
    states: HashMap<SnapshotName, SnapshotState>,
    marks: HashMap<ShardName, Mark>,
    /// True if other writers may count changes of the same buckets between two batches.
    is_shared: bool,
    thresholds: BTreeSet<u32>,
    terms: HashMap<BucketName, Terms>,
}

/// The counts of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The number of snapshots that were written.
    pub snapshots: u64,
    /// The number of snapshots that were read first.
    pub reads: u64,
    /// The number of writes that were refused, because the snapshot had changed.
    pub conflicts: u64,
    /// The thresholds that the batch has reached.
    pub crossings: Vec<Crossing>,
}

impl SnapshotWriter {
    /// Creates a writer of snapshots of the given lengths, which expire some days after their window.
    pub fn new(
        client: Client,
        table: &str,
        lengths: BTreeSet<WindowLength>,
        retention_days: u32,
    ) -> Self {
        Self {
            client,
            table: table.into(),
            lengths,
            retention_days,
            states: HashMap::new(),
            marks: HashMap::new(),
            is_shared: false,
            thresholds: BTreeSet::new(),
            terms: HashMap::new(),
        }
    }

    /// Makes the writer one of several that count parts of the same stream: what it counted last is
    /// not what was counted last. It then looks in the table for the last counted change of a bucket,
    /// whenever a new window begins.
    pub fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    /// Sets the percentages of a limit's amount that [`Written`] tells, at most once for each window,
    /// also after a restart.
    pub fn with_thresholds(mut self, percentages: BTreeSet<u32>) -> Self {
        self.thresholds = percentages;
        self
    }

    /// Learns the terms of the limits of the buckets of the next batch. Buckets without terms reach no
    /// threshold.
    pub fn learn(&mut self, terms: HashMap<BucketName, Terms>) {
        if self.terms.len() + terms.len() > KEPT {
            self.terms.clear();
        }
        self.terms.extend(terms);
    }

    /// Counts a batch. If this fails, a part of the batch may be counted. To finish, count it again,
    /// with the same changes in it or more: no change is counted twice.
    ///
    /// Costs one write unit for each snapshot that the batch changes, and three for each new one; one
    /// read unit for a snapshot that is not in memory.
    ///
    /// # Errors
    /// [`OpsError::Aws`] if a call fails; [`OpsError::Unreadable`] if a snapshot has a form of a newer
    /// version; [`OpsError::Contended`] if somebody else keeps writing a snapshot.
    pub async fn write(&mut self, chains: &Chains) -> Result<Written, OpsError> {
        let result = self.count(chains).await;
        if result.is_err() {
            // What is in memory may be older than the table.
            self.states.clear();
            self.marks.clear();
        }
        result
    }

    async fn count(&mut self, chains: &Chains) -> Result<Written, OpsError> {
        let plan = plan(chains, &self.lengths);
        let mut written = Written {
            reads: self.load(&plan).await?,
            ..Written::default()
        };
        let earlier = self.earlier(&plan).await?;
        let mut open: Vec<&SnapshotName> = plan.keys().collect();
        for _ in 0..ATTEMPTS {
            if open.is_empty() {
                break;
            }
            let changed = self.send(&plan, &earlier, &open, &mut written).await?;
            open.retain(|name| changed.contains(*name));
            written.conflicts += changed.len() as u64;
        }
        if let Some(name) = open.first() {
            return Err(OpsError::Contended { key: name.range() });
        }
        self.remember(chains);
        self.forget_windows(chains);
        Ok(written)
    }

    /// Reads the state of the snapshots that are not in memory. Returns their number.
    async fn load(&mut self, plan: &Plan<'_>) -> Result<u64, OpsError> {
        if self.states.len() + plan.len() > KEPT {
            self.states.clear();
        }
        let unknown = plan.keys().filter(|name| !self.states.contains_key(*name));
        let unknown: Vec<SnapshotName> = unknown.cloned().collect();
        let keys = unknown.iter().map(|name| (name.hash(), name.range()));
        let mut items = reads::batch(&self.client, &self.table, keys.collect()).await?;
        let count = unknown.len() as u64;
        for name in unknown {
            let item = items.remove(&(name.hash(), name.range()));
            let state = item.map_or(Some(SnapshotState::default()), |item| {
                SnapshotState::decode(&item)
            });
            let state = state.ok_or_else(|| OpsError::Unreadable { key: name.range() })?;
            self.states.insert(name, state);
        }
        Ok(count)
    }

    /// Returns the last counted changes of the shards for which the plan does not say what was
    /// counted before it.
    async fn earlier(&self, plan: &Plan<'_>) -> Result<Earlier, OpsError> {
        let mut earlier = Earlier::new();
        let mut queries = JoinSet::new();
        let places = Arc::new(Semaphore::new(CONCURRENT));
        for (name, parts) in plan {
            let Some(state) = self.states.get(name) else {
                continue;
            };
            for part in parts.iter().filter(|part| part.needs_earlier(state)) {
                let shard = ShardName {
                    namespace: name.namespace.clone(),
                    entity: name.entity.clone(),
                    resource: name.resource.clone(),
                    shard: part.shard(),
                };
                if let Some(mark) = self.marks.get(&shard) {
                    let known = earlier.entry(name.clone()).or_default();
                    known.insert(shard.shard, mark.clone());
                    continue;
                }
                let (client, table) = (self.client.clone(), Arc::clone(&self.table));
                let (name, places) = (name.clone(), Arc::clone(&places));
                queries.spawn(async move {
                    let _place = places.acquire_owned().await;
                    let found = request::last_mark(&client, &table, &name, shard.shard).await;
                    found.map(|mark| (name, shard.shard, mark))
                });
            }
        }
        while let Some(answer) = queries.join_next().await {
            let (name, shard, mark) = answer.map_err(|error| OpsError::aws("Query", error))??;
            if let Some(mark) = mark {
                earlier.entry(name).or_default().insert(shard, mark);
            }
        }
        Ok(earlier)
    }

    /// Writes snapshots. Returns those that had changed, whose new state is in memory then.
    async fn send(
        &mut self,
        plan: &Plan<'_>,
        earlier: &Earlier,
        names: &[&SnapshotName],
        written: &mut Written,
    ) -> Result<BTreeSet<SnapshotName>, OpsError> {
        let none = BTreeMap::new();
        let mut changed = BTreeSet::new();
        let mut writes = JoinSet::new();
        for name in names {
            let state = self.states.entry((*name).clone()).or_default();
            let earlier = earlier.get(*name).unwrap_or(&none);
            let Some(mut addition) = plan
                .get(*name)
                .and_then(|parts| addition(state, parts, earlier))
            else {
                continue;
            };
            let crossed = self.crossings(name, &mut addition.state);
            let request = request::update(
                &self.client,
                &self.table,
                name,
                self.retention_days,
                &addition,
            );
            let name = (*name).clone();
            writes.spawn(async move {
                let outcome = request::send(request).await;
                outcome.map(|outcome| (name, addition.state, crossed, outcome))
            });
            // Requests are large: few exist at the same time.
            if writes.len() >= CONCURRENT {
                changed.extend(self.next(&mut writes, written).await?);
            }
        }
        while !writes.is_empty() {
            changed.extend(self.next(&mut writes, written).await?);
        }
        Ok(changed)
    }

    /// Returns the thresholds that a snapshot with this state reaches for the first time.
    fn crossings(&self, name: &SnapshotName, state: &mut SnapshotState) -> Vec<Crossing> {
        if self.thresholds.is_empty() {
            return Vec::new();
        }
        let terms = self.terms.get(&BucketName::of_snapshot(name));
        terms.map_or_else(Vec::new, |terms| {
            crossings(&self.thresholds, terms, name, state)
        })
    }

    /// Waits for the next answer. Returns the snapshot if it had changed.
    async fn next(
        &mut self,
        writes: &mut JoinSet<Result<Sent, OpsError>>,
        written: &mut Written,
    ) -> Result<Option<SnapshotName>, OpsError> {
        let Some(answer) = writes.join_next().await else {
            return Ok(None);
        };
        match answer.map_err(|error| OpsError::aws("UpdateItem", error))?? {
            (name, state, crossed, Outcome::Written) => {
                written.snapshots += 1;
                written.crossings.extend(crossed);
                self.states.insert(name, state);
                Ok(None)
            }
            (name, _, _, Outcome::Changed(item)) => {
                let state = SnapshotState::decode(&item);
                let state = state.ok_or_else(|| OpsError::Unreadable { key: name.range() })?;
                self.states.insert(name.clone(), state);
                Ok(Some(name))
            }
        }
    }

    /// Forgets the snapshots of windows that have ended, which hardly change any more.
    fn forget_windows(&mut self, chains: &Chains) {
        let times = chains.values().flatten().map(|change| change.time);
        if let Some(newest) = times.max() {
            self.states.retain(|name, _| name.window.end() > newest);
        }
    }

    fn remember(&mut self, chains: &Chains) {
        if self.is_shared {
            return;
        }
        if self.marks.len() + chains.len() > KEPT {
            self.marks.clear();
        }
        for (shard, chain) in chains {
            if let Some(last) = chain.last() {
                let mark = Mark::of(last);
                let known = self.marks.get(shard);
                if known.is_none_or(|known| known.sequence < mark.sequence) {
                    self.marks.insert(shard.clone(), mark);
                }
            }
        }
    }
}

/// A snapshot, its state after the write, the thresholds that it reaches, and the outcome of the write.
type Sent = (SnapshotName, SnapshotState, Vec<Crossing>, Outcome);

/// The last counted changes before a snapshot's window, by snapshot and shard.
type Earlier = HashMap<SnapshotName, BTreeMap<u32, Mark>>;
