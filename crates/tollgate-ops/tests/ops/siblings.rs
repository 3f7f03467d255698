//! Buckets that a Python client has split.

use std::{env, process::Command};

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use fastrand::Rng;
use tollgate::{EntityId, Limit, Resource, model::BucketState};
use tollgate_ops::follow::Progress;
use tollgate_testkit::Engine;

use crate::stage::{STACK, Stage, number, options, text};

/// 100 tokens a second, 1000 at the most.
fn limit() -> Limit {
    Limit::per_second("rps", 100).with_burst(1000)
}

async fn shards(stage: &Stage) -> Vec<BucketState> {
    let (entity, resource): (EntityId, Resource) =
        ("user-1".parse().unwrap(), "api".parse().unwrap());
    let entities = stage.limiter.entities();
    entities.bucket(&entity, &resource).await.unwrap()
}

async fn counts(stage: &Stage) -> Vec<u32> {
    let shards = shards(stage).await;
    shards.iter().map(|shard| shard.shard_count).collect()
}

/// Returns the millitokens that all shards hold together, a number of milliseconds from now.
fn held(shards: &[BucketState], later: i64) -> i64 {
    let held = |shard: &BucketState| {
        let limits = shard.limits().iter();
        let levels = limits.map(|limit| shard.level_at(limit, shard.refilled_at + later).tokens);
        levels.sum::<i64>()
    };
    shards.iter().map(held).sum()
}

/// Returns the key of a shard.
fn key(hash: &str, shard: u32) -> String {
    format!("{}#{shard}", hash.rsplit_once('#').unwrap().0)
}

async fn set(stage: &Stage, hash: &str, attribute: &str, value: i64) {
    let update = stage.engine.client().update_item().table_name(STACK);
    update
        .key("PK", S(hash.to_owned()))
        .key("SK", S("#STATE".into()))
        .update_expression("SET #name = :value")
        .expression_attribute_names("#name", attribute)
        .expression_attribute_values(":value", N(value.to_string()))
        .send()
        .await
        .unwrap();
}

