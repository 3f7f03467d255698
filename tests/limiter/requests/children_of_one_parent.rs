//! Many children of one parent: several processes charge each child and the parent in one
//! transaction.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};
use tollgate::{Error, Limit, RateLimiter, clock::ManualClock, error::Unavailable, model::Entity};

use super::fixture::{START, Table, integer, settings};

const KIDS: u64 = 8;

/// Number of tasks of each limiter.
const TASKS: u64 = 8;

fn limit() -> Limit {
    Limit::per_hour("tokens", 1_000_000)
}

async fn consumed(table: &Table, entity: &str) -> i64 {
    let item = table.item(entity, "api").await;
    item.map_or(0, |item| integer(&item, "b_tokens_tc"))
}

/// Acquires until `until`. Some requests are dropped before their answer, and some leases are
/// rolled back. Returns the tokens that were kept and the number of grants.
async fn play(limiter: RateLimiter, task: u64, until: Instant) -> (i64, u64) {
    let mut random = fastrand::Rng::with_seed(task);
    let (mut kept, mut grants) = (0, 0);
    while Instant::now() < until {
        let cost = random.u64(1..=9);
        let kid = format!("kid-{}", task % KIDS);
        let ask = limiter
            .acquire(kid.as_str(), "api")
            .limits(limit())
            .cost("tokens", cost)
            .in_one_transaction();
        let asked = if random.u8(0..4) == 0 {
            let most = Duration::from_millis(random.u64(0..=10));
            let Ok(asked) = tokio::time::timeout(most, ask.into_future()).await else {
                continue;
            };
            asked
        } else {
            ask.await
        };
        match asked {
            Ok(lease) => {
                grants += 1;
                if random.bool() {
                    lease.commit();
                    kept += i64::try_from(cost).unwrap();
                } else {
                    drop(lease.rollback());
                }
            }
            Err(Error::Unavailable(
                Unavailable::Contended | Unavailable::Deadline | Unavailable::Throttled { .. },
            )) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    (kept, grants)
}

#[tokio::test]
async fn children_are_granted_and_charged_the_same_as_their_parent() {
    let (clock, table) = (ManualClock::at(START), Arc::new(Table::create().await));
    let mut limiters = Vec::new();
    for _ in 0..4 {
        limiters.push(table.limiter(settings(&clock)).await);
    }
    for kid in 0..KIDS {
        let kid = Entity::new(format!("kid-{kid}").as_str().try_into().unwrap());
        limiters[0]
            .entities()
            .create(kid.with_parent("org".try_into().unwrap()).cascading())
            .await
            .unwrap();
    }
    let until = Instant::now() + Duration::from_secs(3);
    let mut playing = JoinSet::new();
    for (n, limiter) in (0u64..).zip(&limiters) {
        for task in 0..TASKS {
            playing.spawn(play(limiter.clone(), n * TASKS + task, until));
        }
    }
    let (mut kept, mut grants) = (0, 0);
    for (k, g) in playing.join_all().await {
        kept += k;
        grants += g;
    }
    for limiter in &limiters {
        limiter.shutdown().await;
    }
    let mut of_kids = 0;
    for kid in 0..KIDS {
        of_kids += consumed(&table, &format!("kid-{kid}")).await;
    }
    assert_eq!([of_kids, consumed(&table, "org").await], [kept * 1000; 2]);
    assert!(grants >= 30, "{grants}");
}
