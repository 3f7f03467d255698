//! The change of the bucket by each way of ending a lease, to the millitoken.

use std::future::pending;

use tollgate::{
    Cost, Error, Limit,
    error::{Invalid, Unavailable},
};

use super::fixture::{Fixture, on_every_limiter};

on_every_limiter!(
    commit_keeps_the_charge_and_writes_nothing,
    rollback_gives_back,
    drop_gives_back_before_shutdown_ends,
    adjust_takes_and_gives,
    settle_may_drive_the_bucket_into_debt,
    release_gives_back_no_more_than_was_charged,
    consume_asks_for_more,
    a_denied_consume_keeps_the_lease,
    more_of_several_limits_is_all_or_nothing,
    unknown_limits_leave_the_lease_alone,
    run_commits_what_succeeds,
    run_rolls_back_what_fails,
    run_rolls_back_what_panics,
    run_rolls_back_what_is_dropped,
    run_can_be_spawned,
    status_follows_the_lease,
    a_give_back_stops_at_the_capacity,
);

/// Returns a limit so slow that nothing is refilled while the test's clock stands still.
fn limit() -> Limit {
    Limit::per_hour("tokens", 100)
}

async fn lease(at: &Fixture, cost: u64) -> tollgate::Lease {
    at.limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", cost)
        .await
        .unwrap()
}

/// Returns the tokens and the consumption counter, in millitokens.
async fn raw(at: &Fixture) -> (i64, i64) {
    at.raw("user", "api", "tokens").await
}

async fn commit_keeps_the_charge_and_writes_nothing(at: Fixture) {
    let lease = lease(&at, 30).await;
    assert_eq!(raw(&at).await, (70_000, 30_000));
    let writes = at.writes();
    lease.commit().await.unwrap();
    at.limiter.shutdown().await;
    assert_eq!(raw(&at).await, (70_000, 30_000));
    assert_eq!(at.writes(), writes);
}

async fn rollback_gives_back(at: Fixture) {
    lease(&at, 30).await.rollback().await.unwrap();
    assert_eq!(raw(&at).await, (100_000, 0));
}

async fn drop_gives_back_before_shutdown_ends(at: Fixture) {
    drop(lease(&at, 30).await);
    at.limiter.shutdown().await;
    assert_eq!(raw(&at).await, (100_000, 0));
}

async fn adjust_takes_and_gives(at: Fixture) {
    let mut lease = lease(&at, 30).await;
    lease.adjust("tokens", 25).unwrap();
    lease.adjust("tokens", -5).unwrap();
    assert_eq!(lease.consumed("tokens"), Some(50));
    lease.commit().await.unwrap();
    assert_eq!(raw(&at).await, (50_000, 50_000));

    let mut lease = self::lease(&at, 30).await;
    lease.adjust("tokens", -20).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(raw(&at).await, (40_000, 60_000));
}

async fn settle_may_drive_the_bucket_into_debt(at: Fixture) {
    let mut lease = lease(&at, 1).await;
    lease.settle("tokens", 250).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(raw(&at).await, (-150_000, 250_000));
    assert_eq!(at.available(&limit()).await, -150);

    let error = at
        .limiter
        .acquire("user", "api")
        .limits(limit())
        .await
        .unwrap_err();
    // 151 tokens at 36 s each.
    assert_eq!(
        error.denied().unwrap().retry_after().unwrap().as_secs(),
        151 * 36
    );
}

async fn release_gives_back_no_more_than_was_charged(at: Fixture) {
    let mut lease = lease(&at, 30).await;
    lease.release("tokens", 10).unwrap();
    assert_eq!(lease.consumed("tokens"), Some(20));
    lease.release("tokens", u64::MAX).unwrap();
    lease.adjust("tokens", i64::MIN).unwrap();
    assert_eq!(lease.consumed("tokens"), Some(0));
    lease.commit().await.unwrap();
    assert_eq!(raw(&at).await, (100_000, 0));
}

async fn consume_asks_for_more(at: Fixture) {
    let mut lease = lease(&at, 30).await;
    lease.consume("tokens", 40).await.unwrap();
    assert_eq!(lease.consumed("tokens"), Some(70));
    assert_eq!(raw(&at).await, (30_000, 70_000));
    lease.rollback().await.unwrap();
    assert_eq!(raw(&at).await, (100_000, 0));
}

async fn more_of_several_limits_is_all_or_nothing(at: Fixture) {
    let limits = [Limit::per_hour("rph", 10), Limit::per_hour("tph", 100)];
    let mut lease = at
        .limiter
        .acquire("user", "api")
        .limits(limits.clone())
        .await
        .unwrap();
    let more = |requests, tokens| {
        let cost = Cost::new().with("rph", requests).unwrap();
        cost.with("tph", tokens).unwrap()
    };
    lease.consume_all(&more(2, 50)).await.unwrap();
    let error = lease.consume_all(&more(1, 50)).await.unwrap_err();
    let denied = error.denied().unwrap();
    assert_eq!(denied.primary().unwrap().limit.name(), "tph");
    let error = lease.consume_all(&more(11, 1)).await.unwrap_err();
    assert!(matches!(error, Error::ExceedsCapacity(_)), "{error}");
    let unknown = Cost::new().with("rph", 1).unwrap().with("rpd", 1).unwrap();
    assert!(lease.consume_all(&unknown).await.is_err());
    lease.consume_all(&Cost::new()).await.unwrap();
    assert_eq!(
        (lease.consumed("rph"), lease.consumed("tph")),
        (Some(3), Some(51))
    );
    lease.commit().await.unwrap();
    assert_eq!(
        (
            at.available(&limits[0]).await,
            at.available(&limits[1]).await
        ),
        (7, 49)
    );
}

