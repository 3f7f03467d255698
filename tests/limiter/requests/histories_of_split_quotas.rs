//! Random histories of several limiters on quotas whose bucket is split: all shards together grant
//! each period once, and none loses any of it.

use std::time::Duration;

use fastrand::Rng;
use tollgate::{Lease, Limit, RateLimiter, clock::Clock, model::ResetSchedule};

use super::fixture::{Fixture, Table, on_table};

const NAMES: [&str; 2] = ["calendar", "session"];
const SESSION: i64 = 5 * 3_600_000;

/// A quota, computed by hand as one bucket.
#[derive(Debug)]
struct Expected {
    amount: i64,
    /// `None` for sessions.
    calendar: Option<ResetSchedule>,
    /// The end of the current period.
    end: i64,
    level: i64,
}

impl Expected {
    fn new(amount: i64, calendar: Option<&str>) -> Self {
        let calendar = calendar.map(|cron| ResetSchedule::new([cron], "Europe/Berlin").unwrap());
        Self {
            amount,
            calendar,
            end: i64::MIN,
            level: amount,
        }
    }

    fn limit(&self, name: &str) -> Limit {
        let quota = Limit::quota(name, u64::try_from(self.amount).unwrap());
        let limit = match &self.calendar {
            Some(calendar) => quota.schedule(calendar.clone()),
            None => quota.session(Duration::from_millis(SESSION.unsigned_abs())),
        };
        limit.unwrap()
    }

    fn renew(&mut self, now: i64) {
        if now < self.end {
            return;
        }
        self.level = self.amount;
        if let Some(calendar) = &self.calendar {
            self.end = calendar.next_edge(now).unwrap();
        }
    }

    /// Returns the end of the period that was charged.
    fn take(&mut self, amount: i64, now: i64) -> i64 {
        if amount > 0 && now >= self.end {
            self.end = now + SESSION;
        }
        self.level -= amount;
        self.end
    }

    fn give(&mut self, amount: i64, end: i64, now: i64) {
        if end == self.end && now < self.end {
            self.level += amount;
        }
    }
}

struct Held {
    lease: Lease,
    costs: [i64; 2],
    ends: [i64; 2],
}

/// The bucket of a history.
struct Bucket<'a> {
    at: &'a Fixture,
    limiters: &'a [RateLimiter],
    user: String,
    limits: Vec<Limit>,
}

impl Bucket<'_> {
    async fn acquire(&self, limiter: usize, costs: [i64; 2]) -> Option<Lease> {
        let limiter = &self.limiters[limiter];
        let mut acquire = limiter
            .acquire(self.user.as_str(), "api")
            .limits(self.limits.clone());
        for (name, cost) in NAMES.iter().zip(costs) {
            acquire = acquire.cost(*name, u64::try_from(cost).unwrap());
        }
        match acquire.await {
            Ok(lease) => Some(lease),
            Err(error) => {
                let denied = error.denied().unwrap_or_else(|| panic!("{error:?}"));
                assert!(denied.retry_after().is_some(), "{denied:?}");
                None
            }
        }
    }

    async fn available(&self, limiter: usize) -> [i64; 2] {
        let limiter = &self.limiters[limiter];
        let available = limiter
            .available(self.user.as_str(), "api")
            .limits(self.limits.clone());
        let available = available.await.unwrap();
        NAMES.map(|name| available.get(name).unwrap().available)
    }

    /// Waits until the shards know of each other's sessions.
    async fn rest(&self) {
        tokio::time::sleep(Duration::from_millis(12)).await;
        let _ = self.at;
    }
}

async fn every_period_of_a_split_bucket(at: Fixture, seeds: std::ops::Range<u64>) {
    let limiters = [at.another().await, at.another().await, at.another().await];
    let mut splits = 0;
    for seed in seeds {
        splits += history(&at, &limiters, seed).await;
    }
    assert!(splits > 10, "{splits}");
}

