//! Denials of a bucket that is known to be exhausted.

use std::time::{Duration, Instant};

use tollgate::{Limit, Limits, RateLimiter};

use crate::{
    effort::Effort,
    meter::Meter,
    row::{Goal, Row},
    sample::median,
    world::{RESOURCE, World, open, patient},
};

/// How long a denial is good for before the store is asked again.
const KNOWN_FOR: Duration = Duration::from_secs(1);

pub(crate) async fn rows(effort: Effort) -> Vec<Row> {
    let world = World::new().await;
    let meter = Meter::default();
    let limiter = open(meter.client(world.engine.dynamodb_config()), patient()).await;
    let limits = Limits::from(Limit::per_hour("rph", 1));
    limiter.acquire("short", RESOURCE).limits(&limits).await.expect("it is full").commit();

    let mut times = Vec::new();
    let mut writes = 0.0;
    for _ in 0..effort.rounds {
        // The store has just said so: what follows is known.
        tokio::time::sleep(KNOWN_FOR).await;
        denied(&limiter, &limits).await;
        meter.take();
        times.push(batch(&limiter, &limits, KNOWN_FOR / 2).await);
        writes += meter.take().write_units;
    }
    let rounds = effort.rounds as f64;
    let each = format!("after the store has said so, for {KNOWN_FOR:?}; one write then, whatever the rate");
    vec![
        Row::new("denied, known exhausted, p50", "ns", Goal::AtMost(1_000.0)).ours(median(times)),
        Row::new("denied, known exhausted, write units", "units", Goal::AtMost(0.0)).ours(writes / rounds).note(each),
    ]
}

/// The median time of a denial, ns, by short rows of them.
async fn batch(limiter: &RateLimiter, limits: &Limits, window: Duration) -> f64 {
    const SIZE: u32 = 100;
    let (limiter, limits) = (limiter.clone(), limits.clone());
    let task = async move {
        let end = Instant::now() + window;
        let mut times = Vec::new();
        while Instant::now() < end {
            let begun = Instant::now();
            for _ in 0..SIZE {
                denied(&limiter, &limits).await;
            }
            times.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(SIZE));
        }
        median(times)
    };
    tokio::spawn(task).await.expect("nothing fails")
}

async fn denied(limiter: &RateLimiter, limits: &Limits) {
    let result = limiter.acquire("short", RESOURCE).limits(limits).await;
    assert!(result.is_err_and(|error| error.denied().is_some()));
}
