//! A fast limit and a slow one on the same bucket, saturated for a while of real time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use tollgate::{
    Error, Limit, RateLimiter,
    clock::{Clock, SystemClock},
};

use super::fixture::{Table, integer, level};

const FOR: Duration = Duration::from_secs(20);
const FAST: i64 = 50;
const SLOW_PERIOD: i64 = 10_000;

fn limits() -> [Limit; 2] {
    [
        Limit::per_second("fast", FAST as u64),
        Limit::new("slow", 10, 1, Duration::from_millis(10_000)).unwrap(),
    ]
}

/// Acquires a token of `limit` again and again until `end`, each time that one should be available.
async fn saturate(
    limiter: RateLimiter,
    limit: &'static str,
    end: Instant,
    granted: Arc<AtomicI64>,
) {
    let other = if limit == "fast" { "slow" } else { "fast" };
    while Instant::now() < end {
        match limiter
            .acquire("user", "api")
            .limits(limits())
            .cost(limit, 1)
            .cost(other, 0)
            .await
        {
            Ok(lease) => {
                lease.commit();
                granted.fetch_add(1, Ordering::SeqCst);
            }
            Err(Error::Denied(denied)) => {
                let wait = denied.retry_after().unwrap();
                let left = end.saturating_duration_since(Instant::now());
                tokio::time::sleep(wait.max(Duration::from_millis(1)).min(left)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

type Item = std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>;

/// Returns the millitokens of the limit: those left at `now` and those spent.
fn tokens(item: &Item, limit: &str, now: i64) -> i64 {
    level(item, limit, now) + integer(item, &format!("b_{limit}_tc"))
}

/// Saturates both limits from `tasks` tasks of one limiter. If `with_another`, a second limiter
/// uses the bucket rarely.
async fn saturated(tasks: usize, with_another: bool) {
    let table = Table::create().await;
    let settings = || RateLimiter::builder().deadline(Duration::from_secs(20));
    let limiter = table.limiter(settings()).await;
    // The bucket is empty from the beginning, so no refill is cut at the capacity.
    let lease = limiter
        .acquire("user", "api")
        .limits(limits())
        .cost("fast", FAST as u64)
        .cost("slow", 10)
        .await;
    lease.unwrap().commit();
    let (before, began) = (
        table.item("user", "api").await.unwrap(),
        SystemClock::new().now(),
    );
    let writes = table.writes();

    let end = Instant::now() + FOR;
    let [fast, slow] = [(); 2].map(|()| Arc::new(AtomicI64::new(0)));
    let mut running = Vec::new();
    for _ in 0..tasks {
        running.push(tokio::spawn(saturate(
            limiter.clone(),
            "fast",
            end,
            fast.clone(),
        )));
    }
    running.push(tokio::spawn(saturate(
        limiter.clone(),
        "slow",
        end,
        slow.clone(),
    )));
    if with_another {
        let other = table.limiter(settings()).await;
        let (fast, slow) = (fast.clone(), slow.clone());
        running.push(tokio::spawn(async move {
            for pause in [0, 3, 40, 170, 650, 999, 1000, 1400, 2300]
                .into_iter()
                .cycle()
            {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                if Instant::now() >= end {
                    break;
                }
                for (limit, granted) in [("fast", &fast), ("slow", &slow)] {
                    let cost = |name| u64::from(name == limit);
                    let acquire = other.acquire("user", "api").limits(limits());
                    match acquire
                        .cost("fast", cost("fast"))
                        .cost("slow", cost("slow"))
                        .await
                    {
                        Ok(lease) => {
                            lease.commit();
                            granted.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(Error::Denied(_)) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
        }));
    }
    for task in running {
        task.await.unwrap();
    }

    let after = table.item("user", "api").await.unwrap();
    let writes = table.writes() - writes;
    let (fast, slow) = (fast.load(Ordering::SeqCst), slow.load(Ordering::SeqCst));
    let now = SystemClock::new().now();
    let elapsed = now - began;
    let due = FOR.as_secs() as i64 * FAST;
    println!("fast: {fast} of {due}, slow: {slow}, {elapsed} ms refilled, {writes} writes");

    assert_eq!(
        integer(&after, "b_fast_tc") - integer(&before, "b_fast_tc"),
        fast * 1000
    );
    assert_eq!(
        integer(&after, "b_slow_tc") - integer(&before, "b_slow_tc"),
        slow * 1000
    );
    // A machine that is busy delays requests. Delays lose grants, but no refill.
    assert!(fast * 100 >= due * 90, "{fast} of {due}");
    let brought = tokens(&after, "fast", now) - tokens(&before, "fast", began);
    assert!(
        brought * 1000 >= elapsed * FAST * 995,
        "{brought} in {elapsed} ms"
    );
    // The bucket was empty, so grants cannot exceed the refill.
    assert!(
        fast * 1000 <= (elapsed + 1000) * FAST,
        "{fast} in {elapsed} ms"
    );
    assert!(
        slow * SLOW_PERIOD <= elapsed + 1000,
        "{slow} in {elapsed} ms"
    );
    // A millitoken takes 10 ms.
    let brought = tokens(&after, "slow", now) - tokens(&before, "slow", began);
    assert!(brought * 10 <= elapsed + 10, "{brought} in {elapsed} ms");
    assert!(
        brought * 10_000 >= elapsed * 995,
        "{brought} in {elapsed} ms"
    );
}

#[tokio::test]
async fn both_limits_grant_their_rate() {
    saturated(8, false).await;
}

#[tokio::test]
async fn a_stale_image_destroys_no_refill() {
    saturated(8, true).await;
}