/// Returns the number of splits.
async fn history(at: &Fixture, limiters: &[RateLimiter], seed: u64) -> u32 {
    let mut random = Rng::with_seed(seed);
    let mut quotas = [
        Expected::new(40, Some("0 */5 * * *")),
        Expected::new(31, None),
    ];
    let limits = NAMES.iter().zip(&quotas);
    let limits = limits.map(|(name, quota)| quota.limit(name)).collect();
    let user = format!("user-{seed}");
    let bucket = Bucket {
        at,
        limiters,
        user,
        limits,
    };
    let (mut held, mut shards, mut splits): (Vec<Held>, u32, u32) = (Vec::new(), 1, 0);
    for step in 0..60 {
        at.advance(match random.u8(..8) {
            0 => random.u64(2..40 * 3_600_000),
            1..=3 => random.u64(2..3 * 3_600_000),
            _ => random.u64(2..600_000),
        });
        let now = at.clock.now();
        let limiter = random.usize(..limiters.len());
        quotas.iter_mut().for_each(|quota| quota.renew(now));
        let what = format!("history {seed}, step {step}, {now}, {shards} shards: {quotas:?}");
        if random.u8(..10) == 0 && shards < 8 && at.split(&bucket.user, "api", shards).await {
            (shards, splits) = (shards * 2, splits + 1);
        }
        if random.u8(..3) > 0 || held.is_empty() {
            let most = if random.bool() { 30 } else { 9 };
            let costs = [random.i64(0..most), random.i64(0..most.min(25))];
            let fits = quotas
                .iter()
                .zip(costs)
                .all(|(quota, cost)| cost == 0 || cost <= quota.level);
            match bucket.acquire(limiter, costs).await {
                Some(lease) => {
                    assert!(fits, "{what}: granted {costs:?}");
                    let mut ends = [0; 2];
                    for (index, quota) in quotas.iter_mut().enumerate() {
                        ends[index] = quota.take(costs[index], now);
                    }
                    held.push(Held { lease, costs, ends });
                }
                None => assert!(!fits, "{what}: denied {costs:?}"),
            }
        } else {
            let Held {
                mut lease,
                costs,
                ends,
            } = held.swap_remove(random.usize(..held.len()));
            for (index, name) in NAMES.iter().enumerate() {
                let used = random.i64(0..=costs[index]);
                lease.settle(name, u64::try_from(used).unwrap()).unwrap();
                quotas[index].give(costs[index] - used, ends[index], now);
            }
            lease.commit().await.unwrap();
        }
        bucket.rest().await;
        let available = bucket.available(limiter).await;
        let levels = [quotas[0].level, quotas[1].level];
        assert_eq!(available, levels, "{what}: after it, {quotas:?}");
    }
    for held in held {
        held.lease.commit().await.unwrap();
    }
    splits
}

#[tokio::test]
async fn every_period_of_a_split_bucket_is_granted_once_behind_gates() {
    every_period_of_a_split_bucket(Fixture::gated(), 0..12).await;
}

#[tokio::test]
async fn every_period_of_a_split_bucket_is_granted_once_in_a_table() {
    every_period_of_a_split_bucket(Fixture::dynamodb().await, 100..106).await;
}

/// A Python client doubles the number of shards in the items, and whoever draws a new shard creates
/// it. It may stop before all items say so.
#[tokio::test]
async fn shards_that_appear_one_by_one_grant_no_more_than_the_amount() {
    let (table, clock, first) = on_table(|settings| settings).await;
    let settings = super::fixture::settings(&clock).deny_from_memory(Duration::ZERO);
    let limiters = [first, table.limiter(settings).await];
    for seed in 0..12 {
        growing(&table, &clock, &limiters, seed).await;
    }
}

async fn growing(
    table: &Table,
    clock: &tollgate::clock::ManualClock,
    limiters: &[RateLimiter],
    seed: u64,
) {
    let mut random = Rng::with_seed(seed);
    let user = format!("growing-{seed}");
    let quota = Expected::new(40, Some("0 */5 * * *"));
    let limit = quota.limit("calendar");
    let schedule = quota.calendar.unwrap();
    let (mut end, mut granted, mut shards) = (0, 0, 1);
    let mut most_granted = 0;
    for _ in 0..50 {
        clock.advance(Duration::from_millis(match random.u8(..6) {
            0 => random.u64(2..9 * 3_600_000),
            _ => random.u64(2..600_000),
        }));
        let now = clock.now();
        if now >= end {
            (end, granted) = (schedule.next_edge(now).unwrap(), 0);
        }
        if shards < 8 && granted > 0 && random.u8(..6) == 0 {
            shards *= 2;
            let items = if random.bool() { 1 } else { shards };
            table.state_shards(&user, "api", items, shards).await;
        }
        let cost = random.i64(1..7);
        let acquire = limiters[random.usize(..2)].acquire(user.as_str(), "api");
        let acquire = acquire.limits(limit.clone());
        match acquire.cost("calendar", u64::try_from(cost).unwrap()).await {
            Ok(lease) => {
                granted += cost;
                lease.commit().await.unwrap();
            }
            Err(error) => assert!(error.denied().is_some(), "{error:?}"),
        }
        assert!(granted <= 40, "seed {seed}: {granted} with {shards} shards");
        most_granted = most_granted.max(granted);
    }
    assert!(most_granted > 30, "seed {seed}: {most_granted}");
    // The period has the whole amount.
    loop {
        let acquire = limiters[random.usize(..2)].acquire(user.as_str(), "api");
        match acquire.limits(limit.clone()).await {
            Ok(lease) => lease.commit().await.unwrap(),
            Err(_) => break,
        }
        granted += 1;
    }
    assert_eq!(granted, 40, "seed {seed} with {shards} shards");
}
