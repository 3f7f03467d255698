//! Random histories of spends, settlements, resets and top-ups of several limiters.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use tollgate::{EntityId, Error, Lease, Limit, RateLimiter, error::Unavailable};

use super::fixture::{Fixture, HOUR, daily, on_every_limiter, session, take};

on_every_limiter!(
    quotas_hold_exactly_what_was_granted_in_their_period,
    concurrent_operations_and_spends_add_up,
    concurrent_operations_on_shards_add_up,
);

/// A bucket with a quota of 100, computed by hand.
struct Model {
    left: i64,
    /// The number of the period: what was charged in another one is not given back.
    period: u64,
    /// The end of a session, ms since the start; 0 if none has begun. `None` for a day.
    session_end: Option<u64>,
    /// The time, ms since the start.
    now: u64,
}

impl Model {
    fn open(&mut self) {
        if self.session_end == Some(0) {
            self.session_end = Some(self.now + 5 * HOUR);
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now += millis;
        if self
            .session_end
            .is_some_and(|end| end > 0 && end <= self.now)
        {
            self.begin();
        }
    }

    fn begin(&mut self) {
        self.left = 100;
        self.period += 1;
        self.session_end = self.session_end.map(|_| 0);
    }
}

/// A lease of before a reset once gave tokens back after it, by an image of before.
async fn quotas_hold_exactly_what_was_granted_in_their_period(at: Fixture) {
    let seeds = if at.table().is_some() { 6 } else { 40 };
    for seed in 0..seeds {
        let user = EntityId::new("user").unwrap();
        at.limiter.entities().delete(&user).await.unwrap();
        let is_session = seed % 2 == 1;
        let limit = if is_session { session(100) } else { daily(100) };
        at.store([limit]).await;
        // In memory there is one limiter. The others must not have old images that deny.
        let limiters = [at.another().await, at.another().await, at.another().await];
        play(&at, &limiters, is_session, seed).await;
    }
}

async fn play(at: &Fixture, limiters: &[RateLimiter], is_session: bool, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut model = Model {
        left: 100,
        period: 0,
        session_end: is_session.then_some(0),
        now: 0,
    };
    let mut leases: Vec<(Lease, i64, u64)> = Vec::new();
    for step in 0..100 {
        let limiter = &limiters[random.usize(..limiters.len())];
        let hours = match random.u8(..20) {
            0 if is_session => random.u64(1..7),
            _ => 0,
        };
        at.advance(1 + hours * HOUR);
        model.pass(1 + hours * HOUR);
        match random.u8(..10) {
            0..5 => {
                let amount = random.i64(1..60);
                let lease = take(limiter, amount.unsigned_abs()).await;
                let fits = amount <= model.left;
                assert_eq!(lease.is_ok(), fits, "step {step} of {seed}: {amount}");
                if let Ok(lease) = lease {
                    model.open();
                    model.left -= amount;
                    leases.push((lease, amount, model.period));
                }
            }
            5..8 if !leases.is_empty() => {
                let (mut lease, amount, period) = leases.swap_remove(random.usize(..leases.len()));
                let used = random.i64(-40..80).max(0);
                lease.settle("tokens", used.unsigned_abs()).unwrap();
                lease.commit().await.unwrap();
                if used > amount {
                    model.open();
                    model.left -= used - amount;
                } else if period == model.period {
                    model.left += amount - used;
                }
            }
            8 => {
                let reset = limiter.buckets().reset("user", "api").await.unwrap();
                if reset.shards > 0 {
                    let restored = 100 - model.left;
                    assert_eq!(reset.amount("tokens"), restored, "step {step} of {seed}");
                    model.begin();
                }
            }
            _ => {
                let amount = random.u64(1..40);
                let buckets = limiter.buckets();
                let top_up = buckets.top_up("user", "api", [("tokens", amount)]);
                let added = top_up.await.unwrap().amount("tokens");
                assert_eq!(added, amount.cast_signed());
                model.open();
                model.left += added;
            }
        }
        let left = limiter.available("user", "api").await.unwrap();
        let left = left.get("tokens").unwrap().available;
        assert_eq!(left, model.left, "step {step} of {seed}");
    }
    for (lease, ..) in leases {
        lease.commit().await.unwrap();
    }
}

/// Returns a token bucket that refills nothing while a test runs.
fn slow(amount: u64) -> Limit {
    Limit::new("tokens", amount, 1, Duration::from_secs(30 * 86_400)).unwrap()
}

async fn concurrent_operations_and_spends_add_up(at: Fixture) {
    for limit in [daily(200), slow(200)] {
        let user = EntityId::new("user").unwrap();
        at.limiter.entities().delete(&user).await.unwrap();
        at.store([limit]).await;
        at.charge(1).await;
        add_up(&at).await;
    }
}

async fn concurrent_operations_on_shards_add_up(at: Fixture) {
    at.store([slow(200)]).await;
    at.charge(1).await;
    if at.split(1).await && at.split(2).await {
        add_up(&at).await;
    }
}

/// Spends, takes more and operates on the bucket at the same time. What was granted, added and
/// restored must add up to what is left.
async fn add_up(at: &Fixture) {
    let (granted, added) = (Arc::new(AtomicI64::new(1)), Arc::new(AtomicI64::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..3 {
        let limiter = at.another().await;
        let (sum, clock) = (granted.clone(), at.clock.clone());
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(number);
            for _ in 0..25 {
                let amount = random.u64(1..30);
                if let Ok(mut lease) = take(&limiter, amount).await {
                    let more = random.u64(..5);
                    lease.settle("tokens", amount + more).unwrap();
                    lease.commit().await.unwrap();
                    sum.fetch_add((amount + more).cast_signed(), SeqCst);
                }
                clock.advance(Duration::from_millis(1));
                tokio::task::yield_now().await;
            }
        });
        let limiter = at.another().await;
        let sum = added.clone();
        tasks.spawn(async move {
            for round in 0..6 {
                let buckets = limiter.buckets();
                let result = if (round + number) % 2 == 0 {
                    buckets.reset("user", "api").await
                } else {
                    buckets.top_up("user", "api", [("tokens", 20)]).await
                };
                match result {
                    Ok(result) => {
                        sum.fetch_add(result.amount("tokens"), SeqCst);
                    }
                    Err(Error::Unavailable(Unavailable::Contended)) => {}
                    Err(error) => panic!("{error:?}"),
                }
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let left = at.another().await.available("user", "api").await.unwrap();
    let left = left.get("tokens").unwrap().available;
    assert_eq!(left, 200 + added.load(SeqCst) - granted.load(SeqCst));
}
