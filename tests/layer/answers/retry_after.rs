//! Whoever waits as long as they were told is admitted, and nobody waits a second too long.

use std::time::Duration;

use axum::Router;
use tollgate::{
    Cost, Limit, RateLimiter,
    clock::ManualClock,
    layer::{Settle, header_value},
};

use crate::world::{app, ask, gated, layer, memory, per_user, text, with_headers};

/// A policy of one to three limits of any size, whose requests say what they cost and used.
struct Arbitrary {
    limits: Vec<Limit>,
    app: Router,
}

const NAMES: [&str; 3] = ["one", "two", "three"];
const COSTS: [&str; 3] = ["x-cost-one", "x-cost-two", "x-cost-three"];

fn arbitrary(random: &mut fastrand::Rng, limiter: &RateLimiter) -> Arbitrary {
    let count = random.usize(1..=3);
    let limits: Vec<_> = NAMES[..count]
        .iter()
        .map(|name| {
            let capacity = if random.bool() { random.u64(1..20) } else { random.u64(1..2_000_000) };
            let period =
                Duration::from_millis(if random.bool() { random.u64(1..5_000) } else { random.u64(1..90_000_000) });
            Limit::custom(name, capacity, random.u64(1..=capacity.saturating_mul(2)), period).unwrap()
        })
        .collect();
    let mut policy = per_user(limits[0].clone()).estimate(NAMES[0], header_value(COSTS[0]));
    for (limit, header) in limits.iter().zip(COSTS).skip(1) {
        policy = policy.limit(limit.clone()).estimate(limit.name().as_str(), header_value(header));
    }
    let overdraws = random.u8(0..4) == 0;
    let policy = policy.settle(NAMES[0], Settle::header("x-extra").add());
    let extra = random.u64(0..=limits[0].capacity()).to_string();
    let answer = move || if overdraws { [("x-extra", extra.clone())] } else { [("x-extra", "0".to_owned())] };
    Arbitrary { limits, app: app(layer(limiter, policy), answer) }
}

impl Arbitrary {
    fn cost(&self, random: &mut fastrand::Rng) -> Vec<u64> {
        self.limits.iter().map(|limit| if random.bool() { 1 } else { random.u64(0..=limit.capacity()) }).collect()
    }

    async fn ask(&self, cost: &[u64]) -> http::Response<axum::body::Body> {
        let texts: Vec<_> = cost.iter().map(u64::to_string).collect();
        let mut headers = vec![("x-user", &b"alice"[..])];
        headers.extend(COSTS.into_iter().zip(&texts).map(|(name, text)| (name, text.as_bytes())));
        ask(&self.app, with_headers(&headers)).await
    }

    /// The exact wait, by the limiter itself.
    async fn wait(&self, limiter: &RateLimiter, cost: &[u64]) -> Duration {
        let mut costs = Cost::new();
        for (limit, tokens) in self.limits.iter().zip(cost) {
            costs.set(limit.name().clone(), *tokens);
        }
        let wait = limiter.time_until_available("alice", "api").limits(self.limits.clone()).costs(&costs);
        wait.await.unwrap().expect("it fits some time")
    }
}

/// Denials in a random state; each must be honest.
async fn is_honest(new: fn() -> (RateLimiter, ManualClock), states: usize, seed: u64) {
    let random = &mut fastrand::Rng::with_seed(seed);
    let mut denied = 0;
    while denied < states {
        let (limiter, clock) = new();
        let policy = arbitrary(random, &limiter);
        for _ in 0..30 {
            clock.advance(Duration::from_millis(if random.bool() { 0 } else { random.u64(0..10_000) }));
            let cost = policy.cost(random);
            let response = policy.ask(&cost).await;
            if response.status() == 200 {
                continue;
            }
            assert_eq!(response.status(), 429, "seed {seed}");
            let seconds: u64 = text(&response, "retry-after").expect("Retry-After").parse().expect("seconds");
            let exact = policy.wait(&limiter, &cost).await;
            assert!(exact > Duration::ZERO, "seed {seed}");
            assert!(
                seconds >= 1 && Duration::from_secs(seconds - 1) < exact,
                "too long: {seconds} s for {exact:?}, seed {seed}"
            );
            clock.advance(Duration::from_secs(seconds));
            let again = policy.ask(&cost).await;
            assert_eq!(
                again.status(),
                200,
                "{seconds} s were not enough for {cost:?} of {:?}, seed {seed}",
                policy.limits
            );
            denied += 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_memory() {
    is_honest(memory, 400, fastrand::u64(..)).await;
}

#[tokio::test(start_paused = true)]
async fn through_gates() {
    is_honest(gated, 200, fastrand::u64(..)).await;
}
