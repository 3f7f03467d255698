//! Acquires that are granted from tokens taken ahead.

use std::time::{Duration, Instant};

use tollgate::{Limit, Limits, RateLimiter, limiter::Prefetch};

use crate::{
    effort::Effort,
    meter::Meter,
    row::{Goal, Row},
    sample::median,
    world::{RESOURCE, World, open, patient},
};

pub(crate) async fn rows(effort: Effort) -> Vec<Row> {
    let world = World::new().await;
    let meter = Meter::default();
    let limiter = open(meter.client(world.engine.dynamodb_config()), patient()).await;
    let limits = Limits::from(Limit::per_second("rps", 1_000_000_000));
    // Until the chunk has grown to what the loop asks for.
    batch(&limiter, &limits, Duration::from_secs(2)).await;
    let before = limiter.prefetch_stats();
    meter.take();
    let mut times = Vec::new();
    for _ in 0..effort.rounds {
        times.push(batch(&limiter, &limits, effort.window).await);
    }
    let units = meter.take().write_units;
    let stats = limiter.prefetch_stats();
    let (served, missed) = (stats.served - before.served, stats.missed - before.missed);
    let each = units / (served + missed) as f64;
    let note = format!("{served} granted from memory, {missed} by a write of their own");
    vec![
        Row::new("prefetch acquire, p50", "ns", Goal::AtMost(1_000.0)).ours(median(times)).note(note),
        Row::new("prefetch acquire, write units", "units", Goal::AtMost(0.01)).ours(each),
    ]
}

/// The median time of an acquire, ns, by short rows of them.
async fn batch(limiter: &RateLimiter, limits: &Limits, window: Duration) -> f64 {
    const SIZE: u32 = 100;
    let (limiter, limits) = (limiter.clone(), limits.clone());
    let task = async move {
        let end = Instant::now() + window;
        let mut times = Vec::new();
        while Instant::now() < end {
            let begun = Instant::now();
            for _ in 0..SIZE {
                let acquire = limiter.acquire("ahead", RESOURCE).limits(&limits).prefetch(Prefetch::new());
                acquire.await.expect("there is plenty").commit();
            }
            times.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(SIZE));
            tokio::task::yield_now().await;
        }
        median(times)
    };
    tokio::spawn(task).await.expect("nothing fails")
}
