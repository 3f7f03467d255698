//! Counts against limiters: they are those of the buckets.

use std::time::Duration;

use tollgate::{Limit, LimitName, RateLimiter, model::Limits, store::dynamodb::CreateTable};
use tollgate_loadtest::{
    Load, LoadTest,
    targets::{Keys, LimiterTarget, TokenStream},
};
use tollgate_testkit::Engine;

/// Opens a limiter of the table in an engine, which it creates.
pub(crate) async fn open(engine: &Engine) -> RateLimiter {
    RateLimiter::open()
        .stack("limits")
        .namespace("default")
        .client(engine.client())
        .provision(CreateTable::new())
        .await
        .unwrap()
}

/// Returns the tokens that a bucket says were consumed.
pub(crate) async fn consumed(limiter: &RateLimiter, entity: &str, limit: &str) -> i64 {
    limiter.flush().await;
    let (entity, resource) = (entity.parse().unwrap(), "api".parse().unwrap());
    let shards = limiter.entities().bucket(&entity, &resource).await.unwrap();
    let limits = shards.iter().flat_map(|shard| shard.limits());
    let limits = limits.filter(|state| state.name.as_str() == limit);
    limits.map(|state| state.consumed).sum()
}

fn limits(rpm: u64) -> Limits {
    Limits::new([Limit::per_minute("rpm", rpm)]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_those_of_the_buckets_in_the_table() {
    let engine = Engine::start().await;
    let limiter = open(&engine).await;
    let keys = Keys::zipf("user-", 5, 1.0);
    let target = LimiterTarget::new(limiter.clone(), keys.clone(), "api").limits(limits(100));
    let load = Load::users(8).lasting(Duration::from_secs(600));
    let report = LoadTest::new(load).requests(1000).run(target).await;
    assert_eq!(report.counts.total(), 1000);
    assert!(report.counts.denied > 0, "{:?}", report.counts);
    let mut charged = 0;
    for key in keys.all() {
        charged += consumed(&limiter, &key, "rpm").await;
    }
    assert_eq!(
        charged,
        i64::try_from(report.counts.granted).unwrap() * 1000
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_settled_to_its_length() {
    let engine = Engine::start().await;
    let limiter = open(&engine).await;
    let tpm: LimitName = "tpm".parse().unwrap();
    let limits = Limits::new([Limit::per_minute("tpm", 1_000_000)]).unwrap();
    // Each has 300 tokens, 100 more than it reserves.
    let stream = TokenStream::new(tpm, 200, 300, 10_000);
    let target = LimiterTarget::new(limiter.clone(), Keys::one("user"), "api")
        .limits(limits)
        .stream(stream);
    let load = Load::rate(100.0).lasting(Duration::from_secs(1));
    let report = LoadTest::new(load).run(target).await;
    assert_eq!(report.counts.granted, 100, "{:?}", report.problems);
    assert_eq!(consumed(&limiter, "user", "tpm").await, 100 * 300 * 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_answer_is_unavailable() {
    let engine = Engine::start().await;
    let limiter = open(&engine).await;
    engine.stop().await;
    let target = LimiterTarget::new(limiter, Keys::one("user"), "api")
        .limits(limits(100))
        .deadline(Duration::from_millis(200));
    let load = Load::users(2).lasting(Duration::from_secs(600));
    let report = LoadTest::new(load).requests(20).run(target).await;
    assert_eq!(report.counts.unavailable, 20, "{:?}", report.problems);
}
