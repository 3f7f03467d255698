//! Prefetched tokens of quotas and of limits with a schedule: granted only in the period in which
//! they were charged.

use std::time::Duration;

use fastrand::Rng;
use tollgate::{
    Lease, Limit, RateLimiter,
    clock::Clock,
    limiter::Prefetch,
    model::{Schedule, ScheduleEntry},
};

use super::fixture::{Fixture, START, on_every_limiter};

/// The first midnight in UTC after [`START`], and the milliseconds until then.
const MIDNIGHT: i64 = 1_900_022_400_000;
const UNTIL_MIDNIGHT: u64 = (MIDNIGHT - START) as u64;
const DAY: i64 = 24 * 3_600_000;

on_every_limiter!(
    most_requests_of_a_quota_are_granted_without_a_write,
    tokens_of_a_day_are_not_granted_on_the_next,
    tokens_of_a_session_are_not_granted_in_the_next,
    a_lease_over_midnight_gives_nothing_to_the_tokens_of_the_new_day,
    tokens_are_not_held_beyond_a_change_of_the_schedule,
    every_day_grants_its_amount_once,
);

fn prefetch() -> Prefetch {
    Prefetch::new()
        .interval(Duration::from_millis(20))
        .lifetime(Duration::from_secs(60 * 60))
}

fn daily(amount: u64) -> Limit {
    Limit::quota("tokens", amount).daily("UTC").unwrap()
}

async fn take(limiter: &RateLimiter, limit: &Limit, amount: u64) -> Result<Lease, tollgate::Error> {
    let acquire = limiter.acquire("user", "api").limits(limit.clone());
    acquire.cost("tokens", amount).prefetch(prefetch()).await
}

async fn spend(limiter: &RateLimiter, limit: &Limit, amount: u64) {
    let lease = take(limiter, limit, amount).await.unwrap();
    lease.commit().await.unwrap();
}

impl Fixture {
    /// Spends single tokens until one of them came from prefetched tokens, if this limiter
    /// prefetches at all. Returns the number of tokens.
    async fn spend_until_served(&self, limit: &Limit) -> u64 {
        const MOST: u64 = 200;
        for spent in 1..=MOST {
            spend(&self.limiter, limit, 1).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            if self.limiter.prefetch_stats().served > 0 {
                return spent;
            }
        }
        assert_eq!(self.writes(), 0, "nothing was prefetched");
        MOST
    }
}

async fn most_requests_of_a_quota_are_granted_without_a_write(at: Fixture) {
    let limit = daily(10_000);
    let before = at.writes();
    for _ in 0..500 {
        spend(&at.limiter, &limit, 1).await;
        tokio::task::yield_now().await;
    }
    let stats = at.limiter.prefetch_stats();
    if at.writes() > 0 {
        assert!(stats.served >= 400, "{stats:?}");
        assert!(
            at.writes() - before <= 60,
            "{} writes",
            at.writes() - before
        );
    }
    at.limiter.shutdown().await;
    let fresh = at.another().await;
    let lease = take(&fresh, &limit, 9_500).await.unwrap();
    lease.commit().await.unwrap();
    assert!(take(&fresh, &limit, 1).await.is_err());
}

async fn tokens_of_a_day_are_not_granted_on_the_next(at: Fixture) {
    not_granted_after(&at, &daily(1_000), UNTIL_MIDNIGHT).await;
}

async fn tokens_of_a_session_are_not_granted_in_the_next(at: Fixture) {
    let hours = Duration::from_secs(5 * 3_600);
    let limit = Limit::quota("tokens", 1_000).session(hours).unwrap();
    not_granted_after(&at, &limit, 5 * 3_600_000).await;
}

/// Asserts that no token prefetched now is granted after `millis`, when a period of 1000 tokens has
/// ended, and that the next period has all of its tokens and no more.
async fn not_granted_after(at: &Fixture, limit: &Limit, millis: u64) {
    at.spend_until_served(limit).await;
    at.advance(millis);
    let served = at.limiter.prefetch_stats().served;
    spend(&at.limiter, limit, 1).await;
    assert_eq!(at.limiter.prefetch_stats().served, served);
    let rest = at.another().await;
    at.limiter.shutdown().await;
    spend(&rest, limit, 999).await;
    assert!(take(&rest, limit, 1).await.is_err());
}

