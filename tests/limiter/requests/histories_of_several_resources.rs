//! Random histories of three limiters that charge a child and its parent for several resources:
//! each bucket is charged exactly what was granted and kept, and nothing by a denial.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::task::JoinSet;
use tollgate::{
    Lease, Limit, LimitName, RateLimiter,
    clock::ManualClock,
    error::{Error, Unavailable},
    limiter::Acquire,
    model::Entity,
    store::{MemoryStore, Store},
};

use super::fixture::{START, Table, integer, key, settings};

const RESOURCES: [&str; 3] = ["one", "two", "three"];

/// The limits of all resources: the refill is negligible, and the tokens are soon gone.
fn limits() -> [Limit; 2] {
    [
        Limit::per_day("tokens", 400),
        Limit::per_day("requests", 90),
    ]
}

/// The tokens and requests of each resource that are kept.
type Kept = BTreeMap<&'static str, [i64; 2]>;

fn acquire(limiter: &RateLimiter, parts: &[(&'static str, [u64; 2])]) -> Acquire {
    let [(own, cost), also @ ..] = parts else {
        panic!("no resource");
    };
    let acquire = limiter
        .acquire("kid", *own)
        .limits(limits())
        .cost("tokens", cost[0])
        .cost("requests", cost[1]);
    also.iter().fold(acquire, |acquire, (resource, cost)| {
        acquire
            .also(*resource, [("tokens", cost[0]), ("requests", cost[1])])
            .also_limits(resource, limits())
    })
}

/// Ends a lease in a random way, and returns what it keeps.
async fn end(
    random: &mut Rng,
    mut lease: Lease,
    parts: &[(&'static str, [u64; 2])],
    kept: &mut Kept,
) {
    let mut keep = |resource, tokens: u64, requests: u64| {
        let sum = kept.entry(resource).or_default();
        sum[0] += i64::try_from(tokens).unwrap();
        sum[1] += i64::try_from(requests).unwrap();
    };
    match random.u8(0..6) {
        0 => drop(lease.rollback()),
        1 => drop(lease),
        2 => {
            for (resource, cost) in parts {
                let used = random.u64(0..20);
                lease
                    .part_mut(resource)
                    .unwrap()
                    .settle("tokens", used)
                    .unwrap();
                keep(resource, used, cost[1]);
            }
            drop(lease.commit());
        }
        3 => {
            let (which, more) = (random.usize(0..parts.len()), random.u64(1..5));
            let mut part = lease.part_mut(parts[which].0).unwrap();
            let more = match part.consume("tokens", more).await {
                Ok(()) => more,
                Err(_) => 0,
            };
            for (index, (resource, cost)) in parts.iter().enumerate() {
                keep(
                    resource,
                    cost[0] + if index == which { more } else { 0 },
                    cost[1],
                );
            }
            drop(lease.commit());
        }
        _ => {
            for (resource, cost) in parts {
                keep(resource, cost[0], cost[1]);
            }
            drop(lease.commit());
        }
    }
}

/// Sends random requests, and returns what was kept, the grants and the denials.
async fn play(limiter: RateLimiter, seed: u64) -> (Kept, u64, u64) {
    let mut random = Rng::with_seed(seed);
    let (mut kept, mut grants, mut denials) = (Kept::new(), 0, 0);
    for _ in 0..25 {
        let mut resources = RESOURCES;
        random.shuffle(&mut resources);
        let parts: Vec<_> = resources[..random.usize(1..=3)]
            .iter()
            .map(|resource| (*resource, [random.u64(0..12), random.u64(0..3)]))
            .collect();
        let mut acquire = acquire(&limiter, &parts);
        if random.u8(0..8) == 0 {
            acquire = acquire.in_one_transaction();
        }
        match acquire.await {
            Ok(lease) => {
                assert_eq!(lease.resources().count(), parts.len());
                grants += 1;
                end(&mut random, lease, &parts, &mut kept).await;
            }
            Err(Error::Denied(denied)) => {
                // Each resource of the child and of the parent, with two limits.
                assert_eq!(denied.limits.len(), parts.len() * 4);
                denials += 1;
            }
            Err(Error::Unavailable(Unavailable::Contended | Unavailable::Throttled { .. })) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    (kept, grants, denials)
}

/// Plays with three limiters, four tasks each, and returns what was kept.
async fn played(limiters: &[RateLimiter], seed: u64) -> Kept {
    let kid = Entity::new("kid".try_into().unwrap());
    let kid = kid.with_parent("org".try_into().unwrap()).cascading();
    limiters[0].entities().create(kid).await.unwrap();
    let mut playing = JoinSet::new();
    for (n, limiter) in (0u64..).zip(limiters) {
        for task in 0..4 {
            playing.spawn(play(limiter.clone(), seed * 100 + n * 4 + task));
        }
    }
    let (mut kept, mut grants, mut denials) = (Kept::new(), 0, 0);
    for (of_task, granted, denied) in playing.join_all().await {
        for (resource, [tokens, requests]) in of_task {
            let sum = kept.entry(resource).or_default();
            *sum = [sum[0] + tokens, sum[1] + requests];
        }
        grants += granted;
        denials += denied;
    }
    for limiter in limiters {
        limiter.shutdown().await;
    }
    assert!(grants > 50, "{grants} grants");
    assert!(denials > 10, "{denials} denials");
    kept
}

#[tokio::test]
async fn what_is_kept_is_charged_in_a_store_in_memory() {
    for seed in 0..8 {
        let (clock, store) = (ManualClock::at(START), Arc::new(MemoryStore::new()));
        let limiters: Vec<_> = (0..3)
            .map(|_| settings(&clock).build_shared(store.clone()).unwrap())
            .collect();
        let kept = played(&limiters, seed).await;
        for (resource, expected) in kept {
            for entity in ["kid", "org"] {
                let bucket = store.read(&key(entity, resource)).await.unwrap().unwrap();
                let consumed = |name| {
                    let limit = bucket.limit(&LimitName::new(name).unwrap());
                    limit.unwrap().consumed / 1000
                };
                let found = [consumed("tokens"), consumed("requests")];
                assert_eq!(found, expected, "seed {seed}, {entity}, {resource}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_kept_is_charged_in_a_table() {
    let seed = 1;
    let (clock, table) = (ManualClock::at(START), Table::create().await);
    let mut limiters = Vec::new();
    for _ in 0..3 {
        let settings = settings(&clock).deny_from_memory(Duration::ZERO);
        limiters.push(table.limiter(settings).await);
    }
    let kept = played(&limiters, seed).await;
    for (resource, expected) in kept {
        for entity in ["kid", "org"] {
            let item = table.item(entity, resource).await.unwrap();
            let found =
                ["tokens", "requests"].map(|name| integer(&item, &format!("b_{name}_tc")) / 1000);
            assert_eq!(found, expected, "seed {seed}, {entity}, {resource}");
        }
    }
}
