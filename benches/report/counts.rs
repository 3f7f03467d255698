//! Counts round trips, reads and units. These rows are not timed.

use std::time::Duration;

use tollgate::{
    Limit, Limits, RateLimiter,
    clock::{Clock, ManualClock, SystemClock},
    model::ConfigScope,
};
use tollgate_testkit::Engine;

use crate::{
    effort::Effort,
    meter::{Meter, Reading},
    row::{Goal, Row},
    sample::closed_loop,
    world::{Ours, RESOURCE, World, names, open, patient, plenty},
};

pub(crate) async fn rows(effort: Effort) -> Vec<Row> {
    let world = World::new().await;
    let mut rows = steady(&world.engine).await;
    rows.extend(first_touch(&world.engine).await);
    for tasks in [8, 64, 512] {
        rows.push(hot(effort, &world.engine, tasks).await);
    }
    rows
}

async fn metered(engine: &Engine, clock: impl Clock) -> (Meter, RateLimiter) {
    let meter = Meter::default();
    let limiter = open(
        meter.client(engine.dynamodb_config()),
        patient().clock(clock),
    )
    .await;
    meter.take();
    (meter, limiter)
}

/// Acquires from one key, one request after another. Some of the acquires include a refill.
async fn steady(engine: &Engine) -> Vec<Row> {
    const COUNT: u32 = 1_000;
    let clock = ManualClock::at(SystemClock::new().now());
    let (meter, limiter) = metered(engine, clock.clone()).await;
    let limits = Limits::new([
        Limit::per_second("rps", 100),
        Limit::per_minute("rpm", 100_000),
    ])
    .expect("they are valid");
    let acquire = async || {
        limiter
            .acquire("steady", RESOURCE)
            .limits(&limits)
            .await
            .expect("it fits")
            .commit()
    };
    acquire().await;
    meter.take();
    for _ in 0..COUNT {
        clock.advance(Duration::from_millis(37));
        acquire().await;
    }
    let Reading {
        requests,
        reads,
        write_units,
        ..
    } = meter.take();
    let each = |total: f64| total / f64::from(COUNT);
    let row = |measure: &str, unit, each: f64, reference: f64| {
        let row = Row::new(
            format!("{measure} per acquire in steady state"),
            unit,
            Goal::AtMost(reference),
        );
        row.ours(each).reference(reference)
    };
    vec![
        row("round trips", "requests", each(requests), 1.0),
        row("reads", "requests", each(reads), 0.0),
        row("write units", "units", each(write_units), 1.0),
    ]
}

/// Acquires from a key for the first time in a process.
async fn first_touch(engine: &Engine) -> Vec<Row> {
    let (_, admin) = metered(engine, SystemClock::new()).await;
    admin
        .config()
        .set(ConfigScope::system(), plenty().to_vec())
        .await
        .expect("they are stored");
    let mut rows = Vec::new();
    for (case, key, stored) in [
        ("a new key, stored limits", "first", true),
        ("a key that others use, stored limits", "first", true),
        ("a new key, limits brought, no parent", "second", false),
    ] {
        let (meter, limiter) = metered(engine, SystemClock::new()).await;
        let acquire = limiter.acquire(key, RESOURCE);
        let acquire = if stored {
            acquire
        } else {
            acquire.limits(plenty()).without_parent()
        };
        acquire.await.expect("there is plenty").commit();
        let Reading {
            requests,
            read_units,
            write_units,
            ..
        } = meter.take();
        for (what, unit, value) in [
            ("round trips", "requests", requests),
            ("read units", "units", read_units),
            ("write units", "units", write_units),
        ] {
            rows.push(
                Row::new(
                    format!("first touch, config cold, {case}: {what}"),
                    unit,
                    Goal::Told,
                )
                .ours(value),
            );
        }
    }
    rows
}

/// Acquires from one key with all tasks, in a loop.
async fn hot(effort: Effort, engine: &Engine, tasks: usize) -> Row {
    let (meter, limiter) = metered(engine, SystemClock::new()).await;
    let ours = Ours::new(&limiter, &names("hot", 1)).await;
    meter.take();
    let acquires = closed_loop(effort.window, tasks, &ours).await;
    let units = meter.take().write_units / acquires;
    let goal = if tasks == 64 {
        Goal::AtMost(0.05)
    } else {
        Goal::Told
    };
    let row = Row::new(
        format!("write units per acquire, hot key, {tasks} tasks"),
        "units",
        goal,
    );
    row.ours(units).reference(1.0).ratio(units)
}
