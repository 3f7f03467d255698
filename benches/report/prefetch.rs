//! Acquires that are granted from prefetched tokens.

use std::{sync::Arc, time::Duration};

use tollgate::{Limit, Limits, RateLimiter, limiter::Prefetch};

use crate::{
    effort::Effort,
    meter::Meter,
    row::{Goal, Row},
    sample::{Subject, median, short_rows},
    world::{RESOURCE, World, open, patient},
};

pub(crate) async fn rows(effort: Effort) -> Vec<Row> {
    let world = World::new().await;
    let meter = Meter::default();
    let limiter = open(meter.client(world.engine.dynamodb_config()), patient()).await;
    let limits = Limits::from(Limit::per_second("rps", 1_000_000_000));
    let ahead = Arc::new(Ahead {
        limiter: limiter.clone(),
        limits,
    });
    // The prefetched chunk grows to the demand of the loop.
    short_rows(Duration::from_secs(2), &ahead).await;
    let before = limiter.prefetch_stats();
    meter.take();
    let mut times = Vec::new();
    for _ in 0..effort.rounds {
        times.push(short_rows(effort.window, &ahead).await);
    }
    let units = meter.take().write_units;
    let stats = limiter.prefetch_stats();
    let (served, missed) = (stats.served - before.served, stats.missed - before.missed);
    let each = units / (served + missed) as f64;
    let note = format!("{served} granted from memory, {missed} by a write of their own");
    vec![
        Row::new("prefetch acquire, p50", "ns", Goal::AtMost(1_000.0))
            .ours(median(times))
            .note(note),
        Row::new("prefetch acquire, write units", "units", Goal::AtMost(0.01)).ours(each),
    ]
}

/// A bucket with prefetch.
struct Ahead {
    limiter: RateLimiter,
    limits: Limits,
}

impl Subject for Ahead {
    async fn ask(&self, _: usize) {
        let acquire = self
            .limiter
            .acquire("ahead", RESOURCE)
            .limits(&self.limits)
            .prefetch(Prefetch::new());
        acquire.await.expect("there is plenty").commit();
    }
}
