//! Random histories of buckets, counted in random batches: repeated, cut, re-ordered, and stopped
//! between any two writes. The sums must be exact, without an engine.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue::{self, N, S};
use fastrand::Rng;
use tollgate_ops::{
    record::{Item, RecordKind, Sequence, StreamRecord},
    usage::{
        Chains, Change, Mark, ShardName, SnapshotName, SnapshotState, WindowLength, addition,
        in_order, plan,
    },
};

/// 2026-01-30T22:00:00Z: midnight and the end of the month are near.
const START: i64 = 1_769_810_400;

const LENGTHS: [WindowLength; 3] = [WindowLength::Hour, WindowLength::Day, WindowLength::Month];
const LIMITS: [&str; 2] = ["rpm", "tpm"];

/// A bucket, its stream, and what it consumed over all its incarnations.
#[derive(Default)]
struct History {
    records: Vec<StreamRecord>,
    buckets: BTreeMap<String, Item>,
    /// Millitokens by entity, resource and limit.
    consumed: BTreeMap<(String, String, String), i64>,
    time: i64,
    writes: u64,
}

impl History {
    fn new() -> Self {
        Self {
            time: START,
            ..Self::default()
        }
    }

    fn push(&mut self, kind: RecordKind, hash: &str, old: Option<Item>, new: Option<Item>) {
        self.records.push(StreamRecord {
            kind,
            time: self.time,
            sequence: Sequence::new(format!("{}", 98 + self.records.len())),
            hash: hash.to_owned(),
            range: "#STATE".into(),
            old,
            new,
        });
    }

    /// Consumes or gives back, and creates the bucket if it is missing or has expired.
    fn consume(&mut self, rng: &mut Rng, hash: &str, expires: bool) {
        self.writes += 1;
        let old = self.buckets.get(hash).cloned();
        let lives = old
            .as_ref()
            .filter(|item| number(item, "ttl").is_none_or(|end| end > self.time));
        let mut item = lives.cloned().unwrap_or_else(|| {
            let mut item = Item::new();
            item.insert("la".into(), n(self.time * 1000));
            if expires {
                item.insert("ttl".into(), n(self.time + 3600));
            }
            item
        });
        item.insert("lw".into(), S(self.writes.to_string()));
        let shard = ShardName::of_key(hash).unwrap();
        for limit in LIMITS {
            let amount = rng.i64(-400..3000);
            let attribute = format!("b_{limit}_tc");
            let tokens = number(&item, &attribute).unwrap_or(0) + amount;
            item.insert(attribute, n(tokens));
            let key = (
                shard.entity.clone(),
                shard.resource.clone(),
                limit.to_owned(),
            );
            *self.consumed.entry(key).or_default() += amount;
        }
        item.insert("b_wcu_tc".into(), n(self.writes.cast_signed() * 1000));
        let kind = if old.is_some() {
            RecordKind::Modify
        } else {
            RecordKind::Insert
        };
        self.buckets.insert(hash.into(), item.clone());
        self.push(kind, hash, old, Some(item));
    }

    /// Refills: a change that consumes nothing.
    fn refill(&mut self, hash: &str) {
        if let Some(old) = self.buckets.get(hash).cloned() {
            let mut new = old.clone();
            new.insert("b_rpm_tk".into(), n(self.time));
            self.buckets.insert(hash.into(), new.clone());
            self.push(RecordKind::Modify, hash, Some(old), Some(new));
        }
    }

    /// Deletes the bucket, if there is one.
    fn remove(&mut self, hash: &str) {
        if let Some(old) = self.buckets.remove(hash) {
            self.push(RecordKind::Remove, hash, Some(old), None);
        }
    }

    /// Does something random with some buckets.
    fn grow(&mut self, rng: &mut Rng, steps: u32, removes: bool) {
        let hashes = [
            "ns/BUCKET#a#api#0",
            "ns/BUCKET#a#api#1",
            "ns/BUCKET#b#gpt-4#0",
        ];
        for _ in 0..steps {
            let hash = hashes[rng.usize(..hashes.len())];
            self.time += rng.i64(0..120);
            match rng.u32(..20) {
                0 if removes => {
                    self.time += rng.i64(0..7200);
                    self.remove(hash);
                }
                1 => self.time += rng.i64(0..5000),
                2 | 3 => self.refill(hash),
                _ => self.consume(rng, hash, removes),
            }
        }
    }
}

/// The snapshots: the whole tokens by limit, and the aggregator's state.
#[derive(Default)]
struct Table {
    snapshots: HashMap<SnapshotName, (BTreeMap<String, i64>, SnapshotState)>,
}

