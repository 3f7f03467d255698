//! Makes requests, in tasks that wait for their answers or at random times.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{
    super::{demand::Demand, order::Order, time},
    ask::Asker,
};

/// The maximum wait of a denied task before it asks again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The pause after a request without a decision, so that a store that is down is not called all the
/// time.
const NO_DECISION: Duration = Duration::from_millis(5);

/// The maximum number of concurrent requests of a process.
const MOST: usize = 20_000;

/// Makes requests until `end` (epoch µs), and waits for their answers.
pub(super) async fn run(order: &Order, asker: &Asker, end: i64) {
    match order.demand {
        Demand::Closed { think } => {
            let tasks: Vec<_> = (0..order.tasks)
                .map(|_| tokio::spawn(closed(asker.clone(), think, end)))
                .collect();
            join(tasks).await;
        }
        Demand::Open { per_second } => open(order.seed, asker, per_second, end).await,
    }
}

async fn closed(asker: Asker, think: Duration, end: i64) {
    while time::now() < end {
        let pause = match asker.ask().await {
            Ok(()) => think,
            Err(Some(retry)) => retry
                .clamp(Duration::from_millis(1), LONGEST_PAUSE)
                .max(think),
            Err(None) => NO_DECISION.max(think),
        };
        if pause.is_zero() {
            // A grant from memory never yields, so yield here to let other tasks and timers run.
            tokio::task::yield_now().await;
        } else {
            sleep(pause.min(left(end))).await;
        }
    }
}

async fn open(seed: u64, asker: &Asker, per_second: f64, end: i64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut tasks, mut next) = (Vec::new(), Instant::now());
    loop {
        // An exponential distribution. `1 - f64()` is never zero.
        next += Duration::from_secs_f64((-(1.0 - random.f64()).ln() / per_second).min(3600.0));
        let last = Instant::now() + left(end);
        sleep_until(next.min(last)).await;
        if next >= last {
            break;
        }
        if tasks.len() >= MOST {
            tasks.retain(|task: &tokio::task::JoinHandle<()>| !task.is_finished());
        }
        if tasks.len() < MOST {
            let asker = asker.clone();
            tasks.push(tokio::spawn(async move {
                let _ = asker.ask().await;
            }));
        }
    }
    join(tasks).await;
}

async fn join(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await
            .unwrap_or_else(|error| panic!("a task of the worker has failed: {error}"));
    }
}

/// Returns the time until `end`.
fn left(end: i64) -> Duration {
    Duration::from_micros(u64::try_from(end - time::now()).unwrap_or(0))
}
