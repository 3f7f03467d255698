//! Random histories of several limiters on quotas: no period grants more than its amount, and none
//! loses any of it.

use std::time::Duration;

use fastrand::Rng;
use tollgate::{Lease, Limit, RateLimiter, clock::Clock, model::ResetSchedule};

use super::fixture::{Fixture, on_every_limiter};

on_every_limiter!(every_period_grants_its_amount_once);

const NAMES: [&str; 3] = ["calendar", "session", "week"];
const SESSION: i64 = 5 * 3_600_000;

/// A quota, computed by hand.
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
    fn new(amount: i64, calendar: Option<(&str, &str)>) -> Self {
        let calendar = calendar.map(|(cron, zone)| ResetSchedule::new([cron], zone).unwrap());
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
            self.level = self.amount.min(self.level + amount);
        }
    }
}

struct Held {
    lease: Lease,
    costs: [i64; 3],
    ends: [i64; 3],
}

async fn every_period_grants_its_amount_once(at: Fixture) {
    let limiters = [at.another().await, at.another().await, at.another().await];
    for seed in 0..40 {
        history(&at, &limiters, seed).await;
    }
}

async fn history(at: &Fixture, limiters: &[RateLimiter], seed: u64) {
    let mut random = Rng::with_seed(seed);
    let user = format!("user-{seed}");
    let mut quotas = [
        Expected::new(20, Some(("0 */5 * * *", "Europe/Berlin"))),
        Expected::new(15, None),
        Expected::new(60, Some(("30 2 * * 0,3", "Europe/Berlin"))),
    ];
    let limits: Vec<Limit> = NAMES
        .iter()
        .zip(&quotas)
        .map(|(name, quota)| quota.limit(name))
        .collect();
    let mut held: Vec<Held> = Vec::new();
    for step in 0..60 {
        // Two writes at the same millisecond would move the anchor beyond it.
        at.advance(match random.u8(..8) {
            0 => random.u64(2..80 * 3_600_000),
            1..=3 => random.u64(2..3 * 3_600_000),
            _ => random.u64(2..600_000),
        });
        let now = at.clock.now();
        let limiter = &limiters[random.usize(..limiters.len())];
        quotas.iter_mut().for_each(|quota| quota.renew(now));
        let what = format!("history {seed}, step {step}, {now}: {quotas:?}");
        if random.u8(..3) > 0 || held.is_empty() {
            let costs = [random.i64(0..9), random.i64(0..7), random.i64(0..12)];
            let fits = quotas
                .iter()
                .zip(costs)
                .all(|(quota, cost)| cost == 0 || cost <= quota.level);
            let mut acquire = limiter.acquire(user.as_str(), "api").limits(limits.clone());
            for (name, cost) in NAMES.iter().zip(costs) {
                acquire = acquire.cost(*name, u64::try_from(cost).unwrap());
            }
            match acquire.await {
                Ok(lease) => {
                    assert!(fits, "{what}: granted {costs:?}");
                    let mut ends = [0; 3];
                    for (index, quota) in quotas.iter_mut().enumerate() {
                        ends[index] = quota.take(costs[index], now);
                    }
                    held.push(Held { lease, costs, ends });
                }
                Err(error) => {
                    assert!(error.denied().is_some(), "{what}: {error:?}");
                    assert!(!fits, "{what}: denied {costs:?}");
                }
            }
        } else {
            let Held {
                mut lease,
                costs,
                ends,
            } = held.swap_remove(random.usize(..held.len()));
            let used = match random.u8(..4) {
                0 => [0; 3],
                _ => costs.map(|cost| random.i64(0..=cost + 3)),
            };
            for (index, name) in NAMES.iter().enumerate() {
                lease
                    .settle(name, u64::try_from(used[index]).unwrap())
                    .unwrap();
                let more = used[index] - costs[index];
                if more > 0 {
                    quotas[index].take(more, now);
                } else {
                    quotas[index].give(-more, ends[index], now);
                }
            }
            lease.commit().await.unwrap();
        }
        let available = limiter
            .available(user.as_str(), "api")
            .limits(limits.clone());
        let available = available.await.unwrap();
        for (name, quota) in NAMES.iter().zip(&quotas) {
            let found = available.get(name).unwrap().available;
            assert_eq!(found, quota.level, "{what}: {name} after it, {quota:?}");
        }
    }
    for held in held {
        held.lease.commit().await.unwrap();
    }
}
