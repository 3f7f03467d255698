//! The aggregator on the embedded engine.

use std::{future::pending, time::Duration};

use tollgate_ops::{
    OpsError,
    follow::{Lease, Progress, follow},
};
use tollgate_testkit::Engine;

use crate::stage::{STACK, Stage, options, streams};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_acquire_and_all_others_are_counted_once() {
    let mut stage = Stage::new(Engine::start().await).await;
    stage.consume("user-1", "api", &[13, 13, 13]).await;
    stage.consume("user-2", "openai/gpt-4", &[1]).await;
    let (totals, reports) = stage.once(&options()).await;
    assert_eq!(reports[0], Progress::Started { from: None });
    assert_eq!(totals.unwrap().conflicts, 0);
    stage.assert_exact("first").await;
    let (totals, reports) = stage.once(&options()).await;
    assert!(matches!(reports[0], Progress::Started { from: Some(_) }));
    assert_eq!(totals.unwrap().snapshots, 0);
    stage.assert_exact("again").await;
    stage.consume("user-1", "api", &[5]).await;
    stage.once(&options()).await.0.unwrap();
    stage.assert_exact("more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_expires_and_comes_again_is_counted_twice_over() {
    let mut stage = Stage::new(Engine::start().await).await;
    stage.consume("user-1", "api", &[100, 10]).await;
    stage.expire("user-1", "api").await;
    assert_eq!(stage.engine.sweep_ttl(), 1);
    stage.consume("user-1", "api", &[7]).await;
    stage.once(&options()).await.0.unwrap();
    stage.assert_exact("deleted").await;
    // Now the expired item is still there, and the limiter replaces it.
    stage.expire("user-1", "api").await;
    stage.consume("user-1", "api", &[200, 3]).await;
    stage.once(&options()).await.0.unwrap();
    stage.assert_exact("replaced").await;
    assert_eq!(
        stage.counted("daily").await[&("user-1".into(), "api".into(), "tpm".into())],
        320_000
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregator_that_is_killed_anywhere_loses_and_doubles_nothing() {
    let mut stage = Stage::new(Engine::start().await).await;
    let mut options = options();
    // The next one does not wait for the lease of the killed one.
    options.lease = Duration::ZERO;
    options.flush_size = 7;
    let mut rng = fastrand::Rng::with_seed(3);
    let mut killed = 0;
    for round in 0..40 {
        let entity = format!("user-{}", round % 5);
        stage
            .consume(&entity, "api", &[rng.u64(1..50), rng.u64(1..50)])
            .await;
        let client = stage.engine.client();
        let streams = streams(&stage.engine);
        let run = follow(&client, &streams, &options, pending(), |_| {});
        let life = Duration::from_micros(rng.u64(500..25_000));
        killed += u32::from(tokio::time::timeout(life, run).await.is_err());
    }
    assert!(killed > 0);
    stage.rest(&options).await;
    stage.assert_exact("killed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_aggregators_at_the_same_time_count_everything_once() {
    let mut stage = Stage::new(Engine::start().await).await;
    let mut options = options();
    options.lease = Duration::ZERO;
    options.flush_size = 3;
    for entity in ["user-1", "user-2", "user-3"] {
        stage.consume(entity, "api", &[1, 2, 3, 4, 5, 6]).await;
    }
    let (one, other) = tokio::join!(stage.once(&options), stage.once(&options));
    // The lease is not what makes the sums exact: the slower one notices that it has lost it, or,
    // within the same millisecond, that the other one has it.
    for outcome in [one.0, other.0] {
        assert!(
            matches!(
                outcome,
                Ok(_) | Err(OpsError::TakenOver | OpsError::Held { .. })
            ),
            "{outcome:?}"
        );
    }
    stage.rest(&options).await;
    stage.assert_exact("two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_aggregator_refuses_until_the_lease_of_the_first_one_ends() {
    let mut stage = Stage::new(Engine::start().await).await;
    stage.consume("user-1", "api", &[1]).await;
    let long = Duration::from_secs(3600);
    let (lease, _) = Lease::take(stage.engine.client(), STACK, long)
        .await
        .unwrap();
    let (refused, reports) = stage.once(&options()).await;
    assert!(matches!(refused, Err(OpsError::Held { .. })), "{refused:?}");
    assert_eq!(reports, []);
    lease
        .end_with(&tollgate_ops::follow::Checkpoint::default())
        .await
        .unwrap();
    stage.once(&options()).await.0.unwrap();
    stage.assert_exact("after").await;
    // One that was killed holds its lease until that ends.
    drop(
        Lease::take(stage.engine.client(), STACK, Duration::ZERO)
            .await
            .unwrap(),
    );
    stage.once(&options()).await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_counts_what_was_read_and_ends() {
    let mut stage = Stage::new(Engine::start().await).await;
    stage.consume("user-1", "api", &[1, 2, 3]).await;
    let mut options = options();
    options.once = false;
    // Only the stop makes it count.
    options.flush_after = Duration::from_secs(3600);
    let (caught_up, told) = tokio::sync::oneshot::channel();
    let mut caught_up = Some(caught_up);
    let (client, streams) = (stage.engine.client(), streams(&stage.engine));
    let stop = async {
        told.await.unwrap();
    };
    let run = follow(&client, &streams, &options, stop, |progress| {
        if progress == Progress::CaughtUp
            && let Some(caught_up) = caught_up.take()
        {
            caught_up.send(()).unwrap();
        }
    });
    let totals = run.await.unwrap();
    assert!(totals.changes >= 3 && totals.snapshots == 3, "{totals:?}");
    stage.assert_exact("stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_stream_is_told() {
    let engine = Engine::start().await;
    tollgate::RateLimiter::open()
        .stack(STACK)
        .namespace("default")
        .client(engine.client())
        .provision(tollgate::store::dynamodb::CreateTable::new().without_stream())
        .await
        .unwrap();
    let (client, streams, options) = (engine.client(), streams(&engine), options());
    let refused = follow(&client, &streams, &options, pending(), |_| {});
    assert!(matches!(refused.await, Err(OpsError::NoStream { .. })));
}
