//! The conformance suite finds the fault of a store that breaks one rule.

use std::sync::Arc;

use tollgate::{
    model::{
        Anchor, BucketKey, BucketState, Create, Expiry, Guard, Line, Split, StampGuard, Update,
    },
    store::{MemoryStore, Store, StoreFuture, WriteOutcome},
};
use tollgate_testkit::conformance::{self, Capabilities};

/// Changes an update.
type Fault = fn(Update) -> Update;

/// A memory store that executes another write than it is asked for.
#[derive(Debug)]
struct Faulty {
    store: MemoryStore,
    fault: Fault,
    /// `true` if a transaction is executed as one update after the other.
    one_by_one: bool,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self {
            store: MemoryStore::new(),
            fault,
            one_by_one: false,
        }
    }
}

impl Store for Faulty {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.store.read(bucket)
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        let update = (self.fault)(update.clone());
        Box::pin(async move { self.store.update(bucket, &update).await })
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.store.create(bucket, create)
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        if !self.one_by_one {
            return self.store.transact(updates);
        }
        Box::pin(async move {
            for (bucket, update) in updates {
                if let WriteOutcome::Refused(_) = self.store.update(bucket, update).await? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        self.store.split(bucket, split)
    }
}

/// Returns the update with every line changed.
fn lines(update: Update, change: fn(Line) -> Line) -> Update {
    let mut changed = Update::new(update.id.clone(), update.now);
    changed.anchor = update.anchor;
    changed.expiry = update.expiry;
    changed.pressure = update.pressure;
    changed.lineage.clone_from(&update.lineage);
    changed.guard = update.guard.clone();
    changed.stamps = update.stamps.clone();
    changed.shard_count = update.shard_count;
    let changed = update
        .lines()
        .iter()
        .cloned()
        .map(change)
        .fold(changed, Update::with_line);
    update
        .added()
        .iter()
        .cloned()
        .fold(changed, Update::with_added)
}

/// Returns the names of the trials that fail.
async fn failures(make: impl Fn() -> Faulty) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for trial in conformance::trials(Capabilities::new().with_transactions().with_splits()) {
        let store: Arc<dyn Store> = Arc::new(make());
        if tokio::spawn(async move { trial.run(&*store).await })
            .await
            .is_err()
        {
            failed.push(trial.name());
        }
    }
    failed
}

#[tokio::test]
async fn a_store_without_a_fault_passes() {
    assert_eq!(failures(|| Faulty::new(|update| update)).await, [""; 0]);
}

#[tokio::test]
async fn every_fault_is_found() {
    let faults: [(&str, Fault); 14] = [
        ("no guard", |update| update.with_guard(Guard::None)),
        ("no pinned anchor", |update| match update.anchor {
            Anchor::Pinned(_) => update.with_anchor(Anchor::Free),
            _ => update,
        }),
        ("an anchor that stays", |update| match update.anchor {
            Anchor::Moves { seen, .. } => update.with_anchor(Anchor::Pinned(seen)),
            _ => update,
        }),
        ("no conditions on stamps", |update| {
            update.with_stamps(StampGuard::default())
        }),
        ("no shard count", |mut update| {
            update.shard_count = None;
            update
        }),
        ("expired buckets live", |update| update.with_now(i64::MIN)),
        ("an expiry that stays", |update| {
            update.with_expiry(Expiry::Keep)
        }),
        ("no parent", |mut update| {
            update.lineage = None;
            update
        }),
        ("a floor that is not checked", |update| {
            lines(update, |mut line| {
                line.floor = None;
                line
            })
        }),
        ("a ceiling that is one too high", |update| {
            lines(update, |mut line| {
                line.ceiling = line.ceiling.map(|ceiling| ceiling.saturating_add(1));
                line
            })
        }),
        ("old parameters", |update| {
            lines(update, |mut line| {
                line.expected = None;
                line
            })
        }),
        ("new parameters that are not stored", |update| {
            lines(update, |mut line| {
                line.parameters = None;
                line
            })
        }),
        ("a lost remainder", |update| {
            lines(update, |mut line| {
                line.remainder = None;
                line
            })
        }),
        ("no consumption", |update| {
            lines(update, |line| line.with_consumed(0))
        }),
    ];
    for (name, fault) in faults {
        let found = failures(|| Faulty::new(fault)).await;
        assert!(!found.is_empty(), "{name}");
        println!("{name}: {found:?}");
    }
}

#[tokio::test]
async fn a_transaction_that_is_done_in_part_is_found() {
    let found = failures(|| Faulty {
        one_by_one: true,
        ..Faulty::new(|update| update)
    })
    .await;
    assert!(
        found.contains(&"transactions::none_is_done_if_one_is_refused"),
        "{found:?}"
    );
}
