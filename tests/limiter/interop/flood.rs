//! Both clients flood one bucket at the same time, and one of them may be killed meanwhile.
//!
//! The numbers in the bucket are exact: the tokens that it granted and those that it still holds
//! are never more than its capacity and the refill between its first and its last write.

use std::{
    env,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tollgate::{
    Limit, RateLimiter,
    model::{Anchor, BucketKey, BucketState, Create, LimitName, TokenChange, Update},
    store::{Store, StoreFuture, WriteOutcome, dynamodb::DynamoDbStore},
};

use super::peer::{Item, Maker, STACK, Table, table_or_skip};

const CAPACITY: u64 = 200;
const PER_SECOND: u64 = 100;
const SECONDS: u64 = 4;

fn limit() -> Limit {
    Limit::per_second("rps", PER_SECOND).with_burst(CAPACITY)
}

/// Acquires until `until` and counts the grants.
async fn flood(limiter: RateLimiter, until: Instant, granted: Arc<AtomicU64>) {
    while Instant::now() < until {
        match limiter.acquire("hot", "api").limits(limit()).await {
            Ok(lease) => {
                lease.commit();
                granted.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                let wait = error.denied().expect("a denial").retry_after().unwrap();
                tokio::time::sleep(wait.min(Duration::from_millis(50))).await;
            }
        }
    }
}

fn their_flood(seconds: u64) -> Value {
    let limit = json!({
        "name": "rps", "capacity": CAPACITY, "refill_amount": PER_SECOND, "refill_period_seconds": 1,
    });
    json!({
        "op": "flood", "entity": "hot", "resource": "api", "consume": {"rps": 1}, "limits": [limit],
        "tasks": 4, "seconds": seconds,
    })
}

async fn bucket(table: &Table) -> Item {
    let items = table.items().await;
    items
        .into_iter()
        .find(|item| item["SK"].as_s().is_ok_and(|key| key == "#STATE"))
        .expect("there is a bucket")
}

fn number(item: &Item, name: &str) -> i64 {
    item[name].as_n().unwrap().parse().unwrap()
}

/// Returns the whole tokens that the bucket has granted. Fails if that is more than it had.
async fn granted(table: &Table, created: i64) -> u64 {
    let item = bucket(table).await;
    let (left, consumed) = (number(&item, "b_rps_tk"), number(&item, "b_rps_tc"));
    // A token a second is a millitoken a millisecond.
    let most = (CAPACITY * 1000) as i64 + PER_SECOND as i64 * (number(&item, "rf") - created);
    assert!(
        left + consumed <= most,
        "{left} left and {consumed} granted, of at most {most}"
    );
    u64::try_from(consumed / 1000).unwrap()
}

/// Creates the bucket by spending one token. Returns the time of its creation.
async fn begin(table: &Table) -> i64 {
    table
        .ours
        .acquire("hot", "api")
        .limits(limit())
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    number(&bucket(table).await, "rf")
}

/// A store that adds up the refill that its own updates did not store, in millitokens.
#[derive(Debug)]
struct Watched {
    store: DynamoDbStore,
    seen: Mutex<Option<BucketState>>,
    wasted: AtomicU64,
    refilled: AtomicU64,
}

impl Watched {
    fn watch(&self, update: &Update, after: &BucketState) {
        let name = LimitName::new("rps").unwrap();
        let line = update.lines().iter().find(|line| line.limit == name);
        let (Anchor::Moves { seen, to }, Some(line)) = (update.anchor, line) else {
            return;
        };
        let due = (to - seen) * PER_SECOND as i64;
        self.refilled.fetch_add(due as u64, Ordering::Relaxed);
        // A bucket that is set to its capacity is full, so refill beyond the capacity is not
        // wasted.
        if let TokenChange::Add(tokens) = line.tokens {
            self.wasted.fetch_add(
                (due - (tokens + line.consumed)).unsigned_abs(),
                Ordering::Relaxed,
            );
        }
        *self.seen.lock().unwrap() = Some(after.clone());
    }
}

impl Store for Watched {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.store.read(bucket)
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(async move {
            let outcome = self.store.update(bucket, update).await?;
            if let WriteOutcome::Applied(after) = &outcome {
                self.watch(update, after);
            }
            Ok(outcome)
        })
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.store.create(bucket, create)
    }
}