async fn a_lease_over_midnight_gives_nothing_to_the_tokens_of_the_new_day(at: Fixture) {
    let limit = daily(1_000);
    let mut old = take(&at.limiter, &limit, 500).await.unwrap();
    at.advance(UNTIL_MIDNIGHT);
    let spent = at.spend_until_served(&limit).await;
    old.settle("tokens", 0).unwrap();
    old.commit().await.unwrap();
    at.limiter.shutdown().await;
    let rest = at.another().await;
    spend(&rest, &limit, 1_000 - spent).await;
    assert!(take(&rest, &limit, 1).await.is_err());
}

#[tokio::test]
async fn tokens_of_before_a_reset_are_not_given_back_after_it() {
    let at = Fixture::dynamodb().await;
    let limit = daily(1_000);
    at.spend_until_served(&limit).await;
    let operator = at.another().await;
    operator.buckets().reset("user", "api").await.unwrap();
    at.limiter.shutdown().await;
    let rest = at.another().await;
    spend(&rest, &limit, 1_000).await;
    assert!(take(&rest, &limit, 1).await.is_err());
}

async fn tokens_are_not_held_beyond_a_change_of_the_schedule(at: Fixture) {
    // 1000 tokens in an hour, and from midnight on one.
    let night = ScheduleEntry::scaled("* 0-5 * * *", 0.001).unwrap();
    let night = Schedule::new([night], "UTC").unwrap();
    let limit = Limit::per_hour("tokens", 1_000)
        .with_schedule(night)
        .unwrap();
    at.spend_until_served(&limit).await;
    at.advance(UNTIL_MIDNIGHT);
    let served = at.limiter.prefetch_stats().served;
    let _ = take(&at.limiter, &limit, 1).await;
    assert_eq!(at.limiter.prefetch_stats().served, served);
}

/// The use of the current day, computed by hand.
#[derive(Default)]
struct Today {
    day: i64,
    used: i64,
}

impl Today {
    fn at(&mut self, now: i64) -> &mut Self {
        let day = now.div_euclid(DAY);
        if day != self.day {
            *self = Self { day, used: 0 };
        }
        self
    }
}

async fn every_day_grants_its_amount_once(at: Fixture) {
    const AMOUNT: i64 = 400;
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let limit = daily(AMOUNT.unsigned_abs());
    let limiters = [at.another().await, at.another().await, at.another().await];
    let mut today = Today::default();
    let mut open: Vec<(Lease, i64, i64)> = Vec::new();
    for step in 0..600 {
        let now = at.clock.now();
        match rng.u8(..10) {
            0..6 => {
                let cost = rng.u64(1..=6);
                if let Ok(lease) = take(rng.choice(&limiters).unwrap(), &limit, cost).await {
                    let today = today.at(now);
                    today.used += i64::try_from(cost).unwrap();
                    assert!(
                        today.used <= AMOUNT,
                        "seed {seed}, step {step}: {} were granted",
                        today.used
                    );
                    open.push((lease, now.div_euclid(DAY), i64::try_from(cost).unwrap()));
                }
            }
            6..9 => {
                if open.is_empty() {
                    continue;
                }
                let (lease, day, cost) = open.swap_remove(rng.usize(..open.len()));
                settle(lease, day, cost, rng.i64(0..=cost), today.at(now)).await;
            }
            _ if rng.u8(..20) == 0 => at.advance(rng.u64(..DAY.unsigned_abs())),
            _ => at.advance(rng.u64(..5_000)),
        }
    }
    let now = at.clock.now();
    for (lease, day, cost) in open {
        let used = rng.i64(0..=cost);
        settle(lease, day, cost, used, today.at(now)).await;
    }
    for limiter in &limiters {
        limiter.shutdown().await;
    }
    let left = AMOUNT - today.at(now).used;
    assert_eq!(at.available(&limit).await, left, "seed {seed}");
}

/// Settles a lease to `used`. What it gives back counts only on the day on which it was charged.
async fn settle(mut lease: Lease, day: i64, cost: i64, used: i64, today: &mut Today) {
    lease.settle("tokens", used.unsigned_abs()).unwrap();
    lease.commit().await.unwrap();
    if day == today.day {
        today.used -= cost - used;
    }
}
