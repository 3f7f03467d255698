//! Denials from a bucket that is known to be exhausted.

use std::{sync::Arc, time::Duration};

use tollgate::{Limit, Limits, RateLimiter};

use crate::{
    effort::Effort,
    meter::Meter,
    row::{Goal, Row},
    sample::{Subject, median, short_rows},
    world::{RESOURCE, World, open, patient},
};

/// The time for which a denial is remembered before the store is asked again.
const KNOWN_FOR: Duration = Duration::from_secs(1);

pub(crate) async fn rows(effort: Effort) -> Vec<Row> {
    let world = World::new().await;
    let meter = Meter::default();
    let limiter = open(meter.client(world.engine.dynamodb_config()), patient()).await;
    let limits = Limits::from(Limit::per_hour("rph", 1));
    limiter
        .acquire("short", RESOURCE)
        .limits(&limits)
        .await
        .expect("it is full")
        .commit();
    let short = Arc::new(Short { limiter, limits });

    let mut times = Vec::new();
    let mut writes = 0.0;
    for _ in 0..effort.rounds {
        // The next request asks the store. Then the denial is known.
        tokio::time::sleep(KNOWN_FOR).await;
        short.ask(0).await;
        meter.take();
        times.push(short_rows(KNOWN_FOR / 2, &short).await);
        writes += meter.take().write_units;
    }
    let rounds = effort.rounds as f64;
    let each = format!(
        "after the store has said so, for {KNOWN_FOR:?}; one write then, whatever the rate"
    );
    vec![
        Row::new("denied, known exhausted, p50", "ns", Goal::AtMost(1_000.0)).ours(median(times)),
        Row::new(
            "denied, known exhausted, write units",
            "units",
            Goal::AtMost(0.0),
        )
        .ours(writes / rounds)
        .note(each),
    ]
}

/// A bucket that is known to have too few tokens.
struct Short {
    limiter: RateLimiter,
    limits: Limits,
}

impl Subject for Short {
    async fn ask(&self, _: usize) {
        let result = self
            .limiter
            .acquire("short", RESOURCE)
            .limits(&self.limits)
            .await;
        assert!(result.is_err_and(|error| error.denied().is_some()));
    }
}