#[tokio::test]
async fn two_floods_get_no_more_than_the_limit_and_waste_little_of_it() {
    let mut table = table_or_skip!(Maker::Ours);
    let created = begin(&table).await;
    let store = DynamoDbStore::new(&table.engine.client(), STACK, &table.theirs.namespace);
    let watched = Arc::new(Watched {
        store,
        seen: Mutex::default(),
        wasted: AtomicU64::new(0),
        refilled: AtomicU64::new(0),
    });
    let settings = RateLimiter::builder().deadline(Duration::from_secs(20));
    let limiter = settings.build_shared(watched.clone()).unwrap();

    let ours = Arc::new(AtomicU64::new(0));
    table.theirs.send(their_flood(SECONDS)).await;
    let until = Instant::now() + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(flood(limiter.clone(), until, ours.clone())))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let theirs = table.theirs.receive().await["granted"].as_u64().unwrap();
    limiter.shutdown().await;

    let ours = ours.load(Ordering::Relaxed);
    assert!(ours > 0 && theirs > 0, "{ours} ours, {theirs} theirs");
    assert_eq!(granted(&table, created).await, 1 + ours + theirs);
    let (wasted, refilled) = (
        watched.wasted.load(Ordering::Relaxed),
        watched.refilled.load(Ordering::Relaxed),
    );
    eprintln!(
        "{ours} ours and {theirs} theirs; of {refilled} millitokens that our refills brought, {wasted} wasted"
    );
    // If the writes of the Python clients stored all refill, our writes had none to store, and
    // wasted none.
    assert!(wasted * 100 <= refilled, "{wasted} of {refilled} wasted");
}

#[tokio::test]
async fn our_flood_continues_if_the_python_client_is_killed() {
    let mut table = table_or_skip!(Maker::Ours);
    let created = begin(&table).await;
    table.theirs.send(their_flood(60)).await;
    let ours = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + Duration::from_secs(60);
    let tasks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(flood(table.ours.clone(), until, ours.clone())))
        .collect();
    // Both clients have granted tokens, so both are running.
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let so_far = ours.load(Ordering::Relaxed);
        if so_far > 0 && granted(&table, created).await > 20 + ours.load(Ordering::Relaxed) {
            break;
        }
    }
    table.theirs.kill().await;
    let then = ours.load(Ordering::Relaxed);
    // Wait for more grants than one second's refill and the rest that the killed client may have
    // left.
    while ours.load(Ordering::Relaxed) < then + PER_SECOND {
        assert!(
            Instant::now() < until,
            "nothing is granted after they are gone"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for task in tasks {
        task.abort();
    }
    table.ours.shutdown().await;
    let ours = ours.load(Ordering::Relaxed);
    assert!(
        granted(&table, created).await > ours,
        "they were granted something"
    );
}

const WORKER: &str = "TOLLGATE_TEST_FLOOD";

#[tokio::test]
#[ignore = "the body of the process that is killed"]
async fn child_process_that_floods() {
    let namespace = env::var(WORKER).unwrap();
    let limiter = RateLimiter::open()
        .stack(STACK)
        .namespace("default")
        .await
        .unwrap();
    assert_eq!(namespace, "default");
    let until = Instant::now() + Duration::from_secs(60);
    let granted = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(flood(limiter.clone(), until, granted.clone())))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn the_python_clients_flood_continues_if_our_process_is_killed() {
    let mut table = table_or_skip!(Maker::Ours);
    let created = begin(&table).await;
    let mut ours = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "interop::flood::child_process_that_floods",
            "--ignored",
        ])
        .env(WORKER, "default")
        .env("AWS_ENDPOINT_URL_DYNAMODB", table.engine.endpoint())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", table.engine.access_key())
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // The write id changes, so the process is running.
    let before = bucket(&table).await["lw"].clone();
    while bucket(&table).await["lw"] == before {
        assert!(ours.try_wait().unwrap().is_none(), "it has ended early");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    table.theirs.send(their_flood(2)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    ours.kill().unwrap();
    ours.wait().unwrap();
    let with_us = table.theirs.receive().await["granted"].as_u64().unwrap();
    let last = bucket(&table).await["lw"].clone();
    let alone = table.theirs.ask(their_flood(1)).await["granted"]
        .as_u64()
        .unwrap();
    assert!(alone > 0, "nothing was granted after we were gone");
    assert_eq!(bucket(&table).await["lw"], last, "we write no more");
    assert!(granted(&table, created).await > with_us + alone);
}