/// Makes a bucket, and copies of its first shard as a Python client makes them: with the number of
/// shards that they knew, and tokens by chance. Returns the key of the first shard.
async fn bucket(stage: &Stage, rng: &mut Rng, known: &[i64]) -> String {
    let acquire = stage.limiter.acquire("user-1", "api").limits(limit());
    acquire.await.unwrap().commit();
    stage.limiter.flush().await;
    let items = stage.items().await;
    let first = items.iter().find(|item| text(item, "SK") == "#STATE");
    let first = first.unwrap().clone();
    let hash = text(&first, "PK").to_owned();
    for (shard, count) in (0..).zip(known) {
        let mut copy = first.clone();
        copy.insert("PK".into(), S(key(&hash, shard)));
        copy.insert("shard_count".into(), N(count.to_string()));
        let tokens = rng.i64(-200_000..400_000);
        copy.insert("b_rps_tk".into(), N(tokens.to_string()));
        let put = stage.engine.client().put_item().table_name(STACK);
        put.set_item(Some(copy)).send().await.unwrap();
    }
    stage.once(&options()).await.0.unwrap();
    hash
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_that_have_missed_a_split_are_told_and_hold_no_more_than_before() {
    let mut rng = Rng::with_seed(7);
    for _ in 0..8 {
        let stage = Stage::new(Engine::start().await).await;
        // A client has split from 4 to 8, and others have made shards by the number that they knew.
        let stated = |shard: i64| {
            let possible: Vec<i64> = [2, 4, 8]
                .into_iter()
                .filter(|count| *count > shard)
                .collect();
            possible[rng.usize(..possible.len())]
        };
        let known: Vec<i64> = (1..8).map(stated).collect();
        let hash = bucket(&stage, &mut rng, &[&[4], &known[..]].concat()).await;
        let lagging = known.iter().filter(|count| **count < 8).count();
        set(&stage, &hash, "shard_count", 8).await;
        let before = shards(&stage).await;

        let (totals, reports) = stage.once(&options()).await;
        totals.unwrap();
        let raised = reports.iter().find_map(|progress| match progress {
            Progress::Raised { shards, .. } => Some(*shards),
            _ => None,
        });
        assert_eq!(raised, (lagging > 0).then_some(lagging as u64), "{known:?}");
        let after = shards(&stage).await;
        assert_eq!(counts(&stage).await, [8; 8]);
        for later in [0, 1, 777, 5_000, 100_000] {
            let (before, after) = (held(&before, later), held(&after, later));
            assert!(after <= before, "{after} > {before} after {later} ms");
        }
        // A second of all shards together is a second of the limit.
        let empty = after.iter().map(|shard| {
            let mut shard = shard.clone();
            shard.limits_mut()[0].level.tokens = 0;
            shard
        });
        let empty: Vec<_> = empty.collect();
        assert!((99_990..=100_010).contains(&held(&empty, 1000)));
        // It is done once.
        let (_, reports) = stage.once(&options()).await;
        let again = |progress: &Progress| matches!(progress, Progress::Raised { .. });
        assert!(!reports.iter().any(again), "{reports:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_of_a_bucket_that_was_made_again_since_then_changes_nothing() {
    let stage = Stage::new(Engine::start().await).await;
    let hash = bucket(&stage, &mut Rng::with_seed(5), &[2, 2]).await;
    set(&stage, &hash, "shard_count", 4).await;
    // The bucket is made again, and split into two, before the record of the old split is read.
    set(&stage, &hash, "shard_count", 2).await;
    let (_, reports) = stage.once(&options()).await;
    let raised = |progress: &Progress| matches!(progress, Progress::Raised { .. });
    assert!(!reports.iter().any(raised), "{reports:?}");
    assert_eq!(counts(&stage).await, [2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_may_cover_a_new_shard_is_left_to_the_clients() {
    let stage = Stage::new(Engine::start().await).await;
    let hash = bucket(&stage, &mut Rng::with_seed(3), &[2, 2]).await;
    let second = key(&hash, 1);
    set(&stage, &second, "b_daily_ra", 0).await;
    set(&stage, &hash, "shard_count", 4).await;
    stage.once(&options()).await.0.unwrap();
    let stated = async || {
        let item = stage.engine.item(STACK, &second, "#STATE").await;
        number(&item.unwrap(), "shard_count")
    };
    assert_eq!(stated().await, Some(2));
    // With the number of shards that it was granted for, it can be corrected.
    set(&stage, &second, "b_daily_gc", 2).await;
    set(&stage, &hash, "shard_count", 8).await;
    stage.once(&options()).await.0.unwrap();
    assert_eq!(stated().await, Some(8));
}

/// Splits a bucket twice, and ends the second time before the other shards are told.
const SPLITS: &str = "
import asyncio, sys
from zae_limiter import *
from zae_limiter.repository import Repository

async def main():
    endpoint, stack, namespace = sys.argv[1:]
    repository = Repository(stack, region='us-east-1', endpoint_url=endpoint)
    repository._namespace_id, repository._namespace_name = namespace, 'default'
    repository._reinitialize_config_cache(namespace)
    limiter = RateLimiter(repository=repository)
    limits = [Limit.per_second('rps', 100, burst=1000)]

    async def use(times):
        for _ in range(times):
            async with limiter.acquire('user-1', 'api', {'rps': 1}, limits=limits):
                pass

    await use(1)
    assert await repository.bump_shard_count('user-1', 'api', 1) == 2
    await use(20)

    async def ended(*_):
        raise RuntimeError('ended')

    repository._propagate_shard_count = ended
    assert await repository.bump_shard_count('user-1', 'api', 2) == 4
    await use(40)
    await repository.close()

asyncio.run(main())
";

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_that_ends_in_the_middle_of_a_split_leaves_no_shard_behind() {
    let Some(python) = env::var_os("TOLLGATE_PEER_PYTHON") else {
        use std::io::Write;
        writeln!(
            std::io::stderr(),
            "skipped: TOLLGATE_PEER_PYTHON names no Python client"
        )
        .unwrap();
        return;
    };
    let stage = Stage::new(Engine::start().await).await;
    let namespace = stage.limiter.location().unwrap().namespace_id.to_string();
    let mut command = Command::new(python);
    command
        .args(["-c", SPLITS, &stage.engine.endpoint(), STACK, &namespace])
        .env_clear()
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    let ran = ran.await.unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    // The Python client itself has made the new shards, when it first used them.
    assert_eq!(counts(&stage).await, [4, 2, 4, 4]);
    let before = held(&shards(&stage).await, 60_000);
    stage.once(&options()).await.0.unwrap();
    assert_eq!(counts(&stage).await, [4; 4]);
    assert!(held(&shards(&stage).await, 60_000) <= before);
    stage.assert_exact("split").await;
}