async fn a_denied_consume_keeps_the_lease(at: Fixture) {
    let mut lease = lease(&at, 30).await;
    let error = lease.consume("tokens", 71).await.unwrap_err();
    assert_eq!(error.denied().unwrap().primary().unwrap().available, 70);
    let error = lease.consume("tokens", 101).await.unwrap_err();
    assert!(matches!(error, Error::ExceedsCapacity(_)), "{error:?}");
    assert_eq!(lease.consumed("tokens"), Some(30));
    lease.commit().await.unwrap();
    assert_eq!(raw(&at).await, (70_000, 30_000));
}

async fn unknown_limits_leave_the_lease_alone(at: Fixture) {
    let mut lease = lease(&at, 30).await;
    let unknown = || Invalid::UnknownLimit("other".into());
    assert_eq!(lease.adjust("other", 5), Err(unknown()));
    assert_eq!(lease.settle("other", 5), Err(unknown()));
    assert_eq!(lease.release("other", 5), Err(unknown()));
    let error = lease.consume("other", 5).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(invalid) if invalid == unknown()));
    assert_eq!(lease.consumed("other"), None);
    lease.commit().await.unwrap();
    assert_eq!(raw(&at).await, (70_000, 30_000));
}

async fn run_commits_what_succeeds(at: Fixture) {
    let acquire = at
        .limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 30);
    let answer = acquire
        .run(async |lease| {
            lease.settle("tokens", 45)?;
            Ok::<_, Error>("answer")
        })
        .await;
    assert_eq!(answer.unwrap(), "answer");
    at.limiter.shutdown().await;
    assert_eq!(raw(&at).await, (55_000, 45_000));
}

async fn run_rolls_back_what_fails(at: Fixture) {
    let acquire = at
        .limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 30);
    let result: Result<(), Error> = acquire
        .run(async |lease| {
            lease.settle("tokens", 45)?;
            Err(Unavailable::Deadline.into())
        })
        .await;
    assert!(matches!(
        result,
        Err(Error::Unavailable(Unavailable::Deadline))
    ));
    at.limiter.shutdown().await;
    assert_eq!(raw(&at).await, (100_000, 0));
}

async fn run_rolls_back_what_panics(at: Fixture) {
    let acquire = at
        .limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 30);
    let work = tokio::spawn(acquire.run(async |_| -> Result<(), Error> { panic!("on purpose") }));
    assert!(work.await.unwrap_err().is_panic());
    at.limiter.shutdown().await;
    assert_eq!(raw(&at).await, (100_000, 0));
}

async fn run_rolls_back_what_is_dropped(at: Fixture) {
    let acquire = at
        .limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 30);
    let (started, starts) = tokio::sync::oneshot::channel();
    let work = acquire.run(async |_| {
        started.send(()).unwrap();
        pending::<Result<(), Error>>().await
    });
    tokio::select! {
        result = work => panic!("it ended: {result:?}"),
        result = starts => result.unwrap(),
    }
    at.limiter.shutdown().await;
    assert_eq!(raw(&at).await, (100_000, 0));
}

async fn run_can_be_spawned(at: Fixture) {
    let acquire = at
        .limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 30);
    let work = tokio::spawn(acquire.run(async |lease| {
        tokio::task::yield_now().await;
        lease.consume("tokens", 5).await
    }));
    work.await.unwrap().unwrap();
    assert_eq!(raw(&at).await, (65_000, 35_000));
}

async fn status_follows_the_lease(at: Fixture) {
    let mut lease = lease(&at, 30).await;
    let available = |lease: &tollgate::Lease| lease.statuses()[0].available;
    assert_eq!(available(&lease), 70);
    lease.adjust("tokens", 100).unwrap();
    assert_eq!(available(&lease), -30);
    lease.settle("tokens", 10).unwrap();
    assert_eq!(available(&lease), 90);
    assert_eq!(lease.statuses()[0].requested, 10);
    lease.commit().await.unwrap();
}

async fn a_give_back_stops_at_the_capacity(at: Fixture) {
    let lease = lease(&at, 100).await;
    // 40 of the 100 tokens are refilled meanwhile.
    at.advance(40 * 36_000);
    let other = self::lease(&at, 10).await;
    lease.rollback().await.unwrap();
    assert_eq!(at.available(&limit()).await, 100);
    other.rollback().await.unwrap();
    assert_eq!(at.available(&limit()).await, 100);
}
