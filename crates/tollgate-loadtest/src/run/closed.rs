//! The closed loop: users, each with one call at a time.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use super::Calls;
use crate::target::{Call, Target};

/// The time between two measurements of the delay of this process.
const PROBES: Duration = Duration::from_millis(10);

/// Runs the users until the load ends, or enough calls were made, or the run is stopped.
pub(super) async fn run<T: Target>(calls: Arc<Calls<T>>) {
    let settings = &calls.settings;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a level is not negative"
    )]
    let users = settings.load.peak() as u64;
    let mut tasks = JoinSet::new();
    for user in (0..users).filter(|user| settings.share.has(*user)) {
        let calls = calls.clone();
        tasks.spawn(async move { be_user(&calls, user).await });
    }
    let probe = tokio::spawn(probe(calls.clone()));
    // A call that panics ends its user, and is recorded.
    while tasks.join_next().await.is_some() {}
    probe.abort();
    let duration = settings.load.duration();
    let active = calls.elapsed().min(duration);
    calls.report().measured = active.saturating_sub(settings.warm_up);
    calls.ended.send_replace(true);
}

/// Records how long a task that can run waits for a thread of this process.
async fn probe<T: Target>(calls: Arc<Calls<T>>) {
    loop {
        tokio::time::sleep(PROBES).await;
        let (calls, ready) = (calls.clone(), Instant::now());
        // If the runtime ends, there is nothing to record.
        let _ = tokio::spawn(async move { calls.record_lag(ready) }).await;
    }
}

async fn be_user<T: Target>(calls: &Calls<T>, user: u64) {
    let settings = &calls.settings;
    #[expect(clippy::cast_precision_loss, reason = "few users")]
    let level = user as f64 + 1.0;
    loop {
        let now = calls.elapsed();
        let Some(at) = settings.load.levels().reaches(level, now) else {
            return;
        };
        if at > now {
            pause(calls, at - now).await;
        }
        if calls.is_stopped() {
            return;
        }
        if at > now {
            continue;
        }
        let Some(number) = calls.next_number() else {
            return;
        };
        let call = Call { number, user };
        let asked = calls.make(call, Instant::now()).await;
        let asked = asked.filter(|_| settings.obeys_retry_after);
        let wait = asked
            .unwrap_or_default()
            .max(settings.load.pause_after_call());
        if !wait.is_zero() {
            let left = settings.load.duration().saturating_sub(calls.elapsed());
            pause(calls, wait.min(left)).await;
        } else {
            // A target that never waits must not keep others from running.
            tokio::task::coop::consume_budget().await;
        }
    }
}

/// Waits, unless the run is stopped.
async fn pause<T: Target>(calls: &Calls<T>, time: Duration) {
    tokio::select! {
        () = calls.stopped() => {}
        () = tokio::time::sleep(time) => {}
    }
}