impl Table {
    /// Counts a batch as the aggregator does, and stops after `writes` writes. Returns true if it did
    /// not stop.
    fn count(&mut self, rng: &mut Rng, records: &[StreamRecord], mut writes: usize) -> bool {
        let mut chains = Chains::new();
        for (shard, change) in records.iter().filter_map(Change::of) {
            let chain = chains.entry(shard).or_default();
            // Some come twice, and in another order.
            chain.extend(std::iter::repeat_n(change, rng.usize(1..3)));
        }
        chains.values_mut().for_each(|chain| rng.shuffle(chain));
        in_order(&mut chains);
        let plan = plan(&chains, &BTreeSet::from(LENGTHS));
        let mut names: Vec<&SnapshotName> = plan.keys().collect();
        rng.shuffle(&mut names);
        for name in names {
            let state = self.snapshots.get(name).map(|(_, state)| state.clone());
            let state = state.unwrap_or_default();
            let parts = &plan[name];
            let needed = parts.iter().filter(|part| part.needs_earlier(&state));
            let earlier = needed
                .filter_map(|part| Some((part.shard(), self.earlier(name, part.shard())?)))
                .collect();
            let Some(addition) = addition(&state, parts, &earlier) else {
                continue;
            };
            if writes == 0 {
                return false;
            }
            writes -= 1;
            let (tokens, state) = self.snapshots.entry(name.clone()).or_default();
            for (limit, amount) in addition.tokens {
                *tokens.entry(limit).or_default() += amount;
            }
            // Through the form of the table, so that nothing is lost there.
            let item = Item::from([("#tollgate".to_owned(), addition.state.encode())]);
            *state = SnapshotState::decode(&item).unwrap();
            // The tokens are attributes of the item.
            state.used.clone_from(&addition.state.used);
            assert_eq!(*state, addition.state);
        }
        true
    }

    fn earlier(&self, name: &SnapshotName, shard: u32) -> Option<Mark> {
        let same = self.snapshots.iter().filter(|(other, _)| {
            other.range() < name.range()
                && (&other.entity, &other.resource) == (&name.entity, &name.resource)
                && other.window.length == name.window.length
        });
        let marks =
            same.filter_map(|(other, (_, state))| Some((other.range(), state.marks.get(&shard)?)));
        marks
            .max_by(|(a, _), (b, _)| a.cmp(b))
            .map(|(_, mark)| mark.clone())
    }

    /// Returns the millitokens in all windows of a length, by entity, resource and limit.
    fn sums(&self, length: WindowLength) -> BTreeMap<(String, String, String), i64> {
        let mut sums = BTreeMap::new();
        for (name, (tokens, state)) in &self.snapshots {
            if name.window.length != length {
                continue;
            }
            for (limit, tokens) in tokens {
                let key = (name.entity.clone(), name.resource.clone(), limit.clone());
                let rest = state.rest[limit];
                assert!((0..1000).contains(&rest));
                *sums.entry(key).or_default() += tokens * 1000 + rest;
            }
        }
        sums
    }
}

fn n(number: i64) -> AttributeValue {
    N(number.to_string())
}

fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn assert_exact(table: &Table, history: &History, seed: u64) {
    for length in LENGTHS {
        assert_eq!(
            table.sums(length),
            history.consumed,
            "seed {seed}, {length:?}"
        );
    }
}

#[test]
fn sums_are_exact_whatever_is_repeated_and_wherever_the_aggregator_is_killed() {
    for seed in 0..120 {
        let mut rng = Rng::with_seed(seed);
        let mut history = History::new();
        history.grow(&mut rng, 120, true);
        let (records, mut table) = (&history.records, Table::default());
        let mut checkpoint = 0;
        while checkpoint < records.len() {
            let end = rng.usize(checkpoint + 1..=records.len().min(checkpoint + 40));
            let writes = if rng.bool() {
                usize::MAX
            } else {
                rng.usize(..8)
            };
            // A restart may begin before the last batch, and end anywhere.
            let begin = checkpoint - rng.usize(..=checkpoint.min(15));
            if table.count(&mut rng, &records[begin..end], writes) && rng.u32(..4) > 0 {
                checkpoint = end;
            }
        }
        assert_exact(&table, &history, seed);
        // All of it again changes nothing.
        table.count(&mut rng, records, usize::MAX);
        assert_exact(&table, &history, seed);
    }
}

#[test]
fn records_of_different_shards_may_come_in_any_order() {
    for seed in 0..100 {
        let mut rng = Rng::with_seed(seed);
        let mut history = History::new();
        history.grow(&mut rng, 100, true);
        let mut queues: BTreeMap<String, Vec<StreamRecord>> = BTreeMap::new();
        for record in history.records.iter().rev() {
            queues
                .entry(record.hash.clone())
                .or_default()
                .push(record.clone());
        }
        let (mut table, mut batch) = (Table::default(), Vec::new());
        while let Some(hash) = queues.keys().nth(rng.usize(..queues.len().max(1))).cloned() {
            let queue = queues.get_mut(&hash).unwrap();
            batch.extend(queue.pop());
            if queue.is_empty() {
                queues.remove(&hash);
            }
            if rng.u32(..10) == 0 || queues.is_empty() {
                assert!(table.count(&mut rng, &std::mem::take(&mut batch), usize::MAX));
            }
        }
        assert_exact(&table, &history, seed);
    }
}

#[test]
fn a_bucket_that_lives_through_a_gap_is_complete_after_its_next_change() {
    for seed in 0..200 {
        let mut rng = Rng::with_seed(seed);
        let mut history = History::new();
        history.grow(&mut rng, 80, false);
        let before = history.records.len();
        history.grow(&mut rng, 40, false);
        let lost = before..history.records.len();
        history.grow(&mut rng, 20, false);
        for hash in history.buckets.keys().cloned().collect::<Vec<_>>() {
            history.consume(&mut rng, &hash, false);
        }
        let mut table = Table::default();
        assert!(table.count(&mut rng, &history.records[..lost.start], usize::MAX));
        let rest = &history.records[lost.end..];
        let middle = rng.usize(..rest.len());
        table.count(&mut rng, &rest[..middle], 1);
        assert!(table.count(&mut rng, rest, usize::MAX));
        assert_exact(&table, &history, seed);
    }
}
